"""Microsoft Graph on loopback, as far as mail goes: real HTTPS, access tokens, pages, immutable ids and its refusals."""

from __future__ import annotations

import base64
import json
import re
import ssl
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import getaddresses
from itertools import count
from threading import RLock
from typing import Any
from urllib.error import URLError
from urllib.parse import unquote, urlencode

from tests.servers.certificates import Authority, Pair
from tests.servers.web import Answer, Request, WebServer

WELL_KNOWN = {
    "inbox": "Posteingang",
    "sentitems": "Gesendete Elemente",
    "drafts": "Entwürfe",
    "deleteditems": "Gelöschte Elemente",
    "junkemail": "Junk-E-Mail",
}
SIZE = "integer 0xe08"
EVERYBODY = "*"  # an application that acts by itself


class Refusal(Exception):
    def __init__(self, status: int, code: str, message: str = "") -> None:
        super().__init__(message)
        self.answer = Answer.of({"error": {"code": code, "message": message or code}}, status)


@dataclass
class Folder:
    key: str
    name: str
    parent: str


@dataclass
class Mail:
    key: str
    raw: bytes
    folder: str
    received: datetime
    order: int
    read: bool = False
    draft: bool = False
    moves: int = 0
    leaves_no_copy: bool = False

    def known_as(self, *, immutable: bool) -> str:
        """Every move changes an id, unless the immutable one is asked for."""
        return self.key if immutable else f"{self.key}.{self.moves}"


@dataclass
class Box:
    address: str
    folders: dict[str, Folder] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)  # well-known name → key
    mails: dict[str, Mail] = field(default_factory=dict)
    sent: list[tuple[set[str], bytes]] = field(default_factory=list)


