"""Every way a POP3 conversation fails → words for an administrator, and the setting to look at."""

from __future__ import annotations

from poplib import error_proto

from mailchannel.network import conversation, faults
from mailchannel.network.account import Account
from mailchannel.network.conversation import Flood, NoPasswordLogin, NoStartTls, Stage
from mailchannel.network.faults import Fault, quoted
from mailchannel.network.guard import GuardError
from mailchannel.network.pop3_client import NotDeleted
from mailchannel.network.pop3_wire import Refused
from mailchannel.network.way import SignInFailed
from mailchannel.network.xoauth2 import NoTokenLogin, TokenRefused

#: All that may come out of a Pop3Client. They share no base class.
FAILURES = (
    GuardError,
    OSError,  # also ssl.SSLError and Overdue
    error_proto,  # also Refused
    Flood,
    ValueError,  # also UnsafeText; what an answer gives that cannot be read
    LookupError,  # the same
    NoStartTls,
    NoPasswordLogin,
    SignInFailed,
    NoTokenLogin,
    TokenRefused,
    NotDeleted,
)

#: RFC 2449 (8) and RFC 3206: the mailbox is busy or the server in trouble, the password may be right.
PASSING_TROUBLE = ("[IN-USE]", "[LOGIN-DELAY]", "[SYS/TEMP]")
#: The same (RFC 3206), until a person changes something there: reading by POP3 is switched off, for example.
LASTING_TROUBLE = "[SYS/PERM]"

#: Seconds to leave a busy mailbox alone. Whoever comes back at once is let in later still.
PATIENCE = {"[IN-USE]": 30.0, "[LOGIN-DELAY]": 60.0}


def explain(error: Exception, account: Account, stage: Stage) -> Fault:
    if isinstance(error, SignInFailed):
        return Fault(str(error), error.field, error.permanent)
    if isinstance(error, NotDeleted):
        return Fault(
            f"{account.host} did not delete mail: {_words(error, account) or 'it gave no reason'}. It is tried again "
            "with every fetch. If this stays, have mail left on the server.",
            "folders",
        )
    return {Stage.CONNECTING: _connecting, Stage.GREETED: _signing_in, Stage.SIGNED_IN: _working}[stage](error, account)


def patience(error: Exception) -> float:
    """So many seconds the server wants to be left alone."""
    return max((seconds for code, seconds in PATIENCE.items() if code in str(error).upper()), default=0.0)


def _connecting(error: Exception, account: Account) -> Fault:
    if isinstance(error, Refused):
        return Fault(f"{account.host} turned us away: {_words(error, account)}")
    return faults.connecting(error, kind="POP3", host=account.host, port=account.port)


def _signing_in(error: Exception, account: Account) -> Fault:
    if fault := conversation.signing_in(error, account, tls_port=995):
        return fault
    if isinstance(error, TokenRefused | NoTokenLogin):
        return conversation.refused_token(error, account, PASSING_TROUBLE)
    if LASTING_TROUBLE in str(error).upper():
        return Fault(f"{account.host} lets us into this mailbox no more: {_words(error, account)}.", permanent=True)
    if isinstance(error, Refused):
        return conversation.refused(_words(error, account), account, PASSING_TROUBLE)
    if isinstance(error, OSError | Flood):
        return faults.talking(error, host=account.host)
    return conversation.unreadable(account)


def _working(error: Exception, account: Account) -> Fault:
    if fault := conversation.answered_badly(error, account):
        return fault
    if isinstance(error, Refused):
        return Fault(f"{account.host} refused: {_words(error, account)}")
    if isinstance(error, OSError):
        return faults.talking(error, host=account.host)
    return conversation.unreadable(account)


def _words(error: Exception, account: Account) -> str:
    """What the server said, without our password."""
    said = error.args[0] if error.args else ""
    return quoted(said.removeprefix(b"-ERR") if isinstance(said, bytes) else said, account.unspeakable).rstrip(".")
