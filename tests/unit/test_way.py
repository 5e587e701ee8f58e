"""The way to a server: through a proxy where there is one, trusting what this server's settings say and no more."""

from __future__ import annotations

import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from mailchannel.network import faults, https, tls
from mailchannel.network.proxy import Proxy, ProxyError
from mailchannel.network.watchdog import Overdue, Watchdog
from mailchannel.network.way import Way
from tests.servers.certificates import Authority, Pair, server_context
from tests.servers.fixtures import NAME, NewProxyServer
from tests.servers.loopback import HOST, free_port, wait_until
from tests.servers.proxy import NOT_ALLOWED, UNREACHABLE, ProxyServer
from tests.servers.ways import way
from tests.servers.web import Answer, OneAnswer

pytestmark = pytest.mark.slow

KINDS = pytest.mark.parametrize("kind", ["http", "socks5"])


@pytest.fixture
def greeter() -> Iterator[int]:
    """The port of a server that says hello first and then repeats what it hears."""

    class Greeter(ProxyServer):
        def serve(self, client: socket.socket) -> None:
            client.sendall(b"* OK hello\r\n")
            while heard := client.recv(1000):
                client.sendall(heard)

    with Greeter() as running:
        yield running.port


def line(how: Way, host: str = NAME, port: int = 993) -> socket.socket:
    return how.dial(how.resolve(host, port), how.timeout)


def failed(proxy: Proxy, host: str = NAME, timeout: float = 5, **how: Any) -> ProxyError:
    with pytest.raises(ProxyError) as failure:
        line(way(timeout, proxy=proxy, **how), host)
    return failure.value


# --- Through -----------------------------------------------------------------------------------


@KINDS
@pytest.mark.parametrize("login", [("", ""), ("ada", "secret"), ("jürgen", "pass wört: ключ")], ids=["open", "", "é"])
@pytest.mark.req("S4-25")
def test_a_line_goes_through_and_nothing_on_it_is_lost(
    new_proxy_server: NewProxyServer, greeter: int, kind: str, login: tuple[str, str]
) -> None:
    proxy = new_proxy_server(kind, username=login[0], password=login[1])

    with line(way(proxy=proxy.client()), port=greeter) as sock:
        sock.sendall(b"are you there")
        assert _heard(sock, 25) == b"* OK hello\r\nare you there"

    assert proxy.asked == [(NAME, greeter)]
    assert proxy.signed_in == ([login[0]] if login[0] else [])


@KINDS
@pytest.mark.req("SS-02")
@pytest.mark.parametrize("host", ["127.1", "127.0.0.1"])
def test_an_address_is_asked_for_as_it_was_checked(
    new_proxy_server: NewProxyServer, greeter: int, kind: str, host: str
) -> None:
    proxy = new_proxy_server(kind)

    line(way(proxy=proxy.client()), host, greeter).close()

    assert proxy.asked == [(HOST, greeter)]


@KINDS
def test_an_ipv6_address_keeps_its_shape(new_proxy_server: NewProxyServer, kind: str) -> None:
    proxy = new_proxy_server(kind, refusal="403 Forbidden" if kind == "http" else NOT_ALLOWED)

    failed(proxy.client(), "2001:4860:4860:0::8888", allow_private=False)

    assert proxy.asked == [("2001:4860:4860::8888", 993)]


@KINDS
def test_a_name_beyond_ascii_is_asked_for_as_name_servers_know_it(new_proxy_server: NewProxyServer, kind: str) -> None:
    proxy = new_proxy_server(kind, refusal="403 Forbidden" if kind == "http" else NOT_ALLOWED)

    failed(proxy.client(), "bücher.invalid")

    assert proxy.asked == [("xn--bcher-kva.invalid", 993)]


@pytest.mark.req("SS-01")
def test_a_proxy_inside_is_used_though_mail_servers_inside_are_not(new_proxy_server: NewProxyServer) -> None:
    proxy = new_proxy_server(refusal="502 Bad Gateway")

    assert failed(proxy.client(), allow_private=False).field == ""
    assert proxy.asked == [(NAME, 993)]


# --- What goes wrong ---------------------------------------------------------------------------


@KINDS
def test_a_proxy_that_is_not_there(kind: str, new_proxy_server: NewProxyServer) -> None:
    proxy = new_proxy_server(kind).client(port=free_port())

    failure = failed(proxy)

    assert (failure.field, failure.permanent) == ("proxy", False)
    assert f"The proxy {HOST} (port {proxy.port}) cannot be reached" in str(failure)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("no-such-proxy.invalid", "is not known here by this name"), ("169.254.169.254", "where we never connect")],
)
def test_a_proxy_with_a_name_nobody_knows_or_an_address_nobody_may_reach(
    new_proxy_server: NewProxyServer, host: str, expected: str
) -> None:
    failure = failed(new_proxy_server().client(host=host))

    assert failure.field == "proxy"
    assert f"The proxy {host}" in str(failure)
    assert expected in str(failure)


