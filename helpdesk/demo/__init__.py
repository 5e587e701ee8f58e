"""The zero-install demo: a mailbox in memory, sample mails, and the mail server row that reads them."""

from __future__ import annotations

from django.conf import settings

LOGIN_FILE = settings.VAR_DIR / "demo-login"
URL_FILE = settings.VAR_DIR / "demo-url"
SENT_DIRECTORY = settings.VAR_DIR / "demo-sent"

DOMAIN = "demo.example"
ADDRESS = f"support@{DOMAIN}"
SERVER_NAME = "Demo"
HOST = "127.0.0.1"
IMAP_PORT = 10143
SMTP_PORT = 10025
USER = "support"
PASSWORD = "demo-only"  # noqa: S105 - a mailbox in memory, reachable from this machine only
SOURCE, SUCCESS, FAIL, EXCLUSION = FOLDERS = ("INBOX", "Processed", "Failed", "Ignored")
