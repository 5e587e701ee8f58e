"""The folders of a mailbox at Microsoft Graph: ids for Graph, paths of shown names for people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from mailchannel.network.faults import Fault, quoted
from mailchannel.network.graph_client import GraphClient, segment
from mailchannel.network.graph_faults import Exists, Gone, GraphFault

INBOX = "INBOX"
LONGEST_PATH = 255
PAGE = 250
MOST_LEVELS = 50
#: Graph's own names, the same in every language, and what the folders are for (RFC 6154).
PURPOSES = {
    "inbox": "",
    "junkemail": "junk",
    "deleteditems": "trash",
    "sentitems": "sent",
    "drafts": "drafts",
    "archive": "archive",
}
#: A slash inside a name, so that it separates no levels.
SLASH = "\N{FRACTION SLASH}"


@dataclass(frozen=True, slots=True)
class GraphFolder:
    path: str
    key: str
    has_children: bool
    purpose: str = ""


class GraphFolders:
    """Looked up level by level and remembered as long as the connection lasts. The inbox is INBOX, whatever people see
    it called; its own name is understood as well.
    """

    def __init__(self, client: GraphClient) -> None:
        self._client = client
        self._inbox: GraphFolder | None = None
        self._shown_inbox = ""
        self._levels: dict[str, list[GraphFolder]] = {}

    def inbox(self) -> GraphFolder:
        if self._inbox is None:
            found = self._client.get("mailFolders/inbox", select="id,childFolderCount")
            self._inbox = GraphFolder(INBOX, str(found.get("id")), bool(found.get("childFolderCount")))
        return self._inbox

    def everything(self) -> list[GraphFolder]:
        """Parents before their children."""
        purposes = dict(self._purposes())
        return [
            GraphFolder(each.path, each.key, each.has_children, purposes.get(each.key, "")) for each in self._walk(None)
        ]

    def find(self, path: str) -> GraphFolder:
        """Upper and lower case make no difference, as in Exchange. Raises GraphFault when there is none."""
        _check(path)
        found = self._find(path)
        if found is None:
            raise missing(path)
        return found

    def ensure(self, path: str) -> GraphFolder:
        _check(path)
        parent: GraphFolder | None = None
        for depth in range(1, path.count("/") + 2):
            level = "/".join(path.split("/")[:depth])
            parent = self._find(level) or self._create(parent, level)
        assert parent is not None  # noqa: S101 - a path has at least one level
        return parent

    def _find(self, path: str) -> GraphFolder | None:
        if path.casefold() == INBOX.casefold():
            return self.inbox()
        parent: GraphFolder | None = None
        for name in path.split("/"):
            found = self._child(parent, name)
            if found is None:
                return None
            parent = found
        return parent

    def _child(self, parent: GraphFolder | None, name: str) -> GraphFolder | None:
        wanted = name.casefold()
        if parent is None and wanted == INBOX.casefold():
            return self.inbox()
        prefix = f"{parent.path}/" if parent else ""
        children = self._children(parent)
        for each in children:
            if each.path.removeprefix(prefix).casefold() == wanted:
                return each
        if parent is None:  # the inbox by the name people see
            shown = self._shown_inbox
            return self.inbox() if shown and shown.casefold() == wanted else None
        return None

    def _children(self, parent: GraphFolder | None) -> list[GraphFolder]:
        key = parent.key if parent else ""
        if key not in self._levels:
            self._levels[key] = list(self._listed(parent))
        return self._levels[key]

    def _listed(self, parent: GraphFolder | None) -> Iterator[GraphFolder]:
        where = f"mailFolders/{segment(parent.key)}/childFolders" if parent else "mailFolders"
        inbox = self.inbox()
        for page in self._client.pages(where, select="id,displayName,childFolderCount", top=PAGE):
            for each in page:
                name, key = _name(each), str(each.get("id"))
                if key == inbox.key:
                    self._shown_inbox = name
                    yield inbox
                elif name:
                    path = f"{parent.path}/{name}" if parent else name
                    yield GraphFolder(path, key, bool(each.get("childFolderCount")))

    def _create(self, parent: GraphFolder | None, path: str) -> GraphFolder:
        where = f"mailFolders/{segment(parent.key)}/childFolders" if parent else "mailFolders"
        with suppress(Exists):  # somebody was quicker
            self._client.post(where, {"displayName": path.rpartition("/")[2]})
        self._levels.pop(parent.key if parent else "", None)
        return self.find(path)

    def _walk(self, parent: GraphFolder | None, depth: int = 0) -> Iterator[GraphFolder]:
        for each in self._children(parent):
            yield each
            if (each.has_children or each.key in self._levels) and depth < MOST_LEVELS:
                yield from self._walk(each, depth + 1)

    def _purposes(self) -> Iterator[tuple[str, str]]:
        for name, purpose in PURPOSES.items():
            with suppress(Gone):  # not every mailbox has an archive
                if purpose:
                    yield str(self._client.get(f"mailFolders/{name}", select="id").get("id")), purpose


def missing(path: str) -> GraphFault:
    return GraphFault(
        Fault(
            f"The folder “{quoted(path)}” does not exist on the server or may not be opened. "
            "Choose another one, or create it and check its permissions.",
            "folders",
            permanent=True,
        )
    )


def _name(folder: dict[str, Any]) -> str:
    return str(folder.get("displayName") or "").replace("/", SLASH)


def _check(path: str) -> None:
    levels = path.split("/")
    if not 0 < len(path) <= LONGEST_PATH or not path.isprintable() or not all(level.strip() for level in levels):
        raise GraphFault(
            Fault(
                "A folder name must have 1 to 255 characters, without line breaks or other control characters.",
                "folders",
                permanent=True,
            )
        )
