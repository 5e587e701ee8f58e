"""What is wrong in a settings file, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """`path` leads to the value, like `mail_servers[0].connection.port`; `text` never repeats a secret."""

    line: int
    path: str
    text: str

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else "somewhere"
        return f"{place}, {self.path}: {self.text}" if self.path else f"{place}: {self.text}"


class ConfigError(Exception):
    """Nothing of the file was applied. `problems` has all that were found, in the order of the file."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda problem: problem.line))
        super().__init__("\n".join(map(str, self.problems)))
