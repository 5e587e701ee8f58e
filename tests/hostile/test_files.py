"""Names and kinds of files that want to be more than a download (ML-37 to ML-41)."""

from __future__ import annotations

import base64
import unicodedata
from email.message import Message
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from tests.hostile.bounded import bounded
from tests.hostile.conftest import Receive
from tests.hostile.mails import cases, file, multipart, text, with_file
from tickets.models import Attachment, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

CONTENT = b"just words\n"


def star(name: str) -> bytes:
    return b"filename*=utf-8''" + b"".join(b"%%%02X" % byte for byte in name.encode())


def word(name: bytes) -> bytes:
    return b'filename="=?utf-8?b?' + base64.b64encode(name) + b'?="'


UP = "../../../../etc/passwd"
NAMES = {
    "ML-37-plain": b'filename="../../../../etc/passwd"',
    "ML-37-backslashes": rb'filename="..\\..\\..\\windows\\win.ini"',
    "ML-37-single-backslashes": rb'filename="..\..\windows\win.ini"',
    "ML-37-mixed": rb'filename="..\../..\../etc/passwd"',
    "ML-37-absolute": b'filename="/etc/passwd"',
    "ML-37-drive": rb'filename="C:\\autoexec.txt"',
    "ML-37-drive-relative": b'filename="C:passwd"',
    "ML-37-share": rb'filename="\\\\evil.example\\share\\x.txt"',
    "ML-37-percent": star(UP),
    "ML-37-percent-not-declared": b'filename="..%2F..%2Fetc%2Fpasswd"',
    "ML-37-percent-twice": b"filename*=utf-8''%252E%252E%252Fetc%252Fpasswd",
    "ML-37-overlong": b"filename*=utf-8''%C0%AE%C0%AE%C0%AFetc%C0%AFpasswd",
    "ML-37-encoded-word": word(UP.encode()),
    "ML-37-encoded-word-of-dots": b'filename="=?utf-8?q?=2E=2E=2F?=etc/passwd"',
    "ML-37-utf-7": b'filename="=?utf-7?q?+AC4ALgAv-etc+AC8-passwd?="',
    "ML-37-utf-16": b"filename*=utf-16-be''%00.%00.%00/%00x",
    "ML-37-in-pieces": b'filename*0="../../"; filename*1="etc/"; filename*2="passwd"',
    "ML-37-full-width": star("．．／．．／etc／passwd"),
    "ML-37-fraction-slash": star("..\u2044..\u2215etc\u29f8passwd"),
    "ML-37-one-dot-leader": star("\u2024\u2024/\u2025/etc/passwd"),
    "ML-37-small-signs": star("﹒﹒／﹨etc﹨passwd"),
    "ML-37-zero-width": star(".\u200b./.\u2060./etc/passwd"),
    "ML-37-NUL": star("safe.txt\0/../../etc/passwd"),
    "ML-37-dot-segments": b'filename="....//....//etc/passwd"',
    "ML-37-end-in-slash": b'filename="../../etc/"',
    "ML-37-query": b'filename="x.txt?../../etc/passwd"',
    "ML-37-url": b'filename="file:///etc/passwd"',
    "ML-37-home": b'filename="~/.ssh/authorized_keys"',
    "ML-37-shell": b'filename="$(reboot);`reboot`|&.txt"',
    "ML-37-in-the-type": b'x=y; name="../../etc/passwd"',
    "ML-38-dot": b'filename="."',
    "ML-38-dots": b'filename=".."',
    "ML-38-many-dots": b'filename="........"',
    "ML-38-dot-slash": b'filename="./"',
    "ML-38-slash": b'filename="/"',
    "ML-38-empty": b'filename=""',
    "ML-38-nothing": b"filename",
    "ML-38-no-value": b"filename=",
    "ML-38-blanks": b'filename="   "',
    "ML-38-NUL": star("\0"),
    "ML-38-raw-NUL": b'filename="\x00"',
    "ML-38-controls": star("\x01\x02\x1b[31m\x7f\x9f"),
    "ML-38-600-characters": b'filename="' + b"x" * 600 + b'.txt"',
    "ML-38-600-wide-characters": star("ä" * 600 + ".txt"),
    "ML-38-600-of-an-ending": b'filename="x.' + b"y" * 600 + b'"',
    "ML-38-growing-when-normalised": star("\ufdfa" * 300),
    "ML-38-combining": star("x" + "\u0301" * 5_000),
    "ML-38-100000-characters": b'filename="' + b"a/" * 30_000 + b'"',
    "ML-38-device-con": b'filename="CON"',
    "ML-38-device-with-ending": b'filename="nul.txt"',
    "ML-38-device-com": b'filename="COM1.log"',
    "ML-38-dev-null": b'filename="/dev/null"',
    "ML-38-stream": b'filename="a.txt::$DATA"',
    "ML-38-invisible-only": star("\u200b\u200d\u2060\ufeff"),
    "ML-38-surrogates": b"filename*=utf-8''%ED%A0%80%ED%B0%80",
    "ML-38-unassigned": star("\U000e0041\ufdd0\U0010ffff.txt"),
    "ML-39-htaccess": b'filename=".htaccess"',
    "ML-39-zero-width-space": star("\u200b.htaccess"),
    "ML-39-zero-width-inside": star(".ht\u200baccess"),
    "ML-39-soft-hyphen": star("\u00ad.htaccess"),
    "ML-39-byte-order-mark": star("\ufeff.htaccess"),
    "ML-39-word-joiner": star("\u2060.user.ini"),
    "ML-39-full-width-dot": star("．htaccess"),
    "ML-39-one-dot-leader": star("\u2024htaccess"),
    "ML-39-blank": b'filename=" .htaccess"',
    "ML-39-no-break-space": star("\u00a0.htaccess"),
    "ML-39-tag-characters": star("\U000e0020.htaccess"),
    "ML-39-trailing-dot": b'filename=".htaccess."',
    "ML-40-right-to-left": star("invoice\u202efdp.txt"),
    "ML-40-isolates": star("\u2066invoice\u2069\u2067.txt"),
    "ML-40-marks": star("a\u200e\u200fb.txt"),
    "ML-40-line-ends": star("a.txt\r\nSet-Cookie: a=b\r\n\r\n<script>"),
    "ML-40-encoded-line-ends": b'filename="=?utf-8?q?a.txt=0D=0AX-Evil:_1?="',
    "ML-40-raw-folding": b'filename="a\r\n b.txt"',
    "ML-40-next-line": star("a\u0085b\u2028c\u2029d\x0b\x0ce.txt"),
    "ML-40-quotes": rb'filename="a\"; filename=\"evil.html"',
    "ML-40-semicolon": star('a"; filename="evil.html'),
    "ML-40-single-quotes": star("a'; x='b.txt"),
    "ML-40-percent": star("a%0d%0ab%22.txt"),
    "ML-40-backslash-at-the-end": star("a.txt\\"),
    "ML-40-emoji": star("\U0001f600\U0001f3fd\u200d.txt"),
}


