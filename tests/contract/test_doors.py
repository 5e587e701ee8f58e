"""What every door promises by which mail is brought to us, asked of each one over the real protocol."""

from __future__ import annotations

import asyncio
import signal
import smtplib
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from django.core.cache import cache
from django.db import connection
from django_q.models import OrmQ

from mailchannel.kernel.failpoints import VARIABLE
from mailchannel.models import InboundMail, MailServer
from mailchannel.services import inbox, push
from mailchannel.smtp_in.listener import Listening, listening
from mailchannel.smtp_in.places import Place
from tests.fixtures import NewServer
from tests.letters import letter
from tests.running.processes import forked, running
from tests.servers.fixtures import Failpoint
from tests.servers.loopback import HOST, free_port, greets, wait_until
from tests.servers.providers import POSTS, REBUILDING, send
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

#: What is said to whoever brought a mail: it is kept, come again, never.
Said = Literal["kept", "later", "never"]
WEB = [f"webhook {name}" for name in POSTS]
WIRE = ["smtp", "lmtp", "lmtp at a socket"]
DOORS = [*WEB, *WIRE, "pipe"]


@dataclass
class Inbox:
    """A forwarding inbox and the way to bring a mail to it."""

    server: MailServer
    bring: Callable[[bytes], Said]
    as_sent: bool = True

    def rows(self) -> list[InboundMail]:
        return list(InboundMail.objects.filter(server=self.server).order_by("pk"))

    def settle(self) -> None:
        push.settle_server(self.server.pk)


def forwarding(new_server: NewServer, door: str, **columns: Any) -> tuple[MailServer, str]:
    server = new_server(protocol="forwarding", connection={"door": door}, **columns)
    server.folders.all().delete()
    return server, inbox.open_up(server, by=None)


def by_web(url: str, door: str, server: MailServer, secret: str) -> Callable[[bytes], Said]:
    where = f"{url}/inbound/{door}/{server.inbox_token}/"

    def bring(raw: bytes) -> Said:
        status = send(where, POSTS[door](raw), secret=secret).status
        assert status in (200, 503)
        return "kept" if status == 200 else "later"

    return bring


def by_wire(kind: type[smtplib.SMTP], host: str, port: int, server: MailServer) -> Callable[[bytes], Said]:
    def bring(raw: bytes) -> Said:
        with closing(kind(host, port)) as line:
            line.ehlo_or_helo_if_needed()
            line.mail("ann@customer.example")
            code, _ = line.rcpt(inbox.address(server))
            if code == 250:
                code, _ = line.data(raw)
            return "kept" if code == 250 else "later" if 400 <= code < 500 else "never"

    return bring


def by_pipe(server: MailServer, environment: dict[str, str], failpoint: str = "") -> Callable[[bytes], Said]:
    def bring(raw: bytes) -> Said:
        whole = {**environment, VARIABLE: failpoint} if failpoint else environment
        code = forked("receive_mail", "--server", server.name, "-", env=whole, stdin=raw, timeout=120)
        return {0: "kept", 75: "later", 69: "never"}[code]  # type: ignore[return-value]

    return bring


@contextmanager
def listener(**wanted: Any) -> Iterator[None]:
    """In a thread of its own, as in a process of its own."""
    loop, stop, ready = asyncio.new_event_loop(), asyncio.Event(), threading.Event()

    async def run() -> None:
        async with listening(Listening(hostname="helpdesk.example", **wanted)):
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(30)
        loop.close()


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


@pytest.fixture(params=DOORS)
def door(
    request: pytest.FixtureRequest, new_server: NewServer, command_environment: dict[str, str], tmp_path: Path
) -> Iterator[Inbox]:
    kind: str = request.param
    name = kind.removeprefix("webhook ")
    if kind == "pipe":
        server, _ = forwarding(new_server, "smtp")
        yield Inbox(server, by_pipe(server, command_environment))
    elif kind in WIRE:
        server, _ = forwarding(new_server, "smtp")
        port, path = free_port(), str(tmp_path / "lmtp.sock")
        place = Place(path=path) if kind == "lmtp at a socket" else Place(HOST, port)
        with listener(**{kind[:4]: place}):
            host, used = (path, 0) if place.path else (HOST, port)
            yield Inbox(server, by_wire(smtplib.SMTP if kind == "smtp" else smtplib.LMTP, host, used, server))
    else:
        url: str = request.getfixturevalue("live_server").url
        server, secret = forwarding(new_server, name)
        yield Inbox(server, by_web(url, name, server, secret), as_sent=name not in REBUILDING)


