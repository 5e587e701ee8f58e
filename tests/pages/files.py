"""Files as a mail brings them."""

from __future__ import annotations

from dataclasses import dataclass

#: One red pixel.
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de"
    "0000000c4944415478da63f8cfc000000301010018dd8db00000000049454e44ae426082"
)


@dataclass(frozen=True)
class File:
    filename: str = "log.txt"
    content_type: str = "text/plain"
    content: bytes = b"line one\n"
    content_id: str = ""
    inline: bool = False
