"""One connection of a mail server. aiosmtpd speaks the protocol; reading the mail and answering for each recipient is
ours, because it reads mails into memory, gives up on long lines and on large mails, and answers LMTP only once.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Final

from aiosmtpd.lmtp import LMTP
from aiosmtpd.smtp import SMTP, Envelope, Session

from mailchannel.services.spool import Spool
from mailchannel.smtp_in import intake

log = logging.getLogger(__name__)

#: Characters of a line before it is read in pieces. A mail may have longer ones, a command may not.
LONGEST_LINE: Final = 65_536
MOST_RECIPIENTS: Final = 100
PATIENCE: Final = 300.0  # seconds of silence
LONGEST_MAIL: Final = 1_200.0  # seconds from its first byte to its last
_BREATH: Final = 5.0  # seconds; the clock for silence is not set anew with every line

TOO_MANY: Final = "452 4.5.3 too many recipients"


class Receptionist:
    """Answers for recipients. One for all connections."""

    def __init__(self, threads: Executor) -> None:
        self.threads = threads
        self.talking: set[object] = set()
        self.delivering: set[object] = set()  # those of them that are in the middle of a mail

    async def handle_MAIL(  # noqa: N802 - aiosmtpd looks for this name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        envelope.most = 1  # type: ignore[attr-defined]
        return "250 2.1.0 OK"

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return TOO_MANY
        loop = asyncio.get_running_loop()
        answer, most = await loop.run_in_executor(self.threads, intake.may_come, address)
        if answer == intake.KEPT:
            envelope.rcpt_tos.append(address)
            envelope.most = max(getattr(envelope, "most", 1), most)  # type: ignore[attr-defined]
            return "250 2.1.5 OK"
        return answer

    async def handle_exception(self, error: Exception) -> str:
        """aiosmtpd would answer 500, and the mail would go back to its sender."""
        log.error("a conversation with a mail server failed", exc_info=error)
        return intake.LATER


class Busy(asyncio.Protocol):
    """Too many at once: come again."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - of a stream; tells the type checker
        transport.write(b"421 4.3.2 too many connections, please try again later\r\n")
        transport.close()


class _Ours(SMTP):
    line_length_limit = LONGEST_LINE
    by = "smtp"
    one_answer = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.event_handler.talking.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.talking.discard(self)
        super().connection_lost(error)

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802
        if await self.check_helo_needed():
            return
        recipients = list(self.envelope.rcpt_tos) if self.envelope else []
        if not recipients:
            await self.push("503 5.5.1 RCPT first")
            return
        if arg:
            await self.push("501 5.5.4 DATA takes nothing")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        self.event_handler.delivering.add(self)
        try:
            answers = await self._take(recipients)
            self.envelope = self._create_envelope()
            for answer in self.answers(answers):
                await self.push(answer)
        finally:
            self.event_handler.delivering.discard(self)

    async def _take(self, recipients: Sequence[str]) -> Sequence[str]:
        spool = Spool(min(getattr(self.envelope, "most", 1), intake.MOST))
        try:
            trouble = await self._read(spool)
        except BaseException:
            spool.close()
            raise
        if trouble:
            spool.close()
            return [intake.LATER] * len(recipients)
        # From here on the thread owns the spool: a line that breaks now must not take it away.
        loop, threads = asyncio.get_running_loop(), self.event_handler.threads
        return await loop.run_in_executor(threads, intake.deliver, recipients, spool, self.by, self.one_answer)

    def answers(self, each: Sequence[str]) -> Sequence[str]:
        """One for all: what any of them lacks is brought again to all, which doubles nothing."""
        waits = [answer for answer in each if answer.startswith("4")]
        refusals = [answer for answer in each if answer.startswith("5")]
        if waits or len(refusals) == len(each):
            return [(waits or refusals)[0]]
        return [intake.KEPT]

    async def _read(self, spool: Spool) -> bool:
        """Up to the dot. True: it could not be written down, though it was read to its end."""
        trouble, in_line, clock = False, False, asyncio.get_running_loop().time
        begun = heard = clock()
        while True:
            piece = await self._piece()
            if clock() - heard > _BREATH:
                heard = clock()
                self._reset_timeout()
            if clock() - begun > LONGEST_MAIL:
                raise asyncio.CancelledError  # hangs up; the mail server tries again
            if not in_line and piece == b".\r\n":
                return trouble
            if not in_line and piece.startswith(b"."):
                piece = piece[1:]
            in_line = not piece.endswith(b"\r\n")
            try:
                if not trouble:
                    spool.write(piece)
            except OSError:
                trouble = True

    async def _piece(self) -> bytes:
        """A line, or a part of a long one. Only CR LF ends a line: anything else would let mails be smuggled in."""
        try:
            return bytes(await self._reader.readuntil(b"\r\n"))
        except asyncio.LimitOverrunError as error:
            return bytes(await self._reader.read(error.consumed))


class Smtp(_Ours):
    by = "smtp"


class Lmtp(_Ours, LMTP):
    by = "lmtp"
    one_answer = False

    def answers(self, each: Sequence[str]) -> Sequence[str]:
        return each


def options(**more: Any) -> dict[str, Any]:
    """For every connection."""
    return {
        "data_size_limit": None,
        "enable_SMTPUTF8": True,
        "decode_data": False,
        "ident": "ready",
        "timeout": PATIENCE,
        **more,
    }
