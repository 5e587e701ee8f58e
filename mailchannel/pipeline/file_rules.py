"""What an attachment must be like to be kept: five rules, their settings, and what each says to people."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.kernel.types import Part, PartKind
from mailchannel.parsing.filetype import agrees

#: What a computer runs when somebody opens it. Left out unless an administrator lists other types.
PROGRAMS: Final = frozenset(
    "exe com scr pif bat cmd msi msp mst msix appx cpl dll sys drv ocx lnk js jse mjs vb vbs vbe ws wsf wsh wsc sct hta"
    " ps1 ps1xml ps2 psc1 psm1 psd1 reg inf scf msc chm hlp jar jnlp ade adp mde xll gadget application appref-ms"
    " app command apk sh bash csh ksh".split()
)
#: Those that count inside a name as well, as in `invoice.exe.pdf`. Not `com`: names of web pages contain it.
HIDDEN: Final = frozenset("exe scr pif bat cmd msi cpl lnk jse vbs vbe wsf hta ps1".split())

FILE_SPECS: Final = (
    FieldSpec(
        "attachment_names",
        "File names with other characters",
        Kind.CHOICE,
        "Other than letters, digits, dots, hyphens and underscores; a blank is one of them.",
        default="keep",
        choices=(("keep", "Keep the file"), ("drop", "Leave the file out")),
    ),
    FieldSpec(
        "attachment_extension_rule",
        "File types",
        Kind.CHOICE,
        "By the ending of the file's name.",
        default="restrict",
        choices=(("restrict", "All but the listed ones"), ("allow", "Only the listed ones"), ("off", "All")),
    ),
    FieldSpec(
        "attachment_extensions",
        "Listed file types",
        Kind.LINES,
        "One a line, such as exe. An empty list of types to leave out means programs and scripts (exe, js, vbs …), "
        "an empty list of allowed types means all.",
        default=(),
    ),
    FieldSpec(
        "attachment_content_check",
        "Leave out files whose content does not match their ending",
        Kind.SWITCH,
        "Such as a picture called notes.txt. Endings we do not know are never refused.",
        default=True,
    ),
    FieldSpec("attachment_drop_empty", "Leave empty files out", Kind.SWITCH, default=True),
    FieldSpec(
        "attachment_max_mb",
        "Maximum attachment size (MB)",
        Kind.INTEGER,
        "A larger file is left out; the mail itself is not.",
        default=25,
        minimum=1,
        maximum=150,
    ),
    FieldSpec(
        "notify_stripped",
        "Tell the sender and the team when a file is left out",
        Kind.SWITCH,
        "Machines and mailing lists are never told. The team are the people chosen for the mail server.",
        default=True,
    ),
)

Settings = Mapping[str, Any]
Check = Callable[[Part, str, Settings], str]


@dataclass(frozen=True, slots=True)
class FileRule:
    """`check` answers, for a part and the type its bytes show, with what is wrong in words, or with nothing."""

    code: str
    error: str
    solution: str
    check: Check
    spares: frozenset[PartKind] = frozenset()


def _name(part: Part, detected: str, settings: Settings) -> str:
    if settings["attachment_names"] != "drop":
        return ""
    odd = list(dict.fromkeys(c for c in part.filename if c not in "._-" and unicodedata.category(c)[0] not in "LMN"))
    shown = " ".join("a blank" if c.isspace() else f"“{c}”" for c in odd[:5])
    return f"the name contains {shown}" if odd else ""


def _extension(part: Part, detected: str, settings: Settings) -> str:
    rule = settings["attachment_extension_rule"]
    listed = frozenset(str(each).strip().lower().lstrip(".") for each in settings["attachment_extensions"])
    if rule == "off" or (rule == "allow" and not listed):
        return ""
    endings = _endings(part.filename)
    if rule == "allow":
        return "" if endings & listed else "files of this type are not among the ones accepted here"
    found = endings & (listed or PROGRAMS) or hidden(part.filename) & (listed or PROGRAMS)
    return f"files of the type {min(found)} are not accepted here" if found else ""


def _content(part: Part, detected: str, settings: Settings) -> str:
    if not settings["attachment_content_check"] or agrees(_plain(part.filename), detected):
        return ""
    return f"the name ends in {_plain(part.filename).rpartition('.')[2]}, but the content is {detected}"


def _empty(part: Part, detected: str, settings: Settings) -> str:
    return "the file has no content" if settings["attachment_drop_empty"] and not part.content else ""


def _size(part: Part, detected: str, settings: Settings) -> str:
    most, size = int(settings["attachment_max_mb"]) * 1_000_000, len(part.content)
    return f"it has {size:,} bytes, and at most {most:,} are accepted" if size > most else ""


#: In this order; the first that is broken is the one that is told. A mail that was attached is named after its subject.
FILE_RULES: Final = (
    FileRule(
        "attachment.name",
        "Attachment file name is invalid",
        "Rename the file with letters, digits, dots, hyphens and underscores only, and send it again.",
        _name,
        spares=frozenset({PartKind.MESSAGE}),
    ),
    FileRule(
        "attachment.extension",
        "Attachment files contain invalid extensions",
        "Send it as another type of file, or have this type accepted in the attachment rules.",
        _extension,
    ),
    FileRule(
        "attachment.content_type",
        "Attachment files contain invalid content type",
        "Give the file the ending that belongs to its content, and send it again.",
        _content,
        spares=frozenset({PartKind.MESSAGE}),
    ),
    FileRule(
        "attachment.empty",
        "Attachment contains empty files",
        "Make sure that the file is not empty. If it is not, an antivirus program or a firewall may have emptied it on "
        "its way: ask the people who look after them.",
        _empty,
    ),
    FileRule(
        "attachment.size",
        "Attachment size exceeds the configured limit",
        "Make the file smaller or split it, or have the maximum attachment size (MB) raised in the attachment rules.",
        _size,
    ),
)
RULES_BY_CODE: Final = {rule.code: rule for rule in FILE_RULES}


def hidden(filename: str) -> frozenset[str]:
    """Endings of programs that stand inside the name, before the last one."""
    return frozenset(_plain(filename).split(".")[1:-1]) & HIDDEN


def runs(filename: str) -> bool:
    """Would a computer run a file of this name?"""
    return bool(_endings(filename) & PROGRAMS)


def _endings(filename: str) -> frozenset[str]:
    """`backup.tar.gz` → gz and tar.gz."""
    pieces = _plain(filename).split(".")[1:][-5:]
    return frozenset(".".join(pieces[place:]) for place in range(len(pieces)))


def _plain(filename: str) -> str:
    """Windows drops dots and blanks at the end, and what stands behind `::$`."""
    return filename.lower().partition("::$")[0].rstrip(". ")