only_fast = pytest.mark.parametrize("door", [*WEB, *WIRE], indirect=True)


@pytest.mark.req("S0-37", "S2-02")
def test_a_mail_is_kept_as_it_was_brought_and_becomes_a_ticket(door: Inbox) -> None:
    raw = letter(body="Grüße\r\n.\r\n..")

    assert door.bring(raw) == "kept"

    [row] = door.rows()
    assert row.raw.content == raw or not door.as_sent
    door.settle()
    ticket = Ticket.objects.get()
    assert ticket.title == "Printer on fire"
    row.refresh_from_db()
    assert (row.outcome, row.remote) == ("opened", "kept")
    door.server.refresh_from_db()
    assert door.server.first_arrival_at is not None


@only_fast
def test_whoever_brings_a_mail_is_answered_before_anybody_looks_at_it(door: Inbox) -> None:
    assert door.bring(letter()) == "kept"

    assert [row.outcome for row in door.rows()] == ["received"]
    assert OrmQ.objects.filter().count() == 1


@pytest.mark.req("WB-02", "WB-03")
def test_brought_twice_it_is_one_ticket(door: Inbox) -> None:
    raw = letter()

    assert [door.bring(raw), door.bring(raw)] == ["kept", "kept"]
    door.settle()

    assert Ticket.objects.count() == 1
    assert {row.outcome for row in door.rows()} <= {"opened", "duplicate"}


@pytest.mark.req("WB-03")
@only_fast
def test_brought_by_four_at_once_it_is_one_ticket(door: Inbox) -> None:
    """As when an answer is late and the provider does not wait for it."""
    raw = letter()

    with ThreadPoolExecutor(4) as threads:
        said = list(threads.map(door.bring, [raw] * 4))
    said.append(door.bring(raw))
    door.settle()

    assert said[-1] == "kept" and "never" not in said
    assert Ticket.objects.count() == 1
    assert [row.outcome for row in door.rows()].count("opened") == 1