class GraphServer(WebServer):
    """`tokens`: access token → address whose mailbox it opens, or EVERYBODY. `largest_page` cuts lists; `rebuild`
    makes other bytes of a mail each time it is read.
    """

    def __init__(self, certificate: Pair, authority: Authority) -> None:
        super().__init__(certificate)
        self.authorities = authority.bundle.read_text()
        self.tokens: dict[str, str] = {}
        self.boxes: dict[str, Box] = {}
        self.subscriptions: dict[str, dict[str, Any]] = {}
        self.largest_page = 1000
        self.may_read_profile = True
        self.rebuild: Callable[[bytes], bytes] = lambda raw: raw
        self.lock = RLock()
        self._numbers = count(1)

    def key(self) -> str:
        """As long as the real ones, with the signs that have to be written in another way in addresses."""
        return f"AAkALg{'A' * 100}{next(self._numbers)}/+="

    def mailbox(self, address: str = "", token: str = "", *, shared: bool = False) -> GraphMailbox:
        """A new, empty one. A shared one is opened by another person's token."""
        address = address or f"user{next(self._numbers)}@example.com"
        token = token or f"token-of-{address}"
        box = Box(address)
        for name, shown in WELL_KNOWN.items():
            folder = Folder(self.key(), shown, "root")
            box.folders[folder.key], box.known[name] = folder, folder.key
        self.boxes[address.lower()] = box
        self.tokens[token] = EVERYBODY if shared else address
        return GraphMailbox(self, address, token, shared)

    def answer(self, request: Request) -> Answer:
        try:
            with self.lock:
                if request.path.startswith("/v1.0/subscriptions"):
                    self._who(request)
                    return self._subscription(request)
                box, path = self._box(request)
                return self._route(request, box, path)
        except Refusal as refusal:
            return refusal.answer

    def _who(self, request: Request) -> str:
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind != "Bearer" or token not in self.tokens:
            raise Refusal(401, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
        return self.tokens[token]

    def _box(self, request: Request) -> tuple[Box, list[str]]:
        who = self._who(request)
        _, version, *path = (unquote(part) for part in request.path.split("/"))
        if version != "v1.0" or not path:
            raise Refusal(404, "BadRequest", "Invalid version.")
        if path[0] == "me":
            if who == EVERYBODY:
                raise Refusal(400, "BadRequest", "/me request is only valid with delegated authentication flow.")
            return self.boxes[who.lower()], path[1:]
        wanted = path[1].lower()
        if wanted not in self.boxes:
            raise Refusal(404, "ErrorInvalidUser", f"The requested user '{path[1]}' is invalid.")
        if who not in (EVERYBODY, self.boxes[wanted].address):
            raise Refusal(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")
        return self.boxes[wanted], path[2:]

    def _route(self, request: Request, box: Box, path: list[str]) -> Answer:
        match path:
            case []:
                return self._profile(box)
            case ["mailFolders"]:
                return self._below(request, box, "root")
            case ["mailFolders", key]:
                return Answer.of(self._folder_json(box, self._folder(box, key)))
            case ["mailFolders", key, "childFolders"]:
                return self._below(request, box, self._folder(box, key).key)
            case ["mailFolders", key, "messages"]:
                return self._messages(request, box, self._folder(box, key))
            case ["messages", key, *rest]:
                return self._message(request, box, self._mail(box, key), rest)
        return self._take(request, box, path)

    def _take(self, request: Request, box: Box, path: list[str]) -> Answer:
        if path == ["sendMail"]:
            self._send(box, base64.b64decode(request.body, validate=True))
            return Answer(202)
        if path == ["messages"]:
            raw = base64.b64decode(request.body, validate=True)
            return Answer.of(_mail_json(self.put(box, raw, box.known["drafts"], draft=True), request), 201)
        raise Refusal(400, "BadRequest", f"Resource not found for the segment '{'/'.join(path)}'.")

    def _profile(self, box: Box) -> Answer:
        if not self.may_read_profile:
            raise Refusal(403, "Authorization_RequestDenied", "Insufficient privileges.")
        return Answer.of({"userPrincipalName": box.address, "mail": box.address})

    def _message(self, request: Request, box: Box, mail: Mail, rest: list[str]) -> Answer:
        match request.method, *rest:
            case "GET", "$value":
                return Answer(body=self.rebuild(mail.raw), content_type="text/plain")
            case ("GET",):
                return Answer.of(_mail_json(mail, request))
            case "POST", "move":
                mail.folder = self._folder(box, request.json["destinationId"]).key
                mail.moves += 1
                return Answer.of(_mail_json(mail, request), 201)
            case "POST", "send":
                self._send(box, mail.raw, copy=not mail.leaves_no_copy)
                del box.mails[mail.key]
                return Answer(202)
            case ("PATCH",):
                mail.read = request.json.get("isRead", mail.read)
                properties = request.json.get("singleValueExtendedProperties", [])
                mail.leaves_no_copy |= {"id": "Boolean 0xe01", "value": "true"} in properties
                return Answer.of(_mail_json(mail, request))
            case ("DELETE",):
                if mail.folder == box.known["deleteditems"]:
                    del box.mails[mail.key]
                mail.folder = box.known["deleteditems"]
                return Answer(204)
        raise Refusal(400, "BadRequest")

    def _folder(self, box: Box, key: str) -> Folder:
        found = box.folders.get(box.known.get(key.lower(), key))
        if found is None:
            raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")
        return found

    def _mail(self, box: Box, key: str) -> Mail:
        for mail in box.mails.values():
            if key in (mail.key, mail.known_as(immutable=False)):
                return mail
        raise Refusal(404, "ErrorItemNotFound", "The specified object was not found in the store.")

    def _folder_json(self, box: Box, folder: Folder) -> dict[str, Any]:
        children = sum(each.parent == folder.key for each in box.folders.values())
        items = sum(each.folder == folder.key for each in box.mails.values())
        return {"id": folder.key, "displayName": folder.name, "childFolderCount": children, "totalItemCount": items}

    def _below(self, request: Request, box: Box, parent: str) -> Answer:
        if request.method == "POST":
            return self._make_folder(request, box, parent)
        found = [self._folder_json(box, each) for each in box.folders.values() if each.parent == parent]
        return self._page(request, found)

    def _make_folder(self, request: Request, box: Box, parent: str) -> Answer:
        name = request.json["displayName"]
        if any(each.parent == parent and each.name.lower() == name.lower() for each in box.folders.values()):
            raise Refusal(409, "ErrorFolderExists", "A folder with the specified name already exists.")
        folder = Folder(self.key(), name, parent)
        box.folders[folder.key] = folder
        return Answer.of(self._folder_json(box, folder), 201)

    def _messages(self, request: Request, box: Box, folder: Folder) -> Answer:
        found = sorted(
            (mail for mail in box.mails.values() if mail.folder == folder.key),
            key=lambda mail: (mail.received.replace(microsecond=0), mail.order),
            reverse=not request.query.get("$orderby", "").endswith(" asc"),
        )
        wanted = request.query.get("$filter")
        if wanted:
            match = re.fullmatch(r"receivedDateTime ge (\S+)", wanted)
            if not match:
                raise Refusal(400, "InefficientFilter", "The restriction or sort order is too complex.")
            found = [mail for mail in found if mail.received >= datetime.fromisoformat(match[1])]
        return self._page(request, [_mail_json(mail, request) for mail in found])

    def _page(self, request: Request, items: list[Any]) -> Answer:
        top = min(int(request.query.get("$top", 10)), self.largest_page)
        skip = int(request.query.get("$skip", 0))
        page: dict[str, Any] = {"value": items[skip : skip + top]}
        if skip + top < len(items):
            query = urlencode({**request.query, "$skip": skip + top})
            page["@odata.nextLink"] = f"{self.url}{request.path}?{query}"
        return Answer.of(page)

    def _send(self, box: Box, raw: bytes, *, copy: bool = True) -> None:
        headers = message_from_bytes(raw)
        values = [str(value) for name in ("To", "Cc", "Bcc") for value in headers.get_all(name, [])]
        box.sent.append(({address for _, address in getaddresses(values)}, raw))
        if copy:
            self.put(box, raw, box.known["sentitems"])

    def put(self, box: Box, raw: bytes, folder: str, received: datetime | None = None, **marks: bool) -> Mail:
        mail = Mail(self.key(), raw, folder, received or datetime.now(UTC), next(self._numbers), **marks)
        box.mails[mail.key] = mail
        return mail

    def _subscription(self, request: Request) -> Answer:
        key = unquote(request.path.removeprefix("/v1.0/subscriptions").strip("/"))
        if request.method == "POST":
            wanted = request.json
            if not _agrees(wanted["notificationUrl"]):
                raise Refusal(400, "ValidationError", "Subscription validation request failed.")
            key = f"subscription-{next(self._numbers)}"
            self.subscriptions[key] = {**wanted, "id": key}
            return Answer.of(self.subscriptions[key], 201)
        if key not in self.subscriptions:
            raise Refusal(404, "ResourceNotFound", "The object was not found.")
        if request.method == "DELETE":
            del self.subscriptions[key]
            return Answer(204)
        self.subscriptions[key] |= request.json
        return Answer.of(self.subscriptions[key])

    def tell(self, key: str) -> int:
        """Calls whoever subscribed, as after a new mail; the status it is answered with."""
        wanted = self.subscriptions[key]
        news = {"subscriptionId": key, "clientState": wanted["clientState"], "changeType": "created"}
        return _call(wanted["notificationUrl"], json.dumps({"value": [news]}).encode(), "application/json")[0]


@dataclass(frozen=True)
class GraphMailbox:
    """One of its mailboxes, in the words the contract suites use."""

    server: GraphServer
    username: str
    password: str  # the access token
    shared: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        return {"endpoint": self.server.url, "mailbox": self.username if self.shared else ""}

    @property
    def box(self) -> Box:
        return self.server.boxes[self.username.lower()]

    @property
    def taken(self) -> list[tuple[set[str], bytes]]:
        return list(self.box.sent)

    def deliver(
        self, raw: bytes, folder: str = "INBOX", internal_date: datetime | None = None, flags: Sequence[str] = ()
    ) -> str:
        with self.server.lock:
            marks = {"read": r"\Seen" in flags, "draft": r"\Draft" in flags}
            return self.server.put(self.box, raw, self._key(folder), internal_date, **marks).key

    def deliver_all(self, mails: Sequence[bytes], folder: str = "INBOX") -> list[str]:
        return [self.deliver(raw, folder) for raw in mails]

    def mails(self, folder: str = "INBOX") -> list[bytes]:
        return [mail.raw for mail in self._lying(folder)]

    def flags(self, folder: str = "INBOX") -> dict[str, set[str]]:
        return {mail.key: {r"\Seen"} if mail.read else set() for mail in self._lying(folder)}

    def uids(self, folder: str = "INBOX") -> list[str]:
        return [mail.key for mail in self._lying(folder)]

    def folders(self) -> list[str]:
        return sorted(self._path(each) for each in self.box.folders.values())

    def remove(self, uid: str, folder: str = "INBOX") -> None:
        with self.server.lock:
            del self.box.mails[uid]

    def move(self, uid: str, folder: str) -> None:
        """As a person would."""
        with self.server.lock:
            self.box.mails[uid].folder = self._key(folder)
            self.box.mails[uid].moves += 1

    def forget_uids(self) -> None:
        """The mailbox was made anew from a backup."""
        with self.server.lock:
            old, new = self.box.known["inbox"], self.server.key()
            self.box.folders[new] = Folder(new, self.box.folders.pop(old).name, "root")
            self.box.known["inbox"] = new
            for mail in list(self.box.mails.values()):
                del self.box.mails[mail.key]
                mail.key = self.server.key()
                mail.folder = new if mail.folder == old else mail.folder
                self.box.mails[mail.key] = mail

    def _lying(self, folder: str) -> list[Mail]:
        with self.server.lock:
            key = self._key(folder)
            found = [mail for mail in self.box.mails.values() if mail.folder == key]
            return sorted(found, key=lambda mail: (mail.received, mail.order))

    def _key(self, path: str) -> str:
        return next(each.key for each in self.box.folders.values() if self._path(each) == path)

    def _path(self, folder: Folder) -> str:
        if folder.key == self.box.known["inbox"]:
            return "INBOX"
        parent = self.box.folders.get(folder.parent)
        return f"{self._path(parent)}/{folder.name}" if parent else folder.name


def _mail_json(mail: Mail, request: Request) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "id": mail.known_as(immutable='IdType="ImmutableId"' in request.headers.get("prefer", "")),
        "receivedDateTime": mail.received.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "isRead": mail.read,
        "isDraft": mail.draft,
        "parentFolderId": mail.folder,
        **_content_json(mail),
    }
    selected = set(request.query.get("$select", "").split(",")) - {""}
    found = {name: value for name, value in shown.items() if not selected or name in {*selected, "id"}}
    if SIZE in request.query.get("$expand", "").lower():
        found["singleValueExtendedProperties"] = [{"id": "Integer 0xe08", "value": str(len(mail.raw))}]
    return found


def _content_json(mail: Mail) -> dict[str, Any]:
    """Headers only of mail that came from outside."""
    parsed = message_from_bytes(mail.raw)
    name, address = getaddresses([str(parsed["From"])])[0]
    headers = [{"name": name, "value": str(value)} for name, value in parsed.items()] if parsed["Received"] else None
    return {
        "internetMessageHeaders": headers,
        "from": {"emailAddress": {"name": name, "address": address}},
        "subject": str(parsed["Subject"] or ""),
        "internetMessageId": parsed["Message-ID"],
        "sentDateTime": mail.received.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "body": {"contentType": "text", "content": str(parsed.get_payload())},
    }


def _agrees(url: str) -> bool:
    """Graph wants its word back, as plain text, before it calls an address."""
    word = "Validation: a word & more"
    status, kind, body = _call(f"{url}?{urlencode({'validationToken': word})}", b"", "text/plain")
    return status == 200 and kind.startswith("text/plain") and body == word.encode()


def _call(url: str, body: bytes, content_type: str) -> tuple[int, str, bytes]:
    unchecked = ssl.create_default_context()
    unchecked.check_hostname, unchecked.verify_mode = False, ssl.CERT_NONE
    request = urllib.request.Request(url, body, {"Content-Type": content_type}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=10, context=unchecked) as answer:
            return answer.status, answer.headers.get("Content-Type", ""), answer.read()
    except URLError as error:
        return getattr(error, "code", 0), "", b""
