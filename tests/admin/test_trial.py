"""The page on which a mail server is tried, and the count of its mailbox on the review page."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from mailchannel.models import InboundMail, MailServer, RawMail
from mailchannel.services import drafts
from mailchannel.services.fetch import fetch
from tests.admin.conftest import BASE
from tests.admin.typing import typed_senders
from tests.hostile.mails import file, multipart, text
from tests.letters import letter
from tests.servers.mailbox import Mailbox
from tickets.models import Ticket

pytestmark = pytest.mark.dovecot
SignIn = Callable[..., Client]


@pytest.fixture(autouse=True)
def patience() -> None:
    cache.clear()


def tried(client: Client, server: MailServer, **typed: Any) -> str:
    response = client.post(f"{BASE}/{server.pk}/trial/", typed)
    assert response.status_code == 200
    return response.content.decode()


@pytest.mark.req("S0-30", "S3-08")
def test_the_newest_mails_are_tried_with_trace_and_ticket(
    administrator: Client, ready: MailServer, dovecot: Mailbox
) -> None:
    dovecot.deliver(letter(subject="Printer on fire"))
    dovecot.deliver(letter(subject="Away", Auto_Submitted="auto-replied"))
    flags = dovecot.flags()

    html = tried(administrator, ready, _live="1", last="20", ignore_start="1")

    assert "2 mails tried" in html
    assert "Would open new 1" in html
    assert "Not automatic" in html  # a gate of the trace
    assert "filled from “Subject”" in html
    assert "Opened 1" in html and "Ignored 1" in html
    assert dovecot.flags() == flags
    assert not InboundMail.objects.exists() and not Ticket.objects.exists()
    assert LogEntry.objects.filter(change_message__contains="Tried the settings on 2 mails").exists()


def test_without_a_start_date_the_page_says_that_present_mail_stays(
    administrator: Client, ready: MailServer, dovecot: Mailbox
) -> None:
    dovecot.deliver(letter(), internal_date=datetime(2026, 1, 1, tzinfo=UTC))

    first = administrator.get(f"{BASE}/{ready.pk}/trial/").content.decode()
    html = tried(administrator, ready, _live="1", last="20")

    assert re.search(r'name="ignore_start"\s+value="1"\s+checked', first)
    assert "ignored.before_start_date" in html
    assert not re.search(r'name="ignore_start"\s+value="1"\s+checked', html)


@pytest.mark.req("S4-40")
def test_the_sample_is_the_oldest_mail_or_an_error_with_the_way_to_the_doctor(
    administrator: Client, ready: MailServer, dovecot: Mailbox
) -> None:
    assert "There is no mail in the folders that are read" in tried(administrator, ready, _oldest="1")

    dovecot.deliver(letter(subject="The newer one"))
    dovecot.deliver(letter(subject="The oldest one"), internal_date=datetime(2026, 1, 1, tzinfo=UTC))
    html = tried(administrator, ready, _oldest="1")

    assert "The oldest one" in html and "The newer one" not in html
    assert "Its headers" in html and "message-id" in html
    assert "Would open a new ticket" in html
    ready.update(connection={**ready.connection, "username": "nobody@example.com"})
    refused = tried(administrator, ready, _oldest="1")
    assert "did not accept" in refused
    assert f'href="{BASE}/{ready.pk}/connection/#id_password"' in refused


@pytest.mark.req("S0-30")
def test_uploaded_mails_are_tried_and_not_stored(administrator: Client, ready: MailServer) -> None:
    mails = [
        SimpleUploadedFile("one.eml", letter(subject="<b>One</b>")),
        SimpleUploadedFile("two.eml", multipart(text(b"see file"), file(b"MZ", b'filename="a.exe"'))),
        SimpleUploadedFile("empty.eml", b""),
    ]

    html = tried(administrator, ready, _upload="1", mails=mails)

    assert "&lt;b&gt;One&lt;/b&gt;" in html and "<b>One</b>" not in html
    assert "files of the type exe are not accepted here" in html
    assert "The file is empty." in html
    assert not InboundMail.objects.exists() and not RawMail.objects.exists()


def test_nothing_uploaded_is_nothing_tried(administrator: Client, ready: MailServer) -> None:
    html = tried(administrator, ready, _upload="1")

    assert "Choose one or several mails" in html
    assert not LogEntry.objects.filter(change_message__contains="uploaded").exists()


def test_a_folder_that_is_not_there_leads_to_the_folders(administrator: Client, ready: MailServer) -> None:
    ready.folders.filter(role="source").update(folder="Nowhere")

    pages = [tried(administrator, ready, _oldest="1"), tried(administrator, ready, _live="1")]
    pages.append(administrator.post(f"{BASE}/{ready.pk}/counts/").content.decode())

    assert all(f'href="{BASE}/{ready.pk}/folders/#id_source"' in html for html in pages)


def test_an_upload_beyond_the_limit_is_not_read(administrator: Client, ready: MailServer) -> None:
    ready.update(acceptance={**ready.acceptance, "largest_mail_mb": 1})
    big = SimpleUploadedFile("big.eml", letter(body="x" * 1_100_000))

    html = tried(administrator, ready, _upload="1", mails=[big])
    many = [SimpleUploadedFile(f"{n}.eml", letter()) for n in range(12)]
    several = tried(administrator, ready, _upload="1", mails=many)

    assert "It is larger than this mail server accepts (1 MB)" in html
    assert several.count("Would open a new ticket") == 10
    assert several.count("At most 10 mails at a time.") == 2


def test_with_changes_waiting_the_log_shows_what_they_would_do_otherwise(
    administrator: Client, published: MailServer, dovecot: Mailbox
) -> None:
    dovecot.deliver_all([letter(subject="From Ann"), letter(sender="bo@other.example", subject="From Bo")])
    published.update(sync_start=datetime(2026, 1, 1, tzinfo=UTC))
    fetch(published)
    allowed = {**typed_senders(), "allowed_domains": "customer.example", "_save": "1"}
    administrator.post(f"{BASE}/{published.pk}/senders/", allowed)

    html = tried(administrator, published, _stored="1", last="50")

    assert "1 of 2 mails would end otherwise" in html
    assert "From Bo" in html and "From Ann" not in html
    assert "other.example is none of customer.example" in html
    dovecot.deliver(letter(sender="cy@other.example", subject="From Cy"))
    live = tried(administrator, published, _live="1", compare="1", last="50")
    assert "1 of 1 mail would end otherwise" in live and "From Cy" in live
    assert drafts.draft_of(published) is not None


def test_trying_shows_customers_words_and_needs_the_permission_for_them(
    signed_in: SignIn, administrator: Client, ready: MailServer
) -> None:
    client = signed_in("view_mailserver", "change_mailserver")

    assert "It needs the permission" in client.get(f"{BASE}/{ready.pk}/trial/").content.decode()
    assert client.post(f"{BASE}/{ready.pk}/trial/", {"_live": "1"}).status_code == 403
    User.objects.get(username="sam").user_permissions.clear()
    assert client.get(f"{BASE}/{ready.pk}/trial/").status_code == 403


@pytest.mark.parametrize("route", ["counts", "start"])
def test_counting_and_starting_are_for_who_may_change(signed_in: SignIn, ready: MailServer, route: str) -> None:
    assert signed_in("view_mailserver").post(f"{BASE}/{ready.pk}/{route}/").status_code == 403


@pytest.mark.parametrize("route", ["counts", "start"])
def test_counting_and_starting_are_no_links(administrator: Client, ready: MailServer, route: str) -> None:
    assert administrator.get(f"{BASE}/{ready.pk}/{route}/").status_code == 405


def test_a_person_cannot_try_without_end(administrator: Client, ready: MailServer) -> None:
    pages = [tried(administrator, ready, _live="1") for _ in range(7)]

    assert ["That was a lot of tries" in html for html in pages] == [False] * 6 + [True]


@pytest.mark.req("S3-08", "S3-16")
def test_the_mailbox_is_counted_and_the_start_chosen_on_the_review_page(
    administrator: Client, ready: MailServer, dovecot: Mailbox
) -> None:
    now = timezone.now()
    for days, flags in ((0, ()), (3, ("\\Seen",)), (90, ())):
        dovecot.deliver(letter(), internal_date=now - timedelta(days=days), flags=flags)

    page = administrator.post(f"{BASE}/{ready.pk}/counts/").content.decode()

    assert "all <b>3</b> are left alone" in page
    offered = re.findall(r'name="start"\s+value="([^"]*)"', page)
    assert len(offered) == 5
    piece = administrator.post(f"{BASE}/{ready.pk}/counts/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in piece and "Which mails are read?" in piece

    administrator.post(f"{BASE}/{ready.pk}/start/", {"start": offered[2]})

    ready.refresh_from_db()
    assert ready.sync_start == (now - timedelta(days=7)).replace(hour=0, minute=0, second=0, microsecond=0)
    page = administrator.post(f"{BASE}/{ready.pk}/counts/").content.decode()
    assert "2 mails will become tickets at most" in page
    assert LogEntry.objects.filter(change_message__contains="ignore mail before: the moment you publish").exists()
    administrator.post(f"{BASE}/{ready.pk}/start/", {"start": ""})
    ready.refresh_from_db()
    assert ready.sync_start is None


def test_the_start_of_a_published_mail_server_waits_in_a_draft(administrator: Client, published: MailServer) -> None:
    before = published.sync_start

    administrator.post(f"{BASE}/{published.pk}/start/", {"start": "2026-05-01T00:00:00+00:00"})
    for nonsense in ("", "yesterday", "2026-05-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:00-14:00"):
        administrator.post(f"{BASE}/{published.pk}/start/", {"start": nonsense})

    published.refresh_from_db()
    draft = drafts.draft_of(published)
    assert draft is not None
    assert (published.sync_start, draft.sync_start) == (before, datetime(2026, 5, 1, tzinfo=UTC))
