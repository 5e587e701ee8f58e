"""JSON and forms as providers post them: any size, any order, hostile or cut off."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import parse_qsl

from django.utils.http import parse_header_parameters

from mailchannel.webhooks.doors import Posted, Unreadable

MOST_FIELDS: Final = 3_000
_LONGEST_PART_HEAD: Final = 16_384
_SPACE: Final = " \t\r\n"


# --- JSON ---------------------------------------------------------------------------------------


def document(posted: Posted) -> dict[str, Any]:
    """A JSON object; of one that was cut what is there of it. Raises Unreadable."""
    text = posted.body.decode("utf-8", "ignore" if posted.cut else "replace").lstrip("\ufeff")
    try:
        found = _beginning(text) if posted.cut else json.loads(text, strict=False)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"This is not the JSON of a mail: {type(error).__name__}.") from error
    if not isinstance(found, dict):
        raise Unreadable("This is JSON, but not of a mail.")
    return found


def _beginning(text: str) -> dict[str, Any]:
    """The fields of an object up to where the text ends; a string that ends early counts as far as it goes."""
    decode = json.JSONDecoder(strict=False).raw_decode
    found: dict[str, Any] = {}
    at = _skip(text, 0, "{")
    while True:
        try:
            key, at = decode(text, at)
            at = _skip(text, at, ":")
        except ValueError:
            return found
        try:
            found[str(key)], at = decode(text, at)
            at = _skip(text, at, ",")
        except ValueError:
            if text[at : at + 1] == '"' and str(key) not in found:
                found[str(key)] = _half_a_string(text[at + 1 :])
            return found


def _skip(text: str, at: int, sign: str) -> int:
    """Behind the sign and the space around it. Raises ValueError."""
    at = _behind_space(text, at)
    if not text.startswith(sign, at):
        raise ValueError(at)
    return _behind_space(text, at + 1)


def _behind_space(text: str, at: int) -> int:
    while text[at : at + 1] in _SPACE and at < len(text):
        at += 1
    return at


def _half_a_string(text: str) -> str:
    """An escape may be cut in two: up to six characters of it."""
    for less in range(7):
        try:
            half: str = json.loads(f'"{text[: len(text) - less]}"', strict=False)
            return half
        except ValueError:
            continue
    return ""


# --- Forms --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Upload:
    """A file in a form."""

    name: str
    content_type: str
    content: bytes


@dataclass(slots=True)
class Form:
    """Bytes, because a mail in a form is written in whatever it was written in."""

    fields: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, Upload] = field(default_factory=dict)

    def text(self, name: str) -> str:
        return self.fields.get(name, b"").decode("utf-8", "replace")


def form(posted: Posted) -> Form:
    """Raises Unreadable."""
    kind, parameters = parse_header_parameters(posted.content_type[:1_000])
    if kind == "application/x-www-form-urlencoded":
        return _urlencoded(posted.body)
    boundary = parameters.get("boundary", "")
    if kind != "multipart/form-data" or not boundary:
        raise Unreadable(f"A form was expected, not “{kind[:100]}”.")
    found = Form()
    for head, content in _parts(posted, boundary.encode("latin-1", "replace")):
        _add(found, head, content)
    return found


def _urlencoded(body: bytes) -> Form:
    try:
        pairs = parse_qsl(body.decode("latin-1"), True, max_num_fields=MOST_FIELDS, encoding="latin-1")
    except ValueError as error:
        raise Unreadable(f"This form has more than {MOST_FIELDS} fields.") from error
    return Form({name.encode("latin-1").decode("utf-8", "replace"): value.encode("latin-1") for name, value in pairs})


def _parts(posted: Posted, boundary: bytes) -> Iterator[tuple[bytes, bytes]]:
    body, line = posted.body, b"\r\n--" + boundary
    at = 0 if body.startswith(line[2:]) else body.find(line) + 2
    if at == 1:
        raise Unreadable("This form has no fields.")
    for _ in range(MOST_FIELDS):
        at += len(line) - 2
        if body.startswith(b"--", at):
            return
        end = body.find(line, at)
        if end < 0 and not posted.cut:
            raise Unreadable("This form ends in the middle.")
        part = body[at : end if end >= 0 else len(body)]
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        yield head, content
        if end < 0:
            return
        at = end + 2
    raise Unreadable(f"This form has more than {MOST_FIELDS} fields.")


def _add(found: Form, head: bytes, content: bytes) -> None:
    headers = dict(_headers(head[:_LONGEST_PART_HEAD].decode("utf-8", "replace")))
    _, parameters = parse_header_parameters(headers.get("content-disposition", ""))
    name = parameters.get("name", "")
    if not name:
        return
    if "filename" in parameters:
        kind = headers.get("content-type", "application/octet-stream")
        found.files[name] = Upload(parameters["filename"], kind, content)
    else:
        found.fields[name] = content


def _headers(head: str) -> Iterator[tuple[str, str]]:
    for line in head.split("\r\n"):
        name, colon, value = line.partition(":")
        if colon:
            yield name.strip().lower(), value.strip()
