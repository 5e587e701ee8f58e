"""Does a stored value fit what the plug-in declared?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from mailchannel.kernel.specs import FieldSpec, Kind


def spec_problems(specs: Iterable[FieldSpec], stored: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """(name, what is wrong) of every setting that is missing or does not fit."""
    for spec in specs:
        value = stored.get(spec.name)
        if value is None or value == "":
            value = spec.default
        if value in ("", None, (), []):
            if spec.required:
                yield spec.name, f"{spec.label} is missing."
        elif wrong := _CHECKS[spec.kind](spec, value):
            yield spec.name, f"{spec.label}: {wrong}."


def _text(spec: FieldSpec, value: object) -> str:
    return "" if isinstance(value, str) else "this must be text"


def _integer(spec: FieldSpec, value: object) -> str:
    if not isinstance(value, int) or isinstance(value, bool):
        return "this must be a whole number"
    if spec.minimum is not None and value < spec.minimum:
        return f"the smallest allowed value is {spec.minimum}"
    if spec.maximum is not None and value > spec.maximum:
        return f"the largest allowed value is {spec.maximum}"
    return ""


def _switch(spec: FieldSpec, value: object) -> str:
    return "" if isinstance(value, bool) else "this must be yes or no (true or false)"


def _choice(spec: FieldSpec, value: object) -> str:
    known = [key for key, _ in spec.choices]
    return "" if value in known else f"this must be one of {', '.join(known)}"


def _lines(spec: FieldSpec, value: object) -> str:
    is_list = isinstance(value, list | tuple) and all(isinstance(line, str) for line in value)
    return "" if is_list else "this must be a list of texts"


_CHECKS: Mapping[Kind, Callable[[FieldSpec, object], str]] = {
    Kind.TEXT: _text,
    Kind.PARAGRAPH: _text,
    Kind.SECRET: _text,
    Kind.INTEGER: _integer,
    Kind.SWITCH: _switch,
    Kind.CHOICE: _choice,
    Kind.LINES: _lines,
}
