"""Loaded before Django reads its settings: the tests' own environment, whatever the developer's looks like."""

from __future__ import annotations

import os
import tempfile

from cryptography.fernet import Fernet

os.environ["SECRET_KEY"] = "tests-only"
os.environ["DEBUG"] = "false"
os.environ["FIELD_ENCRYPTION_KEYS"] = Fernet.generate_key().decode()
os.environ["HELPDESK_ALLOW_PRIVATE_HOSTS"] = "true"
os.environ["PUBLIC_URL"] = "http://testserver"
os.environ["EMAIL_URL"] = "memorymail://"
os.environ["ALLOWED_HOSTS"] = "testserver,localhost,127.0.0.1"
os.environ["TIME_ZONE"] = "UTC"
os.environ.setdefault("MEDIA_ROOT", tempfile.mkdtemp(prefix="helpdesk-media-"))
os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL", "sqlite:///var/tests.sqlite3")
