"""The mails that tell the team of trouble. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from mailchannel.compose.reply import Letter, compose_reply

#: Says to every program that no person wrote this and nothing should answer it (RFC 3834, MS-OXCMAIL).
GENERATED = b"Auto-Submitted: auto-generated\r\nX-Auto-Response-Suppress: All\r\n"


@dataclass(frozen=True, slots=True)
class Words:
    """What is said: a line, and what happened with what to do."""

    subject: str
    text: str

    def mail(self, page: str) -> str:
        """The text of the mail; `page` is where to look."""
        return f"{self.text}\n\n{page}\n"


def compose_alert(letter: Letter) -> bytes:
    """The whole mail, marked as automatic."""
    return GENERATED + compose_reply(letter)


def unreachable(name: str, address: str, failures: int, error: str) -> Words:
    times = "Once" if failures == 1 else f"{failures} times in a row"
    return Words(
        f"{name} cannot be reached",
        f"{times} mail to {address} could not be fetched. {error}\n\n"
        "No mail is lost: it waits on the mail server, and every scheduled fetch tries again. "
        "You are told when it works again.",
    )


def reachable_again(name: str, address: str) -> Words:
    return Words(f"{name} can be reached again", f"Mail to {address} is fetched again. There is nothing to do.")


def mail_failed(name: str, sender: str, subject: str, said: str, *, last: bool) -> Words:
    """`last`: no further mail of this kind follows within the hour."""
    silence = (
        "\n\nMany mails fail at the moment, so this is the last message within the hour. The mail log has them all."
    )
    return Words(
        f"A mail to {name} could not be processed",
        f"A mail from {sender or 'an unreadable sender'}, “{subject or '(no subject)'}”, did not become a ticket: "
        f"{said}\n\nThe original is kept. Look at the reason, mend it, and have the mail tried again."
        f"{silence if last else ''}",
    )


def fetching_failed(name: str, said: str) -> Words:
    return Words(
        f"Fetching mail for {name} failed",
        f"{said}\n\nNo mail is lost: every scheduled fetch tries again. You are told once.",
    )


def self_test_failed(name: str, said: str) -> Words:
    return Words(
        f"The test of {name} failed", f"The mail server was tested as scheduled, and not all is well.\n\n{said}"
    )
