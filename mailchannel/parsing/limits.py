"""How much of a mail is read before it counts as too complex."""

from __future__ import annotations

from dataclasses import dataclass


class TooComplex(Exception):
    """A structural limit is passed. Never leaves this package: `parse` says so in `ParsedMail.too_complex`."""


#: The tree of parts is read by functions that call themselves; deeper than this Python itself would give up first.
DEEPEST = 200


@dataclass(frozen=True, slots=True)
class Limits:
    """Far above anything people send; what lies beyond them stays in the stored original."""

    header_block: int = 256_000  # bytes of one header block
    header_value: int = 64_000  # bytes of one header
    headers: int = 5_000  # in one header block
    encoded_words: int = 1_000  # in one header
    parameters: int = 500  # in one header
    addresses: int = 1_000  # in all headers of one name
    parts: int = 3_000
    depth: int = 100
    html: int = 2_000_000  # characters turned into text
    name: int = 200  # bytes of an attachment's name
    flat_text: int = 100_000  # bytes shown of a mail that is too complex

    def allow_parts(self, count: int) -> None:
        """Raises TooComplex."""
        if count > self.parts:
            raise TooComplex(f"The mail has more than {self.parts} parts.")


DEFAULT = Limits()
