"""The demo's mail server in one process: IMAP over memory, SMTP that delivers there or into a directory."""

from __future__ import annotations

import asyncio
import os
import signal
from argparse import Namespace
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session
from pymap.backend.dict import DictBackend
from pymap.backend.dict.mailbox import MailboxSet
from pymap.imap import IMAPService
from pymap.parsing.message import AppendMessage
from pysasl.hashing import Cleartext

from helpdesk import demo
from helpdesk.demo.sent import SentMail


async def serve(*, imap_port: int, smtp_port: int, sent: Path) -> None:
    """Serves both protocols until SIGTERM or SIGINT."""
    backend, folders = await _mailbox(imap_port)
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    receive = partial(SMTP, Delivery(folders, SentMail(sent)), hostname="localhost", enable_SMTPUTF8=True, loop=loop)
    async with AsyncExitStack() as stack:
        await backend.start(stack)
        await IMAPService(backend, backend.config).start(stack)
        await stack.enter_async_context(await loop.create_server(receive, demo.HOST, smtp_port))
        await stopped.wait()


class Delivery:
    """What becomes of a mail handed in by SMTP: one copy per recipient, as a mail server would do."""

    def __init__(self, folders: MailboxSet, sent: SentMail) -> None:
        self._folders = folders
        self._sent = sent

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        raw = envelope.original_content or b""
        for recipient in envelope.rcpt_tos:
            if recipient.lower().endswith(f"@{demo.DOMAIN}"):
                await self._into_mailbox(raw)
            else:
                self._sent.keep(recipient, raw)
        return "250 Accepted"

    async def _into_mailbox(self, raw: bytes) -> None:
        inbox = await self._folders.get_mailbox(demo.SOURCE)
        await inbox.append(AppendMessage(raw, datetime.now(UTC), frozenset()))


async def _mailbox(port: int) -> tuple[DictBackend, MailboxSet]:
    # pymap greets with the machine's full name, and asking DNS for it can take many seconds.
    os.environ.setdefault("FQDN", "localhost")
    # The password is no secret; hashing it would only make every login cost a second of CPU.
    backend, config = await DictBackend.init(_pymap_arguments(port), hash_context=Cleartext())
    config.apply_context()
    async with backend.login.demo_user_identity.new_session() as session:
        for name in demo.FOLDERS:
            if name != demo.SOURCE:
                await session.mailbox_set.add_mailbox(name)
        return backend, session.mailbox_set


def _pymap_arguments(port: int) -> Namespace:
    """pymap is configured by its command line; these are the options it would have parsed."""
    return Namespace(
        host=[demo.HOST],
        port=port,
        tls=False,
        cert=None,
        key=None,
        proxy_protocol=None,
        inherited_sockets=None,
        passlib_cfg=None,
        debug=False,
        demo_data=False,
        demo_user=demo.USER,
        demo_password=demo.PASSWORD,
    )
