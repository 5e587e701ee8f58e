"""What the pipeline says about a mail, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Generic, TypeVar

from mailchannel.kernel.types import Address, Part

T = TypeVar("T")


class Outcome(StrEnum):
    """How a mail ended. RECEIVED is the only one that is not an end."""

    RECEIVED = "received"
    OPENED = "opened"
    ADDED = "added"
    DUPLICATE = "duplicate"
    IGNORED = "ignored"
    REJECTED = "rejected"
    HELD = "held"
    FAILED = "failed"


#: When several gates refuse, the leftmost outcome wins: the one that is mildest for the sender.
MILDEST_FIRST = (Outcome.DUPLICATE, Outcome.IGNORED, Outcome.REJECTED, Outcome.HELD, Outcome.FAILED)


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the trace. `verdict` is pass, refuse, or a short word for what was chosen."""

    stage: str
    code: str
    verdict: str
    because: str = ""

    def as_json(self) -> dict[str, str]:
        return {"stage": self.stage, "code": self.code, "verdict": self.verdict, "because": self.because}


@dataclass(frozen=True, slots=True)
class Ruling(Generic[T]):
    """What a stage decided, with the lines it wants in the trace."""

    value: T
    steps: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Refusal:
    """`reason` is the dotted code an administrator filters by; its first part is the outcome."""

    reason: str
    because: str

    @property
    def outcome(self) -> Outcome:
        return Outcome(self.reason.partition(".")[0])


@dataclass(frozen=True, slots=True)
class Thread:
    """The ticket a mail answers. `number` is empty for a new conversation; `related` is shown to agents only."""

    number: str = ""
    related: str = ""


NO_THREAD = Thread()


class Verdict(StrEnum):
    """What became of one part of a mail."""

    SHOWN = "shown"  # it is the text, or another form of it
    KEPT = "kept"
    INLINE = "inline"  # kept, and shown inside the text
    STRIPPED = "stripped"  # left out by a rule; the stored original still holds it


@dataclass(frozen=True, slots=True)
class FileRuling:
    """One line of the manifest: a part and what became of it.

    `detected` is the type its bytes show, empty for text that is shown. `reason` is a code such as `attachment.size`,
    `because` says it to a person, with what to do; both are empty unless something is worth saying.
    """

    part: Part
    verdict: Verdict
    detected: str = ""
    sha256: str = ""
    reason: str = ""
    because: str = ""


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything needed to write the ticket or note. No model instances."""

    template: str
    ticket_type: str
    fields: Mapping[str, Any]
    requester: Address
    text: str
    html: str
    fresh: str = ""  # the new words of the text
    thread: Thread = NO_THREAD
    department: str = ""
    service: str = ""
    process: str = ""
    restricted: tuple[str, ...] = ()
    recipients: tuple[Address, ...] = ()  # To and Cc without our own addresses
    attachments: tuple[Part, ...] = ()  # the files the ticket gets
    manifest: tuple[FileRuling, ...] = ()  # every part of the mail, in its order


@dataclass(frozen=True, slots=True)
class Decision:
    """`draft` is what the mail became, or would have become had no gate refused; None: nothing can be made of it."""

    outcome: Outcome
    reason: str
    trace: tuple[Step, ...] = field(default=())
    draft: Draft | None = None
