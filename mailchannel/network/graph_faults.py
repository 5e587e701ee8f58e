"""What to tell people when Microsoft Graph refused something, or something else answered in its place."""

from __future__ import annotations

import json

from requests import Response

from mailchannel.network.faults import Fault
from mailchannel.network.retry_after import retry_after

THROTTLED = 429
#: Said with status 409, as is much else: of a mail that somebody changes just now, too.
EXISTS = "ErrorFolderExists"

NO_MAILBOX = frozenset(
    {"ErrorInvalidUser", "ResourceNotFound", "Request_ResourceNotFound", "ErrorNonExistentMailbox"},
)
NOT_IN_THE_CLOUD = frozenset(
    {"MailboxNotEnabledForRESTAPI", "MailboxNotSupportedForRESTAPI", "MailboxNotHostedInExchangeOnline"}
)
#: Nothing helps but time, or somebody who makes room. Graph says them with status 403, 413 or 429.
FULL = {
    "ErrorQuotaExceeded": "is full. Delete something there, or have its limit raised.",
    "ErrorSubmissionQuotaExceeded": "has sent as many mails as it may for now.",
    "ErrorExceededMessageLimit": "has sent as many mails as it may for now.",
}
#: Graph has the mail and cannot write it down as one. It says the last of them of much else as well.
CANNOT_WRITE = frozenset(
    {
        "ErrorMimeContentConversionFailed",
        "ErrorContentConversionFailed",
        "ErrorMimeContentInvalid",
        "ErrorItemPropertyRequestFailed",
        "ErrorCorruptData",
        "ErrorItemCorrupt",
        "ErrorInternalServerError",
    }
)
NOT_A_KEY = frozenset({"ErrorInvalidIdMalformed", "ErrorInvalidId"})


class GraphFault(Exception):
    """What went wrong, in words for people. `status` is 0 where nobody answered; `wait`: so many seconds Graph wants to
    be left alone.
    """

    def __init__(self, fault: Fault, *, status: int = 0, code: str = "", wait: float = 0) -> None:
        super().__init__(fault.text)
        self.fault = fault
        self.status = status
        self.code = code
        self.wait = wait


class Gone(Exception):
    """What was asked for is not in this mailbox (any more)."""


class Exists(Exception):
    """Somebody made the folder before us."""


def refused(answer: Response, code: str, words: str, *, host: str, mailbox: str) -> GraphFault:
    """What an answer that says no means. `mailbox` is its address, or empty for that of whoever signed in; `code` is
    empty where it was not Graph that answered.
    """
    fault = _fault(answer, code, f"{answer.status_code} {code} {words}".strip(), host, mailbox)
    return GraphFault(fault, status=answer.status_code, code=code, wait=retry_after(answer) or 0)


def busy(answer: Response, host: str, seconds: float | None, *, otherwise: float) -> GraphFault:
    """`seconds` as it asked for them, if it did; `otherwise` is what we wait then."""
    why = "asks for fewer requests" if answer.status_code == THROTTLED else "is busy"
    how = "asks us to come back later" if seconds is None else f"wants us to wait for {seconds:.0f} seconds"
    text = f"{host} {why} and {how}. The next attempt goes on from here."
    wait = otherwise if seconds is None else seconds
    return GraphFault(Fault(text), status=answer.status_code, wait=wait)


def elsewhere(answer: Response, host: str) -> GraphFault:
    """Something else answered in its place."""
    text = (
        f"What answered at {host} is not Microsoft Graph (status {answer.status_code}). Check the endpoint, and that "
        "no proxy or sign-in page is in between."
    )
    return GraphFault(Fault(text, "endpoint"), status=answer.status_code)


def complaint(answer: Response) -> tuple[str, str]:
    """Code and message; empty where it was not Graph that answered."""
    try:
        error = json.loads(answer.content)["error"]
        return str(error["code"])[:100], str(error.get("message", ""))
    except (ValueError, KeyError, TypeError, AttributeError):
        pass
    # Some of Microsoft's servers say in the header alone what they think of a token.
    if answer.status_code == 401 and answer.headers.get("WWW-Authenticate", "").lower().startswith("bearer"):
        return "Unauthorized", ""
    return "", ""


def _fault(answer: Response, code: str, words: str, host: str, mailbox: str) -> Fault:
    status, whose, said = answer.status_code, mailbox or "the mailbox of whoever signed in", f"{host} says: {words}"
    if status < 400 or not code:
        return elsewhere(answer, host).fault
    if status == 401:
        return Fault(f"Microsoft no longer accepts our access. Sign in again. {said}", "oauth-consent", True)
    if code in FULL:
        return Fault(f"The mailbox {mailbox or 'of whoever signed in'} {FULL[code]} {said}")
    if code in NOT_IN_THE_CLOUD:
        text = f"Microsoft 365 has no mailbox for {mailbox or 'whoever signed in'}: the licence for Exchange Online is "
        return Fault(f"{text}missing, or the mailbox lies on a server of your own. {said}", "mailbox", permanent=True)
    if status == 403:
        text = f"We may not do this in {whose}. Give the application the permissions it asks for, and allow it to use "
        return Fault(f"{text}this mailbox. {said}", "mailbox" if mailbox else "oauth-consent", permanent=True)
    if status == 404:
        return Fault(f"There is no mailbox {whose}. {said}", "mailbox", permanent=True)
    if status == 400 and not mailbox and "/me" in words:
        text = f"Nobody signed in, the application acts by itself. Say which mailbox is meant. {said}"
        return Fault(text, "mailbox", permanent=True)
    return Fault(said)
