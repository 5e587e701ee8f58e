"""Every way an IMAP conversation fails → words for an administrator, and the setting to look at."""

from __future__ import annotations

from imaplib import IMAP4

from imap_tools.errors import ImapToolsError, UnexpectedCommandStatusError

from mailchannel.network import conversation, faults, xoauth2
from mailchannel.network.account import Account
from mailchannel.network.conversation import Flood, NoPasswordLogin, NoStartTls, Stage
from mailchannel.network.faults import Fault, quoted
from mailchannel.network.guard import GuardError
from mailchannel.network.imap_answers import Mismatch
from mailchannel.network.imap_client import BadFolderName, NoSuchFolder, StillThere
from mailchannel.network.way import SignInFailed
from mailchannel.network.xoauth2 import NoTokenLogin, TokenRefused

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
    StillThere,
    NoStartTls,
    NoPasswordLogin,
    SignInFailed,
    NoTokenLogin,
    TokenRefused,
)

#: RFC 5530: the server is in trouble, the password may be right.
PASSING_TROUBLE = ("[UNAVAILABLE]", "[INUSE]", "[LIMIT]", "[SERVERBUG]", "[CONTACTADMIN]")


def explain(error: Exception, account: Account, stage: Stage) -> Fault:
    if isinstance(error, SignInFailed):
        return Fault(str(error), error.field, error.permanent)
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
    if isinstance(error, StillThere):
        return Fault(
            f"{account.host} did not delete mail although it said so: this account may not do that here. Allow it, or "
            "choose something else for processed and ignored mail.",
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
    if fault := conversation.signing_in(error, account, tls_port=993):
        return fault
    if isinstance(error, TokenRefused | NoTokenLogin):
        return conversation.refused_token(error, account, PASSING_TROUBLE)
    if isinstance(error, IMAP4.abort | OSError | Flood):
        return faults.talking(error, host=account.host)
    if isinstance(error, ValueError | LookupError):
        return conversation.unreadable(account)
    return conversation.refused(_words(error, account), account, PASSING_TROUBLE)


def _working(error: Exception, account: Account) -> Fault:
    if isinstance(error, Mismatch):
        return Fault(
            f"{account.host} answered something else than was asked ({quoted(error)}). Nothing of it was used."
        )
    if fault := conversation.answered_badly(error, account):
        return fault
    if isinstance(error, IMAP4.readonly):
        return Fault("This folder may only be read. Allow moving mail out of it.", "folders", permanent=True)
    if isinstance(error, IMAP4.abort | OSError):
        return faults.talking(error, host=account.host)
    words = _words(error, account)
    if "authenticated but not connected" in words.lower():  # Exchange says so only when a folder is opened
        return xoauth2.explain(TokenRefused(words.rstrip(".")), account)
    return Fault(f"{account.host} refused: {words}", "folders" if _about_folders(words) else "")


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
