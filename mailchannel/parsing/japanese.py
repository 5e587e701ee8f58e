"""ISO-2022-JP as mails have it: with the circled digits and company signs of Windows, which no standard contains."""

from __future__ import annotations

import re

ESCAPE = re.compile(rb"\x1b(\$[@B]|\$\([@B]|\([BJIH])")
DOUBLE = (b"$@", b"$B", b"$(@", b"$(B")
HALF_WIDTH = b"(I"
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
    shifted = b"".join(_shifted(pairs[at : at + 2]) for at in range(0, len(pairs), 2))
    return shifted.decode("cp932") + (newline + rest).decode("ascii")


def _shifted(pair: bytes) -> bytes:
    """Two bytes of JIS as Shift-JIS writes them, whose Windows form knows the extra signs."""
    if len(pair) < 2 or not (0x21 <= pair[0] <= 0x7E and 0x21 <= pair[1] <= 0x7E):
        raise UnicodeError("no JIS")
    row, cell = pair
    first = (row + 1) // 2 + (0x70 if row < 0x5F else 0xB0)
    second = cell + (0x1F if row % 2 else 0x7E)
    return bytes((first, second + 1 if row % 2 and second >= 0x7F else second))
