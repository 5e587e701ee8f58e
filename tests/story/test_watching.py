"""The watcher is told of new mail and fetches it: schedules are off here, so nobody else could."""

from __future__ import annotations

import errno
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from mailchannel import tasks
from mailchannel.models import FetchRun, InboundMail, MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services.push import accept
from mailchannel.services.watching import fetching
from mailchannel.services.watching.alone import Post
from tests.fixtures import NewServer
from tests.letters import letter
from tests.running.processes import Running, running
from tests.servers.dovecot import Options
from tests.servers.faulty import Proxy
from tests.servers.fixtures import NewMailbox
from tests.servers.idle import IdleServer
from tests.servers.loopback import wait_until
from tests.servers.mailbox import Mailbox
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot, pytest.mark.slow]

Watch = Callable[..., Running]


class Cable(Proxy):
    """A line that can be cut on demand."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._clients: list[socket.socket] = []

    def serve(self, client: socket.socket) -> None:
        self._clients.append(client)
        super().serve(client)

    def cut(self) -> None:
        for client in self._clients:
            client.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def watch(command_environment: dict[str, str], tmp_path: Path) -> Iterator[Watch]:
    """`watch("--renew", "1")`: a watcher in a process of its own, on the test's database."""
    with ExitStack() as watchers:

        def start(*options: str) -> Running:
            command = [sys.executable, "manage.py", "watch_mail", *options]
            log = tmp_path / f"watcher{len(list(tmp_path.iterdir()))}.log"
            return watchers.enter_context(running(command, command_environment, log))

        yield start


def stored(server: MailServer) -> MailServer:
    return MailServer.objects.get(pk=server.pk)


def connected(server: MailServer) -> None:
    wait_until(lambda: stored(server).push_since, seconds=60, what="push: connected")


def subjects() -> list[str]:
    return sorted(Ticket.objects.values_list("title", flat=True))


def becomes_tickets(*expected: str) -> None:
    wait_until(lambda: subjects() == sorted(expected), seconds=60, what=f"tickets {expected}")


def test_new_mail_becomes_a_ticket_at_once(dovecot: Mailbox, new_server: NewServer, watch: Watch) -> None:
    server = new_server(dovecot)
    started = watch()
    connected(server)

    dovecot.deliver(letter(subject="printer"))

    becomes_tickets("printer")
    assert stored(server).push_error == ""
    assert stored(server).next_fetch_at is None  # the interval of polling is not touched
    wait_until(lambda: len(dovecot.mails("Processed")) == 1)
    assert started.printed == ""


def test_mail_that_comes_during_a_fetch_is_fetched_as_well(
    dovecot: Mailbox, new_server: NewServer, watch: Watch
) -> None:
    server = new_server(dovecot)
    watch()
    connected(server)
    expected = [f"mail {number:02}" for number in range(30)]

    for subject in expected:
        dovecot.deliver(letter(subject=subject))

    becomes_tickets(*expected)
    assert InboundMail.objects.count() == 30
    assert FetchRun.objects.count() < 30


def test_over_tls(
    dovecot: Mailbox, new_server: NewServer, watch: Watch, trusted_authority: Path, command_environment: dict[str, str]
) -> None:
    command_environment["SSL_CERT_FILE"] = str(trusted_authority)
    server = new_server(dovecot)
    settings = dovecot.settings_over_tls
    settings.pop("password")
    server.update(connection=settings)
    watch()
    connected(server)

    dovecot.deliver(letter(subject="printer"))

    becomes_tickets("printer")


def test_what_came_while_nobody_watched_is_fetched_once_connected(
    dovecot: Mailbox, new_server: NewServer, watch: Watch
) -> None:
    new_server(dovecot)
    dovecot.deliver(letter(subject="early"))

    watch()

    becomes_tickets("early")


def test_a_line_that_is_cut_is_made_again_and_nothing_is_lost(
    dovecot: Mailbox, new_server: NewServer, watch: Watch
) -> None:
    with Cable(dovecot.port) as cable:
        server = new_server(dovecot)
        server.update(connection={**server.connection, "port": cable.port})
        started = watch()
        connected(server)
        before = stored(server).push_since

        cable.cut()
        dovecot.deliver(letter(subject="in between"))

        becomes_tickets("in between")
        wait_until(lambda: stored(server).push_since not in (None, before), seconds=60, what="another line")
        dovecot.deliver(letter(subject="afterwards"))
        becomes_tickets("in between", "afterwards")
        assert started.printed == ""  # the log is for what lasts