@KINDS
def test_a_login_the_proxy_refuses_is_not_tried_again(new_proxy_server: NewProxyServer, kind: str) -> None:
    proxy = new_proxy_server(kind, username="ada", password="pass wört")

    wrong = failed(proxy.client(password="wrong wört"))
    none = failed(proxy.client(username="", password=""))

    assert (wrong.field, wrong.permanent, none.field, none.permanent) == ("proxy", True, "proxy", True)
    assert "did not accept our user name and password" in str(wrong)
    assert "wants a user name and a password" in str(none)
    assert "wrong wört" not in f"{wrong!r}{wrong}{proxy.client()}{proxy.client()!r}"
    assert proxy.asked == []


def test_a_way_of_signing_in_nobody_here_speaks(new_proxy_server: NewProxyServer) -> None:
    proxy = new_proxy_server(username="ada", password="secret", schemes="NTLM Negotiate")

    assert "a way of signing in that we do not speak" in str(failed(proxy.client(password="?")))


@pytest.mark.parametrize(
    ("kind", "refusal", "field", "expected"),
    [
        ("http", "403 Forbidden", "proxy", r"does not let us through to mail.behind.invalid, port 993 \(403 Forbidden"),
        ("http", "405 Method Not Allowed", "proxy", "does not let us through"),
        ("http", "501 Not Implemented", "proxy", "does not let us through"),
        ("http", "302 Found", "proxy", "does not let us through"),
        ("http", "499 Odd", "proxy", r"\(499\)"),
        ("socks5", NOT_ALLOWED, "proxy", "does not let us through"),
        ("http", "502 Bad Gateway", "", "got no line to mail.behind.invalid, port 993"),
        ("http", "504 Gateway Timeout", "", "got no line to"),
        ("socks5", UNREACHABLE, "", "got no line to"),
        ("socks5", 1, "", "got no line to"),
    ],
)
def test_the_words_tell_the_proxy_from_the_mail_server(
    new_proxy_server: NewProxyServer, kind: str, refusal: str | int, field: str, expected: str
) -> None:
    failure = failed(new_proxy_server(kind, refusal=refusal).client())

    assert (failure.field, failure.permanent) == (field, False)
    assert re.search(expected, str(failure))


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("http", b"* OK IMAP4 ready\r\n"),
        ("http", b"\x05\x00"),
        ("http", b"HTTP/1.1 OK\r\n\r\n"),
        ("http", b"HTTP/1.1 200 " + b"x" * 20_000),
        ("socks5", b"HTTP/1.1 400 Bad Request\r\n\r\n"),
        ("socks5", b"\x05\x00\x04\x00\x00\x01"),
        ("socks5", b"\x05\x00\x05\x00\x00\x09"),
    ],
)
def test_what_is_no_proxy_is_called_so(new_proxy_server: NewProxyServer, kind: str, says: bytes) -> None:
    failure = failed(new_proxy_server(kind, says=says).client())

    assert failure.field == "proxy"
    assert "is no " in str(failure)


@pytest.mark.parametrize("kind", ["http", "socks5"])
def test_a_proxy_that_hangs_up(kind: str) -> None:
    class Goodbye(ProxyServer):
        def serve(self, client: socket.socket) -> None:
            client.recv(1)

    with Goodbye(kind) as proxy:
        failure = failed(proxy.client())

    assert failure.field == "proxy"
    assert "hung up on us" in str(failure)


@pytest.mark.parametrize(
    ("kind", "how", "field"),
    [
        ("http", {"silent": True}, ""),  # nobody can tell whether proxy or mail server is silent
        ("socks5", {"silent": True}, "proxy"),
        ("http", {"slow": True}, ""),
        ("socks5", {"slow": True}, ""),
        ("http", {"drips": b"HTTP/1.1 200 " + b"x" * 900}, ""),
        ("socks5", {"drips": b"\x05"}, "proxy"),
    ],
)
def test_a_proxy_that_takes_its_time_is_given_up_in_time(
    new_proxy_server: NewProxyServer, kind: str, how: dict[str, Any], field: str
) -> None:
    proxy = new_proxy_server(kind, **how).client()
    started = time.monotonic()

    failure = failed(proxy, timeout=0.5)

    assert failure.field == field
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("credential", ["username", "password"])
def test_what_socks_has_no_room_for_is_said_before_anything_is_sent(
    new_proxy_server: NewProxyServer, credential: str
) -> None:
    proxy = new_proxy_server("socks5", username="ada", password="secret")

    assert "255 bytes" in str(failed(proxy.client(**{credential: "ü" * 128})))
    assert proxy.signed_in == []


def test_a_watchdog_that_barks_in_between_does_not_hide_the_proxys_part(new_proxy_server: NewProxyServer) -> None:
    proxy = new_proxy_server("socks5", silent=True).client()
    watchdog = Watchdog()

    with pytest.raises(Overdue) as failure, watchdog.limit(0.1):
        line(way(0.6, proxy=proxy))

    fault = faults.connecting(failure.value, kind="IMAP", host=NAME, port=993)
    assert (fault.field, "said nothing" in fault.text) == ("proxy", True)