def check_name(name: str) -> None:
    assert name and len(name.encode()) <= 255
    assert not set(name) & set("/\\\0"), name
    assert name.strip(". ") != "", name
    assert [each for each in name if unicodedata.category(each) in ("Cc", "Cf", "Cs", "Zl", "Zp")] == []
    assert unicodedata.normalize("NFKC", name) == name


def disposition(header: str) -> Message:
    parsed = Message()
    parsed["Content-Disposition"] = header
    return parsed


@pytest.mark.req("ML-37", "ML-38", "ML-39", "ML-40")
@cases(NAMES)
def test_a_name_becomes_a_harmless_one_and_the_file_is_kept(case: bytes, receive: Receive, desk: Client) -> None:
    raw = with_file(case, CONTENT)
    (name,) = bounded(raw, lambda found: [each.filename for each in found.attachments])
    check_name(name)

    row = receive(raw)

    assert row.outcome == "opened", row.because
    attachment = Attachment.objects.get()
    assert attachment.filename == name
    check_download(desk, attachment)
    assert desk.get(f"/tickets/{Ticket.objects.get().number}/").status_code == 200


def check_download(desk: Client, attachment: Attachment) -> None:
    response = desk.get(f"/tickets/{attachment.note.ticket.number}/files/{attachment.pk}/")

    header = response["Content-Disposition"]
    assert b"".join(response.streaming_content) == CONTENT
    assert header.isascii() and header.isprintable() and header.startswith("attachment")
    read = disposition(header)
    assert [key for key, _ in read.get_params(header="Content-Disposition") or []] == ["attachment", "filename"]
    offered = read.get_filename() or ""
    assert offered and not offered.startswith(".") and not set(offered) & set('/\\:"\r\n\0')
    assert "X-Evil" not in response and "Set-Cookie" not in response


@pytest.mark.req("ML-37", "ML-39")
def test_ml_37_ml_39_files_lie_under_names_of_our_own_outside_any_web_root(receive: Receive) -> None:
    before = stored()
    for at, name in enumerate(
        (b'filename="../../evil.py"', b'filename=".htaccess"', star("\u200b.htaccess"), b'filename="/tmp/x"')
    ):
        receive(with_file(name, b"file %d" % at).replace(b"<1@", b"<%d@" % at))

    added = stored() - before

    assert len(added) == Attachment.objects.count() > 0
    assert {path.name for path in added} == set(Attachment.objects.values_list("sha256", flat=True))
    assert not [path for path in added if path.suffix or path.stat().st_mode & 0o111]
    roots = [Path(settings.STATIC_ROOT or "/nowhere"), *(Path(each) for each in settings.STATICFILES_DIRS)]
    assert not [path for path in added for root in roots if path.is_relative_to(root)]