def test_a_killed_watcher_loses_nothing(dovecot: Mailbox, new_server: NewServer, watch: Watch) -> None:
    server = new_server(dovecot)
    first = watch()
    connected(server)
    dovecot.deliver(letter(subject="one"))
    os.kill(first.process.pid, signal.SIGKILL)
    first.process.wait()
    dovecot.deliver(letter(subject="two"))

    watch()

    becomes_tickets("one", "two")


def test_one_that_is_stopped_ends_at_once_and_says_so(dovecot: Mailbox, new_server: NewServer, watch: Watch) -> None:
    server = new_server(dovecot)
    started = watch()
    connected(server)

    started.process.terminate()

    assert started.process.wait(timeout=10) == 0
    assert stored(server).push_since is None
    assert started.printed == ""


def test_only_one_watches_and_another_takes_over(dovecot: Mailbox, new_server: NewServer, watch: Watch) -> None:
    server = new_server(dovecot)
    first = watch()
    connected(server)
    since = stored(server).push_since
    second = watch()
    dovecot.deliver(letter(subject="one"))
    becomes_tickets("one")

    os.kill(first.process.pid, signal.SIGKILL)

    wait_until(lambda: stored(server).push_since not in (None, since), seconds=60, what="the second one's turn")
    assert second.process.poll() is None


def test_a_paused_mail_server_is_let_go_and_taken_up_again(new_server: NewServer, watch: Watch) -> None:
    with IdleServer() as idle:
        server = server_for(idle, new_server)
        watch()
        connected(server)

        server.update(status=MailServer.Status.PAUSED)

        wait_until(lambda: idle.heard["LOGOUT"] == 1, what="goodbye")
        wait_until(lambda: stored(server).push_since is None, what="the page knows")
        server.update(status=MailServer.Status.ACTIVE)
        connected(server)


def test_nobody_signs_in_during_skip_times(dovecot: Mailbox, new_server: NewServer, watch: Watch) -> None:
    server = new_server(dovecot)
    watch()
    connected(server)

    server.update(skip_times=["00:00-12:00", "12:00-00:00"])

    wait_until(lambda: stored(server).push_since is None, what="goodbye")


def test_new_settings_are_used_at_once(
    dovecot: Mailbox, new_mailbox: NewMailbox, new_server: NewServer, watch: Watch
) -> None:
    server = new_server(dovecot)
    watch()
    connected(server)
    other = new_mailbox()
    connection = {**other.settings}
    connection.pop("password")
    before = stored(server).push_since

    server.update(connection=connection, version=server.version + 1)

    wait_until(lambda: stored(server).push_since not in (None, before), seconds=60)
    other.deliver(letter(subject="from the other mailbox"))
    becomes_tickets("from the other mailbox")


def test_a_wrong_password_is_said_once_and_tried_once(new_server: NewServer, watch: Watch) -> None:
    with IdleServer(password="another one") as idle, IdleServer() as good:
        server = server_for(idle, new_server)
        started = watch()
        wait_until(lambda: stored(server).push_error, seconds=60)

        assert "did not accept user name and password" in stored(server).push_error
        # Long enough for many more attempts: another mail server is connected, and is so twice again after losses.
        server_for(good, new_server, name="Another", address="another@example.com")
        for times in (1, 2, 3):
            wait_until(lambda times=times: good.heard["IDLE"] == times, seconds=60)
            good.hang_up()
        assert idle.heard["LOGIN"] == 1
        assert started.printed.count("did not accept") == 1
        assert "hunter2" not in started.printed


def test_another_password_is_tried_at_once(dovecot: Mailbox, new_server: NewServer, watch: Watch) -> None:
    server = new_server(dovecot, secrets=Secrets(password="wrong"))
    watch()
    wait_until(lambda: stored(server).push_error, seconds=60)

    server.update(secrets=Secrets(password=dovecot.password), version=server.version + 1)

    connected(server)
    assert stored(server).push_error == ""


