"""Every way an IMAP conversation fails → words for an administrator, and the setting to look at."""

from __future__ import annotations

from imaplib import IMAP4

from imap_tools.errors import ImapToolsError, UnexpectedCommandStatusError

from mailchannel.network import faults
from mailchannel.network.account import Account
from mailchannel.network.faults import Fault, quoted
from mailchannel.network.guard import GuardError
from mailchannel.network.imap_answers import Mismatch
from mailchannel.network.imap_client import BadFolderName, NoSuchFolder
from mailchannel.network.imap_session import NoPasswordLogin, NoStartTls, Stage
from mailchannel.network.imap_wire import FORBIDDEN, Flood, UnsafeText

#: All that may come out of an ImapClient. They share no base class.
FAILURES = (
    GuardError,
    OSError,  # also ssl.SSLError and Overdue
    IMAP4.error,  # also abort and readonly
    ImapToolsError,
    Flood,
    Mismatch,
    ValueError,  # also UnsafeText and BadFolderName; what the library says to an answer it cannot read
    LookupError,  # the same
    NoSuchFolder,
    NoStartTls,
    NoPasswordLogin,
)

#: RFC 5530: the server is in trouble, the password may be right.
PASSING_TROUBLE = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "[CONTACTADMIN]")


def explain(error: Exception, account: Account, stage: Stage) -> Fault:
    if isinstance(error, BadFolderName):
        return Fault(
            "A folder name must have 1 to 255 characters, without line breaks or other control characters.",
            "folders",
            permanent=True,
        )
    if isinstance(error, NoSuchFolder):
        return Fault(
            f"The folder “{quoted(error)}” does not exist on the server or may not be opened. "
            "Choose another one, or create it and check its permissions.",
            "folders",
            permanent=True,
        )
    return {Stage.CONNECTING: _connecting, Stage.GREETED: _signing_in, Stage.SIGNED_IN: _working}[stage](error, account)


def _connecting(error: Exception, account: Account) -> Fault:
    words = _words(error, account)
    if "* BYE" in words:
        return Fault(f"{account.host} turned us away: {words.partition('* BYE')[2].strip()}")
    return faults.connecting(error, kind="IMAP", host=account.host, port=account.port)


def _signing_in(error: Exception, account: Account) -> Fault:
    if isinstance(error, NoStartTls):
        return Fault(
            f"{account.host} does not offer STARTTLS on port {account.port}. We did not send the password. "
            "Choose TLS (usually port 993), or have STARTTLS switched on.",
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
    if isinstance(error, IMAP4.abort | OSError | Flood):
        return faults.talking(error, host=account.host)
    if isinstance(error, ValueError | LookupError):
        return _unreadable(account)
    return _refused_sign_in(_words(error, account), account)


def _refused_sign_in(words: str, account: Account) -> Fault:
    if any(code in words.upper() for code in PASSING_TROUBLE):
        return Fault(f"{account.host} cannot let anybody in right now: {words}")
    return Fault(
        f"{account.host} did not accept user name and password: {words.rstrip('.')}.{faults.ENTER_AGAIN}",
        "password",
        permanent=True,
    )


def _working(error: Exception, account: Account) -> Fault:
    if isinstance(error, Flood):
        return Fault(f"{account.host} wanted to send far more than it had announced, so we hung up. Nothing was read.")
    if isinstance(error, Mismatch):
        return Fault(
            f"{account.host} answered something else than was asked ({quoted(error)}). Nothing of it was used."
        )
    if isinstance(error, UnsafeText):
        return Fault("Something we were about to send held a line break or NUL, so it was not sent.")
    if isinstance(error, ValueError | LookupError):
        return _unreadable(account)
    if isinstance(error, IMAP4.readonly):
        return Fault("This folder may only be read. Allow moving mail out of it.", "folders", permanent=True)
    if isinstance(error, IMAP4.abort | OSError):
        return faults.talking(error, host=account.host)
    words = _words(error, account)
    return Fault(f"{account.host} refused: {words}", "folders" if _about_folders(words) else "")


def _unreadable(account: Account) -> Fault:
    return Fault(f"{account.host} gave an answer nobody can read, so we hung up. The next attempt starts afresh.")


def _about_folders(words: str) -> bool:
    return any(code in words.upper() for code in ("[OVERQUOTA]", "[NOPERM]", "[CANNOT]"))


def _words(error: Exception, account: Account) -> str:
    """What the server said, without our password."""
    said: object = error
    if isinstance(error, UnexpectedCommandStatusError):
        said = (error.command_result[1] or [b""])[-1]
    elif error.args and isinstance(error.args[0], bytes):
        said = error.args[0]
    return quoted(said, account.unspeakable)
