"""How fast does mail in an IMAP mailbox become stored tickets? Real Dovecot, fresh database, the real command."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from bench.corpus import corpus
from bench.latency_proxy import distant
from tests.running.processes import ROOT, environment, manage
from tests.servers.certificates import Authority
from tests.servers.dovecot import Dovecot, Options
from tests.servers.mailbox import Mailbox

CHANNEL = """
ticket_types: [{{name: Incident, module: ticket}}]
templates: [{{name: Standard incident, ticket_type: Incident, status: published}}]
mail_servers:
  - name: Bench
    status: active
    protocol: imap
    auth: password
    address: support@helpdesk.example
    connection: {{host: 127.0.0.1, port: {port}, encryption: none, username: {username},
                 sync_start: 2020-01-01T00:00:00Z}}
    secrets: {{password: {{value: {password}}}}}
    sending: {{host: 127.0.0.1, port: 9, encryption: none}}
    confirmation: {{send_confirmation: false}}
    folders: {{source: [INBOX], success: Processed, fail: Failed, exclusion: Ignored}}
    ticket:
      template: Standard incident
      whitelisted_types: [Incident]
      mapping:
        - {{field: title, property: subject}}
        - {{field: description, property: body}}
        - {{field: requester, property: sender}}
        - {{field: priority, property: importance}}
        - {{field: attachments, property: attachments}}
"""


@dataclass(frozen=True)
class Measured:
    report: dict[str, object]
    seconds: float  # of the fetch itself, without starting Python
    cpu_seconds: float  # of the whole command, starting Python included
    peak_mb: float


def main() -> None:
    options = _options()
    # Before anything that loads Django: the tests' keys, and 127.0.0.1 allowed.
    import tests.environment  # noqa: F401

    mails = [sample.raw for sample in corpus(options.mails, seed=options.seed)]
    print(f"{len(mails)} mails, {sum(map(len, mails)) / 1e6:.0f} MB", file=sys.stderr)
    runs = [_one_run(mails, options) for _ in range(options.runs)]
    for each in runs:
        print(json.dumps(each.report))
    _print_medians(runs, len(mails))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--mails", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", default="", metavar="URL", help="emptied first! default: a fresh SQLite file")
    parser.add_argument("--delay-ms", type=float, default=0, help="round trip to the mail server")
    return parser.parse_args()


def _one_run(mails: list[bytes], options: argparse.Namespace) -> Measured:
    with tempfile.TemporaryDirectory() as directory, _mailbox(Path(directory)) as mailbox:
        mailbox.deliver_all(mails)
        env = environment(Path(directory) / "var", DATABASE_URL=options.database)
        line = distant(mailbox.port, round_trip_ms=options.delay_ms) if options.delay_ms else nullcontext(mailbox.port)
        with line as port:
            _prepare(env, mailbox, port)
            return _measure(env)


@contextmanager
def _mailbox(directory: Path) -> Iterator[Mailbox]:
    server = Dovecot(Options(), Authority(directory).issue("localhost")).start()
    try:
        yield server.mailbox()
    finally:
        server.terminate()
        server.stop()


def _prepare(env: dict[str, str], mailbox: Mailbox, port: int) -> None:
    _do(env, "migrate", "--verbosity=0")
    _do(env, "flush", "--noinput", "--verbosity=0")
    settings = Path(env["VAR_DIR"]) / "bench.yaml"
    settings.write_text(CHANNEL.format(port=port, username=mailbox.username, password=mailbox.password))
    _do(env, "channel_config", "apply", str(settings))


def _do(env: dict[str, str], *arguments: str) -> None:
    done = manage(*arguments, env=env, timeout=300)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)}: {done.stderr}")


def _measure(env: dict[str, str]) -> Measured:
    command = [sys.executable, "manage.py", "fetch_mail", "--json"]
    process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE)
    assert process.stdout is not None
    report = json.loads(process.stdout.read())
    _, status, used = os.wait4(process.pid, 0)  # the resources of this very process and what it waited for
    if status:
        sys.exit(f"fetch_mail failed: {report}")
    return Measured(report, float(report["seconds"]), used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def _print_medians(runs: list[Measured], count: int) -> None:
    seconds = statistics.median(each.seconds for each in runs)
    cpu = statistics.median(each.cpu_seconds for each in runs)
    peak = statistics.median(each.peak_mb for each in runs)
    figures = f"{count / seconds:.0f} mails/s, {1000 * cpu / count:.2f} ms CPU per mail, peak {peak:.0f} MB"
    print(f"{figures} (median of {len(runs)})")


if __name__ == "__main__":
    main()
