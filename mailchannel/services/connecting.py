"""Open the transport of a mail server with its stored settings, trying again where that can help."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mailchannel.models import MailServer
from mailchannel.models.secrets import SecretUnreadable
from mailchannel.services.vault import connection_settings
from mailchannel.services.ways import reading_way
from mailchannel.transports import TRANSPORTS, Transport, TransportError

_PAUSE = 0.5  # seconds between two tries


@contextmanager
def opened(server: MailServer) -> Iterator[Transport]:
    """Connected and signed in. All tries together end within the timeout (plus the last one's own); a refused
    password is not tried twice, so that we never lock an account, and a server that asks us to wait is left alone.
    Raises TransportError.
    """
    with ExitStack() as stack:
        yield _enter(stack, server)


def _enter(stack: ExitStack, server: MailServer) -> Transport:
    deadline = time.monotonic() + server.timeout_ms / 1000
    tries = server.max_tries
    while True:
        tries -= 1
        try:
            return stack.enter_context(_transport(server))
        except TransportError as error:
            if error.permanent or error.wait or tries < 1 or time.monotonic() + _PAUSE > deadline:
                raise
        time.sleep(_PAUSE)


def _transport(server: MailServer) -> Transport:
    try:
        wanted, way = connection_settings(server), reading_way(server)
    except SecretUnreadable as error:
        raise TransportError(str(error), field="password", permanent=True) from error
    return TRANSPORTS[server.protocol](wanted, way)
