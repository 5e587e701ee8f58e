"""One mailbox at Microsoft Graph: what lies in it, and mail as its bytes."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from requests import Response

from mailchannel.network import graph_faults, graph_header
from mailchannel.network.graph_faults import CANNOT_WRITE, THROTTLED, GraphFault
from mailchannel.network.graph_line import IMMUTABLE, GraphLine, base_url
from mailchannel.network.way import Way

__all__ = ["CLOUDS", "GraphClient", "base_url", "fingerprint", "parse_moment", "segment"]

#: Where Graph answers, by the cloud the mailbox lies in.
CLOUDS = (
    ("https://graph.microsoft.com", "Worldwide, and GCC of the US government"),
    ("https://graph.microsoft.us", "US government, GCC High"),
    ("https://dod-graph.microsoft.us", "US government, Department of Defense"),
    ("https://microsoftgraph.chinacloudapi.cn", "China, operated by 21Vianet"),
)
#: Sending is not asked for twice where the first time may have been enough.
MAY_REPEAT = frozenset({THROTTLED})


class GraphClient(GraphLine):
    """`mailbox` is an address, or empty for whoever signed in. Paths are below the mailbox; parameters are named
    without their dollar sign. Raises GraphFault, and Gone and Exists where it says so.
    """

    def __init__(self, endpoint: str, mailbox: str, way: Way) -> None:
        super().__init__(endpoint, mailbox, way)
        self.owner = f"users/{quote(mailbox, safe='@')}" if mailbox else "me"

    def get(self, path: str, **parameters: str | int) -> dict[str, Any]:
        """Raises Gone."""
        return self.ask_object("GET", self._url(path), params=_query(parameters))

    def pages(self, path: str, **parameters: str | int) -> Iterator[list[dict[str, Any]]]:
        """A long list, page by page."""
        return self.ask_list(self._url(path), _query(parameters))

    def mime(self, key: str, expect_bytes: int = 0) -> bytes:
        """A mail as Graph writes it, or put together from what it says about it. Raises Gone."""
        url = self._value(key)
        written = _written(lambda: self._mail(self.ask("GET", url, expect_bytes=expect_bytes)))
        return written or graph_header.substitute(self._told(key))

    def mime_head(self, key: str) -> bytes:
        """Its beginning, at least up to the blank line after the headers; the rest is not read, which costs the
        connection. Raises Gone.
        """
        url = self._value(key)
        return _written(lambda: self._mail(self.ask_beginning(url))) or graph_header.substitute(self._told(key))

    def post(self, path: str, body: object) -> dict[str, Any]:
        """Raises Gone, Exists."""
        return self.ask_object("POST", self._url(path), json=body)

    def post_mime(self, path: str, encoded: bytes) -> None:
        """A mail in base64."""
        self.ask("POST", self._url(path), **_mime(encoded))

    def post_draft(self, encoded: bytes) -> str:
        """Its key."""
        return str(self.ask_object("POST", self._url("messages"), **_mime(encoded)).get("id", ""))

    def send_draft(self, key: str) -> None:
        self.ask("POST", self._url(f"messages/{segment(key)}/send"), patient_with=MAY_REPEAT)

    def patch(self, path: str, body: object) -> None:
        """Raises Gone."""
        self.ask("PATCH", self._url(path), json=body)

    def delete(self, path: str) -> None:
        """Raises Gone."""
        self.ask("DELETE", self._url(path))

    def whose(self) -> str:
        """The address of the mailbox, or empty where we may not know."""
        try:
            person = self.get("", select="mail,userPrincipalName")
        except GraphFault as error:
            if error.status != 403:
                raise
            return ""
        return str(person.get("mail") or person.get("userPrincipalName") or "")

    def _told(self, key: str) -> dict[str, Any]:
        url = self._url(f"messages/{segment(key)}")
        as_text = {"Prefer": f"{IMMUTABLE}, {graph_header.AS_TEXT}"}
        return self.ask_object("GET", url, params=_query({"select": graph_header.FIELDS}), headers=as_text)

    def _mail(self, answer: Response) -> bytes:
        if "html" in answer.headers.get("Content-Type", "").lower():  # a sign-in page in between
            raise graph_faults.elsewhere(answer, self.host)
        return answer.content

    def _value(self, key: str) -> str:
        return self._url(f"messages/{segment(key)}/$value")

    def _url(self, path: str) -> str:
        return f"{self.base}/{self.owner}" + (f"/{path}" if path else "")


def fingerprint(key: str) -> str:
    """32 hexadecimal digits for one of Graph's long ids."""
    return hashlib.sha256(key.encode()).hexdigest()[:32]


def parse_moment(text: object) -> datetime | None:
    """Aware, or None for what is no time."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def segment(key: str) -> str:
    return quote(key, safe="")


def _written(ask: Callable[[], bytes]) -> bytes:
    """Empty where Graph cannot write a mail down, asked twice: it may have had a bad moment."""
    for _ in range(2):
        try:
            return ask()
        except GraphFault as error:
            if error.code not in CANNOT_WRITE:
                raise
    return b""


def _query(parameters: Mapping[str, str | int]) -> dict[str, str | int]:
    return {f"${name}": value for name, value in parameters.items()}


def _mime(encoded: bytes) -> dict[str, Any]:
    return {"data": encoded, "headers": {"Content-Type": "text/plain"}, "patient_with": MAY_REPEAT}
