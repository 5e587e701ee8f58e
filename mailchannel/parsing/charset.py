"""Bytes to text: what is declared, a wider relative of it, UTF-8, what statistics say, windows-1252."""

from __future__ import annotations

import codecs
import encodings
import pkgutil
import re
from collections.abc import Iterator
from encodings.aliases import aliases
from functools import lru_cache

from mailchannel.parsing.guessing import likely_charset
from mailchannel.parsing.japanese import from_iso_2022_jp

#: Names seen in mails that Python does not know, or that promise less than their senders use.
WIDER = {
    "big5": "big5hkscs",
    "euc_jp": "euc_jis_2004",
    "euc_kr": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "iso8859-11": "cp874",
    "shift_jis": "cp932",
    "tis-620": "cp874",
}
ALIASES = {
    "ansi": "cp1252",
    "chinesebig5": "big5",
    "cp20127": "ascii",
    "cp20866": "koi8-r",
    "cp21866": "koi8-u",
    "cp50220": "iso2022_jp",
    "cp50221": "iso2022_jp",
    "cp50222": "iso2022_jp",
    "cp51932": "euc_jp",
    "cp52936": "hz",
    "cp54936": "gb18030",
    "dos-866": "cp866",
    "iso-8859-8-e": "iso8859-8",
    "iso-8859-8-i": "iso8859-8",
    "iso-2022-jp-ms": "iso2022_jp",
    "ks_c_5601": "cp949",
    "ms932": "cp932",
    "unicode": "utf-16",
    "unicode-1-1-utf-7": "utf-7",
    "unicode-1-1-utf-8": "utf-8",
    "utf8mb4": "utf-8",
    "windows-31j": "cp932",
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

#: What Python calls its codecs. Asked for any other, it looks into its files each time, and keeps every name for ever.
KNOWN = frozenset(aliases) | {module.name for module in pkgutil.iter_modules(encodings.__path__)}
PUNCTUATION = re.compile(r"[_:-]+")

#: Names in which somebody wrapped a name: `windows cp-1252`, `iso 8859_1`, `utf-8//IGNORE`, `GB2312_CHARSET`.
WRAPPED = (
    (re.compile(r"(?:windows|win|cp|ms|ibm|dos)[-_]?(\d{3,5})(?!\d)"), r"cp\1"),
    (re.compile(r"8859[-_]?(\d{1,2})(?!\d)"), r"iso8859-\1"),
    (re.compile(r"utf[-_]?(7|8|16|32)(?!\d)"), r"utf-\1"),
    (re.compile(r"2022[-_]?jp"), "iso2022_jp"),
    (re.compile(r"gb[-_]?2312"), "gb2312"),
    (re.compile(r"koi8"), "koi8-r"),
)

#: What software writes when it does not know the charset. If such text is valid UTF-8, it is UTF-8.
CARELESS = {"ascii", "iso8859-1", "cp1252"}

#: What claims to be Japanese in seven bits, or has its escapes undeclared. The second is no codec but `japanese.py`.
WINDOWS_7_BIT = "iso2022_jp_windows"
JAPANESE_7_BIT = ("iso2022_jp_ext", WINDOWS_7_BIT, "iso2022_jp_2", "iso2022_jp_2004")
KOREAN_ESCAPE = b"\x1b$)C"

#: Where UTF-8 is no likelier reading than the declared one.
WHOLLY_DIFFERENT = {"utf-8", "utf-7", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"}
ENOUGH_TO_BE_SURE = 4
MARKS_OF_32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, *MARKS_OF_32)

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@lru_cache(maxsize=256)
def codec_name(declared: str) -> str:
    """Python's name of a declared charset, or an empty string for none we would use."""
    name = re.sub(r"[^a-z0-9_.:-]", "", declared.lower())[:40].strip("-_.:")
    for candidate in (ALIASES.get(name, name), name.removeprefix("x-"), re.sub(r"[-_]", "", name), *_unwrapped(name)):
        spelling = PUNCTUATION.sub("_", candidate)
        if spelling not in KNOWN and spelling.replace(".", "_") not in KNOWN:
            continue
        try:
            found = codecs.lookup(candidate)
        except (LookupError, UnicodeError, ValueError):
            continue
        if found._is_text_encoding and found.name not in REFUSED:
            return found.name
    return ""


def _unwrapped(name: str) -> Iterator[str]:
    for wrapped, form in WRAPPED:
        found = wrapped.search(name)
        if found:
            whole = found.expand(form)
            yield ALIASES.get(whole, whole)


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
    codec = _width(raw, codec)
    for rung in _rungs(raw, codec):
        text = _strictly(raw, rung)
        if text is not None:
            return text
    text = raw.decode("utf-8", "replace")
    if _damaged_utf8(text):
        return text
    if codec not in {"", "utf-8", *CARELESS}:
        return raw.decode(WIDER.get(codec, codec), "replace")
    return _guess(raw)


def _rungs(raw: bytes, codec: str) -> Iterator[str]:
    if codec in {"", *CARELESS} or (codec not in WHOLLY_DIFFERENT and _plainly_utf8(raw)):
        if b"\x1b$" in raw or b"\x1b(I" in raw:
            yield from ("iso2022_kr",) if KOREAN_ESCAPE in raw else JAPANESE_7_BIT
        yield "utf-8"
    yield from JAPANESE_7_BIT if codec == "iso2022_jp" else filter(None, (WIDER.get(codec, ""), codec))
    yield "utf-8"


def _width(raw: bytes, codec: str) -> str:
    """UTF-16 by its byte order mark or its zeros; text that is called so but is not has neither."""
    if raw.startswith(MARKS) and (codec in {"", *CARELESS} or codec.startswith("utf-")):
        return "utf-32" if raw.startswith(MARKS_OF_32) else "utf-16"
    if codec == "utf-16" and raw[:1_000:2].count(0) > raw[1:1_000:2].count(0):
        return "utf-16-be"
    if codec.startswith(("utf-16", "utf-32")) and b"\x00" not in raw and _strictly(raw, "utf-8") is not None:
        return "utf-8"
    return codec


def _plainly_utf8(raw: bytes) -> bool:
    """Several letters of more than one byte, and none of them broken: no other charset looks so by chance."""
    text = None if raw.isascii() else _strictly(raw, "utf-8")
    return text is not None and sum(1 for letter in text[:20_000] if letter > "\x7f") >= ENOUGH_TO_BE_SURE


def _strictly(raw: bytes, codec: str) -> str | None:
    try:
        return from_iso_2022_jp(raw) if codec == WINDOWS_7_BIT else raw.decode(codec)
    except (UnicodeError, ValueError, OverflowError):
        return None


def _damaged_utf8(text: str) -> bool:
    """UTF-8 with a few broken bytes, as left by software that cuts in the middle of a letter."""
    broken = text.count("\ufffd")
    letters = sum(1 for character in text[:20_000] if character > "\x7f") - broken
    return letters > 2 * broken


def _guess(raw: bytes) -> str:
    """Statistics if there are enough letters to count, else what most of western mail is."""
    likely = codec_name(likely_charset(raw))
    text = _strictly(raw, likely) if likely else None
    if text is not None:
        return text
    return raw.decode("cp1252", "replace") if _strictly(raw, "cp1252") is not None else raw.decode("latin-1")
