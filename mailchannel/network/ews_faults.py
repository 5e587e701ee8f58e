"""What to tell people when an Exchange server refused something, or nobody answered."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from exchangelib import errors

from mailchannel.network import faults, https
from mailchannel.network.ews_account import EwsAccount
from mailchannel.network.ews_client import NoAddress, NoUrl
from mailchannel.network.ews_folders import InvalidName, NoSuchFolder
from mailchannel.network.ews_line import BrokenOff, Refused, Unsafe, WrongAccess
from mailchannel.network.faults import Fault, quoted
from mailchannel.network.way import SignInFailed
from mailchannel.network.web_address import host_of

#: All that may come out of an EwsClient.
FAILURES = (
    *https.FAILURES,
    errors.EWSError,
    Refused,
    Unsafe,
    BrokenOff,
    SignInFailed,
    WrongAccess,
    NoSuchFolder,
    InvalidName,
    NoUrl,
    NoAddress,
    ValueError,  # what should be a number, a date or base64, and is not
)

#: The server works on something else. Nothing is wrong with the settings.
BUSY = (
    errors.ErrorServerBusy,
    errors.ErrorInternalServerTransientError,
    errors.ErrorTimeoutExpired,
    errors.ErrorTooManyObjectsOpened,
    errors.ErrorExceededConnectionCount,
    errors.ErrorConnectionFailed,
    errors.ErrorMailboxMoveInProgress,
    errors.ErrorMailboxStoreUnavailable,
)
LATER = frozenset({429, 502, 503, 504})
#: Seconds. exchangelib's own default where Exchange did not say how long, and ours.
UNSAID = 10
#: Nothing helps but time, or somebody who makes room.
FULL: Mapping[type[Exception], str] = {
    errors.ErrorQuotaExceeded: "The mailbox {mailbox} is full. Delete something there, or have its limit raised.",
    errors.ErrorSubmissionQuotaExceeded: "The mailbox {mailbox} has sent as many mails as it may for now.",
}

#: Exception → what is wrong, and the setting to look at. `{mailbox}` and `{username}` are filled in.
KNOWN: Mapping[type[Exception], tuple[str, str]] = {
    errors.ErrorNonExistentMailbox: ("knows no mailbox {mailbox}. Check the mailbox address.", "mailbox"),
    errors.ErrorAccessDenied: (
        "does not let us into {mailbox}. Give full access to that mailbox to whoever signs in, or open it by "
        "impersonation.",
        "mailbox",
    ),
    errors.ErrorImpersonateUserDenied: (
        "does not let us act for {mailbox}. Whoever signs in needs the role ApplicationImpersonation.",
        "impersonate",
    ),
    errors.ErrorImpersonationFailed: ("cannot act for {mailbox}. Check the mailbox address.", "mailbox"),
    errors.ErrorAccountDisabled: ("says that the account {username} is disabled.", "username"),
    errors.ErrorPasswordExpired: ("says that the password has expired. Set a new one and enter it.", "password"),
    errors.ErrorPasswordChangeRequired: ("wants the password to be changed. Set a new one and enter it.", "password"),
    errors.ErrorSendAsDenied: ("does not let us send as the address in “From”.", "mailbox"),
    errors.ErrorInvalidRecipients: ("does not take one of the addresses the mail is for.", ""),
    errors.ErrorMessageSizeExceeded: ("does not take mails of this size.", ""),
    errors.ErrorInvalidServerVersion: ("is older than Exchange 2007, with which we cannot talk.", "url"),
}
_SAME = {
    errors.ErrorImpersonationDenied: errors.ErrorImpersonateUserDenied,
    errors.ErrorMissingEmailAddress: errors.ErrorNonExistentMailbox,
    errors.ErrorInvalidSchemaVersionForMailboxVersion: errors.ErrorInvalidServerVersion,
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """`busy`: it takes a while until trying again can help. `wait`: for so many seconds we are to leave it alone."""

    fault: Fault
    busy: bool = False
    wait: int = 0


def explain(error: Exception, account: EwsAccount, *, tokens: bool) -> Trouble:
    """`tokens`: we sign in with an access token."""
    host = account.host
    if isinstance(error, Refused):
        return _refused(error, account, host, tokens=tokens)
    below = error.__context__ if isinstance(error, errors.EWSError) else error
    if isinstance(below, https.FAILURES):  # exchangelib says time-out or transport error when the line failed
        return Trouble(https.explain(below, account.url))
    if isinstance(error, BUSY):
        seconds = getattr(error, "back_off", None)
        return _busy(host, 0 if seconds in (None, UNSAID) else math.ceil(seconds))
    if type(error) in FULL:
        return Trouble(Fault(FULL[type(error)].format(mailbox=account.mailbox)), busy=True)
    return Trouble(_unfit(error) or _ours(error, account, host) or _said(error, account, host))


def _busy(host: str, wait: int) -> Trouble:
    asks = f"asks us to wait for {wait} seconds" if wait else "asks us to come back later"
    return Trouble(
        Fault(f"{host} is busy and {asks}. The next attempt goes on from here."), busy=True, wait=wait or UNSAID
    )


def _refused(error: Refused, account: EwsAccount, host: str, *, tokens: bool) -> Trouble:
    if error.status == 401:
        return Trouble(_not_let_in(error, account, host, tokens=tokens))
    if error.status in LATER:
        return _busy(host, error.wait)
    if 300 <= error.status < 400:
        there = quoted(host_of(error.location) or "another page")
        text = f"{host} sends us on to {there}, where we do not follow: the password would go there, too. "
        return Trouble(Fault(f"{text}If that is the right server, enter its address.", "url", permanent=True))
    if error.status == 403:
        text = f"{host} knows us and refuses. Exchange Web Services may be switched off for {account.mailbox}."
        return Trouble(Fault(text, "mailbox", permanent=True))
    if error.status >= 500:
        return Trouble(Fault(f"{host} has a fault of its own (HTTP {error.status}). The next attempt may work."))
    text = (
        f"{host} answered, but not as Exchange Web Services do (HTTP {error.status}). Check the connect URL: it mostly "
        "ends in /EWS/Exchange.asmx."
    )
    return Trouble(Fault(text, "url", permanent=error.status == 404))


def _not_let_in(error: Refused, account: EwsAccount, host: str, *, tokens: bool) -> Fault:
    if tokens:
        text = f"{host} does not accept our access token for {account.mailbox}. Sign in again; the permission needed "
        return Fault(f"{text}is EWS.AccessAsUser.All, or full_access_as_app for an application.", "oauth-consent", True)
    offers = error.offers.lower()
    offered = ("ntlm" in offers or "negotiate" in offers) if account.sign_in == "ntlm" else "basic" in offers
    if offers and not offered:
        known = [word for word in ("NTLM", "Negotiate", "Basic", "Bearer") if word.lower() in offers]
        text = f"{host} does not offer this way to sign in. It offers {', '.join(known) or 'none we know'}."
        return Fault(text, "sign_in", permanent=True)
    form = " With NTLM the domain goes before the name, as in CORP\\support." if account.sign_in == "ntlm" else ""
    return Fault(f"{host} did not accept user name and password.{form}{faults.ENTER_AGAIN}", "password", permanent=True)


def _ours(error: Exception, account: EwsAccount, host: str) -> Fault | None:
    """What we found out ourselves."""
    if isinstance(error, SignInFailed):
        return Fault(str(error), error.field or "oauth-consent", error.permanent)
    if isinstance(error, NoSuchFolder):
        return Fault(f"{host} has no folder “{error}” in {account.mailbox}.", "folders", permanent=True)
    if isinstance(error, Unsafe):
        return Fault(f"{host} answered with XML that declares entities, which we do not read.", "url")
    if isinstance(error, BrokenOff):
        return Fault(f"{host} broke off while we signed in by NTLM. The next attempt starts afresh.", "sign_in")
    if isinstance(error, WrongAccess):
        how = "without" if account.impersonate else "by"
        return Fault(f"With this access token, {host} opens a mailbox only {how} impersonation.", "impersonate", True)
    return None


def _unfit(error: Exception) -> Fault | None:
    """Settings that no server has to be asked about."""
    if isinstance(error, NoUrl):
        text = f"“{quoted(error)}” is no connect URL. It looks like https://mail.example.com/EWS/Exchange.asmx."
        return Fault(text, "url", permanent=True)
    if isinstance(error, NoAddress):
        return Fault("The mailbox address must be a mail address, like support@example.com.", "mailbox", permanent=True)
    if isinstance(error, InvalidName):
        text = "A folder name must have 1 to 255 characters, without line breaks or other control characters."
        return Fault(text, "folders", permanent=True)
    return None


def _said(error: Exception, account: EwsAccount, host: str) -> Fault:
    """What Exchange says, by its code."""
    kind = _SAME.get(type(error), type(error))
    if kind in KNOWN:
        words, field = KNOWN[kind]
        filled = words.format(mailbox=account.mailbox, username=account.username)
        return Fault(f"{host} {filled}", field, permanent=True)
    if isinstance(error, errors.ResponseMessageError):
        words = quoted(f"{type(error).__name__}: {error}", (account.password,) if account.password else ())
        return Fault(f"{host} refused: {words}")
    return Fault(f"{host} answered in a way we do not understand. The next attempt starts afresh.", "url")
