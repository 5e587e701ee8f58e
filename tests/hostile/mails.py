"""Builders of mails that no mail program would write. Everything is bytes: what is wrong must stay wrong."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping

import pytest

CRLF = b"\r\n"
USUAL = {
    "sender": b"From: Ann Weber <ann@example.com>",
    "to": b"To: support@example.com",
    "subject": b"Subject: Printer on fire",
    "message_id": b"Message-ID: <1@example.com>",
    "date": b"Date: Fri, 20 Nov 2026 10:00:00 +0000",
}


def mail(*lines: bytes, body: bytes = b"Help!\r\n", **usual: bytes | None) -> bytes:
    """`lines` stand below the usual headers; `subject=b"Subject: x"` replaces one of these, None leaves it out."""
    head = [line for line in {**USUAL, **usual}.values() if line is not None]
    return CRLF.join([*head, *lines, b"", body])


def from_header(value: bytes, *lines: bytes, body: bytes = b"Help!\r\n") -> bytes:
    return mail(*lines, sender=b"From: " + value, body=body)


def part(content: bytes, *lines: bytes) -> bytes:
    return CRLF.join([*lines, b"", content])


def text(content: bytes, subtype: bytes = b"plain", charset: bytes = b"utf-8") -> bytes:
    return part(content, b"Content-Type: text/" + subtype + b"; charset=" + charset)


def html(content: bytes, **usual: bytes | None) -> bytes:
    return mail(b"MIME-Version: 1.0", b"Content-Type: text/html; charset=utf-8", body=content, **usual)


def file(content: bytes, name: bytes = b'filename="a.bin"', kind: bytes = b"application/octet-stream") -> bytes:
    """`name` is the parameter as it stands in Content-Disposition."""
    return part(
        base64.encodebytes(content),
        b"Content-Type: " + kind,
        b"Content-Transfer-Encoding: base64",
        b"Content-Disposition: attachment; " + name,
    )


def together(parts: Iterable[bytes], boundary: bytes = b"frontier") -> bytes:
    """The body of a multipart."""
    begin = b"--" + boundary + CRLF
    return b"".join(begin + each + CRLF for each in parts) + b"--" + boundary + b"--" + CRLF


def multipart(*parts: bytes, subtype: bytes = b"mixed", boundary: bytes = b"frontier", **usual: bytes | None) -> bytes:
    kind = b'Content-Type: multipart/%s; boundary="%s"' % (subtype, boundary)
    return mail(b"MIME-Version: 1.0", kind, body=together(parts, boundary), **usual)


def with_file(name: bytes, content: bytes = b"inside", kind: bytes = b"application/octet-stream") -> bytes:
    """A mail with one attachment; `name` is the parameter as it stands in Content-Disposition."""
    return multipart(text(b"See the file."), file(content, name, kind))


def nested_multiparts(depth: int, words: bytes = b"deep down") -> bytes:
    boundaries = [b"b%d" % level for level in range(depth)]
    kinds = [b'Content-Type: multipart/mixed; boundary="%s"' % each for each in boundaries]
    opened = b"".join(b"--%s\r\n%s\r\n\r\n" % each for each in zip(boundaries, kinds[1:], strict=False))
    closed = b"".join(b"\r\n--%s--\r\n" % each for each in reversed(boundaries))
    innermost = b"--" + boundaries[-1] + b"\r\nContent-Type: text/plain\r\n\r\n" + words
    return mail(b"MIME-Version: 1.0", kinds[0], body=opened + innermost + closed)


def nested_messages(depth: int, words: bytes = b"deep down") -> bytes:
    wrapped = b"Content-Type: message/rfc822\r\nSubject: level %d\r\n\r\n"
    inner = b"".join(wrapped % level for level in range(depth))
    return mail(b"MIME-Version: 1.0", b"Content-Type: message/rfc822", body=inner + b"Subject: end\r\n\r\n" + words)


def cases(table: Mapping[str, object]) -> pytest.MarkDecorator:
    """Parametrizes `case` with a table; its keys, which begin with the number of the case, name the tests."""
    return pytest.mark.parametrize("case", [pytest.param(value, id=name) for name, value in table.items()])
