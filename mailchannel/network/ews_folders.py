"""The folders of an Exchange mailbox, named by their path as people see them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from exchangelib.util import TNS

from mailchannel.network.ews_services import key_of, said

INBOX = "INBOX"
#: What Exchange calls them, whatever people do → RFC 6154.
WELL_KNOWN = {"sentitems": "sent", "drafts": "drafts", "deleteditems": "trash", "junkemail": "junk"}
MAIL = re.compile(r"IPF(\.Note\b.*)?", re.IGNORECASE)
VALID = re.compile(r"[^\x00-\x1f\x7f]{1,255}")
MOST_LEVELS = 300  # deeper than Exchange allows


class NoSuchFolder(Exception):
    """The mailbox has no folder of that name."""


class InvalidName(Exception):
    """No folder can be called that."""


@dataclass(frozen=True, slots=True)
class EwsFolder:
    key: str
    path: str
    special_use: str = ""


@dataclass(frozen=True, slots=True)
class _Seen:
    key: str
    parent: str
    name: str
    holds_mail: bool


class Tree:
    """`special`: key → what it is for, `inbox` among them. Names are told apart as Exchange does: not by their case."""

    def __init__(self, elements: Iterable[Any], *, root: str, special: Mapping[str, str]) -> None:
        self._root = root
        self._special = special
        self._seen = {seen.key: seen for seen in map(_read, elements)}
        self._by_path: dict[str, EwsFolder] = {}
        self._also: dict[str, EwsFolder] = {}
        # A name may have a slash of its own; then the folder that really lies there goes before.
        for seen in sorted(self._seen.values(), key=lambda seen: "/" in seen.name):
            self._add(seen)

    def __iter__(self) -> Iterator[EwsFolder]:
        return iter(self._by_path.values())

    def find(self, path: str) -> EwsFolder | None:
        """By its path, or by the path with the inbox's own name in it."""
        wanted = path.casefold()
        return self._by_path.get(wanted) or self._also.get(wanted)

    def _add(self, seen: _Seen) -> None:
        names = self._names(seen)
        if not names or not seen.holds_mail:
            return
        ours = "/".join(
            [INBOX if key in self._special and self._special[key] == INBOX else name for key, name in names]
        )
        folder = EwsFolder(seen.key, ours, self._use(seen.key))
        self._by_path.setdefault(ours.casefold(), folder)
        self._also.setdefault("/".join(name for _, name in names).casefold(), folder)

    def _use(self, key: str) -> str:
        use = self._special.get(key, "")
        return "" if use == INBOX else use

    def _names(self, seen: _Seen) -> list[tuple[str, str]]:
        """Key and name of each level from the top; none when it hangs in the air."""
        names: list[tuple[str, str]] = []
        at: _Seen | None = seen
        while at is not None and len(names) < MOST_LEVELS:
            names.insert(0, (at.key, at.name))
            if at.parent == self._root:
                return names
            at = self._seen.get(at.parent)
        return []


def checked(path: str) -> str:
    """Raises InvalidName."""
    if not VALID.fullmatch(path) or "" in path.split("/"):
        raise InvalidName(path)
    return path


def _read(element: Any) -> _Seen:
    name, kind = said(element, "DisplayName"), said(element, "FolderClass") or "IPF.Note"
    holds_mail = element.tag == f"{{{TNS}}}Folder" and bool(MAIL.fullmatch(kind) and VALID.fullmatch(name))
    return _Seen(key_of(element, "FolderId"), key_of(element, "ParentFolderId"), name, holds_mail)
