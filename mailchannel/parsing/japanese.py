"""ISO-2022-JP as mails have it: with the circled digits and company signs of Windows, which no standard contains."""

from __future__ import annotations

import re

ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\([@B]|\([BJIH])")
DOUBLE = (b"$@", b"$B", b"$(@", b"$(B")
HALF_WIDTH = b"(I"
JIS = bytes(range(0x21, 0x7F))
#: What a row becomes, and what a cell of a row with an odd number.
FIRST = bytes(((row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)) & 0xFF for row in range(256))
ODD = bytes((cell + (0x1F if cell < 0x60 else 0x20)) & 0xFF for cell in range(256))
LONGEST = 1_000_000  # bytes; far slower than a codec of Python, this is for what people write


def from_iso_2022_jp(raw: bytes) -> str:
    """Raises UnicodeError for what is something else."""
    if len(raw) > LONGEST:
        raise UnicodeError("too long")
    text: list[str] = []
    at, mode = 0, b"(B"
    for escape in ESCAPE.finditer(raw):
        text.append(_run(raw[at : escape.start()], mode))
        at, mode = escape.end(), escape[1]
    text.append(_run(raw[at:], mode))
    return "".join(text)


def _run(run: bytes, mode: bytes) -> str:
    """Bytes in one character set; some programs forget to return to ASCII before a line ends."""
    if b"\x1b" in run:
        raise UnicodeError("an escape that is not Japanese")
    if mode == HALF_WIDTH:
        return bytes(byte | 0x80 if 0x21 <= byte <= 0x5F else byte for byte in run).decode("cp932")
    if mode not in DOUBLE:
        return run.decode("ascii")
    pairs, newline, rest = run.partition(b"\n")
    pairs = pairs.removesuffix(b"\r") if newline else pairs
    return _shifted(pairs).decode("cp932") + (newline + rest).decode("ascii")


def _shifted(pairs: bytes) -> bytes:
    """Two bytes of JIS each as Shift-JIS writes them, whose Windows form knows the extra signs."""
    if len(pairs) % 2 or pairs.translate(None, JIS):
        raise UnicodeError("no JIS")
    rows, cells = pairs[::2], pairs[1::2]
    shifted = bytearray(pairs)
    shifted[::2] = rows.translate(FIRST)
    shifted[1::2] = bytes(ODD[cell] if row % 2 else cell + 0x7E for row, cell in zip(rows, cells, strict=True))
    return bytes(shifted)
