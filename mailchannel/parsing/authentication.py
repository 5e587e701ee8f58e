"""Did the sender's domain send this mail, as far as our own mail server could check?

Only the topmost Authentication-Results header counts, and only when the server we trust wrote it (RFC 8601): that
server puts its own on top, and everything below it may have come with the mail.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from mailchannel.kernel.types import ParsedMail
from mailchannel.parsing.addresses import ascii_domain
from mailchannel.parsing.tokens import SPACES, Kind, Token, tokens

HEADER = "authentication-results"
#: ARC is left out: whoever forwards a mail may seal it, which says nothing of its author.
METHODS = frozenset({"dmarc", "spf", "dkim"})
FAILURES = frozenset({"fail", "softfail", "permerror"})
#: Inside quotes, signs mean nothing. The @ is kept: a whole address may stand in quotes.
MEANS_NOTHING = re.compile(r"[^\w.@-]")


class SenderVerdict(StrEnum):
    NONE = "none"  # nothing was checked, nothing was found out, or nobody we trust says so
    PASS = "pass"  # noqa: S105 - the word of RFC 8601
    FAIL = "fail"


MEANING = {
    SenderVerdict.NONE: "this neither proves nor disproves the sender's domain",
    SenderVerdict.PASS: "this proves the sender's domain",
    SenderVerdict.FAIL: "the sender's domain did not send it",
}


@dataclass(frozen=True, slots=True)
class Authentication:
    """`because` is for people: it names the server and its results."""

    verdict: SenderVerdict = SenderVerdict.NONE
    because: str = ""


UNKNOWN = Authentication()


@dataclass(frozen=True, slots=True)
class Result:
    """`spf=pass smtp.mailfrom=example.com`, in lower case. Of a property given twice the first one counts."""

    method: str
    verdict: str
    properties: dict[str, str] = field(default_factory=dict)

    def domain(self, *names: str) -> str:
        """The domain in the first of these properties that is there."""
        value = next((self.properties[name] for name in names if name in self.properties), "")
        return ascii_domain(value.rpartition("@")[2].strip("<>."))

    def __str__(self) -> str:
        return f"{self.method}={self.verdict}"


def read_verdict(mail: ParsedMail, server_id: str) -> Authentication:
    """`server_id` is how our own mail server calls itself in that header; without one there is never a verdict."""
    trusted = server_id.strip().lower()
    if not trusted:
        return Authentication(because="no mail server is trusted to check senders")
    header = next(iter(mail.headers.get(HEADER, ())), "")
    if not header:
        return Authentication(because=f"{trusted} says nothing of the sender")
    author, results = _read(header)
    if author != trusted:
        return Authentication(because=f"the topmost result comes from {author[:100] or 'nobody'}, not from {trusted}")
    verdict = _judge(results, mail.sender.domain if mail.sender else "")
    said = ", ".join(dict.fromkeys(map(str, results))) or "nothing of the sender"
    return Authentication(verdict, f"{trusted} says {said[:300]}: {MEANING[verdict]}")


def _judge(results: Sequence[Result], domain: str) -> SenderVerdict:
    dmarc = [each for each in results if each.method == "dmarc"]
    found = {each.verdict for each in dmarc}
    if "fail" in found:
        return SenderVerdict.FAIL
    if found - {"none"}:  # several that differ prove nothing: one of them may be the sender's words
        meant = all(each.domain("header.from") in ("", domain) for each in dmarc)
        return SenderVerdict.PASS if found == {"pass"} and meant and domain else SenderVerdict.NONE
    checked = [each for each in results if each.method != "dmarc" and each.verdict != "none"]
    if any(each.verdict == "pass" and _aligned(_checked_domain(each), domain) for each in checked):
        return SenderVerdict.PASS
    return SenderVerdict.FAIL if checked and all(each.verdict in FAILURES for each in checked) else SenderVerdict.NONE


def _checked_domain(result: Result) -> str:
    return result.domain("smtp.mailfrom") if result.method == "spf" else result.domain("header.d", "header.i")


def _aligned(one: str, other: str) -> bool:
    """The same domain, or one below the other. A top-level domain is nobody's."""
    upper, lower = sorted((one, other), key=len)
    return "." in upper and (upper == lower or lower.endswith(f".{upper}"))


def _read(header: str) -> tuple[str, list[Result]]:
    """Who wrote it and what they found. A header with a stray quote or parenthesis was written by nobody."""
    found = list(tokens(header, encoded_words=False))
    if any(token.kind is Kind.BROKEN for token in found):
        return "", []
    author, *statements = _statements(found)
    name, *version = author.split()[:3] or [""]
    if "=" in name or not all(each.isdecimal() for each in version):
        return "", []
    return name, [result for each in statements if (result := _result(each)) and result.method in METHODS]


def _statements(found: Iterable[Token]) -> Iterator[str]:
    """What stands between the semicolons, in lower case, without comments and blanks that mean nothing."""
    words: list[str] = []
    for token in found:
        if token.sign(";"):
            yield _close_up(words)
            words = []
        else:
            words.append(_text(token))
    yield _close_up(words)


def _text(token: Token) -> str:
    if token.kind in SPACES:
        return " "
    return MEANS_NOTHING.sub("_", token.text) if token.kind is Kind.QUOTED else token.text


def _close_up(words: Iterable[str]) -> str:
    return " ".join("".join(words).lower().split()).replace(" =", "=").replace("= ", "=")


def _result(statement: str) -> Result | None:
    first, *rest = statement.split() or [""]
    method, equals, verdict = first.partition("=")
    if not equals:
        return None
    properties: dict[str, str] = {}
    for word in rest:
        name, _, value = word.partition("=")
        properties.setdefault(name, value)
    return Result(method.partition("/")[0], verdict, properties)
