"""Bytes to text: what is declared, a wider relative of it, UTF-8, what statistics say, windows-1252."""

from __future__ import annotations

import codecs
import re
from functools import lru_cache

#: Names seen in mails that Python does not know, or that promise less than their senders use.
WIDER = {
    "big5": "big5hkscs",
    "euc_jp": "euc_jis_2004",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso2022_jp": "iso2022_jp_ext",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "shift_jis": "cp932",
    "tis-620": "cp874",
}
ALIASES = {
    "ansi": "cp1252",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-8-i": "iso8859-8",
    "ks_c_5601": "cp949",
    "utf8mb4": "utf-8",
    "windows-874": "cp874",
    "windows-936": "gb18030",
    "windows-949": "cp949",
    "windows-950": "cp950",
    "x-gbk": "gb18030",
    "x-mac-roman": "mac_roman",
    "x-sjis": "cp932",
    "x-windows-949": "cp949",
}
#: Text codecs of Python that are no charsets: slow on hostile input, or they turn backslashes into characters.
REFUSED = {"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"}

#: What software writes when it does not know the charset. If such text is valid UTF-8, it is UTF-8.
CARELESS = {"ascii", "iso8859-1", "cp1252"}

#: Fewer letters than this tell statistics nothing.
ENOUGH_TO_GUESS = 12
GUESS_FROM = 4_000

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@lru_cache(maxsize=256)
def codec_name(declared: str) -> str:
    """Python's name of a declared charset, or an empty string for none we would use."""
    name = re.sub(r"[^a-z0-9_.:-]", "", declared.lower())[:40].strip("-_.:")
    for candidate in (ALIASES.get(name, name), name.removeprefix("x-"), re.sub(r"[-_]", "", name)):
        try:
            found = codecs.lookup(candidate)
        except (LookupError, UnicodeError, ValueError):
            continue
        if found._is_text_encoding and found.name not in REFUSED:
            return found.name
    return ""


def storable(text: str) -> str:
    """Without what databases refuse: NUL is dropped, half a surrogate pair becomes a replacement character."""
    if UNSTORABLE.search(text) is None:
        return text
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return whole.replace("\x00", "")


def decode(raw: bytes, declared: str = "") -> str:
    """Text of the bytes; never raises, always storable."""
    if raw.isascii() and b"\x1b" not in raw and (not declared or codec_name(declared) in {"", "utf-8", *CARELESS}):
        return raw.decode("ascii").replace("\x00", "")
    return storable(_climb(raw, codec_name(declared) if declared else "")).removeprefix("\ufeff")


def _climb(raw: bytes, codec: str) -> str:
    """The ladder. Every step but the last may say that it is not the one."""
    declared = [WIDER.get(codec, ""), codec]
    rungs = ["utf-8", *declared] if codec in {"", *CARELESS} else [*declared, "utf-8"]
    for rung in filter(None, dict.fromkeys(rungs)):
        text = _strictly(raw, rung)
        if text is not None:
            return text
    text = raw.decode("utf-8", "replace")
    if _damaged_utf8(text):
        return text
    if codec not in {"", "utf-8", *CARELESS}:
        return raw.decode(WIDER.get(codec, codec), "replace")
    return _guess(raw)


def _strictly(raw: bytes, codec: str) -> str | None:
    try:
        return raw.decode(codec)
    except (UnicodeError, ValueError, OverflowError):
        return None


def _damaged_utf8(text: str) -> bool:
    """UTF-8 with a few broken bytes, as left by software that cuts in the middle of a letter."""
    broken = text.count("\ufffd")
    letters = sum(1 for character in text[:20_000] if character > "\x7f") - broken
    return letters > 2 * broken


def _guess(raw: bytes) -> str:
    """Statistics if there are enough letters to count, else what most of western mail is."""
    telling = [line for line in raw[: 10 * GUESS_FROM].split(b"\n") if not line.isascii()]
    sample = b"\n".join(telling)[:GUESS_FROM]
    if sum(byte > 0x7F for byte in sample) >= ENOUGH_TO_GUESS:
        from charset_normalizer import from_bytes  # slow to import, and rarely needed

        best = from_bytes(sample).best()
        text = _strictly(raw, best.encoding) if best is not None and codec_name(best.encoding) else None
        if text is not None:
            return text
    return raw.decode("cp1252", "replace") if _strictly(raw, "cp1252") is not None else raw.decode("latin-1")
