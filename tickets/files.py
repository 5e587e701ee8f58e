"""Files of a note: the bytes into the storage, the names into the database."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Protocol

from django.db import transaction

from tickets import blobs
from tickets.models import Attachment, Note


class IncomingFile(Protocol):
    """What a channel hands over as a file; any object with these attributes will do."""

    @property
    def filename(self) -> str: ...
    @property
    def content_type(self) -> str: ...
    @property
    def content(self) -> bytes: ...
    @property
    def content_id(self) -> str: ...
    @property
    def inline(self) -> bool: ...


@transaction.atomic(savepoint=False)
def attach_later(*, note_id: int, file: IncomingFile) -> None:
    """One more file for a note that is there already; once, however often. Raises Note.DoesNotExist."""
    note = Note.objects.select_for_update().get(pk=note_id)
    digest = sha256(file.content).hexdigest()
    if not note.attachments.filter(filename=file.filename[:255], sha256=digest).exists():
        attach([(note, file)])


def attach(files: Iterable[tuple[Note, IncomingFile]]) -> None:
    """Stores the files and links each to its note, in one query."""
    rows = [
        Attachment(
            note=note,
            filename=each.filename[:255],
            content_type=each.content_type[:120],
            size=len(each.content),
            sha256=blobs.store(each.content),
            content_id=each.content_id[:255],
            inline=each.inline,
        )
        for note, each in files
    ]
    if rows:
        Attachment.objects.bulk_create(rows)
