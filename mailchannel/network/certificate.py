"""What a server's certificate says about itself, whether or not anybody should believe it."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Self

from cryptography import x509
from cryptography.x509.oid import NameOID

from mailchannel.network import tls
from mailchannel.network.faults import quoted
from mailchannel.network.guard import Target
from mailchannel.network.sights import Sight, Step
from mailchannel.network.watchdog import Watchdog
from mailchannel.network.way import Way

#: When to begin to worry about a certificate that still holds. Those made by a program are renewed a month before.
SOON = timedelta(days=14)
MOST_NAMES = 4
LONGEST_ANSWER = 20_000  # bytes a server may say before it goes over to TLS

#: What the library says to a certificate it cannot make out; OpenSSL may have found nothing wrong with it.
UNREADABLE = (ValueError, x509.DuplicateExtension, x509.InvalidVersion, x509.UnsupportedGeneralNameType)

Prelude = Callable[[socket.socket], bool]


@dataclass(frozen=True, slots=True)
class Certificate:
    """Names and words come from the server: nothing of it was checked here."""

    names: tuple[str, ...]
    issuer: str
    begins: datetime
    ends: datetime

    @classmethod
    def of(cls, der: bytes) -> Self:
        """Raises one of UNREADABLE."""
        read = x509.load_der_x509_certificate(der)
        return cls(tuple(_names(read)), _issuer(read.issuer), read.not_valid_before_utc, read.not_valid_after_utc)

    def worry(self, now: datetime) -> str:
        if not now <= self.ends <= now + SOON:
            return ""
        return f"It expires on {_day(self.ends)}. Have it renewed, or mail stops on that day."

    def __str__(self) -> str:
        named = ", ".join(self.names[:MOST_NAMES]) or "nobody"
        more = f" and {len(self.names) - MOST_NAMES} more" if len(self.names) > MOST_NAMES else ""
        return f"issued for {named}{more} by {self.issuer}, valid from {_day(self.begins)} to {_day(self.ends)}"


def sight(sock: socket.socket | None) -> Sight:
    """What stands between the two ends of a line, and how long the certificate still holds."""
    if not isinstance(sock, ssl.SSLSocket):
        open_to_all = "Not encrypted: everybody on the way can read the password and the mails."
        return Sight(Step.TLS, open_to_all, "Choose TLS or STARTTLS if the server can.", "encryption")
    seen = shown(sock)
    if seen is None:
        return Sight(Step.TLS, tls.summary(sock))
    return Sight(Step.TLS, f"{tls.summary(sock)} It was {seen}.", seen.worry(datetime.now(UTC)))


def shown(sock: ssl.SSLSocket) -> Certificate | None:
    """That of a line which is encrypted already. None when it cannot be made out: mail comes over that line too."""
    der = sock.getpeercert(binary_form=True)
    with suppress(*UNREADABLE):
        return Certificate.of(der) if der else None
    return None


def presented(target: Target, way: Way, *, prelude: Prelude | None = None) -> Certificate | None:
    """The one a server shows to anybody, on a line of its own that ends at once: no name or password goes there.

    Only for telling people what is wrong with a certificate that was refused. None when there is none to be seen.
    """
    unchecked = tls.context(verify=False)
    watchdog = Watchdog()
    try:
        with suppress(OSError, ValueError), way.dial(target, way.timeout) as line, watchdog.limit(way.timeout):
            watchdog.watch(line)
            if prelude is None or prelude(line):
                with unchecked.wrap_socket(line, server_hostname=target.host) as encrypted:
                    return shown(encrypted)
    finally:
        watchdog.release()
    return None


def imap_prelude(line: socket.socket) -> bool:
    """Up to the point where an IMAP server wants to hear TLS."""
    answers = _lines(line)
    next(answers, b"")
    line.sendall(b"a STARTTLS\r\n")
    return next((each for each in answers if each.startswith(b"a ")), b"").upper().startswith(b"A OK")


def pop3_prelude(line: socket.socket) -> bool:
    """Up to the point where a POP3 server wants to hear TLS."""
    answers = _lines(line)
    next(answers, b"")
    line.sendall(b"STLS\r\n")
    return next(answers, b"").startswith(b"+OK")


def smtp_prelude(line: socket.socket) -> bool:
    """Up to the point where an SMTP server wants to hear TLS."""
    answers = _lines(line)
    if not _last(answers).startswith(b"220"):
        return False
    line.sendall(b"EHLO localhost\r\n")
    if not _last(answers).startswith(b"250"):
        return False
    line.sendall(b"STARTTLS\r\n")
    return _last(answers).startswith(b"220")


def _last(answers: Iterator[bytes]) -> bytes:
    """The last line of an SMTP answer: the one without a hyphen behind its code."""
    return next((each for each in answers if each[3:4] != b"-"), b"")


def _lines(line: socket.socket) -> Iterator[bytes]:
    """Byte by byte, so that nothing of the encrypted part is swallowed; ends when it becomes too much."""
    held = b""
    for _ in range(LONGEST_ANSWER):
        byte = line.recv(1)
        if not byte:
            return
        held += byte
        if byte == b"\n":
            yield held
            held = b""


def _names(read: x509.Certificate) -> Iterator[str]:
    """Those it is meant for; the common name only where there are none, as everybody does today."""
    found: list[str] = []
    with suppress(x509.ExtensionNotFound, *UNREADABLE):
        names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        found = [*names.get_values_for_type(x509.DNSName), *map(str, names.get_values_for_type(x509.IPAddress))]
    for name in found or _common_names(read.subject):
        yield quoted(name)[:80]


def _issuer(name: x509.Name) -> str:
    """Organisation and common name, as browsers show it."""
    organisations = [quoted(each.value) for each in name.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)]
    return " ".join(dict.fromkeys([*organisations, *map(quoted, _common_names(name))]))[:120] or "somebody unnamed"


def _common_names(name: x509.Name) -> list[str]:
    return [str(each.value) for each in name.get_attributes_for_oid(NameOID.COMMON_NAME)]


def _day(moment: datetime) -> str:
    there = moment.astimezone(UTC)
    return f"{there.day} {there:%b %Y}"
