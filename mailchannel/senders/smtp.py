"""Mail sent through an SMTP server."""

from __future__ import annotations

import re
import smtplib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from mailchannel.kernel.specs import FieldSpec, Kind, with_defaults
from mailchannel.network import faults, xoauth2
from mailchannel.network.account import Account, place
from mailchannel.network.faults import quoted
from mailchannel.network.guard import GuardError
from mailchannel.network.sights import Watch, nobody
from mailchannel.network.smtp_session import SmtpSession
from mailchannel.network.way import SignInFailed, Way
from mailchannel.network.xoauth2 import NoTokenLogin, TokenRefused
from mailchannel.senders import Retry, SendError, sender

#: Line ends as SMTP has them. A lone LF or CR could be read as an end of the mail, and what follows as a forged one.
LINE_END = re.compile(rb"\r\n|\r|\n")
UNSAFE = re.compile(r"[\s<>\x00-\x1f\x7f]")

#: Enhanced codes (RFC 3463) with which a server asks for patience: full mailbox or system, greylisting and limits.
PATIENCE = re.compile(r"\b4\.(2\.2|3\.1|5\.3|7\.\d+)\b")


#: All that may come out of an SmtpSession. They share no base class.
FAILURES = (smtplib.SMTPException, OSError, GuardError, UnicodeError, SignInFailed, TokenRefused, NoTokenLogin)


@sender
class Smtp:
    key = "smtp"
    label = "SMTP"
    auths = ("password", "oauth_microsoft", "oauth")
    fields = (
        *place("smtp.example.com", port=587, ports="587 for STARTTLS, 465 for TLS.", encryption="starttls"),
        FieldSpec("username", "User name", help="Leave empty if the server takes mail without signing in."),
        FieldSpec("password", "Password", Kind.SECRET, auths=("password",)),
        FieldSpec(
            "keep_copy",
            "Keep a copy in the Sent folder",
            Kind.SWITCH,
            help="Of the mailbox we read by IMAP. Gmail and Microsoft 365 keep one by themselves: leave it off there.",
            default=False,
        ),
    )

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None:
        self._account = Account.of(with_defaults(self.fields, settings))
        self._way = way
        self._seen: Watch = nobody

    def send(self, raw: bytes, *, envelope_from: str, recipients: Sequence[str]) -> None:
        """Nobody gets the mail unless everybody does, so that trying again cannot reach anybody twice."""
        for address in (envelope_from, *recipients):
            if UNSAFE.search(address):
                raise SendError(f"{quoted(address)} is not a mail address.", retry=Retry.PERMANENT)
        whole = LINE_END.sub(b"\r\n", raw)
        with self._explained() as session, session.open() as line:
            session.hand_over(line, whole, envelope_from=envelope_from, recipients=recipients)

    def watch(self, seen: Watch) -> None:
        self._seen = seen

    def check(self) -> Sequence[str]:
        with self._explained() as session, session.open() as line:
            account = self._account
            return (
                f"{account.host} answered on port {account.port}.",
                line.encryption,
                f"Signed in as {account.username}." if account.username else "No sign-in was asked for.",
            )

    @contextmanager
    def _explained(self) -> Iterator[SmtpSession]:
        """The one place where what went wrong on the wire becomes a SendError."""
        session = SmtpSession(self._account, self._way)
        session.watch(self._seen)
        try:
            yield session
        except FAILURES as error:
            # Not chained: tracebacks of the library hold the password in their frames.
            raise _explain(error, self._account, greeted=session.greeted) from None


def _explain(error: Exception, account: Account, *, greeted: bool) -> SendError:
    if isinstance(error, SignInFailed):
        return SendError(str(error), retry=Retry.PERMANENT if error.permanent else Retry.SLOW, field=error.field)
    if isinstance(error, TokenRefused | NoTokenLogin):
        refusal = xoauth2.explain(error, account)
        return SendError(refusal.text, retry=Retry.PERMANENT, field=refusal.field)
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return _recipients_refused(error, account)
    if isinstance(error, smtplib.SMTPAuthenticationError):
        return _sign_in_refused(error, account)
    if isinstance(error, smtplib.SMTPResponseException) and error.smtp_code > 0:
        words = f"{error.smtp_code} {_words(error.smtp_error, account)}"
        return SendError(
            f"{account.host} refused: {words}",
            retry=_retry(error.smtp_code, words),
            field=_field(error.smtp_code, words),
        )
    if isinstance(error, smtplib.SMTPNotSupportedError | UnicodeError):
        return _not_supported(error, account)
    if greeted:
        fault = faults.talking(error, host=account.host)
    else:
        fault = faults.connecting(error, kind="SMTP", host=account.host, port=account.port)
    return SendError(fault.text, retry=Retry.PERMANENT if fault.permanent else Retry.QUICK, field=fault.field)


def _recipients_refused(error: smtplib.SMTPRecipientsRefused, account: Account) -> SendError:
    refused = {who: f"{code} {_words(words, account)}" for who, (code, words) in error.recipients.items()}
    verdicts = {_retry(code, refused[who]) for who, (code, _) in error.recipients.items()}
    named = "; ".join(f"{who} ({words})" for who, words in refused.items())
    worst = next(retry for retry in (Retry.PERMANENT, Retry.SLOW, Retry.QUICK) if retry in verdicts)
    return SendError(f"{account.host} refused {named}. The mail was sent to nobody.", retry=worst)


def _sign_in_refused(error: smtplib.SMTPAuthenticationError, account: Account) -> SendError:
    words = f"{error.smtp_code} {_words(error.smtp_error, account)}"
    if error.smtp_code < 500:
        return SendError(f"{account.host} cannot let anybody in right now: {words}", retry=Retry.QUICK)
    return SendError(
        f"{account.host} did not accept user name and password: {words}.{faults.ENTER_AGAIN}",
        retry=Retry.PERMANENT,
        field="password",
    )


def _not_supported(error: Exception, account: Account) -> SendError:
    if "STARTTLS" in str(error):
        return SendError(
            f"{account.host} does not offer STARTTLS on port {account.port}. We sent neither password nor mail. "
            "Choose TLS (usually port 465), or have STARTTLS switched on.",
            retry=Retry.PERMANENT,
            field="encryption",
        )
    if "AUTH" in str(error):
        return SendError(
            f"{account.host} does not ask for a password on this connection. Leave the user name empty, or choose "
            "TLS or STARTTLS.",
            retry=Retry.PERMANENT,
            field="username",
        )
    return SendError(
        f"{account.host} cannot cope with letters beyond ASCII in addresses, user name or password.",
        retry=Retry.PERMANENT,
    )


def _retry(code: int, words: str) -> Retry:
    if code >= 500:
        return Retry.PERMANENT
    return Retry.SLOW if code in (450, 452) or PATIENCE.search(words) else Retry.QUICK


def _field(code: int, words: str) -> str:
    """530 is a demand: encrypt first, or sign in first (RFC 3207, RFC 4954)."""
    if code != 530:
        return ""
    return "encryption" if "TLS" in words.upper() else "username"


def _words(said: bytes | str, account: Account) -> str:
    return quoted(said, account.unspeakable)
