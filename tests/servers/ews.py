"""Exchange Web Services on loopback, as far as mail goes: real HTTPS and SOAP, real NTLM, new ids for moved mail."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.utils import getaddresses, parsedate_to_datetime
from itertools import count
from threading import RLock
from typing import Any
from xml.sax.saxutils import escape

import pytest
import spnego
from lxml import etree

from tests.servers.certificates import Authority, Pair
from tests.servers.web import Answer, Request, WebServer

PATH = "/EWS/Exchange.asmx"
T = "http://schemas.microsoft.com/exchange/services/2006/types"
M = "http://schemas.microsoft.com/exchange/services/2006/messages"
S = "http://schemas.xmlsoap.org/soap/envelope/"
E = "http://schemas.microsoft.com/exchange/services/2006/errors"
NS = {"t": T, "m": M, "s": S}
PASSWORD = "correct-horse battery"
XML = "text/xml; charset=utf-8"
WELL_KNOWN = {
    "inbox": "Posteingang",
    "sentitems": "Gesendete Elemente",
    "drafts": "Entwürfe",
    "deleteditems": "Gelöschte Elemente",
    "junkemail": "Junk-E-Mail",
}
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Folder:
    key: str
    name: str
    parent: str
    kind: str = "IPF.Note"


@dataclass
class Mail:
    """`unfit`: the code with which Exchange refuses to write it down, or `wholly` to tell anything of it. `tag`: how its
    kind is called.
    """

    key: str
    raw: bytes
    folder: str
    received: datetime
    read: bool = False
    draft: bool = False
    unfit: str = ""
    wholly: bool = False
    tag: str = "Message"
    changes: int = 0


@dataclass
class Store:
    """A mailbox. `only_inbox`: whoever signs in was not let into anything else."""

    address: str
    folders: dict[str, Folder] = field(default_factory=dict)
    known: dict[str, str] = field(default_factory=dict)  # distinguished name → key
    mails: dict[str, Mail] = field(default_factory=dict)
    sent: list[tuple[set[str], bytes]] = field(default_factory=list)
    only_inbox: bool = False


class EwsServer(WebServer):
    """`passwords`: user name → password. `tokens` may sign in, `applications` only if they impersonate somebody.
    `offers`: basic, ntlm, bearer. `largest_page` cuts lists. `rebuilt` counts how often a mail was written down. `vague`:
    says of a missing folder what it says of a missing mail. `uncounted`: does not say how many mails lie in a folder.
    """

    def __init__(self, certificate: Pair, authority: Authority) -> None:
        super().__init__(certificate)
        self.authorities = authority.bundle.read_text()
        self.offers = {"basic", "ntlm", "bearer"}
        self.passwords: dict[str, str] = {}
        self.tokens: set[str] = set()
        self.applications: set[str] = set()
        self.stores: dict[str, Store] = {}
        self.operations: list[str] = []
        self.largest_page = 1000
        self.rebuilt = 0
        self.vague = False
        self.uncounted = False
        self._numbers = count(1)
        self._lock = RLock()
        self._line = threading.local()  # every connection has a thread of its own: NTLM signs in connections

    @property
    def endpoint(self) -> str:
        return self.url + PATH

    def store(self, address: str) -> Store:
        store = Store(address)
        self.stores[address.lower()] = store
        root = self.add_folder(store, "Oberste Ebene des Informationsspeichers", "")
        store.known = {"msgfolderroot": root}
        store.known |= {name: self.add_folder(store, shown, root) for name, shown in WELL_KNOWN.items()}
        self.add_folder(store, "Kalender", root, "IPF.Appointment")
        return store

    def add_folder(self, store: Store, name: str, parent: str, kind: str = "IPF.Note") -> str:
        key = self._new_key("F")
        store.folders[key] = Folder(key, name, parent, kind)
        return key

    def add_mail(self, store: Store, raw: bytes, folder: str, **details: Any) -> Mail:
        number = next(self._numbers)
        mail = Mail(self._new_key("I"), raw, folder, details.pop("received", None) or _moment(number), **details)
        store.mails[mail.key] = mail
        return mail

    def answer(self, request: Request) -> Answer:
        if request.path.lower() != PATH.lower():
            return Answer(404, b"<html>No such page</html>", "text/html")
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        with self._lock:
            return self._soap(request)

    def _soap(self, request: Request) -> Answer:
        document = etree.fromstring(request.body)
        asked = document.find("s:Body", NS)[0]
        operation = etree.QName(asked).localname
        self.operations.append(operation)
        impersonated = document.findtext(".//t:ExchangeImpersonation//t:PrimarySmtpAddress", namespaces=NS)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token in self.applications and not impersonated:
            words = "ExchangeImpersonation SOAP header must be present for this type of OAuth token."
            return fault("ErrorInvalidRequest", words)
        address = impersonated or request.headers.get("x-anchormailbox", "")
        store = self.stores.get(address.lower())
        if store is None:
            return soap(_refused(operation, "ErrorNonExistentMailbox"), operation)
        work = getattr(self, "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in operation))
        return soap("".join(work(store, asked)), operation)

    def _refusal(self, request: Request) -> Answer | None:
        kind, _, value = request.headers.get("authorization", "").partition(" ")
        if kind == "Bearer" and "bearer" in self.offers and value in self.tokens | self.applications:
            return None
        if kind == "Basic" and "basic" in self.offers:
            name, _, password = base64.b64decode(value).decode().partition(":")
            if self.passwords.get(name) == password:
                return None
        if "ntlm" in self.offers:
            return self._ntlm(kind, value)
        return self._unknown()

    def _unknown(self, challenge: str = "") -> Answer:
        names = {"basic": 'Basic realm="mail"', "ntlm": "NTLM", "bearer": "Bearer"}
        offers = ", ".join(names[each] for each in sorted(self.offers, key=list(names).index))
        return Answer(401, b"Unauthorized", "text/html", {"WWW_Authenticate": challenge or offers})

    def _ntlm(self, kind: str, value: str) -> Answer | None:
        """None once this connection has signed in. NTLM_USER_FILE names the file of those who may."""
        if getattr(self._line, "signed_in", False):
            return None
        if kind != "NTLM" or not value:
            return self._unknown()
        if getattr(self._line, "server", None) is None:
            self._line.server = spnego.server(protocol="ntlm")
        try:
            token = self._line.server.step(base64.b64decode(value))
        except spnego.exceptions.SpnegoError:
            self._line.server = None
            return self._unknown()
        if self._line.server.complete:
            self._line.signed_in = True
            return None
        return self._unknown(f"NTLM {base64.b64encode(token or b'').decode()}")

    def _get_folder(self, store: Store, asked: Any) -> list[str]:
        found = [self._folder(store, element) for element in asked.find("m:FolderIds", NS)]
        counted = "folder:TotalCount" in _wanted(asked) and not self.uncounted
        return [
            _done("GetFolder", f"<m:Folders>{_folder_xml(each, store if counted else None)}</m:Folders>")
            if each and not (store.only_inbox and each.key != store.known["inbox"])
            else _refused("GetFolder", "ErrorAccessDenied" if each else "ErrorFolderNotFound")
            for each in found
        ]

    def _find_folder(self, store: Store, asked: Any) -> list[str]:
        top = self._folder(store, asked.find("m:ParentFolderIds", NS)[0])
        assert top is not None
        return [_listed("FindFolder", "Folders", asked, list(map(_folder_xml, _below(store, top))), self.largest_page)]

    def _create_folder(self, store: Store, asked: Any) -> list[str]:
        parent = self._folder(store, asked.find("m:ParentFolderId", NS)[0])
        name = asked.findtext("m:Folders/t:Folder/t:DisplayName", namespaces=NS)
        assert parent is not None
        if any(each.parent == parent.key and each.name.lower() == name.lower() for each in store.folders.values()):
            return [_refused("CreateFolder", "ErrorFolderExists")]
        made = store.folders[self.add_folder(store, name, parent.key)]
        return [_done("CreateFolder", f"<m:Folders>{_folder_xml(made)}</m:Folders>")]

    def _find_item(self, store: Store, asked: Any) -> list[str]:
        folder = self._folder(store, asked.find("m:ParentFolderIds", NS)[0])
        assert folder is not None
        since = asked.find("m:Restriction/t:IsGreaterThanOrEqualTo//t:Constant", NS)
        start = datetime.min.replace(tzinfo=UTC) if since is None else datetime.fromisoformat(since.get("Value"))
        there = [mail for mail in store.mails.values() if mail.folder == folder.key and mail.received >= start]
        there.sort(
            key=lambda mail: mail.received, reverse=asked.find(".//t:FieldOrder", NS).get("Order") != "Ascending"
        )
        fields = _wanted(asked)
        items = [self._item_xml(mail, fields) for mail in there]
        return [_listed("FindItem", "Items", asked, items, self.largest_page)]

    def _get_item(self, store: Store, asked: Any) -> list[str]:
        fields = _wanted(asked)
        answers = []
        for key in _keys(asked):
            mail = store.mails.get(key)
            if mail is None:
                answers.append(_refused("GetItem", "ErrorItemNotFound", "<m:Items/>"))
            elif mail.unfit and (mail.wholly or "item:MimeContent" in fields):
                answers.append(_refused("GetItem", mail.unfit, "<m:Items/>"))
            else:
                answers.append(_done("GetItem", f"<m:Items>{self._item_xml(mail, fields)}</m:Items>"))
        return answers

    def _move_item(self, store: Store, asked: Any) -> list[str]:
        folder = self._folder(store, asked.find("m:ToFolderId", NS)[0])
        return [self._moved("MoveItem", store, key, folder) for key in _keys(asked)]

    def _delete_item(self, store: Store, asked: Any) -> list[str]:
        assert asked.get("DeleteType") == "MoveToDeletedItems"
        trash = store.folders[store.known["deleteditems"]]
        return [self._moved("DeleteItem", store, key, trash) for key in _keys(asked)]

    def _update_item(self, store: Store, asked: Any) -> list[str]:
        assert asked.get("SuppressReadReceipts") == "true"
        answers = []
        for change in asked.iterfind(".//t:ItemChange", NS):
            mail = store.mails[change.find("t:ItemId", NS).get("Id")]
            mail.read = change.findtext(".//t:IsRead", namespaces=NS).lower() in ("true", "1")
            answers.append(_done("UpdateItem", f"<m:Items>{self._item_xml(mail, set())}</m:Items>"))
        return answers

    def _create_item(self, store: Store, asked: Any) -> list[str]:
        raw = base64.b64decode(asked.findtext(".//t:MimeContent", namespaces=NS))
        store.sent.append((_recipients(raw), raw))
        if asked.get("MessageDisposition") == "SendAndSaveCopy":
            folder = self._folder(store, asked.find("m:SavedItemFolderId", NS)[0])
            assert folder is not None
            self.add_mail(store, raw, folder.key, read=True)
        return [_done("CreateItem", "<m:Items/>")]

    def _moved(self, operation: str, store: Store, key: str, folder: Folder | None) -> str:
        """Under another key, as Exchange does it."""
        if folder is None:
            return _refused(operation, "ErrorItemNotFound" if self.vague else "ErrorFolderNotFound")
        mail = store.mails.pop(key, None)
        if mail is None:
            return _refused(operation, "ErrorItemNotFound", "<m:Items/>")
        mail.key, mail.folder = self._new_key("I"), folder.key
        store.mails[mail.key] = mail
        return _done(operation, f"<m:Items>{self._item_xml(mail, set())}</m:Items>")

    def _folder(self, store: Store, element: Any) -> Folder | None:
        named = etree.QName(element).localname == "DistinguishedFolderId"
        return store.folders.get(store.known.get(element.get("Id"), "") if named else element.get("Id"))

    def _item_xml(self, mail: Mail, fields: set[str]) -> str:
        parsed = message_from_bytes(mail.raw)
        known = {
            "item:MimeContent": lambda: (
                f"<t:MimeContent>{base64.b64encode(self._written(mail)).decode()}</t:MimeContent>"
            ),
            "item:Subject": lambda: _text("Subject", str(parsed["Subject"] or "")),
            "item:DateTimeReceived": lambda: _text("DateTimeReceived", f"{mail.received:%Y-%m-%dT%H:%M:%SZ}"),
            "item:Size": lambda: _text("Size", str(len(mail.raw) + 4000)),  # what Exchange needs for it itself
            "item:DateTimeSent": lambda: _text("DateTimeSent", f"{_sent(parsed, mail.received):%Y-%m-%dT%H:%M:%SZ}"),
            "item:IsDraft": lambda: _text("IsDraft", str(mail.draft).lower()),
            "item:InternetMessageHeaders": lambda: _headers_xml(parsed),
            "message:From": lambda: _from_xml(parsed),
            "message:InternetMessageId": lambda: _text("InternetMessageId", str(parsed["Message-ID"] or "")),
            "message:IsRead": lambda: _text("IsRead", str(mail.read).lower()),
            "item:TextBody": lambda: _text("TextBody", str(parsed.get_payload())),
        }
        mail.changes += 1
        key = f'<t:ItemId Id="{mail.key}" ChangeKey="C{mail.changes}"/>'
        inside = "".join(known[each]() for each in known if each in fields)
        return f"<t:{mail.tag}>{key}{inside}</t:{mail.tag}>"

    def _written(self, mail: Mail) -> bytes:
        """Never twice the same bytes."""
        self.rebuilt += 1
        return b"X-MS-Exchange-Written: %d\r\n" % self.rebuilt + mail.raw

    def _new_key(self, kind: str) -> str:
        """As long as real ones, told apart by case alone."""
        return f"AAMkAG{kind}" + base64.b64encode(f"{next(self._numbers):012}".encode() * 9).decode()


@dataclass(frozen=True)
class EwsMailbox:
    """A mailbox at the server. `sign_in`: basic, ntlm, or token; then the password is the access token."""

    server: EwsServer
    store: Store
    username: str
    password: str
    sign_in: str = "basic"
    impersonate: bool = False

    @property
    def settings(self) -> dict[str, Any]:
        shared = {"url": self.server.endpoint, "mailbox": self.store.address, "impersonate": self.impersonate}
        if self.sign_in == "token":
            return shared
        return {**shared, "sign_in": self.sign_in, "username": self.username, "password": self.password}

    @property
    def taken(self) -> list[tuple[set[str], bytes]]:
        return self.store.sent

    def deliver(
        self, raw: bytes, folder: str = "INBOX", internal_date: datetime | None = None, flags: Sequence[str] = ()
    ) -> str:
        draft, read = r"\Draft" in flags, r"\Seen" in flags
        mail = self.server.add_mail(self.store, raw, self.key(folder), received=internal_date, read=read, draft=draft)
        return mail.key

    def deliver_all(self, mails: Sequence[bytes], folder: str = "INBOX") -> list[str]:
        return [self.deliver(raw, folder) for raw in mails]

    def mail(self, key: str) -> Mail:
        return self.store.mails[key]

    def mails(self, folder: str = "INBOX") -> list[bytes]:
        return [mail.raw for mail in self._in(folder)]

    def flags(self, folder: str = "INBOX") -> dict[str, set[str]]:
        marks: dict[str, Callable[[Mail], bool]] = {r"\Seen": lambda m: m.read, r"\Draft": lambda m: m.draft}
        return {mail.key: {mark for mark, has in marks.items() if has(mail)} for mail in self._in(folder)}

    def uids(self, folder: str = "INBOX") -> list[str]:
        return [mail.key for mail in self._in(folder)]

    def folders(self) -> list[str]:
        return sorted(self._path(key) for key, each in self.store.folders.items() if each.parent)

    def key(self, path: str) -> str:
        return next(key for key, each in self.store.folders.items() if each.parent and self._path(key) == path)

    def add_folder(self, path: str, kind: str = "IPF.Note") -> str:
        above, _, name = path.rpartition("/")
        parent = self.key(above) if above else self.store.known["msgfolderroot"]
        return self.server.add_folder(self.store, name, parent, kind)

    def remove(self, uid: str, folder: str = "INBOX") -> None:
        """As a person would: into the folder for deleted mail."""
        mail = self.store.mails.pop(uid)
        self.server.add_mail(self.store, mail.raw, self.store.known["deleteditems"])

    def forget_uids(self) -> None:
        raise NotImplementedError("ids are for ever")

    def _in(self, folder: str) -> list[Mail]:
        key = self.key(folder)
        return sorted((m for m in self.store.mails.values() if m.folder == key), key=lambda mail: mail.received)

    def _path(self, key: str) -> str:
        folder = self.store.folders[key]
        name = "INBOX" if key == self.store.known["inbox"] else folder.name
        above = self.store.folders.get(folder.parent)
        return f"{self._path(above.key)}/{name}" if above and above.parent else name


def ews_mailbox(request: pytest.FixtureRequest, sign_in: str = "basic", *, impersonate: bool = False) -> EwsMailbox:
    """On a server of its own, stopped with the test. Whoever impersonates signs in as somebody else."""
    server = EwsServer(request.getfixturevalue("certificate"), request.getfixturevalue("authority"))
    server.start()
    request.addfinalizer(server.stop)
    store = server.store("support@example.com")
    if sign_in == "token":
        (server.applications if impersonate else server.tokens).add(PASSWORD)
        return EwsMailbox(server, store, store.address, PASSWORD, sign_in, impersonate)
    username = "CORP\\service" if impersonate else "CORP\\support"
    server.offers = {sign_in}
    server.passwords[username] = PASSWORD
    if sign_in == "ntlm":
        users = request.getfixturevalue("tmp_path") / "users"
        users.write_text(f"{username.replace(chr(92), ':')}:{PASSWORD}\n")
        request.getfixturevalue("monkeypatch").setenv("NTLM_USER_FILE", str(users))
    return EwsMailbox(server, store, username, PASSWORD, sign_in, impersonate)


def soap(inside: str, operation: str) -> Answer:
    return _enveloped(
        f"<m:{operation}Response><m:ResponseMessages>{inside}</m:ResponseMessages></m:{operation}Response>", 200
    )


def fault(code: str, words: str, details: str = "") -> Answer:
    return _enveloped(
        f'<s:Fault><faultcode>a:{code}</faultcode><faultstring>{words}</faultstring><detail xmlns:e="{E}">'
        f"<e:ResponseCode>{code}</e:ResponseCode><e:Message>{words}</e:Message>{details}</detail></s:Fault>",
        500,
    )


def busy(milliseconds: int) -> Answer:
    wait = f'<t:MessageXml><t:Value Name="BackOffMilliseconds">{milliseconds}</t:Value></t:MessageXml>'
    return fault("ErrorServerBusy", "The server cannot service this request right now. Try again later.", wait)


def _enveloped(inside: str, status: int) -> Answer:
    version = (
        f'<s:Header><h:ServerVersionInfo xmlns:h="{T}" MajorVersion="15" MinorVersion="2" MajorBuildNumber="1544" '
        'MinorBuildNumber="4" Version="V2017_07_11"/></s:Header>'
    )
    body = f'<s:Envelope xmlns:s="{S}">{version}<s:Body xmlns:m="{M}" xmlns:t="{T}">{inside}</s:Body></s:Envelope>'
    return Answer(status, f'<?xml version="1.0" encoding="utf-8"?>{body}'.encode(), XML)


def _done(operation: str, inside: str) -> str:
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>{inside}'
        f"</m:{operation}ResponseMessage>"
    )


def _refused(operation: str, code: str, inside: str = "") -> str:
    return (
        f'<m:{operation}ResponseMessage ResponseClass="Error"><m:MessageText>{code} it is.</m:MessageText>'
        f"<m:ResponseCode>{code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey>{inside}"
        f"</m:{operation}ResponseMessage>"
    )


def _listed(operation: str, what: str, asked: Any, entries: list[str], largest: int) -> str:
    view = asked.xpath("m:IndexedPageItemView | m:IndexedPageFolderView", namespaces=NS)[0]
    start = int(view.get("Offset"))
    page = entries[start : start + min(int(view.get("MaxEntriesReturned")), largest)]
    end = start + len(page)
    last = str(end >= len(entries)).lower()
    return _done(
        operation,
        f'<m:RootFolder IndexedPagingOffset="{end}" TotalItemsInView="{len(entries)}" IncludesLastItemInRange="{last}">'
        f"<t:{what}>{''.join(page)}</t:{what}></m:RootFolder>",
    )


def _below(store: Store, top: Folder) -> list[Folder]:
    children = [each for each in store.folders.values() if each.parent == top.key]
    return [found for child in children for found in (child, *_below(store, child))]


def _folder_xml(folder: Folder, counted: Store | None = None) -> str:
    """`counted`: the mailbox in which to count its mails."""
    tag = "CalendarFolder" if folder.kind == "IPF.Appointment" else "Folder"
    mails = sum(mail.folder == folder.key for mail in counted.mails.values()) if counted else 0
    total = f"<t:TotalCount>{mails}</t:TotalCount>" if counted else ""
    return (
        f'<t:{tag}><t:FolderId Id="{folder.key}" ChangeKey="A"/><t:ParentFolderId Id="{folder.parent}" ChangeKey="A"/>'
        f"<t:FolderClass>{folder.kind}</t:FolderClass>{_text('DisplayName', folder.name)}{total}</t:{tag}>"
    )


def _headers_xml(parsed: Any) -> str:
    known = "".join(
        f'<t:InternetMessageHeader HeaderName="{escape(name)}">{escape(str(value))}</t:InternetMessageHeader>'
        for name, value in parsed.items()
    )
    return f"<t:InternetMessageHeaders>{known}</t:InternetMessageHeaders>" if parsed["Received"] else ""


def _from_xml(parsed: Any) -> str:
    people = getaddresses([str(parsed["From"])])
    return f"<t:From><t:Mailbox>{_text('Name', people[0][0])}{_text('EmailAddress', people[0][1])}</t:Mailbox></t:From>"


def _sent(parsed: Any, received: datetime) -> datetime:
    return parsedate_to_datetime(parsed["Date"]).astimezone(UTC) if parsed["Date"] else received


def _text(tag: str, words: str) -> str:
    clean = "".join(letter for letter in words if letter.isprintable() or letter in "\r\n\t")
    return f"<t:{tag}>{escape(clean)}</t:{tag}>"


def _keys(asked: Any) -> list[str]:
    return [each.get("Id") for each in asked.find("m:ItemIds", NS)]


def _wanted(asked: Any) -> set[str]:
    return {each.get("FieldURI") for each in asked.iterfind(".//t:AdditionalProperties/t:FieldURI", NS)}


def _recipients(raw: bytes) -> set[str]:
    parsed = message_from_bytes(raw)
    values = [str(value) for name in ("To", "Cc", "Bcc") for value in parsed.get_all(name, [])]
    return {address for _, address in getaddresses(values)}


def _moment(number: int) -> datetime:
    """Later than the one before, with the seconds Exchange shows."""
    return datetime.fromtimestamp(BEGINNING.timestamp() + number, UTC)
