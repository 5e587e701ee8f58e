"""exchangelib's requests to Exchange, with their answers left as they came.

exchangelib makes objects of them, and fails for all when one is of a kind it does not know: an inbox has reports,
invitations and whatever else in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from exchangelib import errors
from exchangelib.fields import FieldOrder, FieldPath
from exchangelib.folders import Folder
from exchangelib.items import (
    ALL_OCCURRENCES,
    ALWAYS_OVERWRITE,
    ID_ONLY,
    MOVE_TO_DELETED_ITEMS,
    SAVE_ONLY,
    SEND_AND_SAVE_COPY,
    SEND_ONLY,
    SEND_TO_NONE,
    SHALLOW,
    Message,
)
from exchangelib.properties import FolderId, ItemId
from exchangelib.services import (
    CreateFolder,
    CreateItem,
    DeleteItem,
    FindFolder,
    FindItem,
    GetFolder,
    GetItem,
    MoveItem,
    UpdateItem,
)
from exchangelib.util import TNS, create_element

PAGE = 1000  # more than that a server does not list at once
AT_ONCE = 100  # mails asked about or moved in one request
DEEP = "Deep"
FOLDER_FIELDS = ("name", "parent_folder_id", "folder_class")

#: Exchange has the mail and cannot write it down as one, or not even tell all of it.
UNWRITABLE = (
    errors.ErrorMimeContentConversionFailed,
    errors.ErrorContentConversionFailed,
    errors.ErrorUnsupportedMimeConversion,
    errors.ErrorMimeContentInvalid,
    errors.ErrorMimeContentInvalidBase64String,
    errors.ErrorItemPropertyRequestFailed,
    errors.ErrorCorruptData,
    errors.ErrorItemCorrupt,
)
#: The server has a bad moment, or always says so of this very mail.
STUMBLED = errors.ErrorInternalServerError

#: An element of the answer, or the exception that stands for one thing that was refused among several.
Answers = Iterator[Any]


class _AsItCame:
    def _elems_to_objs(self, elements: Answers) -> Answers:
        return elements


class _GetFolder(_AsItCame, GetFolder):  # type: ignore[misc]
    pass


class _FindFolder(_AsItCame, FindFolder):  # type: ignore[misc]
    def below(self, folder: FolderId) -> Answers:
        fields = _folder_fields(FOLDER_FIELDS)
        how = {"additional_fields": fields, "restriction": None, "shape": ID_ONLY, "depth": DEEP, "offset": 0}
        found: Answers = self._paged_call(
            payload_func=self.get_payload, max_items=None, folders=[folder], page_size=self.page_size, **how
        )
        return found


class _CreateFolder(_AsItCame, CreateFolder):  # type: ignore[misc]
    pass


class _FindItem(_AsItCame, FindItem):  # type: ignore[misc]
    pass


class _GetItem(_AsItCame, GetItem):  # type: ignore[misc]
    ERRORS_TO_CATCH_IN_RESPONSE = (*GetItem.ERRORS_TO_CATCH_IN_RESPONSE, *UNWRITABLE, STUMBLED)


class _MoveItem(_AsItCame, MoveItem):  # type: ignore[misc]
    pass


class _UpdateItem(_AsItCame, UpdateItem):  # type: ignore[misc]
    pass


class _CreateItem(_AsItCame, CreateItem):  # type: ignore[misc]
    def send(self, raw: bytes, copy_to: FolderId | None) -> Answers:
        how = {"folder": copy_to, "message_disposition": SEND_AND_SAVE_COPY if copy_to else SEND_ONLY}
        mail = [Message(mime_content=raw)]
        sent: Answers = self._chunked_get_elements(
            self.get_payload, items=mail, send_meeting_invitations=SEND_TO_NONE, **how
        )
        return sent


FIRST = date(1970, 1, 2)  # there is no older mail


class _ReceivedSince:
    """A day early: the start date is a day in whatever zone the team lives in."""

    def __init__(self, day: date) -> None:
        self._from = datetime.combine(max(day, FIRST) - timedelta(days=1), time(), UTC)

    def to_xml(self, version: object) -> Any:
        received = create_element("t:FieldURI", attrs={"FieldURI": "item:DateTimeReceived"})
        value = create_element("t:FieldURIOrConstant")
        value.append(create_element("t:Constant", attrs={"Value": self._from.strftime("%Y-%m-%dT%H:%M:%SZ")}))
        test = create_element("t:IsGreaterThanOrEqualTo")
        test.extend((received, value))
        restriction = create_element("m:Restriction")
        restriction.append(test)
        return restriction


def get_folders(visitor: Any, folders: Sequence[FolderId], fields: Sequence[str] = ()) -> Answers:
    """One answer for each."""
    wanted = _folder_fields(fields) or None
    found: Answers = _GetFolder(account=visitor).call(folders=folders, additional_fields=wanted, shape=ID_ONLY)
    return found


def folders_below(visitor: Any, folder: FolderId) -> Answers:
    return _FindFolder(account=visitor, page_size=PAGE).below(folder)


def create_folder(visitor: Any, parent: FolderId, name: str) -> None:
    """Or somebody else was quicker."""
    answers = _CreateFolder(account=visitor).call(parent_folder=parent, folders=[Folder(name=name)])
    for answer in answers:
        if not isinstance(answer, errors.ErrorFolderExists):
            raised(answer)


def find_items(visitor: Any, folder: FolderId, since: date | None) -> Answers:
    """Oldest first, all pages."""
    found: Answers = _FindItem(account=visitor, page_size=PAGE).call(
        folders=[folder],
        additional_fields=_fields(("is_draft",)),
        restriction=_ReceivedSince(since) if since else None,
        order_fields=[FieldOrder(each) for each in _fields(("datetime_received",))],
        shape=ID_ONLY,
        query_string=None,
        depth=SHALLOW,
        calendar_view=None,
        max_items=None,
        offset=0,
    )
    return found


def get_items(visitor: Any, keys: Sequence[str], fields: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Each key with its answer."""
    service = _GetItem(account=visitor, chunk_size=AT_ONCE)
    answers = service.call(items=_ids(keys), additional_fields=_fields(fields), shape=ID_ONLY)
    for key in keys:
        answer = next(answers, None)
        if answer is None or answer is True:
            raise errors.MalformedResponseError("fewer answers than questions")
        yield key, answer


