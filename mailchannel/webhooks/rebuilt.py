"""A mail made of what a provider says was in it. django-anymail knows the providers' fields; what it makes of them is
written here, the same bytes each time, so that a mail that is brought again is known.
"""

from __future__ import annotations

import base64
import hashlib
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.errors import MessageError
from email.message import Message
from email.policy import compat32
from types import SimpleNamespace
from typing import Any, Final

from anymail.exceptions import AnymailError

from mailchannel.webhooks.doors import Unreadable
from mailchannel.webhooks.payload import Form

#: anymail's views want a secret of their own; nobody comes in by it, because they are never called as views.
UNUSED: Final = {"webhook_secret": "unused:unused"}

_FOLDS: Final = re.compile(r"[ \t]*[\r\n][ \t\r\n]*")
_NESTED: Final = re.compile(r"\s*(?:message|multipart)/[^;]*", re.IGNORECASE)
_DEEPEST: Final = 20
#: Of a header (RFC 5322), except that of the encoding, which is ours.
_NAME: Final = re.compile(r"(?!content-transfer-encoding$)[!-9;-~]+", re.IGNORECASE)
#: What data of the wrong shape makes code stumble over that expects the right one.
_STUMBLES: Final = (
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    RecursionError,
    MessageError,
    AnymailError,
)


@contextmanager
def understood(provider: str) -> Iterator[None]:
    """Whatever is wrong with the data, it is Unreadable."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except _STUMBLES as error:
        raise Unreadable(f"{provider} sent a mail that cannot be understood ({type(error).__name__}).") from error


def written(provider: str, make: Callable[[], Message]) -> bytes:
    """Raises Unreadable."""
    with understood(provider):
        message = make()
        if not any(message.raw_items()):
            raise Unreadable(f"{provider} sent no mail: it has no headers.")
        _name_boundaries(message)
        return b"\r\n".join(_lines(message))


def unfolded(value: Any, depth: int = 0) -> Any:
    """The same data with every header on one line, as anymail needs it. Only short texts are headers."""
    if depth > _DEEPEST:
        raise Unreadable("The data is nested deeper than any mail.")
    if isinstance(value, dict):
        return {str(name): unfolded(each, depth + 1) for name, each in value.items()}
    if isinstance(value, list):
        return [unfolded(each, depth + 1) for each in value]
    return _FOLDS.sub(" ", value) if isinstance(value, str) else value


def as_file(content_type: Any) -> Any:
    """A mail within a mail stays a file with its own bytes; anymail would read it and write it anew."""
    return (
        _NESTED.sub("application/octet-stream", content_type, count=1)
        if isinstance(content_type, str)
        else content_type
    )


def as_request(form: Form, **texts: str) -> Any:
    """What anymail reads of a Django request. Every file is there, whatever its name."""
    fields = _Fields({name: form.text(name) for name in form.fields} | texts)
    files = {
        name: SimpleNamespace(
            name=_FOLDS.sub(" ", file.name) or None,
            content_type=as_file(file.content_type),
            charset=None,
            read=_reader(file.content),
        )
        for name, file in form.files.items()
    }
    return SimpleNamespace(POST=fields, FILES=files, META={"CONTENT_TYPE": ""}, body=b"")


class _Fields(dict[str, str]):
    encoding = "utf-8"


def _reader(content: bytes) -> Callable[[], bytes]:
    return lambda: content


def _name_boundaries(message: Message) -> None:
    """By what the mail says: chance would make another mail of it each time."""
    digest = hashlib.sha256()
    for part in message.walk():
        for name, value in part.raw_items():
            digest.update(f"{name}\0{value}\0".encode("utf-8", "surrogatepass"))
        if not part.is_multipart():
            digest.update(str(part.get_payload()).encode("utf-8", "surrogatepass"))
    multiparts = [part for part in message.walk() if part.get_content_maintype() == "multipart"]
    for number, part in enumerate(multiparts):
        if part.get_boundary() is None:
            part.set_boundary(f"={digest.hexdigest()[:32]}={number}")


def _lines(part: Message) -> Iterator[bytes]:
    """Headers as they are, in UTF-8, and every text and file in base64: Python's own writer would put addresses into
    encoded words, and change line ends within files.
    """
    yield from (_line(name, str(value)) for name, value in part.raw_items() if _NAME.fullmatch(name))
    if part.get_content_maintype() == "message" and part.is_multipart():
        yield b""
        yield from (inner.as_bytes(policy=compat32) for inner in part.get_payload() if isinstance(inner, Message))
    elif part.is_multipart():
        boundary = f"--{part.get_boundary()}".encode()
        for inner in part.get_payload():
            if isinstance(inner, Message):
                yield b""
                yield boundary
                yield from _lines(inner)
        yield from (b"", boundary + b"--", b"")
    else:
        content = part.get_payload(decode=True)
        yield b"Content-Transfer-Encoding: base64"
        yield b""
        yield base64.encodebytes(content if isinstance(content, bytes) else b"").replace(b"\n", b"\r\n")


def _line(name: str, value: str) -> bytes:
    return f"{name}: {_FOLDS.sub(' ', value)}".encode("utf-8", "replace")
