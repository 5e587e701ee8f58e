"""What the containers of an HTML mail say about its history: mail programs name what they quote.

The words come out as lines like those of a plain mail: quotes are marked with `>`, the history that its container
proves to be one is gone, and the announcements that containers name are listed. The rest is judged like plain text.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from mailchannel.parsing.html_containers import Role, telling_words
from mailchannel.parsing.html_marks import Span, marked_lines
from mailchannel.parsing.limits import DEFAULT, Limits
from mailchannel.parsing.quote_marks import (
    LONGEST_ATTRIBUTION,
    attribution,
    is_forward,
    is_header_block,
    looks_like_headers,
)
from mailchannel.parsing.signatures import LONGEST as LONGEST_SIGNATURE

QUOTES = (Role.CITED, Role.BARE, Role.INDENTED)


@dataclass(slots=True)
class Rich:
    """The lines of an HTML mail without proven history. `announced`: where an announcement begins and where it ends."""

    lines: list[str]
    announced: dict[int, int] = field(default_factory=dict)
    sure: bool = False  # a container said so
    whole: bool = False  # there is nothing to cut


def read_rich(source: str, *, proof: bool = False, limits: Limits = DEFAULT) -> Rich | None:
    """None when no container of this HTML says anything; with `proof`, when none shows where an old mail begins."""
    source = source[: limits.html]
    words = telling_words(source, proof=proof)
    lines, spans = marked_lines(source, words) if words else ([], [])
    if not spans:
        return None
    if _is_one_quote(lines, spans):
        return Rich(_unmarked(lines), whole=True)
    return _judged(lines, spans)


def _is_one_quote(lines: list[str], spans: list[Span]) -> bool:
    """A blockquote that holds the only text is text."""
    return spans[0].role in QUOTES and all(line.startswith(">") for line in lines if line.strip())


def _unmarked(lines: Iterable[str]) -> list[str]:
    return [line[1:].removeprefix(" ") if line.startswith(">") else line for line in lines]


def _judged(lines: list[str], spans: list[Span]) -> Rich:
    if any(is_forward(lines[span.start]) for span in spans):
        return Rich(lines, whole=True)
    announced: dict[int, int] = {}
    gone: list[Span] = []
    for span in spans:
        if span.role is Role.ATTRIBUTION or (span.role is Role.HISTORY and _has_quote(lines, span)):
            announced[span.start] = _end_of_announcement(lines, span)
        elif _is_history(lines, span) or _is_signature(lines, span):
            gone.append(span)
    for span in _own_quotes(lines, spans, announced):
        lines[span.start : span.end] = _unmarked(lines[span.start : span.end])
    return _without(lines, gone, announced)


def _own_quotes(lines: list[str], spans: list[Span], announced: dict[int, int]) -> list[Span]:
    """Blockquotes in which the writer set something off, such as the text of an error."""
    histories = [span for span in spans if span.role is Role.HISTORY]
    last = next((span for span in reversed(spans) if span.role in QUOTES), None)
    own = []
    for span in spans:
        if span.role is not Role.INDENTED and (span.role is not Role.BARE or span is last):
            continue
        if any(history.start <= span.start < history.end for history in histories):
            continue
        while span.start and lines[span.start - 1].rstrip() == ">":
            span.start -= 1
        if not _is_announced(lines, span, announced):
            own.append(span)
    return own


def _has_quote(lines: list[str], span: Span) -> bool:
    """It says where the quote in it begins, so words below that quote may be new."""
    return _end_of_announcement(lines, span) < span.end


def _end_of_announcement(lines: list[str], span: Span) -> int:
    if span.role is Role.ATTRIBUTION:
        return span.end
    looked_at = range(span.start, min(span.end, span.start + LONGEST_ATTRIBUTION + 3))
    return next((at for at in looked_at if lines[at].startswith(">")), span.end)


def _is_history(lines: list[str], span: Span) -> bool:
    if span.role is Role.REST:
        return True
    begins = [line for line in lines[span.start : min(span.end, span.start + LONGEST_ATTRIBUTION + 2)] if line.strip()]
    if span.role is Role.RULED:
        return looks_like_headers(begins) or is_header_block(begins, 0)
    if span.role is not Role.HISTORY:
        return False
    return looks_like_headers(begins) or any(line.rstrip().endswith((":", "：", "---")) for line in begins)


def _is_signature(lines: list[str], span: Span) -> bool:
    """People write below their signature, and then often inside its container."""
    if span.role is not Role.SIGNATURE or span.end - span.start > LONGEST_SIGNATURE:
        return False
    return any(line.strip() for line in lines[: span.start])


def _is_announced(lines: list[str], span: Span, announced: dict[int, int]) -> bool:
    nearest = range(span.start - 1, max(span.start - 4, -1), -1)
    above = next((at for at in nearest if lines[at].strip()), None)
    if above is None:
        return False
    return attribution(lines, above) is not None or any(above in range(*lines_of) for lines_of in announced.items())


def _without(lines: list[str], gone: list[Span], announced: dict[int, int]) -> Rich:
    """What is left. Announcements move with their lines."""
    dropped = bytearray(len(lines))
    for span in gone:
        end = len(lines) if span.role in (Role.REST, Role.RULED) else span.end
        dropped[span.start : end] = b"\1" * (end - span.start)
    moved = [0]
    for drop in dropped:
        moved.append(moved[-1] + (not drop))
    kept = [line for line, drop in zip(lines, dropped, strict=True) if not drop]
    left = {moved[start]: moved[end] for start, end in announced.items() if not dropped[start]}
    return Rich(kept, left, sure=bool(left) or any(span.role is not Role.SIGNATURE for span in gone))
