"""Whatever is spoken with a server: where a proxy is set it goes through the proxy, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from mailchannel.models import MailServer, Proxy
from mailchannel.models.secrets import Secrets
from mailchannel.network.sights import Sight, Step, Watch, Watched, nobody
from mailchannel.network.way import SignInFailed, Way
from mailchannel.senders import SENDERS, SendError
from mailchannel.services.fetch import fetch
from mailchannel.services.vault import sending_settings
from mailchannel.services.ways import reading_way, sending_way
from mailchannel.transports import TRANSPORTS, Transport, TransportError
from tests.contract.harness import HARNESSES, OUTBOXES, Box, Harness, Outbox
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.certificates import Authority, Pair
from tests.servers.fixtures import NAME, NewProxyServer, NewSink
from tests.servers.identity import SECRET, IdentityProvider
from tests.servers.loopback import HOST, free_port
from tests.servers.mailbox import Mailbox
from tests.servers.proxy import NOT_ALLOWED, UNREACHABLE, ProxyServer
from tests.servers.ways import way

MAIL = b"From: a@example.com\r\nTo: eve@example.com\r\nSubject: Hi\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n"

pytestmark = [pytest.mark.req("S4-25"), pytest.mark.slow]


@pytest.fixture(params=["http", "socks5"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass(frozen=True)
class Side:
    """A server of one protocol, and how to knock there."""

    harness: Harness
    box: Any
    try_out: Callable[[Way, Watch], object]
    reads: bool

    def through(self, proxy: Any, seen: Watch = nobody) -> object:
        return self.try_out(replace(self.harness.way(self.box), proxy=proxy), seen)


def _read(key: str, harness: Harness, box: Box) -> Side:
    def try_out(how: Way, seen: Watch) -> object:
        transport: Transport = TRANSPORTS[key](box.settings, how)
        assert isinstance(transport, Watched)
        transport.watch(seen)
        with transport:
            return len(transport.keys("INBOX")) if transport.epoch("INBOX") else 0

    return Side(harness, box, try_out, reads=True)


def _send(key: str, harness: Harness, box: Outbox) -> Side:
    def try_out(how: Way, seen: Watch) -> object:
        sender = SENDERS[key](box.settings, how)
        assert isinstance(sender, Watched)
        sender.watch(seen)
        sender.check()
        sender.send(MAIL, envelope_from=box.username, recipients=["eve@example.com"])
        return len(box.taken)

    return Side(harness, box, try_out, reads=False)


READERS = [(key, *next(iter(kinds.items()))) for key, kinds in HARNESSES.items()]
CASES = [
    *(pytest.param((_read, key, harness), id=f"{key} {name}") for key, name, harness in READERS),
    *(pytest.param((_send, key, harness), id=f"{key} for sending") for key, harness in OUTBOXES.items()),
]


@pytest.fixture(params=CASES)
def side(request: pytest.FixtureRequest) -> Side:
    look, key, harness = request.param
    made: Side = look(key, harness, harness.make(request))
    return made


# --- Through -----------------------------------------------------------------------------------


def test_every_protocol_goes_through_the_proxy(side: Side, kind: str, new_proxy_server: NewProxyServer) -> None:
    proxy = new_proxy_server(kind, username="jürgen", password="pass wört")
    if side.reads:
        side.box.deliver(MAIL)

    assert side.through(proxy.client()) == 1

    assert proxy.asked
    assert set(proxy.signed_in) == {"jürgen"}


def test_every_protocol_says_through_which_proxy_it_came(
    side: Side, kind: str, new_proxy_server: NewProxyServer
) -> None:
    proxy = new_proxy_server(kind).client()
    seen: list[Sight] = []

    side.through(proxy, seen.append)

    (line,) = {sight.text for sight in seen if sight.step is Step.LINE}
    assert line.startswith("Connected to port ")
    assert line.endswith(f" through the proxy {proxy}.")


def test_no_protocol_goes_without_it(side: Side, kind: str, new_proxy_server: NewProxyServer) -> None:
    """The server is right there, and nobody knocks at its door."""
    proxy = new_proxy_server(kind).client(port=free_port())

    with pytest.raises((TransportError, SendError), match="The proxy .* cannot be reached") as failure:
        side.through(proxy)

    assert failure.value.field == "proxy"


@pytest.mark.parametrize(
    ("refusals", "expected", "at_proxy"),
    [
        (("403 Forbidden", NOT_ALLOWED), "does not let us through", True),
        (("503 Service Unavailable", UNREACHABLE), "got no line to", False),
    ],
)
def test_every_protocol_tells_the_proxy_from_the_server(
    side: Side,
    kind: str,
    new_proxy_server: NewProxyServer,
    refusals: tuple[str, int],
    expected: str,
    at_proxy: bool,
) -> None:
    proxy = new_proxy_server(kind, refusal=refusals[kind == "socks5"])

    with pytest.raises((TransportError, SendError), match=expected) as failure:
        side.through(proxy.client())

    assert failure.value.field == ("proxy" if at_proxy else side.harness.host_field)


def test_a_refused_login_is_the_proxys_and_not_the_mailboxs(
    side: Side, kind: str, new_proxy_server: NewProxyServer
) -> None:
    proxy = new_proxy_server(kind, username="ada", password="secret")

    with pytest.raises((TransportError, SendError)) as failure:
        side.through(proxy.client(password="xyzzy"))

    assert failure.value.field == "proxy"
    assert "The proxy" in str(failure.value)
    assert "xyzzy" not in str(failure.value)
    assert proxy.asked == []


def test_a_mail_server_only_the_proxy_can_find_is_read(
    dovecot: Mailbox, kind: str, new_proxy_server: NewProxyServer
) -> None:
    proxy = new_proxy_server(kind)
    dovecot.deliver(MAIL)

    with TRANSPORTS["imap"]({**dovecot.settings, "host": NAME}, way(proxy=proxy.client())) as transport:
        transport.epoch("INBOX")
        assert len(transport.keys("INBOX")) == 1

    assert proxy.asked == [(NAME, dovecot.port)]


@pytest.mark.parametrize("implicit_tls", [True, False], ids=["TLS", "STARTTLS"])
@pytest.mark.req("PR-29")
def test_the_certificate_is_checked_against_the_mail_servers_name(
    new_smtp_sink: NewSink, authority: Authority, kind: str, implicit_tls: bool, new_proxy_server: NewProxyServer
) -> None:
    sink = new_smtp_sink(certificate=authority.issue(NAME), implicit_tls=implicit_tls)
    proxy = new_proxy_server(kind, names={NAME: HOST, "other.behind.invalid": HOST}).client()
    trusted = way(proxy=proxy, authorities=authority.bundle.read_text())

    def send(host: str) -> None:
        encryption = "tls" if implicit_tls else "starttls"
        sender = SENDERS["smtp"]({**sink.settings, "host": host, "encryption": encryption}, trusted)
        sender.send(MAIL, envelope_from="a@example.com", recipients=["eve@example.com"])

    send(NAME)
    with pytest.raises(SendError, match="belongs to another host name"):
        send("other.behind.invalid")

    assert len(sink.sent) == 1


@pytest.mark.req("SS-01")
def test_the_proxy_is_not_sent_into_our_own_network(
    dovecot: Mailbox, kind: str, new_proxy_server: NewProxyServer
) -> None:
    proxy = new_proxy_server(kind)

    with (
        pytest.raises(TransportError, match="private or reserved") as failure,
        TRANSPORTS["imap"](dovecot.settings, way(proxy=proxy.client(), allow_private=False)),
    ):
        pass

    assert failure.value.field == "host"
    assert proxy.asked == []


# --- From the stored settings --------------------------------------------------------------------


@pytest.fixture
def stored(kind: str, new_proxy_server: NewProxyServer, db: None) -> tuple[Proxy, ProxyServer]:
    running = new_proxy_server(kind, username="ada", password="pass wört")
    row = Proxy.objects.create(
        name="Edge",
        kind=kind,
        host=HOST,
        port=running.port,
        username="ada",
        secrets=Secrets(password="pass wört"),
    )
    return row, running


def test_mail_comes_and_leaves_through_the_proxy_that_was_chosen(
    stored: tuple[Proxy, ProxyServer], new_server: NewServer, dovecot: Mailbox, new_smtp_sink: NewSink
) -> None:
    row, proxy = stored
    sink = new_smtp_sink()
    server = new_server(dovecot, sink=sink, proxy=row)
    dovecot.deliver(letter())

    report = fetch(server)

    assert (report.error, report.opened) == ("", 1)
    assert set(proxy.asked) == {(HOST, dovecot.port)}
    SENDERS["smtp"](sending_settings(server), sending_way(server)).send(
        MAIL, envelope_from="support@example.com", recipients=["eve@example.com"]
    )
    assert proxy.asked[-1] == (HOST, sink.port)
    assert len(sink.sent) == 1


@pytest.fixture
def provider(certificate: Pair) -> Iterator[IdentityProvider]:
    running = IdentityProvider(certificate).start()
    yield running
    running.stop()


@pytest.mark.parametrize("auth", ["oauth_microsoft", "oauth"])
def test_access_tokens_are_asked_for_through_the_proxy(
    stored: tuple[Proxy, ProxyServer],
    new_server: NewServer,
    provider: IdentityProvider,
    authority: Authority,
    auth: str,
) -> None:
    row, proxy = stored
    server = new_server(
        auth=auth,
        oauth=provider.microsoft if auth == "oauth_microsoft" else provider.plain,
        secrets=Secrets({"oauth.client_secret": SECRET, "oauth.refresh_token": provider.lasting_token()}),
        authorities=authority.bundle.read_text(),
        proxy=row,
    )

    assert _token(server)
    assert proxy.asked
    assert {port for _, port in proxy.asked} == {provider.port}

    Proxy.objects.update(port=free_port())
    MailServer.everything.get(pk=server.pk).sign_ins.all().delete()
    with pytest.raises(SignInFailed, match="The proxy .* cannot be reached") as failure:
        _token(server)
    assert failure.value.field == "proxy"


def _token(server: MailServer) -> str:
    ask = reading_way(MailServer.everything.get(pk=server.pk)).token
    assert ask is not None
    return ask()
