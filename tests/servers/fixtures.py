"""Real servers on loopback, as fixtures."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.core.cache import cache

from mailchannel.kernel import failpoints
from tests.servers.certificates import Authority, Pair
from tests.servers.dovecot import BINARY, Dovecot, Options
from tests.servers.faulty import Proxy, ScriptedServer
from tests.servers.graph import GraphServer
from tests.servers.loopback import HOST
from tests.servers.mailbox import Mailbox
from tests.servers.proxy import ProxyServer
from tests.servers.smtp import SmtpSink

NewMailbox = Callable[..., Mailbox]
NewSink = Callable[..., SmtpSink]
NewProxy = Callable[..., Proxy]
Failpoint = Callable[[str], None]
NewScript = Callable[..., ScriptedServer]
NewProxyServer = Callable[..., ProxyServer]

NAME = "mail.behind.invalid"  # nobody but the proxy knows it


def missing(service: str) -> None:
    """A skip for people without the service, a failure where everything has to be there."""
    message = f"{service} is not installed; `make test` installs it where it may"
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(message)
    pytest.skip(message)


@pytest.fixture(autouse=True)
def nothing_remembered() -> None:
    """When a mailbox was last listed whole is remembered, and the mailbox of the next test may have the same number."""
    cache.clear()


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """A certificate authority nobody trusts, unless `trusted_authority` is asked for."""
    return Authority(tmp_path_factory.mktemp("certificates"))


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> Pair:
    return authority.issue("localhost")


@pytest.fixture
def trusted_authority(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Path:
    """For this test our authority is the only one the machine trusts."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    return authority.bundle


@pytest.fixture(scope="session")
def dovecot_server(certificate: Pair) -> Iterator[Callable[[Options], Dovecot]]:
    """A running Dovecot with these options; one per kind and session."""
    running: dict[Options, Dovecot] = {}

    def start(options: Options) -> Dovecot:
        if BINARY is None:
            missing("Dovecot")
        if options not in running:
            running[options] = Dovecot(options, certificate).start()
        return running[options]

    yield start
    for server in running.values():
        server.terminate()
    for server in running.values():
        server.stop()


@pytest.fixture
def new_mailbox(dovecot_server: Callable[[Options], Dovecot]) -> NewMailbox:
    """`new_mailbox(Options(prefix="INBOX.", separator="."), password="…")`: a fresh user on a server of that kind."""

    def make(options: Options | None = None, *, username: str = "", password: str = "secret") -> Mailbox:
        return dovecot_server(options or Options()).mailbox(username, password)

    return make


@pytest.fixture
def dovecot(new_mailbox: NewMailbox) -> Mailbox:
    """A fresh, empty mailbox on a server that can MOVE."""
    return new_mailbox()


@pytest.fixture
def dovecot_without_move(new_mailbox: NewMailbox) -> Mailbox:
    return new_mailbox(Options(hidden=("MOVE",)))


@pytest.fixture
def dovecot_without_uidplus(new_mailbox: NewMailbox) -> Mailbox:
    """A mailbox mail can never safely leave: neither MOVE nor UIDPLUS."""
    return new_mailbox(Options(hidden=("MOVE", "UIDPLUS")))


@pytest.fixture
def dovecot_with_prefix(new_mailbox: NewMailbox) -> Mailbox:
    """Every folder lies below INBOX, with dots between the levels."""
    return new_mailbox(Options(prefix="INBOX.", separator="."))


@pytest.fixture
def failpoint(monkeypatch: pytest.MonkeyPatch) -> Failpoint:
    """`failpoint("imap.copied:1:raise")` for this test and this process."""

    def arm(wanted: str) -> None:
        failpoints._reached.clear()
        monkeypatch.setenv(failpoints.VARIABLE, wanted)

    return arm


@pytest.fixture
def new_smtp_sink() -> Iterator[NewSink]:
    """`new_smtp_sink(username="u", password="p", certificate=…)`: a running SMTP server of that kind."""
    running: list[SmtpSink] = []

    def start(**options: object) -> SmtpSink:
        running.append(SmtpSink(**options).start())  # type: ignore[arg-type]
        return running[-1]

    yield start
    for sink in running:
        sink.stop()


@pytest.fixture
def smtp_sink(new_smtp_sink: NewSink) -> SmtpSink:
    """Takes everything from everybody, without encryption."""
    return new_smtp_sink()


@pytest.fixture
def graph_server(certificate: Pair, authority: Authority) -> Iterator[GraphServer]:
    """Microsoft Graph with no mailbox yet."""
    server = GraphServer(certificate, authority).start()
    yield server
    server.stop()


@pytest.fixture
def new_proxy() -> Iterator[NewProxy]:
    """`new_proxy(port, cut_after=…)`: a line to that port which fails as described."""
    with ExitStack() as running:
        yield lambda port, **faults: running.enter_context(Proxy(port, **faults))


@pytest.fixture
def new_proxy_server() -> Iterator[NewProxyServer]:
    """`new_proxy_server("socks5", username="u")`: an HTTP or SOCKS5 proxy that knows who NAME is."""
    with ExitStack() as running:
        yield lambda *given, **how: running.enter_context(ProxyServer(*given, **{"names": {NAME: HOST}, **how}))


@pytest.fixture
def new_script() -> Iterator[NewScript]:
    """`new_script(answers={"UID FETCH": b"…"})`: an IMAP server that says what it is told to say."""
    with ExitStack() as running:
        yield lambda **script: running.enter_context(ScriptedServer(**script))