def test_the_watchdog_can_cut_a_line_through_a_proxy(new_proxy_server: NewProxyServer, greeter: int) -> None:
    watchdog = Watchdog()
    with line(way(proxy=new_proxy_server().client()), port=greeter) as sock:
        watchdog.watch(sock)
        assert _heard(sock, 12)
        with watchdog.limit(0.1):
            assert sock.recv(1) == b""
    watchdog.release()


def test_a_line_that_comes_when_the_time_is_up_is_cut_at_once(greeter: int) -> None:
    """Whoever looked for a name and an address may have used up all of it."""
    watchdog = Watchdog()

    with line(way(0.5), HOST, greeter) as sock, watchdog.limit(0.05):
        wait_until(lambda: watchdog._bitten)
        watchdog.watch(sock)
        assert len(_heard(sock, 1000)) < 1000
    watchdog.release()


def test_a_later_step_is_not_blamed_for_the_time_an_earlier_one_took() -> None:
    watchdog = Watchdog()
    with pytest.raises(Overdue), watchdog.limit(0.05):
        wait_until(lambda: watchdog._bitten)
        raise ConnectionError

    with pytest.raises(PermissionError), watchdog.limit(5):
        raise PermissionError


# --- Certificates ------------------------------------------------------------------------------


NewSecure = Callable[..., int]


@pytest.fixture
def new_secure() -> Iterator[NewSecure]:
    """Starts a server that speaks TLS and returns its port."""

    class Secure(ProxyServer):
        def __init__(self, pair: Pair, *, speaks: Sequence[str] = ()) -> None:
            super().__init__()
            self._context = server_context(pair)
            self._context.set_alpn_protocols(speaks)

        def serve(self, client: socket.socket) -> None:
            with self._context.wrap_socket(client, server_side=True) as encrypted:
                encrypted.recv(1)

    with ExitStack() as running:
        yield lambda pair, **how: running.enter_context(Secure(pair, **how)).port


@pytest.fixture
def secure(new_secure: NewSecure, certificate: Pair) -> int:
    return new_secure(certificate)


def fault_of(how: Way, port: int, host: str = "localhost") -> str:
    """What is wrong with the certificate; empty: nothing."""
    with line(how, host, port) as sock:
        try:
            how.context().wrap_socket(sock, server_hostname=host).close()
        except ssl.SSLError as error:
            return tls.fault(error, host)
    return ""


@pytest.mark.req("PR-29")
def test_an_authority_of_ones_own_counts_for_its_server_and_no_other(
    secure: int, authority: Authority, tmp_path: Path
) -> None:
    ours = authority.bundle.read_text()
    other = Authority(tmp_path).bundle.read_text()

    assert fault_of(way(authorities=ours), secure) == ""
    assert "authority this machine does not trust" in fault_of(way(), secure)
    assert "authority this machine does not trust" in fault_of(way(authorities=other), secure)
    assert fault_of(way(authorities=other + ours), secure) == ""


@pytest.mark.req("PR-29")
def test_the_servers_own_certificate_may_be_trusted_instead_of_its_authority(secure: int, certificate: Pair) -> None:
    assert fault_of(way(authorities=certificate.certificate.read_text()), secure) == ""


@pytest.mark.req("PR-29")
@pytest.mark.parametrize(
    ("host", "expired", "wrong"),
    [("other.example", False, "belongs to another host name"), ("localhost", True, "has expired")],
)
def test_an_authority_of_ones_own_does_not_excuse_the_rest(
    new_secure: NewSecure, authority: Authority, host: str, expired: bool, wrong: str
) -> None:
    port = new_secure(authority.issue(host, expired=expired))

    assert wrong in fault_of(way(authorities=authority.bundle.read_text()), port)


def test_a_server_nobody_checks_leaves_the_others_checked(secure: int) -> None:
    assert fault_of(way(verify=False), secure) == ""
    assert fault_of(way(), secure) != ""


def test_a_mail_server_is_not_offered_what_is_spoken_with_web_servers(new_secure: NewSecure, certificate: Pair) -> None:
    """nginx before a mail server, for one, hangs up on whoever announces HTTP there (ALPN, RFC 7301)."""
    web = OneAnswer(certificate, lambda request: Answer()).start()
    trusted = way(authorities=certificate.certificate.read_text())
    with https.Session(trusted) as session:
        assert session.get(web.url).ok
    web.stop()

    with line(trusted, "localhost", new_secure(certificate, speaks=["http/1.1"])) as sock:
        encrypted = trusted.context().wrap_socket(sock, server_hostname="localhost")

    assert encrypted.selected_alpn_protocol() is None


def test_the_environment_neither_leads_us_elsewhere_nor_makes_us_trust_anybody(
    secure: int, authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for the authorities of the machine, which are its operator's: SSL_CERT_FILE is where OpenSSL has them."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY", "SOCKS_PROXY", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://{HOST}:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.setenv(name, str(authority.bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(Authority(tmp_path).bundle))

    assert "authority this machine does not trust" in fault_of(way(), secure)
    assert fault_of(way(authorities=authority.bundle.read_text()), secure) == ""


def _heard(sock: socket.socket, count: int) -> bytes:
    heard = b""
    while len(heard) < count and (piece := sock.recv(count)):
        heard += piece
    return heard