def stored() -> set[Path]:
    return {path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()}


PNG = b"\x89PNG\r\n\x1a\n"
SCRIPT = b"<script>alert(1)</script>"
KINDS = {
    "ML-41-svg": (b"a.svg", b"image/svg+xml", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    "ML-41-svg-called-png": (b"a.png", b"image/png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>"),
    "ML-41-html": (b"a.html", b"text/html", SCRIPT),
    "ML-41-html-called-text": (b"a.txt", b"text/plain", SCRIPT),
    "ML-41-html-called-jpeg": (b"a.jpg", b"image/jpeg", b"<!DOCTYPE html>" + SCRIPT),
    "ML-41-text-called-html": (b"a.txt", b"text/html", b"words"),
    "ML-41-xhtml": (b"a.xhtml", b"application/xhtml+xml", b"<html xmlns='http://www.w3.org/1999/xhtml'/>"),
    "ML-41-xml-stylesheet": (b"a.xml", b"text/xml", b"<?xml-stylesheet href='javascript:alert(1)'?><a/>"),
    "ML-41-javascript": (b"a.js", b"text/javascript", b"alert(1)"),
    "ML-41-module": (b"a.mjs", b"application/javascript", b"export default 1"),
    "ML-41-css": (b"a.css", b"text/css", b"*{display:none}"),
    "ML-41-pdf": (b"a.pdf", b"application/pdf", b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>"),
    "ML-41-gif-and-javascript": (b"a.gif", b"image/gif", b"GIF89a/*" + b"\x00" * 20 + b"*/=1;alert(1)"),
    "ML-41-png-and-html": (b"a.png", b"image/png", PNG + b"\x00" * 20 + SCRIPT),
    "ML-41-jpeg-and-zip": (b"a.jpg", b"image/jpeg", b"\xff\xd8\xff\xe0" + b"PK\x03\x04" + b"\x00" * 30),
    "ML-41-type-with-line-end": (b"a.txt", b"text/plain\r\n\tX-Evil: 1", b"words"),
    "ML-41-type-with-markup": (b"a.txt", b"text/<script>alert(1)</script>", b"words"),
    "ML-41-type-missing": (b"a", b"", b"words"),
    "ML-41-flash": (b"a.swf", b"application/x-shockwave-flash", b"FWS\x09"),
    "ML-41-webmanifest": (b"a.webmanifest", b"application/manifest+json", b"{}"),
    "ML-41-wasm": (b"a.wasm", b"application/wasm", b"\x00asm"),
    "ML-41-shortcut": (b"a.url", b"application/internet-shortcut", b"[InternetShortcut]\nURL=file://evil.example/x"),
}


@pytest.mark.req("ML-41")
@cases(KINDS)
def test_whatever_a_file_is_it_is_only_a_download(
    case: tuple[bytes, bytes, bytes], receive: Receive, desk: Client
) -> None:
    name, kind, content = case
    row = receive(multipart(text(b"x"), file(content, b'filename="' + name + b'"', kind)))

    assert row.outcome == "opened", row.because
    for attachment in Attachment.objects.all():
        address = f"/tickets/{attachment.note.ticket.number}/files/{attachment.pk}/"
        for query in ("", "?view"):
            response = desk.get(address + query)
            body = b"".join(response.streaming_content)
            picture = response["Content-Type"] in ("image/png", "image/gif", "image/jpeg", "image/webp")
            assert body == content
            assert response["X-Content-Type-Options"] == "nosniff"
            assert (
                "sandbox" in response["Content-Security-Policy"]
                and "default-src 'none'" in response["Content-Security-Policy"]
            )
            assert response["Content-Type"] == "application/octet-stream" or (picture and query)
            assert response["Content-Disposition"].startswith("attachment") or (picture and query)


@pytest.mark.req("ML-41")
def test_ml_41_every_file_is_kept_or_its_loss_is_explained(receive: Receive) -> None:
    rows = [
        receive(
            multipart(
                text(b"%d" % at),
                file(content, b'filename="' + name + b'"', kind),
                message_id=b"Message-ID: <%d@a>" % at,
            )
        )
        for at, (name, kind, content) in enumerate(KINDS.values())
    ]

    for row in rows:
        kept = Attachment.objects.filter(note=row.note).exists()
        assert kept or "attachment." in str(getattr(row, "manifest", "")), row.pk
        assert row.raw.content
