"""The programs an installation consists of."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

from django.conf import settings

from helpdesk import demo
from helpdesk.ports import url
from helpdesk.supervisor import Program

THREADS = 8  # requests served at a time
WEB_GRACE = 20  # seconds for running requests; less than the supervisor's patience


@dataclass(frozen=True)
class Address:
    host: str
    port: int

    @property
    def url(self) -> str:
        return url(self.host, self.port)


@dataclass(frozen=True)
class DemoPorts:
    imap: int = demo.IMAP_PORT
    smtp: int = demo.SMTP_PORT

    @property
    def ports(self) -> tuple[int, int]:
        return self.imap, self.smtp


def programs(web: Address, demo_ports: DemoPorts | None) -> list[Program]:
    """Web, worker and watcher, what listens for mail servers if wanted, and before them the demo mailbox."""
    # Links in mails must lead to where this start listens, unless somebody has decided otherwise.
    env = {**os.environ, "PUBLIC_URL": os.environ.get("PUBLIC_URL") or web.url}
    manage = [sys.executable, str(settings.BASE_DIR / "manage.py")]
    wanted = [
        Program("web", _gunicorn(web), env),
        Program("worker", [*manage, "qcluster"], env),
        Program("watcher", [*manage, "watch_mail"], env),
    ]
    if settings.SMTP_LISTEN or settings.LMTP_LISTEN:
        wanted.append(Program("mail listener", [*manage, "listen_mail"], env))
    if demo_ports:
        ports = ["--imap-port", str(demo_ports.imap), "--smtp-port", str(demo_ports.smtp)]
        wanted.insert(0, Program("demo mailbox", [*manage, "demo_mailbox", *ports], env))
    return wanted


def _gunicorn(web: Address) -> list[str]:
    host = f"[{web.host}]" if ":" in web.host else web.host
    return [
        *(sys.executable, "-m", "gunicorn", "helpdesk.wsgi", "--chdir", str(settings.BASE_DIR)),
        *("--bind", f"{host}:{web.port}", "--worker-class", "gthread", "--workers", "1", "--threads", str(THREADS)),
        *("--graceful-timeout", str(WEB_GRACE), "--log-level", "warning"),
    ]
