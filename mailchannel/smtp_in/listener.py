"""Listens until told to stop. One process, one thread for all connections, a few more for what they bring."""

from __future__ import annotations

import asyncio
import socket
import ssl
import stat
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from mailchannel.smtp_in.conversation import Busy, Lmtp, Receptionist, Smtp, options
from mailchannel.smtp_in.places import Place

#: Mails written to the database side by side.
THREADS: Final = 4
#: What is under way when we are told to stop may end, seconds.
GRACE: Final = 15.0


@dataclass(frozen=True, slots=True)
class Listening:
    """`certificate` and `key` are files (PEM); without them nobody is offered encryption."""

    hostname: str
    smtp: Place | None = None
    lmtp: Place | None = None
    certificate: str = ""
    key: str = ""
    connections: int = 20

    @property
    def places(self) -> tuple[Place, ...]:
        return tuple(each for each in (self.smtp, self.lmtp) if each)


@asynccontextmanager
async def listening(wanted: Listening) -> AsyncIterator[None]:
    """Takes connections inside the block. Raises OSError (a place is taken, a certificate cannot be read)."""
    context = _context(wanted)
    threads = ThreadPoolExecutor(THREADS, thread_name_prefix="intake")
    receptionist = Receptionist(threads)
    servers: list[asyncio.Server] = []
    ours: list[Place] = []
    try:
        for kind, place in ((Smtp, wanted.smtp), (Lmtp, wanted.lmtp)):
            if place:
                servers.append(await _serve(place, _factory(kind, wanted, receptionist, context)))
                ours.append(place)
        yield
    finally:
        for server in servers:
            server.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(_silence(receptionist), GRACE)
        threads.shutdown(wait=True)
        for place in ours:
            _remove_socket(place)


def _factory(
    kind: type[Smtp] | type[Lmtp], wanted: Listening, receptionist: Receptionist, context: ssl.SSLContext | None
) -> Callable[[], asyncio.BaseProtocol]:
    loop = asyncio.get_running_loop()

    def talk() -> asyncio.BaseProtocol:
        if len(receptionist.talking) >= wanted.connections:
            return Busy()
        protocol: asyncio.BaseProtocol = kind(
            receptionist, **options(hostname=wanted.hostname, tls_context=context, loop=loop)
        )
        return protocol

    return talk


async def _serve(place: Place, factory: Callable[[], asyncio.BaseProtocol]) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if place.path:
        if _answers(place):
            raise OSError(f"Another program takes mail at {place}. Stop it, or choose another place.")
        _remove_socket(place)  # left by a process that was killed
        return await loop.create_unix_server(factory, place.path)
    return await loop.create_server(factory, place.host, place.port)


async def _silence(receptionist: Receptionist) -> None:
    """Until nobody is in the middle of a mail. Whoever only waits between two mails is hung up on."""
    while receptionist.delivering:
        await asyncio.sleep(0.05)


def _context(wanted: Listening) -> ssl.SSLContext | None:
    if not wanted.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(wanted.certificate, wanted.key or None)
    return context


def _answers(place: Place) -> bool:
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(1)
        try:
            line.connect(place.path)
        except (TimeoutError, BlockingIOError):
            return True  # too busy to take another line
        except OSError:
            return False
    return True


def _remove_socket(place: Place) -> None:
    """Only what is a socket."""
    with suppress(OSError):
        if place.path and stat.S_ISSOCK(Path(place.path).stat().st_mode):
            Path(place.path).unlink()