def move_items(visitor: Any, keys: Sequence[str], folder: FolderId) -> Answers:
    moved: Answers = _MoveItem(account=visitor, chunk_size=AT_ONCE).call(items=_ids(keys), to_folder=folder)
    return moved


def delete_items(visitor: Any, keys: Sequence[str]) -> Answers:
    """Into the folder for deleted items."""
    deleted: Answers = DeleteItem(account=visitor, chunk_size=AT_ONCE).call(
        items=_ids(keys),
        delete_type=MOVE_TO_DELETED_ITEMS,
        send_meeting_cancellations=SEND_TO_NONE,
        affected_task_occurrences=ALL_OCCURRENCES,
        suppress_read_receipts=True,
    )
    return deleted


def mark_items_read(visitor: Any, items: Sequence[tuple[str, str]]) -> Answers:
    """Of (key, change key). Whoever asked to be told that it was read is not."""
    changes = [(Message(id=key, changekey=change, is_read=True), ("is_read",)) for key, change in items]
    marked: Answers = _UpdateItem(account=visitor, chunk_size=AT_ONCE).call(
        items=changes,
        conflict_resolution=ALWAYS_OVERWRITE,
        message_disposition=SAVE_ONLY,
        send_meeting_invitations_or_cancellations=SEND_TO_NONE,
        suppress_read_receipts=True,
    )
    return marked


def send_item(visitor: Any, raw: bytes, copy_to: FolderId | None) -> None:
    for answer in _CreateItem(account=visitor).send(raw, copy_to):
        raised(answer)


def raised(answer: Any) -> Any:
    """The element, or what was refused, raised."""
    if isinstance(answer, Exception):
        raise answer
    return answer


def said(element: Any, name: str) -> str:
    return str(element.findtext(f"{{{TNS}}}{name}") or "")


def key_of(element: Any, name: str = "ItemId", part: str = "Id") -> str:
    found = element.find(f"{{{TNS}}}{name}")
    return "" if found is None else str(found.get(part) or "")


def _fields(names: Sequence[str]) -> list[FieldPath]:
    return [FieldPath(field=Message.get_field_by_fieldname(name)) for name in names]


def _folder_fields(names: Sequence[str]) -> list[FieldPath]:
    return [FieldPath(field=Folder.get_field_by_fieldname(name)) for name in names]


def _ids(keys: Sequence[str]) -> list[ItemId]:
    return [ItemId(id=key) for key in keys]
