"""Inboxes nobody has to reach: mail is forwarded to us, by a provider, a mail server or a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from types import TracebackType
from typing import Any, ClassVar, Final, Self

from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.network.way import Way
from mailchannel.transports import Fetched, Folder, Listed, MessageRef, transport

#: Who brings the mail → how people know them. The package `webhooks` has a module for each, except the last.
DOORS: Final[Mapping[str, str]] = {
    "postmark": "Postmark",
    "mailgun": "Mailgun",
    "sendgrid": "SendGrid",
    "ses": "Amazon SES",
    "mailjet": "Mailjet",
    "brevo": "Brevo",
    "raw": "A program that posts mails as they are",
    "smtp": "A mail server, by SMTP, LMTP or a pipe",
}


@transport
class Forwarding:
    """There is no mailbox: nothing to connect to, no folders, never anything to fetch."""

    key = "forwarding"
    label = "Forwarding inbox"
    auths = ("password",)
    has_folders = False
    #: Mail comes by itself; the schedule leaves such a mail server alone.
    is_brought: ClassVar[bool] = True
    fields = (
        FieldSpec(
            "door",
            "Who brings the mail",
            Kind.CHOICE,
            "Its page shows what to enter there.",
            default="postmark",
            choices=tuple(DOORS.items()),
        ),
        FieldSpec(
            "refuse_large",
            "Send mail that is too large back",
            Kind.SWITCH,
            "Only by SMTP, LMTP or a pipe: the sender is told. Off: it is listed as failed, with its headers.",
            default=False,
        ),
        FieldSpec(
            "signing_key",
            "Mailgun's HTTP webhook signing key",
            Kind.SECRET,
            "Mailgun only. With it every request has to be signed by Mailgun, within the last hour.",
        ),
        FieldSpec(
            "api_key",
            "Brevo's API key",
            Kind.SECRET,
            "Brevo only: it hands attachments over to those alone who ask with this key.",
        ),
        FieldSpec(
            "topic",
            "Topic (ARN)",
            help="Amazon SES only: the SNS topic mail comes from. Left empty: any topic that knows the secret.",
        ),
    )

    def __init__(self, settings: Mapping[str, Any], way: Way) -> None:
        self._door = str(settings.get("door") or "postmark")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """There is nothing to say goodbye to."""

    def notes(self) -> Sequence[str]:
        by = DOORS.get(self._door, self._door)
        return (f"Mail is brought to us ({by}), so there is nothing to connect to. The first mail is the test.",)

    def folders(self) -> Sequence[Folder]:
        return ()

    def ensure_folder(self, path: str) -> str:
        return path

    def epoch(self, folder: str, *, readonly: bool = False) -> str:
        return ""

    def keys(self, folder: str, since: date | None = None) -> Sequence[str]:
        return ()

    def describe(self, refs: Sequence[MessageRef]) -> Iterator[Listed]:
        return iter(())

    def fetch(self, refs: Sequence[MessageRef], *, expect_bytes: int = 0) -> Iterator[Fetched]:
        return iter(())

    def fetch_headers(self, refs: Sequence[MessageRef]) -> Iterator[Fetched]:
        return iter(())

    def move(self, refs: Sequence[MessageRef], folder: str) -> bool:
        return False
