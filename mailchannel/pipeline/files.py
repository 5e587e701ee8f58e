"""What becomes of each part of a mail: shown, kept, or left out with a reason. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from mailchannel.kernel.channel import Channel
from mailchannel.kernel.decisions import FileRuling, Ruling, Step, Verdict
from mailchannel.kernel.specs import with_defaults
from mailchannel.kernel.types import TEXT_KINDS, ParsedMail, Part, PartKind
from mailchannel.parsing.filetype import detect
from mailchannel.pipeline.file_rules import FILE_RULES, FILE_SPECS, RULES_BY_CODE, Settings, runs

NOT_MAPPED = "attachment.not_mapped"
#: Looking into a file costs milliseconds; a mail with more files than anybody sends is not to take minutes.
MOST_DETECTED = 200
MOST_STEPS = 20
_JUDGED = frozenset({PartKind.FILE, PartKind.INLINE, PartKind.CALENDAR, PartKind.MESSAGE})


@dataclass(frozen=True, slots=True)
class Dropped:
    """A file a rule left out, as people are told."""

    filename: str
    error: str
    reason: str
    solution: str


def judge_files(mail: ParsedMail, channel: Channel) -> Ruling[tuple[FileRuling, ...]]:
    """One ruling for each part, in the order of the mail, and a step for each that is left out."""
    settings = with_defaults(FILE_SPECS, channel.files)
    mapped = any(rule.field == "attachments" and rule.property for rule in channel.mapping)
    rulings: list[FileRuling] = []
    looks = MOST_DETECTED
    for part in mail.parts:
        judged = _is_judged(part)
        detected = detect(part.content) if judged and looks > 0 else ""
        looks -= judged
        rulings.append(_rule(part, detected, settings, mapped=mapped))
    return Ruling(tuple(rulings), _steps(rulings))


def dropped(manifest: Iterable[FileRuling]) -> tuple[Dropped, ...]:
    """What the sender is told: the files a rule left out, not what the mapping has no place for."""
    return tuple(_dropped(ruling) for ruling in manifest if ruling.reason in RULES_BY_CODE)


def _rule(part: Part, detected: str, settings: Settings, *, mapped: bool) -> FileRuling:
    digest = hashlib.sha256(part.content).hexdigest()
    if part.kind in TEXT_KINDS:
        return FileRuling(part, Verdict.SHOWN, sha256=digest)
    reason, because = _offence(part, detected, settings)
    if not mapped:
        reason, because = NOT_MAPPED, "The mapping of this mail server does not fill attachments from the mail."
    kept = Verdict.INLINE if part.inline else Verdict.KEPT
    return FileRuling(part, Verdict.STRIPPED if reason else kept, detected, digest, reason, because)


def _is_judged(part: Part) -> bool:
    """Reports and signatures belong to the mail, unless one is called like a program."""
    return part.kind in _JUDGED or (part.kind not in TEXT_KINDS and runs(part.filename))


def _offence(part: Part, detected: str, settings: Settings) -> tuple[str, str]:
    """(code, words for people) of the first rule the part breaks."""
    for rule in FILE_RULES if _is_judged(part) else ():
        wrong = "" if part.kind in rule.spares else rule.check(part, detected, settings)
        if wrong:
            return rule.code, f"{rule.error}: {wrong}. {rule.solution}"
    return "", ""


def _dropped(ruling: FileRuling) -> Dropped:
    rule = RULES_BY_CODE[ruling.reason]
    reason = ruling.because.removeprefix(f"{rule.error}: ").removesuffix(f" {rule.solution}")
    return Dropped(ruling.part.filename, rule.error, f"{reason[:1].upper()}{reason[1:]}", rule.solution)


def _steps(rulings: Sequence[FileRuling]) -> tuple[Step, ...]:
    stripped = [ruling for ruling in rulings if ruling.verdict is Verdict.STRIPPED]
    steps = [
        Step("file", ruling.reason.partition(".")[2], ruling.verdict.value, f"{ruling.part.filename}: {ruling.because}")
        for ruling in stripped[:MOST_STEPS]
    ]
    if more := len(stripped) - len(steps):
        steps.append(Step("file", "more", Verdict.STRIPPED.value, f"{more} more files; the list of parts names them"))
    return tuple(steps)
