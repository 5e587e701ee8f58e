"""Where to listen: `127.0.0.1:2525`, `[::1]:2525`, or `unix:/run/helpdesk/lmtp.sock`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """A port, or a socket in the file system."""

    host: str = ""
    port: int = 0
    path: str = ""

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"unix:{self.path}" if self.path else f"{host}:{self.port}"


def place(text: str) -> Place | None:
    """None for nothing. Raises ValueError in words for people."""
    if not text:
        return None
    if text.startswith("unix:/"):
        return Place(path=text.removeprefix("unix:"))
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdecimal() or not 1 <= int(port) <= 65_535:
        raise ValueError(f"must look like 127.0.0.1:2525 or unix:/run/helpdesk/mail.sock, not {text!r}.")
    return Place(host.removeprefix("[").removesuffix("]"), int(port))
