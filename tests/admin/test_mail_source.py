"""The source of a mail, as text in a page."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from mailchannel.models import InboundMail, RawMail
from mailchannel.services.reading import LONGEST_SOURCE
from tests.fixtures import NewServer

RAW = b"From: mallory@evil.example\r\nSubject: <script>alert(1)</script>\r\n\r\n<img src=x onerror=alert(2)>\r\n"
NewSource = Callable[..., str]


@pytest.fixture
def new_source(new_server: NewServer) -> NewSource:
    """`new_source(raw)`: the address of the source page of such a mail."""

    def make(raw: bytes | None = RAW) -> str:
        mail = InboundMail.objects.create(
            server=new_server(),
            transport="pipe",
            remote_key="1",
            identity="1",
            size=len(raw or b""),
            received_at=datetime(2026, 11, 20, tzinfo=UTC),
        )
        if raw is not None:
            RawMail.objects.create(inbound=mail, sha256="0" * 64, data=RawMail.pack(raw))
        return f"/admin/mailchannel/inboundmail/{mail.pk}/source/"

    return make


def shown(client: Client, url: str) -> list[str]:
    """What stands in the page: headers, and the body if there is one."""
    response = client.get(url)
    assert response.status_code == 200
    return [html.unescape(each) for each in re.findall(r"<pre>(.*?)</pre>", response.content.decode(), re.DOTALL)]


@pytest.mark.req("AD-06", "AD-10")
def test_headers_come_first_and_nothing_of_it_is_markup(administrator: Client, new_source: NewSource) -> None:
    url = new_source()

    page = administrator.get(url)

    assert "<script>alert" not in page.content.decode()
    assert "<img src=x" not in page.content.decode()
    assert shown(administrator, url) == [
        "From: mallory@evil.example\nSubject: <script>alert(1)</script>",
        "<img src=x onerror=alert(2)>\n",
    ]
    assert "no-store" in page["Cache-Control"]
    assert page["Content-Type"].startswith("text/html")
    assert "script-src 'unsafe" not in page["Content-Security-Policy"]


@pytest.mark.req("AD-06", "AD-09")
def test_looking_at_it_is_recorded(administrator: Client, new_source: NewSource) -> None:
    administrator.get(new_source())

    entry = LogEntry.objects.get(change_message="Looked at the source.")
    assert (entry.user.username, entry.object_id) == ("ada", str(InboundMail.objects.get().pk))


@pytest.mark.req("AD-06")
def test_it_needs_the_permission_of_the_original(signed_in: Callable[..., Client], new_source: NewSource) -> None:
    url = new_source()

    assert signed_in("view_inboundmail").get(url).status_code == 403
    assert not LogEntry.objects.exists()


def test_the_permission_is_enough(signed_in: Callable[..., Client], new_source: NewSource) -> None:
    url = new_source()

    assert signed_in("view_inboundmail", "view_raw_mail").get(url).status_code == 200


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("Grüße".encode(), "Grüße"),
        ("Grüße".encode("latin-1"), "Grüße"),
        (b"a\x00b\x1b[31mc", "a⟨0000⟩b⟨001B⟩[31mc"),
        ("exe\u202egpj".encode(), "exe⟨202E⟩gpj"),
        (b"one\rtwo\nthree", "one\ntwo\nthree"),
    ],
)
def test_every_byte_can_be_seen(administrator: Client, new_source: NewSource, body: bytes, text: str) -> None:
    assert shown(administrator, new_source(b"Subject: x\n\n" + body)) == ["Subject: x", text]


@pytest.mark.parametrize(
    "raw", ["Subject: caf\xe9\r\n\r\nth\xe9", "Subject: caf\xe9\n\nth\xe9", "Subject: caf\xe9\n\r\nth\xe9"]
)
def test_the_last_letter_before_an_end_is_shown(administrator: Client, new_source: NewSource, raw: str) -> None:
    assert shown(administrator, new_source(raw.encode("latin-1"))) == ["Subject: café", "thé"]


@pytest.mark.parametrize("letter", ["x", "€"])
def test_only_the_beginning_of_a_large_mail_is_shown(administrator: Client, new_source: NewSource, letter: str) -> None:
    url = new_source(b"Subject: x\n\n" + letter.encode() * 2 * LONGEST_SOURCE)

    _, body = shown(administrator, url)

    assert set(body) == {letter}
    assert len(body.encode()) <= LONGEST_SOURCE
    assert "the download holds all of it" in administrator.get(url).content.decode()


def test_a_mail_of_headers_only_and_an_original_that_is_gone(administrator: Client, new_source: NewSource) -> None:
    assert shown(administrator, new_source(b"Subject: x\n")) == ["Subject: x\n"]
    InboundMail.objects.all().delete()
    RawMail.objects.all().delete()
    assert administrator.get("/admin/mailchannel/inboundmail/1/source/").status_code == 404
