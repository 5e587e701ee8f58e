"""What agents type."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import idna
from django import forms
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import validate_email

from tickets.answering import Answer
from tickets.models import Ticket

MAX_UPLOAD_BYTES = 20_000_000
_SEPARATORS = re.compile(r"[,;\s]+")


@dataclass(frozen=True, slots=True)
class Upload:
    """A file an agent attaches, in the shape services expect."""

    filename: str
    content_type: str
    content: bytes
    content_id: str = ""
    inline: bool = False


class AddressesField(forms.CharField):
    """Mail addresses, separated by commas; cleaned to canonical ones."""

    def clean(self, value: Any) -> Any:
        return list(dict.fromkeys(map(_canonical, filter(None, _SEPARATORS.split(super().clean(value))))))


class _ManyFiles(forms.ClearableFileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    widget = _ManyFiles

    def clean(self, data: Any, initial: Any = None) -> Any:
        files = [super(FilesField, self).clean(each, initial) for each in data or []]
        if sum(file.size for file in files) > MAX_UPLOAD_BYTES:
            raise ValidationError(f"Together the files are larger than {MAX_UPLOAD_BYTES // 1_000_000} MB.")
        return files


class AnswerForm(forms.Form):
    """A reply to the requester or a private note. `copies` are addresses of the last mail an agent may agree to."""

    REPLY, NOTE = "reply", "note"

    kind = forms.ChoiceField(choices=[(REPLY, "Reply"), (NOTE, "Private note")], initial=REPLY)
    text = forms.CharField(
        widget=forms.Textarea(attrs={"rows": 5, "placeholder": "Write your answer …"}),
        max_length=100_000,
        error_messages={"required": "There is nothing to send yet. Write something first."},
    )
    cc = AddressesField(required=False, label="Cc", max_length=2000)
    copies = forms.MultipleChoiceField(required=False, widget=forms.CheckboxSelectMultiple)
    attached = FilesField(required=False, label="Files")
    then = forms.ChoiceField(
        required=False, choices=[(Ticket.Status.WAITING, "Send and wait"), (Ticket.Status.SOLVED, "Send and solve")]
    )
    seen = forms.IntegerField(min_value=0)

    def __init__(self, *args: Any, copies: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["copies"].choices = [(address, address) for address in copies]  # type: ignore[attr-defined]

    def answer(self) -> Answer:
        """Of a valid form."""
        data = self.cleaned_data
        return Answer(
            text=data["text"],
            seen=data["seen"],
            private=data["kind"] == self.NOTE,
            cc=list(dict.fromkeys([*data["cc"], *data["copies"]])),
            files=list(_uploads(data["attached"])),
            status=data["then"] or Ticket.Status.WAITING,
        )


def _uploads(files: Iterable[UploadedFile[bytes]]) -> Iterable[Upload]:
    for file in files:
        yield Upload(file.name or "file", file.content_type or "", file.read())


def _canonical(address: str) -> str:
    """Lower case with the domain in ASCII, as contacts are stored."""
    try:
        validate_email(address)
        local, _, domain = address.rpartition("@")
        ascii_domain = domain if domain.isascii() else idna.encode(domain, uts46=True).decode()
        return f"{local}@{ascii_domain}".lower()
    except (ValidationError, UnicodeError):
        raise ValidationError(f"“{address}” is not a mail address. Separate addresses with commas.") from None
