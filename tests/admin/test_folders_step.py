"""The Folders step against a real mailbox: what it has, what is missing, and what may stay where it is."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from mailchannel.admin.folders import FoldersStep
from mailchannel.models import FolderMapping, MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services import after, check, mailbox_folders
from mailchannel.services.doctor.folders import ODD_SOURCES
from mailchannel.services.mailbox_folders import Listing
from mailchannel.services.readiness import problems
from mailchannel.transports import Folder
from tests.admin.conftest import BASE
from tests.admin.typing import typed_folders
from tests.letters import letter
from tests.servers.dovecot import Options
from tests.servers.fixtures import NewMailbox
from tests.servers.mailbox import Mailbox

pytestmark = pytest.mark.dovecot


def posted(client: Client, server: MailServer, button: str, **typed: Any) -> str:
    """The page after pressing a button with what was typed."""
    answer = client.post(f"{BASE}/{server.pk}/folders/", {**typed_folders(), **typed, button: "1"}, follow=True)
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def words(html: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def roles(server: MailServer) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in FolderMapping.objects.filter(server=server):
        found.setdefault(row.role, []).append(row.folder)
    return found


@pytest.mark.req("S0-40", "S1-23")
def test_folders_are_listed_with_their_number_of_mails(
    administrator: Client, draft: MailServer, dovecot: Mailbox
) -> None:
    dovecot.create("Support Requests")
    dovecot.deliver_all([letter(), letter()], "Support Requests")

    html = posted(administrator, draft, "_folders")

    assert "Support Requests 2 mails" in words(html)
    assert "INBOX 0 mails" in words(html)
    assert dovecot.flags("Support Requests").popitem()[1] <= {"\\Recent"}


@pytest.mark.req("S0-40", "S1-23")
def test_a_typed_folder_counts_like_a_ticked_one(administrator: Client, draft: MailServer) -> None:
    posted(administrator, draft, "_save", source=["INBOX", "Typed by hand\nAnother"])

    assert roles(draft)["source"] == ["INBOX", "Typed by hand", "Another"]


@pytest.mark.req("S3-03", "S0-23")
def test_missing_folders_are_named_and_created_on_confirmation(
    administrator: Client, draft: MailServer, dovecot: Mailbox
) -> None:
    dovecot.create("Failed")

    before = words(posted(administrator, draft, "_folders", success="Done/2026"))
    untouched = dovecot.folders()
    after = words(posted(administrator, draft, "_create", success="Done/2026"))

    assert "The mailbox does not have “Done/2026”, “Ignored” yet." in before
    assert "Create them now" in before
    assert not {"Done/2026", "Ignored"} & set(untouched)
    assert {"Done/2026", "Failed", "Ignored"} <= set(dovecot.folders())
    assert "“Done/2026” was created. “Failed” was there already. “Ignored” was created." in after
    assert "Create them now" not in after
    assert LogEntry.objects.filter(change_message__contains="“Done/2026” was created.").exists()


@pytest.mark.req("S3-03")
def test_creating_saves_nothing_and_keeps_what_was_typed(
    administrator: Client, draft: MailServer, dovecot: Mailbox
) -> None:
    stored = roles(draft)

    html = posted(administrator, draft, "_create", success="Archive")

    assert roles(draft) == stored
    assert 'value="Archive"' in html


@pytest.mark.req("S3-03")
def test_below_a_prefix_a_folder_is_not_missing() -> None:
    listing = Listing([Folder("INBOX"), Folder("INBOX.Processed"), Folder("INBOX.Done.2026")])

    assert listing.missing(["Processed", "Done/2026", "inbox", "INBOX", "Failed"]) == ["inbox", "Failed"]


@pytest.mark.req("S3-03")
def test_only_those_who_may_change_settings_create_folders(
    signed_in: Any, administrator: Client, draft: MailServer, dovecot: Mailbox
) -> None:
    before = dovecot.folders()
    reader = signed_in("view_mailserver")

    answer = reader.post(f"{BASE}/{draft.pk}/folders/", {**typed_folders(), "_create": "1"})
    by_link = reader.get(f"{BASE}/{draft.pk}/folders/?_create=1")

    assert (answer.status_code, by_link.status_code) == (403, 200)
    assert dovecot.folders() == before


@pytest.mark.req("S3-03")
def test_a_folder_the_mailbox_refuses_is_explained(administrator: Client, draft: MailServer) -> None:
    draft.connection = {**draft.connection, "username": "nobody@example.com"}
    draft.save()

    html = words(posted(administrator, draft, "_create"))

    assert "was created" not in html
    assert "did not accept" in html


@pytest.mark.req("S0-23", "S0-24", "S3-02")
def test_mail_can_be_left_where_it_is(administrator: Client, draft: MailServer) -> None:
    left = dict.fromkeys(("after-processed", "after-ignored", "after-failed"), "leave")
    posted(administrator, draft, "_next", **left, success="", exclusion="", fail="")

    assert roles(draft) == {"source": ["INBOX"]}
    draft.refresh_from_db()
    assert draft.reached == 2
    assert draft.after == {"processed": "leave", "ignored": "leave", "failed": "leave"}
    assert [each.field for each in problems(draft) if each.step == "folders"] == []
    page = administrator.get(f"{BASE}/{draft.pk}/folders/").content.decode()
    assert len(re.findall(r'<option value="leave" selected>', page)) == 3


@pytest.mark.req("S0-23", "S0-24", "S3-02")
def test_mail_stays_where_no_folder_was_ever_chosen(administrator: Client, draft: MailServer) -> None:
    """As such a mail server was set up before this could be chosen."""
    posted(administrator, draft, "_save")
    draft.folders.filter(role__in=["success", "exclusion"]).delete()
    draft.update(after={})

    page = administrator.get(f"{BASE}/{draft.pk}/folders/").content.decode()

    assert len(re.findall(r'<option value="leave" selected>', page)) == 2
    assert len(re.findall(r'<option value="move" selected>', page)) == 1


@pytest.mark.req("S4-09")
def test_deleting_is_chosen_with_a_warning_and_needs_no_folder(administrator: Client, draft: MailServer) -> None:
    posted(administrator, draft, "_next", **{"after-processed": "delete", "after-ignored": "mark_read"})

    draft.refresh_from_db()
    assert draft.after == {"processed": "delete", "ignored": "mark_read", "failed": "move"}
    assert roles(draft) == {"source": ["INBOX"], "fail": ["Failed"]}
    assert LogEntry.objects.filter(change_message__contains="processed mail: move → delete").exists()
    page = unescape(administrator.get(f"{BASE}/{draft.pk}/folders/").content.decode())
    assert after.DELETED_FOR_GOOD in page


def test_failed_mail_is_never_offered_to_be_deleted(administrator: Client, draft: MailServer) -> None:
    page = administrator.get(f"{BASE}/{draft.pk}/folders/").content.decode()
    offered = {
        ended: re.findall(r'<option value="(\w+)"', page.split(f'name="after-{ended}"')[1].split("</select>")[0])
        for ended in ("processed", "ignored", "failed")
    }

    html = posted(administrator, draft, "_next", **{"after-failed": "delete"})

    assert offered["processed"] == offered["ignored"] == ["move", "mark_read", "delete", "leave"]
    assert offered["failed"] == ["move", "mark_read", "leave"]
    assert "Select a valid choice" in html.split('id="id_after-failed_error">')[1].split("</p>")[0]
    draft.refresh_from_db()
    assert draft.after.get("failed") != "delete"


@pytest.mark.parametrize(("hidden", "said"), [((), False), (("UIDPLUS",), True)])
def test_a_server_that_cannot_delete_is_told_of_where_deleting_is_chosen(
    administrator: Client, draft: MailServer, new_mailbox: NewMailbox, hidden: tuple[str, ...], said: bool
) -> None:
    mailbox = new_mailbox(Options(hidden=hidden))
    draft.update(
        connection={name: value for name, value in mailbox.settings.items() if name != "password"},
        secrets=Secrets(password=mailbox.password),
    )

    deleting = posted(administrator, draft, "_folders", **{"after-ignored": "delete"})
    moving = posted(administrator, draft, "_folders")

    assert (after.CANNOT_DELETE in deleting) is said
    assert after.CANNOT_DELETE not in moving


@pytest.mark.req("S4-09", "S4-34")
def test_a_mailbox_without_folders_can_be_emptied_or_left(administrator: Client, draft: MailServer) -> None:
    draft.update(protocol="pop3", after={"processed": "move", "ignored": "mark_read"})

    page = administrator.get(f"{BASE}/{draft.pk}/folders/").content.decode()
    selects = re.findall(r"<select.*?</select>", page, re.DOTALL)
    posted(administrator, draft, "_next", **{"after-processed": "delete", "after-ignored": "leave"})

    assert [re.findall(r'value="(\w+)"( selected)?', each) for each in selects if "after-" in each] == [
        [("leave", " selected"), ("delete", "")]
    ] * 2
    assert 'name="after-failed"' not in page and 'name="success"' not in page and 'name="trouble-' not in page
    draft.refresh_from_db()
    assert draft.after == {"processed": "delete", "ignored": "leave"}


@pytest.mark.req("S0-23", "S3-02")
def test_moving_needs_a_folder(administrator: Client, draft: MailServer) -> None:
    html = posted(administrator, draft, "_next", success="")

    assert "required" in html.split('id="id_success_error">')[1].split("</p>")[0]
    assert "required" not in html.split('id="id_exclusion_error">')[1].split("</p>")[0]


@pytest.mark.req("S0-22", "S0-23")
@pytest.mark.parametrize("role", ["success", "fail", "exclusion"])
def test_mail_is_never_moved_to_where_it_is_read(administrator: Client, draft: MailServer, role: str) -> None:
    html = posted(administrator, draft, "_next", **{"source": ["INBOX", "Sales"], role: "Sales"})

    assert "Mail is read from “Sales”" in html.split(f'id="id_{role}_error">')[1].split("</p>")[0]


@pytest.mark.req("S0-24", "S0-40")
@pytest.mark.parametrize("use", ["all", "junk", "trash", "sent", "drafts"])
def test_a_folder_of_special_use_says_why_not_to_read_it(use: str) -> None:
    step = FoldersStep(instance=MailServer(protocol="imap"))
    step.listing = Listing([Folder("INBOX"), Folder("[Gmail]/All Mail", use)], {"INBOX": 3})

    source, never = step.folder_choice()

    assert [tick.odd for tick in source.folders] == ["", ODD_SOURCES[use]]
    assert [tick.mails for tick in source.folders] == [3, None]
    assert [tick.odd for tick in never.folders] == ["", ""]


@pytest.mark.req("S0-40")
def test_the_special_use_and_its_warning_are_on_the_page(administrator: Client, draft: MailServer) -> None:
    html = posted(administrator, draft, "_folders", source=["INBOX", "Junk"])

    assert f"Junk junk 0 mails {ODD_SOURCES['junk']}" in words(html)
    assert words(html).count(ODD_SOURCES["junk"]) == 1


@pytest.mark.req("S1-19", "S3-16")
def test_the_start_has_a_date_a_time_and_names_the_time_zone(
    administrator: Client, draft: MailServer, settings: Any
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    posted(administrator, draft, "_save", sync_start_0="2026-01-05", sync_start_1="08:30:00")

    draft.refresh_from_db()
    page = administrator.get(f"{BASE}/{draft.pk}/folders/").content.decode()

    assert draft.sync_start is not None
    assert draft.sync_start.isoformat() == "2026-01-05T07:30:00+00:00"
    assert "In the time zone Europe/Berlin" in page
    assert 'type="date"' in page
    assert 'type="time"' in page
    assert 'value="08:30:00"' in page


@pytest.mark.parametrize("day", ["0001-01-01", "1899-12-31", "9999-12-31"])
def test_a_start_no_mail_server_knows_is_refused_at_its_field(
    administrator: Client, draft: MailServer, settings: Any, day: str
) -> None:
    settings.TIME_ZONE = "Europe/Berlin"

    html = posted(administrator, draft, "_save", sync_start_0=day, sync_start_1="00:00:00")

    draft.refresh_from_db()
    assert "Choose a date in the years 1970 to 9989." in html
    assert draft.sync_start is None


@pytest.mark.req("S0-22", "S0-34")
def test_what_is_done_about_failed_mail_is_set_here(administrator: Client, draft: MailServer) -> None:
    posted(administrator, draft, "_save", **{"trouble-stop_after": "7"})

    draft.refresh_from_db()
    assert draft.trouble["stop_after"] == 7


@pytest.mark.req("S0-40")
def test_a_mailbox_that_cannot_be_asked_leaves_the_typed_names(draft: MailServer) -> None:
    draft.connection = {**draft.connection, "port": 1}

    listing = mailbox_folders.look(check.stored(draft))

    assert listing.folders == []
    assert listing.findings
