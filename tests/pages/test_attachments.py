"""Files are given to the right people and run in no browser."""

from __future__ import annotations

import pytest
from django.core.files.storage import default_storage
from django.test import Client

from tests.pages.conftest import NewTicket
from tests.pages.files import PNG, File
from tickets.models import Attachment
from tickets.views.attachment import download_name


@pytest.fixture
def address(new_ticket: NewTicket) -> str:
    file = (
        new_ticket(files=[File("evil.html", "text/html", b"<script>alert(1)</script>")]).notes.get().attachments.get()
    )
    return f"/tickets/{file.note.ticket.number}/files/{file.pk}/"


def test_a_file_is_a_download_that_nothing_runs(desk: Client, address: str) -> None:
    response = desk.get(address)

    assert b"".join(response.streaming_content) == b"<script>alert(1)</script>"
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"] == 'attachment; filename="evil.html"'
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"


def test_only_a_real_picture_may_be_viewed(desk: Client, new_ticket: NewTicket) -> None:
    files = [File("a.png", "image/png", PNG), File("b.png", "image/png", b"<svg onload=alert(1)>"),
             File("c.svg", "image/svg+xml", b"<svg/>")]  # fmt: skip
    ticket = new_ticket(files=files)

    types = [
        desk.get(f"/tickets/{ticket.number}/files/{row.pk}/?view")["Content-Type"] for row in Attachment.objects.all()
    ]

    assert types == ["image/png", "application/octet-stream", "application/octet-stream"]


def test_a_file_is_found_under_its_own_ticket_only(desk: Client, new_ticket: NewTicket, address: str) -> None:
    other = new_ticket().number

    assert desk.get(f"/tickets/{other}/files/{address.split('/')[-2]}/").status_code == 404
    assert desk.get("/tickets/nonsense/files/1/").status_code == 404


def test_a_file_missing_from_the_storage_is_not_found(desk: Client, address: str) -> None:
    digest = Attachment.objects.get().sha256
    default_storage.delete(f"attachments/{digest[:2]}/{digest[2:4]}/{digest}")

    assert desk.get(address).status_code == 404


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("report.pdf", "report.pdf"),
        ("Übersicht.pdf", "Übersicht.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("..\\..\\x", "_.._x"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie_ x=1.txt"),
        ("exe.\u202efdp", "exe.fdp"),
        ("\u200b.htaccess", "htaccess"),
        ('a".html', "a_.html"),
        ("．．／x", "_x"),
        ("..", "attachment"),
        ("", "attachment"),
        ("\0", "attachment"),
        ("x" * 600, "x" * 150),
    ],
)
def test_a_name_from_outside_becomes_a_harmless_one(name: str, safe: str) -> None:
    assert download_name(name) == safe


def test_a_hostile_name_makes_one_legal_header_line(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket(files=[File('ä"\r\nX: y.pdf')])

    response = desk.get(f"/tickets/{ticket.number}/files/{Attachment.objects.get().pk}/")

    assert response["Content-Disposition"] == "attachment; filename*=utf-8''%C3%A4_X_%20y.pdf"
