"""Where a secret of a settings file comes from: the environment, a file beside it, or the settings file itself."""

from __future__ import annotations

import os
from pathlib import Path

from mailchannel.services.config_file.located import Located
from mailchannel.services.config_file.readers import Reader, Section, text

SOURCES = ("env", "file", "value")


def secret(folder: Path) -> Reader:
    """Relative paths begin at `folder`. The reader's result is the secret in clear: only Secrets may hold it."""
    section = Section({"env": text(needed=True), "file": text(needed=True, maximum=4096), "value": _value})

    def read(at: Located) -> str:
        if not isinstance(at.value, dict) or len(set(at.value) & set(SOURCES)) != 1:
            raise at.error("expected exactly one of {env: NAME}, {file: PATH} or {value: “…”}.")
        source, given = next(iter(section(at).items()))
        if source == "env":
            return _from_environment(at, given)
        return _from_file(at, folder / given) if source == "file" else str(given)

    return read


def _value(at: Located) -> str:
    """Unlike other texts a secret may begin with a blank, so nothing is stripped, and nothing of it is repeated."""
    if not isinstance(at.value, str) or not at.value:
        raise at.error("expected the secret as text in quotes.")
    return at.value


def _from_environment(at: Located, name: str) -> str:
    found = os.environ.get(name, "")
    if not found:
        raise at.error(f"the environment variable {name} is not set. Set it where this command runs.")
    return found


def _from_file(at: Located, path: Path) -> str:
    try:
        found = path.read_text(encoding="utf-8").removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise at.error(f"{path} cannot be read: {error.strerror}.") from None
    except ValueError:
        raise at.error(f"{path} is not UTF-8 text.") from None
    if not found:
        raise at.error(f"{path} is empty.")
    return found
