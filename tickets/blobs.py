"""Files under their SHA-256: the sender's name never becomes a path, equal files are stored once."""

from __future__ import annotations

import hashlib
from typing import IO

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage


def store(content: bytes) -> str:
    """Writes the bytes unless they are there already and returns their SHA-256. Safe to repeat after a crash."""
    digest = hashlib.sha256(content).hexdigest()
    name = _path(digest)
    if default_storage.exists(name):
        if default_storage.size(name) == len(content):
            return digest
        default_storage.delete(name)  # a crash left half of it
    default_storage.save(name, ContentFile(content))
    return digest


def open_blob(digest: str) -> IO[bytes]:
    """Raises FileNotFoundError."""
    return default_storage.open(_path(digest), "rb")


def _path(digest: str) -> str:
    return f"attachments/{digest[:2]}/{digest[2:4]}/{digest}"