def test_a_server_that_cannot_says_so(new_mailbox: NewMailbox, new_server: NewServer, watch: Watch) -> None:
    server = new_server(new_mailbox(Options(hidden=("IDLE",))))

    watch()

    wait_until(lambda: stored(server).push_error, seconds=60)
    assert "does not offer to tell of new mail (IDLE)" in stored(server).push_error


def test_the_server_is_asked_anew_before_it_forgets_us(new_server: NewServer, watch: Watch) -> None:
    with IdleServer() as idle:
        server_for(idle, new_server)

        watch("--renew", "0.2")

        wait_until(lambda: idle.heard["IDLE"] >= 3, seconds=60)
        assert idle.heard["LOGIN"] == 1
        assert idle.heard["DONE"] >= 2


def test_a_server_that_agrees_and_hangs_up_is_tried_ever_more_rarely(new_server: NewServer, watch: Watch) -> None:
    with IdleServer(idle=b"+ idling\r\n* BYE too many connections\r\n") as idle:
        server = server_for(idle, new_server)
        started = watch()

        wait_until(lambda: idle.heard["LOGIN"] == 3, seconds=60)
        wait_until(lambda: stored(server).push_error == "127.0.0.1 hung up: too many connections", seconds=60)
        assert idle.heard["LOGIN"] <= 4
        assert started.printed.count("too many connections") == 1


def test_a_server_that_refuses_what_it_announces_is_left_to_polling(new_server: NewServer, watch: Watch) -> None:
    with IdleServer(idle=b"TAG NO not today\r\n") as idle:
        server = server_for(idle, new_server)
        watch()

        wait_until(lambda: stored(server).push_error, seconds=60)
        assert "does not tell us of new mail, although it says it could: NO not today" in stored(server).push_error


def test_a_server_that_announces_mail_it_does_not_have_does_not_keep_us_busy(
    new_server: NewServer, watch: Watch
) -> None:
    with IdleServer() as idle:
        server = server_for(idle, new_server)
        watch()
        connected(server)

        numbers = count(1)

        def announced() -> bool:
            idle.tell(b"* %d EXISTS\r\n" % next(numbers))
            return next(numbers) > 600  # after three seconds at least

        wait_until(announced, seconds=60)
        runs = FetchRun.objects.count()

        assert 2 <= runs <= 6


def test_mail_that_ended_a_process_is_settled_by_the_next_tick(dovecot: Mailbox, new_server: NewServer) -> None:
    """The watcher's threads leave it alone; nothing else has to happen for a worker to find it."""
    server = new_server(dovecot)
    suspect = accept(server, letter(subject="dangerous"), transport="imap").row
    InboundMail.objects.filter(pk=suspect.pk).update(attempts=1)
    dovecot.deliver(letter(subject="harmless"))

    def fetched() -> int:
        try:
            return fetching.run(server.pk)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        assert threads.submit(fetched).result(60) == 1
    assert subjects() == ["harmless"]

    tasks.tick()
    assert subjects() == ["dangerous", "harmless"]


@pytest.mark.parametrize("seconds", ["0", "-1", "nan"])
def test_asking_all_the_time_is_refused(seconds: str) -> None:
    with pytest.raises(CommandError, match="such as 120"):
        call_command("watch_mail", f"--renew={seconds}")


def test_the_folder_is_only_looked_at(new_server: NewServer, watch: Watch) -> None:
    with IdleServer() as idle:
        server = server_for(idle, new_server)
        watch()
        connected(server)

        assert idle.heard["EXAMINE"] == 1
        assert idle.heard["SELECT"] == 0


def server_for(idle: IdleServer, new_server: NewServer, **columns: object) -> MailServer:
    return new_server(connection=idle.settings, secrets=Secrets(password="hunter2-secret"), **columns)


def test_a_disk_without_locks_keeps_nobody_from_watching(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def flock(file: object, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    if connection.vendor != "sqlite":
        pytest.skip("other databases have locks of their own")
    monkeypatch.setattr("fcntl.flock", flock)
    post = Post()

    assert post.take()
    assert post.take()
    post.leave()
    assert caplog.text.count("see to it that one watcher runs") == 1
