"""The servers the contract suites run against. A new protocol adds its kinds of servers here and passes every test."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Literal, Protocol

import pytest

from mailchannel.network.way import Way
from tests.servers.dovecot import Options
from tests.servers.ews import EwsMailbox, ews_mailbox
from tests.servers.fixtures import NewMailbox, NewSink
from tests.servers.graph import GraphMailbox, GraphServer
from tests.servers.mailbox import Mailbox, Pop3Mailbox
from tests.servers.smtp import SmtpSink
from tests.servers.ways import way


class Box(Protocol):
    """One user's mailbox, seen from behind the server. A dataclass, so that a test can replace its password."""

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> str:
        """Whatever it is one signs in with: a password, or an access token."""
        ...

    @property
    def settings(self) -> dict[str, Any]:
        """Connection settings of the transport, secrets included."""
        ...

    def deliver(
        self, raw: bytes, folder: str = "INBOX", internal_date: datetime | None = None, flags: Sequence[str] = ()
    ) -> str:
        """Puts a mail there; returns the key the transport knows it by. Flags are named as in IMAP."""
        ...

    def deliver_all(self, mails: Sequence[bytes], folder: str = "INBOX") -> list[str]: ...

    def mails(self, folder: str = "INBOX") -> list[bytes]:
        """Oldest first."""
        ...

    def flags(self, folder: str = "INBOX") -> dict[str, set[str]]:
        """Key → flags, named as in IMAP."""
        ...

    def uids(self, folder: str = "INBOX") -> list[str]:
        """Keys."""
        ...

    def folders(self) -> list[str]:
        """Named as the transport names them."""
        ...

    def remove(self, uid: str, folder: str = "INBOX") -> None:
        """As a person would."""
        ...

    def forget_uids(self) -> None:
        """The inbox keeps its mails, and they get other keys."""
        ...


#: What a kind of server may be unable to do, and is then not asked for.
Lack = Literal[
    "folders",
    "moving",  # mail can only stay where it is, marked as read
    "deleting",  # single mails
    "reading",  # there is no mark for what was read
    "marks",  # drafts and what people deleted cannot be told from other mail
    "arrival",  # when mail was taken in
    "sizes",  # exactly
    "epochs",  # keys mean the same for ever
    "bytes",  # mails come rebuilt, saying the same
]


@dataclass(frozen=True)
class Harness:
    """One kind of server. `way` signs in where the settings hold no password.

    The fields are those at which a refused sign-in and a host that cannot be reached are said; `closed` are the
    settings that lead to port 1, where nobody listens.
    """

    make: Callable[[pytest.FixtureRequest], Any]
    lacks: frozenset[Lack] = frozenset()
    way: Callable[[Any], Way] = lambda box: way()
    password_field: str = "password"
    host_field: str = "host"
    closed: Mapping[str, Any] = field(default_factory=lambda: {"port": 1})


def dovecot(**options: Any) -> Callable[[pytest.FixtureRequest], Mailbox]:
    def make(request: pytest.FixtureRequest) -> Mailbox:
        new_mailbox: NewMailbox = request.getfixturevalue("new_mailbox")
        return new_mailbox(Options(**options))

    return make


def over_pop3(**options: Any) -> Callable[[pytest.FixtureRequest], Pop3Mailbox]:
    make = dovecot(**options)
    return lambda request: Pop3Mailbox.of(make(request))


def graph(*, shared: bool = False) -> Callable[[pytest.FixtureRequest], GraphMailbox]:
    def make(request: pytest.FixtureRequest) -> GraphMailbox:
        server: GraphServer = request.getfixturevalue("graph_server")
        return server.mailbox(shared=shared)

    return make


def with_token(box: GraphMailbox) -> Way:
    return way(token=lambda: box.password, authorities=box.server.authorities)


GRAPH: dict[str, Any] = {
    "way": with_token,
    "password_field": "oauth-consent",
    "host_field": "endpoint",
    "closed": {"endpoint": "https://localhost:1"},
}


def ews(sign_in: str, *, impersonate: bool = False) -> Callable[[pytest.FixtureRequest], EwsMailbox]:
    return lambda request: ews_mailbox(request, sign_in, impersonate=impersonate)


def to_ews(box: EwsMailbox) -> Way:
    token = (lambda: box.password) if box.sign_in == "token" else None
    return way(token=token, authorities=box.server.authorities)


