"""How soon is mail a ticket when its server tells of it, and what does it cost to listen to a thousand servers?

`latency`: a real Dovecot, the watcher and a worker. `idle`: the watcher with lines to a tiny server of our own, as a
thousand Dovecot processes would not fit beside it. `tick`: what handing out a thousand due fetches costs.
"""

from __future__ import annotations

import argparse
import os
import random
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path

from bench.corpus import corpus
from tests.running.processes import environment, manage, running
from tests.servers.certificates import Authority, Pair
from tests.servers.dovecot import Dovecot, Options
from tests.servers.idle import IdleServer
from tests.servers.loopback import wait_until

LOOK_EVERY = 0.01  # seconds; how exactly a commit is noticed
SETTLE = 20.0  # seconds of quiet before memory and CPU are measured


def main() -> None:
    options = _options()
    with tempfile.TemporaryDirectory() as directory, ExitStack() as running_things:
        var = Path(directory) / "var"
        import tests.environment  # noqa: F401 - keys, and 127.0.0.1 allowed, before anything loads Django

        settings = {"DATABASE_URL": options.database, "DJANGO_SETTINGS_MODULE": "helpdesk.settings"}
        os.environ.update(environment(var, **settings))
        _empty_database()
        print({"latency": latency, "idle": idle, "tick": tick}[options.what](options, Path(directory), running_things))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=("latency", "idle", "tick"))
    parser.add_argument("--mails", type=int, default=200)
    parser.add_argument("--pause", type=float, default=1.0, help="seconds between two mails, on average")
    parser.add_argument("--servers", type=int, default=1000)
    parser.add_argument("--plain", action="store_true", help="without TLS")
    parser.add_argument("--database", default="", metavar="URL", help="emptied first! default: a fresh SQLite file")
    return parser.parse_args()


def _empty_database() -> None:
    import django

    django.setup()
    for command in (("migrate", "--verbosity=0"), ("flush", "--noinput", "--verbosity=0")):
        done = manage(*command, env=os.environ, timeout=300)
        if done.returncode:
            sys.exit(done.stderr)


def latency(options: argparse.Namespace, directory: Path, stack: ExitStack) -> str:
    """Counted from before APPEND is sent until the committed ticket is seen by somebody else."""
    server = stack.enter_context(_dovecot(directory))
    mailbox = server.mailbox()
    row = _new_servers(1, mailbox.settings)[0]
    _start(stack, directory, "qcluster")
    _start(stack, directory, "watch_mail")
    wait_until(lambda: _connected() == 1, seconds=60, what="the line")
    seen = Commits(row)
    sent: dict[str, float] = {}
    chance = random.Random(7)
    with mailbox.client() as client:
        for number, sample in enumerate(corpus(options.mails, seed=7)):
            name = f"bench-{number}"
            raw = f"Subject: {name}\r\n".encode() + _without_subject(sample.raw)
            sent[name] = time.monotonic()
            answer = client.append("INBOX", None, None, raw)
            assert answer[0] == "OK", answer
            time.sleep(chance.uniform(0, 2 * options.pause))
        wait_until(lambda: len(seen.at) >= len(sent), seconds=90, what="the last ticket")
    seen.stop()
    took = sorted(1000 * (seen.at[name] - began) for name, began in sent.items())
    late = took[int(0.95 * len(took))]
    return f"{len(took)} mails: p50 {statistics.median(took):.0f} ms, p95 {late:.0f} ms, slowest {took[-1]:.0f} ms"


def idle(options: argparse.Namespace, directory: Path, stack: ExitStack) -> str:
    """Resident memory of the watcher once every line is up, and its CPU while nothing happens."""
    authority = Authority(directory)
    context = None if options.plain else _tls(authority.issue("localhost"))
    os.environ["SSL_CERT_FILE"] = str(authority.bundle)
    server = stack.enter_context(IdleServer(context=context))
    _new_servers(options.servers, {**server.settings, "password": server.password})
    began = time.monotonic()
    watcher = _start(stack, directory, "watch_mail")
    wait_until(lambda: _connected() == options.servers, seconds=600, what="every line")
    connected = time.monotonic() - began
    before = _cpu(watcher)
    time.sleep(SETTLE)
    cpu = (_cpu(watcher) - before) / SETTLE
    return (
        f"{options.servers} lines {'without' if options.plain else 'with'} TLS: {_memory(watcher):.0f} MB, "
        f"{100 * cpu:.1f} % of a CPU, all connected after {connected:.0f} s"
    )


