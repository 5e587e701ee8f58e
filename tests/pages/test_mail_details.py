"""What agents are told about how a mail was read."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from mailchannel.models import InboundMail, RawMail
from mailchannel.services.config import freeze
from mailchannel.services.push import accept
from mailchannel.services.reading import parse, remarks
from mailchannel.services.settle import settle_kept
from tests.fixtures import NewServer
from tests.letters import letter
from tests.pages.conftest import NewTicket
from tickets.hooks import hooks
from tickets.intake import add_report

HTMX = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)"
Receive = Callable[[bytes], InboundMail]


@pytest.fixture
def receive(new_server: NewServer) -> Receive:
    """A mail as it becomes a ticket in earnest; its row in the mail log."""
    server = new_server()

    def take(raw: bytes) -> InboundMail:
        kept = accept(server, raw, transport="pipe")
        settle_kept([kept], freeze(server))
        return InboundMail.objects.select_related("ticket", "note").get(pk=kept.row.pk)

    return take


def with_file(name: str = "plan.pdf", content_type: str = "application/pdf") -> bytes:
    head = letter().partition(b"MIME-Version")[0]
    return (
        head
        + (
            "MIME-Version: 1.0\r\nImportance: high\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
            "--b\r\nContent-Type: text/plain\r\n\r\nHelp!\r\n"
            f'--b\r\nContent-Type: {content_type}; name="{name}"\r\nContent-Disposition: attachment\r\n\r\n%PDF-1.4\r\n'
            "--b--\r\n"
        ).encode()
    )


def panel_of(row: InboundMail) -> str:
    assert row.ticket is not None
    return f"/tickets/{row.ticket.number}/notes/{row.note_id}/mail/"


def words(client: Client, url: str, **headers: str) -> str:
    response = client.get(url, headers=headers)
    assert response.status_code == 200
    return " ".join(response.content.decode().split())


def allow(agent: User, *permissions: str) -> None:
    agent.is_staff = True
    agent.save()
    agent.user_permissions.add(*Permission.objects.filter(codename__in=permissions))


def test_the_ticket_page_offers_it_without_reading_the_mail_again(desk: Client, receive: Receive) -> None:
    row = receive(with_file())
    RawMail.objects.all().delete()

    page = words(desk, f"/tickets/{row.ticket.number}/")  # type: ignore[union-attr]

    assert f'hx-get="{panel_of(row)}"' in page
    assert "How this mail was read" in page
    assert "SHA-256" not in page


def test_a_note_that_did_not_come_by_mail_has_none(desk: Client, new_ticket: NewTicket) -> None:
    ticket = new_ticket()
    note = ticket.notes.get()

    assert "How this mail was read" not in words(desk, f"/tickets/{ticket.number}/")
    assert desk.get(f"/tickets/{ticket.number}/notes/{note.pk}/mail/").status_code == 404


def test_the_panel_tells_kind_importance_protection_and_every_part(desk: Client, receive: Receive) -> None:
    panel = words(desk, panel_of(receive(with_file())), **HTMX)

    for piece in (
        "a letter",
        "<dd>high</dd>",
        "neither signed nor encrypted",
        "plan.pdf",
        "application/pdf",
        "8 bytes",
    ):
        assert piece in panel
    assert re.search(r'title="[0-9a-f]{64}">[0-9a-f]{12}</td>', panel)
    assert panel.startswith("<details") and " open>" in panel


def test_without_javascript_it_is_a_page_of_its_own(desk: Client, receive: Receive) -> None:
    page = words(desk, panel_of(receive(with_file())))

    assert page.startswith("<!doctype html>")
    assert "plan.pdf" in page


def test_a_delivery_report_has_a_page_of_its_own_as_well(desk: Client, receive: Receive) -> None:
    row = receive(with_file())
    assert row.ticket is not None
    report = add_report(number=row.ticket.number, text="It will be tried again.", undelivered=False)
    InboundMail.objects.filter(pk=row.pk).update(note=report.note_id)
    row.refresh_from_db()

    assert "<h1>Delivery report</h1>" in words(desk, panel_of(row))


def test_the_stored_manifest_says_what_became_of_each_part(desk: Client, receive: Receive) -> None:
    row = receive(with_file())
    line = {"number": "2", "filename": "plan.exe", "content_type": "application/pdf", "detected": "application/x-dosexec",
            "size": 8, "sha256": "ab" * 32, "kind": "file", "verdict": "stripped", "reason": "attachment.extension",
            "because": "Programs are not accepted."}  # fmt: skip
    InboundMail.objects.filter(pk=row.pk).update(manifest=[line])

    panel = words(desk, panel_of(row), **HTMX)

    assert "found application/x-dosexec" in panel
    assert '<span class="tag warn">left out</span> <span class="quiet">Programs are not accepted.</span>' in panel


def test_a_mail_of_thousands_of_parts_is_not_listed_to_the_end(desk: Client, receive: Receive) -> None:
    parts = "".join(f"--b\r\nContent-Type: image/png\r\n\r\n{n}\r\n" for n in range(300))
    head = letter().partition(b"MIME-Version")[0]

    panel = words(desk, panel_of(receive(head + f"Content-Type: multipart/mixed; boundary=b\r\n\r\n{parts}".encode())))

    assert panel.count("<tr>") == 1 + 200
    assert "And 100 more parts." in panel


def test_whatever_a_stranger_wrote_is_shown_as_text(desk: Client, receive: Receive) -> None:
    row = receive(with_file(HOSTILE).replace(b"Importance: high", f"Precedence: list\r\nList-Id: {HOSTILE}".encode()))

    for headers in ({}, HTMX):
        panel = words(desk, panel_of(row), **headers)
        assert "<script>alert" not in panel
        assert "&lt;script&gt;alert(1)" in panel


def test_a_mail_whose_original_is_gone_still_says_what_is_known(desk: Client, receive: Receive) -> None:
    row = receive(with_file())
    RawMail.objects.all().delete()

    panel = words(desk, panel_of(row), **HTMX)

    assert "The original of this mail is not kept any more." in panel
    assert "plan.pdf" in panel


def test_a_mail_settled_before_manifests_were_kept_is_read_again(desk: Client, receive: Receive) -> None:
    row = receive(with_file())
    InboundMail.objects.filter(pk=row.pk).update(manifest=[])

    assert "plan.pdf" in words(desk, panel_of(row), **HTMX)


def test_what_the_gate_said_about_the_sender_is_shown(desk: Client, receive: Receive) -> None:
    row = receive(with_file())
    step = {"stage": "gate", "code": "authentication", "verdict": "pass", "because": "dmarc=pass"}
    InboundMail.objects.filter(pk=row.pk).update(trace=[step])

    assert "<dt>Authentication</dt><dd>dmarc=pass</dd>" in words(desk, panel_of(row), **HTMX)


@pytest.mark.parametrize(
    ("permissions", "links"),
    [
        ((), []),
        (("view_inboundmail",), ["change"]),
        (("view_raw_mail",), []),
        (("view_inboundmail", "view_raw_mail"), ["change", "source", "original"]),
    ],
)
def test_links_lead_only_where_this_person_may_go(
    desk: Client, agent: User, receive: Receive, permissions: tuple[str, ...], links: list[str]
) -> None:
    row = receive(with_file())
    allow(agent, *permissions)

    panel = words(desk, panel_of(row), **HTMX)

    found = re.findall(r'href="(/admin/[^"]+)"', panel)
    assert found == [f"/admin/mailchannel/inboundmail/{row.pk}/{link}/" for link in links]
    assert all(desk.get(link).status_code == 200 for link in found)


def test_the_administration_is_no_place_for_whom_is_not_staff(desk: Client, agent: User, receive: Receive) -> None:
    row = receive(with_file())
    allow(agent, "view_inboundmail", "view_raw_mail")
    User.objects.filter(pk=agent.pk).update(is_staff=False)

    assert "/admin/" not in words(desk, panel_of(row), **HTMX)


def test_the_note_must_be_of_that_ticket(desk: Client, receive: Receive, new_ticket: NewTicket) -> None:
    row = receive(with_file())
    other = new_ticket()

    assert desk.get(f"/tickets/{other.number}/notes/{row.note_id}/mail/").status_code == 404


def test_what_is_hidden_from_the_reader_is_said_above_the_text(
    desk: Client, new_ticket: NewTicket, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticket = new_ticket(text="Every hour.")
    note = ticket.notes.get()
    monkeypatch.setattr(hooks, "remarks", [lambda ids: {note.pk: [f"It is encrypted. {HOSTILE}"]}])

    page = words(desk, f"/tickets/{ticket.number}/")

    assert "It is encrypted. &lt;script&gt;" in page
    assert page.index("It is encrypted.") < page.index('<div class="words">Every hour.')


def sealed(content_type: str, name: str) -> bytes:
    """The file's content says nothing, so the mail's own words decide."""
    head = letter().partition(b"MIME-Version")[0]
    return head + f'Content-Type: {content_type}; name="{name}"\r\n\r\nnothing that can be read\r\n'.encode()


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        (sealed("application/pkcs7-mime; smime-type=enveloped-data", "smime.p7m"), "The mail is encrypted with S/MIME"),
        (sealed("application/pkcs7-mime; smime-type=signed-data", "smime.p7m"), "inside an S/MIME file"),
        (sealed("application/ms-tnef", "winmail.dat"), "inside winmail.dat"),
        (letter() + b"Content-Type: text/plain", ""),
    ],
)
def test_only_what_hides_words_of_the_sender_is_worth_a_remark(raw: bytes, told: str) -> None:
    found = remarks(parse(b"Subject : x\r\n" + raw))

    assert len(found) == bool(told)
    assert told in "".join(found)


def test_a_mail_that_is_too_complex_is_worth_a_remark() -> None:
    raw = b"Content-Type: multipart/mixed; boundary=b\n\n" + b"--b\n\nx\n" * 5_000

    assert remarks(parse(raw)) == ["The mail has more than 3000 parts."]


def test_one_query_tells_of_all_notes(desk: Client, receive: Receive) -> None:
    row = receive(letter(message_id="first@customer.example"))
    for n in range(3):
        receive(letter(subject="Re: Printer", In_Reply_To="<first@customer.example>", body=f"More {n}"))

    with CaptureQueriesContext(connection) as queries:
        page = words(desk, f"/tickets/{row.ticket.number}/")  # type: ignore[union-attr]

    assert page.count("How this mail was read") == 4
    assert sum('"note_id" IN' in each["sql"] for each in queries if "inboundmail" in each["sql"]) == 1
