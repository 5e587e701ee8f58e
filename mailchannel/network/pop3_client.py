"""The POP3 commands a helpdesk sends: mails by names that last, never by their numbers, and deletion only by QUIT."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Final

from mailchannel.kernel.failpoints import hit
from mailchannel.network.account import Account
from mailchannel.network.pop3_session import Pop3Session
from mailchannel.network.pop3_wire import Refused, Wire
from mailchannel.network.way import Way

#: Mails deleted by one QUIT: what a breakdown before it has to repeat.
AT_ONCE: Final = 50

#: What a name is by RFC 1939 (7). Another one is not for our database, nor for anybody's screen.
UIDL: Final = re.compile(r"[!-~]{1,70}")

#: A first word of a refusal (RFC 3206, 4): not of this mail, but of all of them for now.
IN_TROUBLE: Final = "[SYS/TEMP]"

#: In bytes. Whoever announces more is no mail server, and would be given years to send it.
LARGEST: Final = 10_000_000_000

#: Where the server gives no names: headers that some servers write into a mail when it is read.
CHANGING: Final = re.compile(rb"^(?:Status|X-Status|X-UIDL|X-Keywords):[^\n]*\n", re.IGNORECASE | re.MULTILINE)
BLANK_LINES: Final = (b"\n\r\n", b"\n\n")


class NotDeleted(Exception):
    """The server refused to delete. Its words."""


class Pop3Client(Pop3Session):
    """Numbers belong to one opening of the mailbox, so each command looks them up by the name."""

    def __init__(self, account: Account, way: Way) -> None:
        super().__init__(account, way)
        self._numbers: dict[str, int] | None = None
        self._sizes: dict[int, int] | None = None
        self._has_names: bool | None = None
        self._refused_top = False

    def cut(self) -> None:
        self._numbers = self._sizes = self._has_names = None
        super().cut()

    def reopen(self) -> None:
        """What came and went since the mailbox was opened shows only when it is opened again."""
        with suppress(Refused):  # nothing was marked
            self.leave()

    @property
    def has_names(self) -> bool:
        """Whether the server gives mails names that last (UIDL); no server has to."""
        if self._has_names is None:
            self._has_names = "UIDL" in self.abilities or self._answers_uidl()
        return self._has_names

    def count(self) -> int:
        with self.command() as wire:
            return wire.stat()[0]

    @property
    def numbers(self) -> dict[str, int]:
        """Name → number, as the server orders them."""
        if self._numbers is None:
            self._numbers = self._listed()
            hit("pop3.listed")
        return self._numbers

    def size(self, name: str) -> int | None:
        """In bytes; None for a mail that has vanished."""
        number = self.numbers.get(name)
        return None if number is None else self._all_sizes().get(number)

    def head(self, name: str) -> bytes | None:
        """The header block with the blank line that ends it; None for a mail that has vanished."""
        return self._asked(name, self._read_head, whole=not self._knows_top)

    def original(self, name: str) -> bytes | None:
        raw = self._asked(name, _read, whole=True)
        hit("pop3.fetched")
        return raw

    def remove(self, names: Sequence[str]) -> None:
        """Those that are still there. What a QUIT has not confirmed counts as not deleted, whatever came before it.

        Raises NotDeleted.
        """
        for start in range(0, len(names), AT_ONCE):
            numbers = [self.numbers[name] for name in names[start : start + AT_ONCE] if name in self.numbers]
            if numbers:
                self._remove(numbers)

    def _remove(self, numbers: Sequence[int]) -> None:
        try:
            for number in numbers:
                with self.command() as wire:
                    wire.dele(number)
            hit("pop3.marked")
            self.leave()
        except Refused as error:
            raise NotDeleted(error.args[0].removeprefix(b"-ERR").strip()) from None
        finally:
            self.cut()  # without a QUIT, unless it was said
        hit("pop3.deleted")

    def _listed(self) -> dict[str, int]:
        if not self.has_names:
            return dict(zip(_distinct(self._contents()), self._all_sizes(), strict=True))
        with self.command() as wire:
            pairs = list(_pairs(wire.uidl()[1]))
        return dict(zip(_distinct(_safe(name) for _, name in pairs), (number for number, _ in pairs), strict=True))

    def _answers_uidl(self) -> bool:
        try:
            with self.command() as wire:
                wire.uidl()
        except Refused as error:
            if IN_TROUBLE in str(error).upper():
                raise
            return False
        return True

    def _all_sizes(self) -> dict[int, int]:
        if self._sizes is None:
            with self.command() as wire:
                self._sizes = {number: _size(word) for number, word in _pairs(wire.list()[1])}
        return self._sizes

    def _contents(self) -> Iterator[str]:
        """Names made from headers, which tell mails apart by when and how they came."""
        for number, size in self._all_sizes().items():
            with self.command(size) as wire:
                head = self._read_head(wire, number)
            yield f"headers:{hashlib.sha256(CHANGING.sub(b'', head)).hexdigest()}"

    def _read_head(self, wire: Wire, number: int) -> bytes:
        text = self._read_top(wire, number) if self._knows_top else _read(wire, number)
        ends = [at + len(end) for end in BLANK_LINES if (at := text.find(end)) >= 0]
        return text[: min(ends)] if ends else text

    @property
    def _knows_top(self) -> bool:
        """No server has to (RFC 1939, 7). One that does not tell is tried."""
        return "TOP" in self.abilities or not (self.abilities or self._refused_top)

    def _read_top(self, wire: Wire, number: int) -> bytes:
        try:
            return b"".join(wire.top(number, 0)[1])
        except Refused:
            if self.abilities:
                raise
            self._refused_top = True
            return _read(wire, number)

    def _asked(self, name: str, read: Callable[[Wire, int], bytes], *, whole: bool) -> bytes | None:
        number = self.numbers.get(name)
        if number is None:
            return None
        try:
            with self.command(self._all_sizes().get(number, 0) if whole else 0) as wire:
                return read(wire, number)
        except Refused as error:
            if IN_TROUBLE in str(error).upper():
                raise
            return None  # what another program has deleted meanwhile is refused without such a word


def _pairs(lines: Iterable[bytes]) -> Iterator[tuple[int, str]]:
    """Number and what belongs to it. Raises ValueError."""
    for line in lines:
        number, word = line.split(None, 2)[:2]
        yield int(number), word.decode("latin-1")


def _read(wire: Wire, number: int) -> bytes:
    return b"".join(wire.retr(number)[1])


def _size(word: str) -> int:
    if not 0 <= (size := int(word)) <= LARGEST:
        raise ValueError("no size of a mail")
    return size


def _safe(name: str) -> str:
    return name if UIDL.fullmatch(name) else f"name:{hashlib.sha256(name.encode()).hexdigest()}"


def _distinct(names: Iterable[str]) -> Iterator[str]:
    """Copies of one mail may have the same name (RFC 1939, 7). The blank cannot be part of one."""
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name} {seen[name]}"