def tick(options: argparse.Namespace, directory: Path, stack: ExitStack) -> str:
    """CPU of one tick that finds every mail server due, in a process that has ticked before."""
    from django.utils import timezone

    from mailchannel import tasks
    from mailchannel.models import MailServer

    _new_servers(options.servers, {"host": "mail.example.com", "username": "support", "password": "secret"})
    tasks.tick()
    MailServer.objects.update(next_fetch_at=timezone.now() - timedelta(minutes=1))
    cpu, wall = time.process_time(), time.monotonic()
    tasks.tick()
    cpu, wall = time.process_time() - cpu, time.monotonic() - wall
    return f"{options.servers} due mail servers: {cpu:.2f} s CPU, {wall:.2f} s"


class Commits:
    """When each ticket could first be seen by another connection."""

    def __init__(self, server_id: int) -> None:
        self.at: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._ended.set()
        self._thread.join()

    def _look(self) -> None:
        from mailchannel.models import InboundMail

        last = 0
        while not self._ended.wait(LOOK_EVERY):
            found = InboundMail.objects.filter(outcome__in=("opened", "added"), pk__gt=last).order_by("pk")
            for pk, subject in found.values_list("pk", "subject"):
                self.at[subject] = time.monotonic()
                last = pk


def _without_subject(raw: bytes) -> bytes:
    head, _, body = raw.partition(b"\r\n\r\n")
    kept: list[bytes] = []
    skipping = False
    for line in head.split(b"\r\n"):
        skipping = line.lower().startswith(b"subject:") or (skipping and line[:1] in (b" ", b"\t"))
        if not skipping:
            kept.append(line)
    return b"\r\n".join(kept) + b"\r\n\r\n" + body


def _tls(pair: Pair) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    return context


@contextmanager
def _dovecot(directory: Path) -> Iterator[Dovecot]:
    server = Dovecot(Options(), Authority(directory).issue("localhost")).start()
    try:
        yield server
    finally:
        server.terminate()
        server.stop()


def _start(stack: ExitStack, directory: Path, command: str) -> subprocess.Popen[bytes]:
    log = directory / f"{command}.log"
    return stack.enter_context(running([sys.executable, "manage.py", command], dict(os.environ), log)).process


def _new_servers(count: int, settings: dict[str, object]) -> list[int]:
    from mailchannel.models import FolderMapping, MailServer
    from mailchannel.models.secrets import Secrets
    from tickets.models import TicketTemplate, TicketType

    incident = TicketType.objects.create(name="Incident")
    template = TicketTemplate.objects.create(name="Standard", ticket_type=incident, status="published")
    settings = dict(settings)
    password = str(settings.pop("password"))
    made = MailServer.objects.bulk_create(
        MailServer(
            name=f"Bench {number}",
            status=MailServer.Status.ACTIVE,
            address=f"support{number}@helpdesk.example",
            connection=settings,
            secrets=Secrets(password=password),
            template=template,
            confirmation={"send_confirmation": False},
            # Only the tick looks at this: polling stays out of what is measured elsewhere.
            next_fetch_at=_in_a_day(),
        )
        for number in range(count)
    )
    roles = FolderMapping.Role
    folders = {roles.SOURCE: "INBOX", roles.SUCCESS: "Processed", roles.FAIL: "Failed", roles.EXCLUSION: "Ignored"}
    FolderMapping.objects.bulk_create(
        FolderMapping(server=server, role=role, folder=folder) for server in made for role, folder in folders.items()
    )
    _map(made)
    return [server.pk for server in made]


def _map(servers: list[object]) -> None:
    from mailchannel.models import FieldMapping
    from tests.fixtures import MAPPING

    FieldMapping.objects.bulk_create(
        FieldMapping(server=server, field=field, property=source, position=position)
        for server in servers
        for position, (field, source) in enumerate(MAPPING.items())
    )


def _in_a_day() -> object:
    from django.utils import timezone

    return timezone.now() + timedelta(days=1)


def _connected() -> int:
    from mailchannel.models import MailServer

    return MailServer.objects.exclude(push_since=None).count()


def _memory(process: subprocess.Popen[bytes]) -> float:
    """Resident, in MB."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    return next(int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS"))


def _cpu(process: subprocess.Popen[bytes]) -> float:
    fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
