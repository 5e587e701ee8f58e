"""What a file is by its bytes, and whether its name says the same.

libmagic looks at the bytes; it comes with pylibmagic, so that no Debian package is needed, and is loaded with the first
file. Wrongly refusing an honest file is the worse mistake: what libmagic does not know, and endings this table does not
know, contradict nothing.
"""

from __future__ import annotations

import os
import re
from enum import StrEnum
from functools import cache
from typing import Final, Protocol

UNKNOWN: Final = "application/octet-stream"
LOOKED_AT = 16_384  # bytes
#: libmagic tries its patterns again at every blank of a run: a few thousand cost half a second.
BLANKS = re.compile(rb"[\t-\r ]{32,}")
LONGEST_LEAD = 1024
#: Prose that begins with "#!" is no script; what names its interpreter by a path is one.
SHEBANG = re.compile(rb"(?:\xef\xbb\xbf)?#![ \t]{0,8}/[\x21-\x7e]{1,100}")


class Nature(StrEnum):
    """What a detected type comes down to."""

    TEXT = "text"
    IMAGE = "image"
    MEDIA = "sound or film"
    PDF = "pdf"
    RTF = "rtf"
    OLE = "ole"  # the container of Office up to 2003, and of encrypted documents since
    ZIP = "zip"  # the container of Office since 2007, and of OpenDocument
    ARCHIVE = "archive"
    PROGRAM = "program"
    SCRIPT = "script"


N = Nature
_PICTURES = "png jpeg gif webp tiff bmp x-ms-bmp heic heif heic-sequence heif-sequence avif jp2 jxl".split()
_NATURES: Final = {
    **{f"image/{name}": N.IMAGE for name in _PICTURES},
    **dict.fromkeys(("image/svg+xml", "message/rfc822", "application/json", "application/x-ndjson"), N.TEXT),
    **dict.fromkeys(("application/xml", "application/javascript", "application/csv"), N.TEXT),
    "application/pdf": N.PDF,
    **dict.fromkeys(("text/rtf", "application/rtf"), N.RTF),
    **dict.fromkeys(("application/CDFV2", "application/x-ole-storage", "application/CDFV2-encrypted"), N.OLE),
    **{f"application/{name}": N.OLE for name in "msword vnd.ms-excel vnd.ms-powerpoint vnd.ms-outlook".split()},
    **dict.fromkeys(("application/zip", "application/java-archive", "application/epub+zip"), N.ZIP),
    **{f"application/{name}": N.ARCHIVE for name in "gzip x-7z-compressed x-rar x-tar x-bzip2 x-xz zstd".split()},
    **dict.fromkeys(("application/x-dosexec", "application/vnd.microsoft.portable-executable"), N.PROGRAM),
    **{f"application/x-{name}": N.PROGRAM for name in "executable pie-executable sharedlib object mach-binary".split()},
    **dict.fromkeys(("application/x-java-applet", "application/x-msi"), N.PROGRAM),
    **dict.fromkeys(("text/x-shellscript", "text/x-msdos-batch"), N.SCRIPT),
}
_NATURES_BY_BEGINNING: Final = (
    ("application/vnd.openxmlformats-officedocument", N.ZIP),
    ("application/vnd.oasis.opendocument", N.ZIP),
    ("audio/", N.MEDIA),
    ("video/", N.MEDIA),
    ("text/", N.TEXT),
)
#: Endings, and what may lie behind them. Old Word and Excel names stand on RTF, HTML and CSV too, because programs
#: export that so; a GIF may be a film; a packed log may have been unpacked on its way.
_FITTING: Final = (
    ("txt text log md csv tsv json xml html htm svg yml yaml ini eml ics vcf", {N.TEXT, N.RTF}),
    ("png jpg jpeg jpe jfif gif bmp tif tiff webp heic heif avif", {N.IMAGE, N.MEDIA}),
    ("mp3 wav m4a aac flac ogg mp4 m4v mov avi wmv mkv webm mpg mpeg 3gp amr", {N.MEDIA}),
    ("pdf", {N.PDF}),
    ("rtf doc dot xls xlt", {N.RTF, N.OLE, N.ZIP, N.TEXT}),
    ("ppt pps pot vsd mpp pub msg", {N.OLE, N.ZIP}),
    ("docx docm dotx xlsx xlsm xltx xlsb pptx pptm ppsx potx vsdx odt ods odp odg", {N.ZIP, N.OLE}),
    ("zip 7z rar gz tgz tar bz2 xz", {N.ZIP, N.ARCHIVE, N.TEXT}),
)
_FITS: Final = {ending: frozenset(natures) for endings, natures in _FITTING for ending in endings.split()}


def detect(content: bytes) -> str:
    """The MIME type the bytes show, UNKNOWN when they show none. Never raises; safe in threads."""
    head = BLANKS.sub(b"\n", content[:LOOKED_AT])
    if SHEBANG.match(head):
        return "text/x-shellscript"
    try:
        found = str(_library().from_buffer(head)) if head else UNKNOWN
    except Exception:  # libmagic is written in C and meets hostile bytes: no opinion is a safe answer
        return UNKNOWN
    return UNKNOWN if found == "application/pdf" and not _begins_as_pdf(head) else found


def _begins_as_pdf(head: bytes) -> bool:
    """A mark further inside may also be that of a text about PDF; readers accept it in a PDF all the same."""
    return head[:LONGEST_LEAD].removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"%PDF-")


def agrees(filename: str, detected: str) -> bool:
    """May a file of this name hold what was detected? Without a known ending, or a known content, it may."""
    found = nature(detected)
    fitting = _FITS.get(filename.rpartition(".")[2].strip().lower() if "." in filename else "")
    return found is None or fitting is None or found in fitting


def nature(detected: str) -> Nature | None:
    known = _NATURES.get(detected)
    return known or next((found for begin, found in _NATURES_BY_BEGINNING if detected.startswith(begin)), None)


class _Library(Protocol):
    def from_buffer(self, buf: bytes) -> str: ...


@cache
def _library() -> _Library:
    """One for the process; its lock makes it safe in threads."""
    import pylibmagic  # noqa: F401 - leads python-magic to the libmagic it brings, so it comes first
    from magic import Magic

    return Magic(mime=True)


os.register_at_fork(after_in_child=_library.cache_clear)  # a thread of the parent may have held the lock