@pytest.mark.req("PR-26", "WB-06")
@pytest.mark.parametrize("trouble", ["keep.inserted:1:raise", "keep.inserted:1:enospc"])
@only_fast
def test_what_cannot_be_kept_is_brought_again(
    door: Inbox, trouble: str, failpoint: Failpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = letter()
    failpoint(trouble)

    assert door.bring(raw) == "later"
    assert door.rows() == []
    monkeypatch.delenv(VARIABLE)
    assert door.bring(raw) == "kept"
    assert len(door.rows()) == 1


@contextmanager
def without(table: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO away")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE away RENAME TO {table}")


@pytest.mark.req("PR-26", "WB-06")
@pytest.mark.parametrize("table", ["mailchannel_mailserver", "mailchannel_rawmail"])
def test_a_database_in_trouble_never_sends_a_mail_back(door: Inbox, table: str) -> None:
    raw = letter()

    with without(table):
        assert door.bring(raw) == "later"
    assert door.rows() == []
    assert door.bring(raw) == "kept"


@pytest.mark.req("S0-38", "WB-06")
@pytest.mark.parametrize("status", ["draft", "paused"])
def test_an_inbox_that_is_not_live_leaves_mail_with_whoever_brings_it(door: Inbox, status: str) -> None:
    door.server.update(status=status)
    raw = letter()

    assert door.bring(raw) == "later"
    assert door.rows() == []
    door.server.refresh_from_db()
    assert door.server.first_arrival_at is not None  # the page says that everything is set up rightly
    door.server.update(status="active")
    assert door.bring(raw) == "kept"


@pytest.mark.req("WB-04")
def test_of_a_mail_that_is_too_large_the_headers_are_kept(door: Inbox) -> None:
    door.server.update(acceptance={"largest_mail_mb": 1})
    raw = letter(subject="Far too large", body="x" * 70 + ("\r\n" + "y" * 70) * 20_000)

    assert door.bring(raw) == "kept"
    door.settle()

    [row] = door.rows()
    assert (row.outcome, row.reason, row.headers_only) == ("failed", "failed.too_big", True)
    assert row.size > 1_000_000
    assert row.subject == "Far too large"
    assert b"Subject: Far too large" in row.raw.content and len(row.raw.content) < 10_000


@pytest.mark.req("PR-27")
def test_poison_is_taken_and_fails_later(door: Inbox) -> None:
    poison = letter(Content_Type="multipart/mixed; boundary=b") + b"\xff\x00\r\n--b\r\n" + b"--b\r\n" * 5_000

    assert door.bring(poison) == "kept"
    door.settle()

    assert [row.outcome != "received" for row in door.rows()] == [True]


# --- Killed -------------------------------------------------------------------------------------


@contextmanager
def web_process(environment: dict[str, str], log: Path) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "manage.py", "runserver", "--noreload", f"{HOST}:{port}"]
    with running(command, environment, log) as started:
        wait_until(lambda: _answers(port), seconds=60, what=f"the web server: {started.printed}")
        yield f"http://{HOST}:{port}"


def _answers(port: int) -> bool:
    import socket

    try:
        socket.create_connection((HOST, port), timeout=1).close()
    except OSError:
        return False
    return True


@contextmanager
def listener_process(environment: dict[str, str], log: Path, kind: str) -> Iterator[int]:
    port = free_port()
    command = [sys.executable, "manage.py", "listen_mail"]
    listen = {f"HELPDESK_{kind.upper()}_LISTEN": f"{HOST}:{port}"}
    with running(command, {**environment, **listen}, log):
        wait_until(lambda: greets(port, b"220"), seconds=60, what="the listener")
        yield port


@pytest.mark.req("S0-35")
@pytest.mark.parametrize("failpoint", ["keep.inserted", "keep.committed"])
@pytest.mark.parametrize("kind", ["webhook raw", "webhook postmark", "smtp", "lmtp", "pipe"])
def test_killed_between_keeping_and_answering_nothing_is_lost_or_doubled(
    kind: str, failpoint: str, new_server: NewServer, command_environment: dict[str, str], tmp_path: Path
) -> None:
    name = kind.removeprefix("webhook ") if kind.startswith("webhook") else "smtp"
    server, secret = forwarding(new_server, name)
    raw, deadly = letter(), f"{failpoint}:1:kill"

    @contextmanager
    def started(environment: dict[str, str]) -> Iterator[Callable[[bytes], Said]]:
        if kind == "pipe":
            yield by_pipe(server, environment)
        elif kind.startswith("webhook"):
            with web_process(environment, tmp_path / "log") as url:
                yield by_web(url, name, server, secret)
        else:
            client = smtplib.SMTP if kind == "smtp" else smtplib.LMTP
            with listener_process(environment, tmp_path / "log", kind) as port:
                yield by_wire(client, HOST, port, server)

    with started({**command_environment, VARIABLE: deadly}) as bring:
        with pytest.raises((OSError, smtplib.SMTPException, KeyError)) as death:
            bring(raw)
        if kind == "pipe":
            assert death.value.args == (-signal.SIGKILL,)
    before = InboundMail.objects.count()
    with started(command_environment) as bring:
        assert bring(raw) == "kept"
    push.settle_server(server.pk)

    assert before == (1 if failpoint == "keep.committed" else 0)
    assert Ticket.objects.count() == 1
    assert set(InboundMail.objects.values_list("outcome", flat=True)) <= {"opened", "duplicate"}
    assert InboundMail.objects.filter(outcome="opened").count() == 1