EWS: dict[str, Any] = {
    "way": to_ews,
    "host_field": "url",
    "closed": {"url": "https://localhost:1/EWS/Exchange.asmx"},
}
POP3_LACKS: frozenset[Lack] = frozenset({"folders", "moving", "reading", "marks", "arrival", "epochs"})
EWS_LACKS: frozenset[Lack] = frozenset({"marks", "sizes", "epochs", "bytes"})

#: transport → name of a kind of server it must work with → that server
HARNESSES: dict[str, dict[str, Harness]] = {
    "imap": {
        "with MOVE": Harness(dovecot()),
        "without MOVE": Harness(dovecot(hidden=("MOVE",))),
        "without UIDPLUS": Harness(dovecot(hidden=("UIDPLUS",)), lacks=frozenset({"deleting"})),
        "with neither MOVE nor UIDPLUS": Harness(
            dovecot(hidden=("MOVE", "UIDPLUS")), lacks=frozenset({"moving", "deleting"})
        ),
        "with a folder prefix": Harness(dovecot(prefix="INBOX.", separator=".")),
    },
    "pop3": {"with UIDL": Harness(over_pop3(), lacks=POP3_LACKS)},
    "graph": {
        "one's own mailbox": Harness(graph(), lacks=frozenset({"marks"}), **GRAPH),
        "shared mailbox": Harness(graph(shared=True), lacks=frozenset({"marks"}), **GRAPH),
    },
    "ews": {
        "with basic authentication": Harness(ews("basic"), lacks=EWS_LACKS, **EWS),
        "with NTLM": Harness(ews("ntlm"), lacks=EWS_LACKS, **EWS),
        "by impersonation": Harness(ews("ntlm", impersonate=True), lacks=EWS_LACKS, **EWS),
        "with a token": Harness(ews("token"), lacks=EWS_LACKS, password_field="oauth-consent", **EWS),
        "as an application": Harness(
            ews("token", impersonate=True), lacks=EWS_LACKS, password_field="oauth-consent", **EWS
        ),
    },
}

Kind = tuple[str, str]
KINDS: list[Kind] = [(key, kind) for key, kinds in HARNESSES.items() for kind in kinds]


def harness_of(kind: Kind) -> Harness:
    return HARNESSES[kind[0]][kind[1]]


def able(*needed: Lack, kinds: Iterable[Kind] = KINDS) -> list[Kind]:
    """The kinds that lack none of these."""
    return [kind for kind in kinds if not harness_of(kind).lacks & set(needed)]


def unable(lack: Lack, kinds: Iterable[Kind] = KINDS) -> list[Kind]:
    return [kind for kind in kinds if lack in harness_of(kind).lacks]


def with_password(box: Any, password: str) -> Any:
    """The same mailbox or outbox, seen by somebody with another password."""
    return replace(box, password=password)


class Outbox(Protocol):
    """A server that takes mail to be sent. A dataclass, too."""

    @property
    def username(self) -> str: ...

    @property
    def password(self) -> str: ...

    @property
    def settings(self) -> dict[str, Any]:
        """Settings of the sender, secrets included."""
        ...

    @property
    def taken(self) -> list[tuple[set[str], bytes]]:
        """Recipients and bytes of each mail it took."""
        ...


@dataclass(frozen=True)
class Relay:
    """An SMTP server one has to sign in at."""

    sink: SmtpSink
    password: str

    @property
    def username(self) -> str:
        return self.sink.username

    @property
    def settings(self) -> dict[str, Any]:
        return {**self.sink.settings, "password": self.password}

    @property
    def taken(self) -> list[tuple[set[str], bytes]]:
        return [(set(sent.recipients), sent.raw) for sent in self.sink.sent]


def relay(request: pytest.FixtureRequest) -> Relay:
    new_smtp_sink: NewSink = request.getfixturevalue("new_smtp_sink")
    sink = new_smtp_sink(username="support@example.com", password="pass wörd")
    return Relay(sink, sink.password)


#: sender → the server it hands mail to
OUTBOXES: dict[str, Harness] = {
    "smtp": Harness(relay),
    "graph": Harness(graph(), **GRAPH),
    "ews": Harness(ews("ntlm"), **EWS),
}
