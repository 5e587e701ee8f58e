"""What every conversation with a mailbox has in common: how far it came, how much may be said, what is never sent."""

from __future__ import annotations

import re
from enum import StrEnum

from mailchannel.network import faults, xoauth2
from mailchannel.network.account import Account
from mailchannel.network.faults import Fault
from mailchannel.network.xoauth2 import NoTokenLogin, TokenRefused

#: What ends a command line or a string, and so could begin a command of somebody else's (CVE-2025-15366).
FORBIDDEN = re.compile(r"[\r\n\x00]")

#: One answer may take this much memory beyond what was announced: enough for the numbers of a million messages.
ROOM = 64_000_000


class Stage(StrEnum):
    """How far the conversation came; what a failure means depends on it."""

    CONNECTING = "connecting"
    GREETED = "greeted"
    SIGNED_IN = "signed in"


class Flood(Exception):
    """The server wants to send far more than was asked for."""


class UnsafeText(ValueError):
    """A setting holds characters that would end the command they are put into."""


class NoStartTls(Exception):
    """The server does not offer to encrypt, or somebody in between has cut the offer out."""


class NoPasswordLogin(Exception):
    """The server takes no password on this line."""


def must_be_sendable(account: Account) -> None:
    """Raises UnsafeText."""
    if FORBIDDEN.search(account.username + account.password):
        raise UnsafeText("user name or password with a line break or NUL")


def signing_in(error: Exception, account: Account, *, tls_port: int) -> Fault | None:
    """What stopped us before the server had a password to judge; None for anything else."""
    if isinstance(error, NoStartTls):
        return Fault(
            f"{account.host} does not offer STARTTLS on port {account.port}. We did not send the password. "
            f"Choose TLS (usually port {tls_port}), or have STARTTLS switched on.",
            "encryption",
            permanent=True,
        )
    if isinstance(error, NoPasswordLogin):
        return Fault(
            f"{account.host} takes no password on this connection. Choose TLS or STARTTLS; if one of them is set "
            "already, the server wants another way of signing in.",
            "encryption",
            permanent=True,
        )
    if isinstance(error, UnsafeText):
        field = "username" if FORBIDDEN.search(account.username) else "password"
        return Fault("Line breaks and NUL characters are not allowed here. Enter it again.", field, permanent=True)
    return None


def refused(words: str, account: Account, passing: tuple[str, ...]) -> Fault:
    """Of user name and password; with one of the words in `passing` the server only has trouble of its own."""
    if _any(passing, words):
        return _not_now(words, account)
    return Fault(
        f"{account.host} did not accept user name and password: {words.rstrip('.')}.{faults.ENTER_AGAIN}",
        "password",
        permanent=True,
    )


def refused_token(error: TokenRefused | NoTokenLogin, account: Account, passing: tuple[str, ...]) -> Fault:
    return _not_now(str(error), account) if _any(passing, str(error)) else xoauth2.explain(error, account)


def answered_badly(error: Exception, account: Account) -> Fault | None:
    """What the server said cannot be used; None for anything else. For those who have signed in."""
    if isinstance(error, Flood):
        return Fault(f"{account.host} wanted to send far more than it had announced, so we hung up. Nothing was read.")
    if isinstance(error, UnsafeText):
        return Fault("Something we were about to send held a line break or NUL, so it was not sent.")
    if isinstance(error, ValueError | LookupError):
        return unreadable(account)
    return None


def unreadable(account: Account) -> Fault:
    return Fault(f"{account.host} gave an answer nobody can read, so we hung up. The next attempt starts afresh.")


def _not_now(words: str, account: Account) -> Fault:
    return Fault(f"{account.host} cannot let anybody in right now: {words}")


def _any(codes: tuple[str, ...], words: str) -> bool:
    return any(code in words.upper() for code in codes)
