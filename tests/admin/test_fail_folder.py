"""The page about failed mail: the counter, the list, the way back, the reports, and what fetches wrote down."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from mailchannel.kernel.types import ParsedMail
from mailchannel.models import Alert, FetchRun, InboundMail, MailServer
from mailchannel.services import settle as settling
from mailchannel.services.fetch import fetch
from mailchannel.services.push import accept
from mailchannel.services.settle import settle
from tests.admin.conftest import BASE
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.mailbox import Mailbox
from tickets.models import Ticket

SignIn = Callable[..., Client]
Mend = Callable[[], None]
POSTED = ("failed/back/", "failed/debug/")
TAKEN = ("failed/reports/", "failed/log/{run}/")


@pytest.fixture
def mend(monkeypatch: pytest.MonkeyPatch) -> Mend:
    """The parser has a bug that mails with the word poison meet, until `mend()` is called."""
    parse = settling.parse

    def buggy(raw: bytes, *, size: int | None = None) -> ParsedMail:
        if b"poison" in raw:
            raise RecursionError("too deep")
        return parse(raw, size=size)

    monkeypatch.setattr(settling, "parse", buggy)
    return lambda: monkeypatch.setattr(settling, "parse", parse)


@pytest.fixture
def server(new_server: NewServer, mend: Mend) -> MailServer:
    """A published mail server with one failed mail, and one fetch that was written down."""
    server = new_server(published_at=timezone.now(), debug_until=timezone.now() + timedelta(hours=1))
    accept(server, letter(subject="poison pen"), transport="pipe")
    settle(server)
    FetchRun.objects.create(server=server, ended=timezone.now(), log="open INBOX → epoch 1")
    return server


def page(client: Client, server: MailServer, path: str = "failed/") -> str:
    response = client.get(f"{BASE}/{server.pk}/{path}")
    assert response.status_code == 200
    return response.content.decode()


def count_shown(html: str) -> str:
    return html.partition('class="count">')[2].partition("<")[0]


@pytest.mark.dovecot
@pytest.mark.django_db(transaction=True)  # what failed to be read is tried in a child process
@pytest.mark.req("S0-34", "S4-31", "S4-32", "S4-38")
def test_from_the_counter_to_the_ticket(
    administrator: Client, dovecot: Mailbox, new_server: NewServer, mend: Mend
) -> None:
    server = new_server(dovecot, published_at=timezone.now())
    dovecot.deliver_all([letter(subject="poison one"), letter(subject="poison two")])
    fetch(server)

    before = page(administrator, server)
    archive = administrator.get(f"{BASE}/{server.pk}/failed/reports/")
    mend()
    administrator.post(f"{BASE}/{server.pk}/failed/back/")
    after = page(administrator, server)
    fetch(server)

    assert count_shown(before) == "2"
    for told in ("poison one", "failed.parse", "in Failed", "Move mails to inbox", "Download 2 error logs"):
        assert told in before
    assert len(zipfile.ZipFile(io.BytesIO(b"".join(archive))).namelist()) == 2  # type: ignore[arg-type]
    assert count_shown(after) == "0"
    assert "back in the inbox; waits for the next fetch" in after
    assert "2 mails moved back" in after
    assert sorted(Ticket.objects.values_list("title", flat=True)) == ["poison one", "poison two"]
    assert "None. Every mail so far could be processed." in page(administrator, server)


@pytest.mark.dovecot
@pytest.mark.req("S4-32")
def test_one_mail_alone_is_put_back(administrator: Client, dovecot: Mailbox, new_server: NewServer, mend: Mend) -> None:
    server = new_server(dovecot, published_at=timezone.now())
    dovecot.deliver_all([letter(subject="poison one"), letter(subject="poison two")])
    fetch(server)

    administrator.post(f"{BASE}/{server.pk}/failed/back/", {"mail": str(InboundMail.objects.order_by("pk")[0].pk)})

    (back,) = dovecot.mails("INBOX")
    assert b"poison one" in back
    assert count_shown(page(administrator, server)) == "1"


@pytest.mark.req("S4-34")
def test_a_mailbox_without_folders_is_offered_no_moving(administrator: Client, server: MailServer) -> None:
    server.update(protocol="pipe")

    html = page(administrator, server)

    assert "This mailbox has no folders" in html
    assert "Judge them again" in html
    assert "Move mails to inbox" not in html
    assert "only here" in html


def test_failed_mail_that_was_not_moved_is_counted_too(administrator: Client, server: MailServer) -> None:
    html = page(administrator, server, "review/")

    assert count_shown(html) == "0"
    assert "In all 1 could not be processed." in html


@pytest.mark.req("S4-30")
def test_a_stopped_mail_server_says_why(administrator: Client, server: MailServer) -> None:
    server.update(status="paused")
    Alert.objects.create(server=server, kind=Alert.Kind.STOPPED, text="Fetching stopped: 50 mails wait.")

    html = page(administrator, server)

    assert "Fetching stopped: 50 mails wait." in html
    assert "Stopped · too many failed mails" in page(administrator, server, "review/")


@pytest.mark.req("S4-37")
def test_the_archive_is_streamed_recorded_and_never_kept_by_a_browser(
    administrator: Client, server: MailServer
) -> None:
    response = administrator.get(f"{BASE}/{server.pk}/failed/reports/")

    assert response.streaming
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["Content-Disposition"].endswith('.zip"')
    packed = zipfile.ZipFile(io.BytesIO(b"".join(response)))  # type: ignore[arg-type]
    assert "RecursionError: too deep" in packed.read(packed.namelist()[0]).decode()
    assert LogEntry.objects.filter(change_message="Downloaded 1 error reports.").count() == 1


@pytest.mark.req("S4-26")
def test_fetches_are_written_down_for_a_while(administrator: Client, server: MailServer) -> None:
    server.update(debug_until=None)

    administrator.post(f"{BASE}/{server.pk}/failed/debug/", {"hours": "24"})
    server.refresh_from_db()
    assert server.debug_until is not None
    assert timedelta(hours=23) < server.debug_until - timezone.now() <= timedelta(hours=24)
    assert "Stop writing down" in page(administrator, server)

    administrator.post(f"{BASE}/{server.pk}/failed/debug/", {"hours": "0"})
    server.refresh_from_db()
    assert server.debug_until <= timezone.now()

    administrator.post(f"{BASE}/{server.pk}/failed/debug/", {"hours": "9999"})
    server.refresh_from_db()
    assert server.debug_until <= timezone.now()


@pytest.mark.req("S4-26")
def test_a_log_is_shown_and_downloaded_and_that_is_recorded(administrator: Client, server: MailServer) -> None:
    run = FetchRun.objects.get()

    shown = page(administrator, server, f"failed/log/{run.pk}/")
    taken = administrator.get(f"{BASE}/{server.pk}/failed/log/{run.pk}/?download")

    assert "open INBOX → epoch 1" in shown
    assert taken.content.decode() == "open INBOX → epoch 1"
    assert taken.headers["Content-Type"].startswith("text/plain")
    said = LogEntry.objects.values_list("change_message", flat=True)
    assert sorted(each.split(" the log")[0] for each in said if "the log" in each) == ["Downloaded", "Looked at"]


@pytest.mark.req("S2-01", "S4-26", "S4-36")
def test_who_may_do_what(signed_in: SignIn, server: MailServer) -> None:
    run = FetchRun.objects.get().pk
    client = signed_in("view_mailserver", "view_inboundmail")

    html = page(client, server)

    for button in ("Move mails to inbox", "Put back", "Download 1", "for 24 h"):
        assert button not in html
    assert [client.post(f"{BASE}/{server.pk}/{path}").status_code for path in POSTED] == [403, 403]
    assert [client.get(f"{BASE}/{server.pk}/{path.format(run=run)}").status_code for path in TAKEN] == [403, 403]


def test_without_the_mail_log_nobody_reads_subjects_here(signed_in: SignIn, server: MailServer) -> None:
    assert signed_in("view_mailserver").get(f"{BASE}/{server.pk}/failed/").status_code == 403


@pytest.mark.parametrize("path", POSTED)
def test_a_link_changes_nothing(administrator: Client, server: MailServer, path: str) -> None:
    assert administrator.get(f"{BASE}/{server.pk}/{path}").status_code == 405


def test_logs_of_another_mail_server_are_not_found(administrator: Client, server: MailServer, new_server: Any) -> None:
    other = new_server(name="Other", address="other@example.com", published_at=timezone.now())

    assert administrator.get(f"{BASE}/{other.pk}/failed/log/{FetchRun.objects.get().pk}/").status_code == 404
    assert administrator.get(f"{BASE}/{other.pk}/failed/reports/").status_code == 404


@pytest.mark.req("S4-28")
def test_failed_mail_that_is_left_is_said_to_be_left(administrator: Client, server: MailServer) -> None:
    server.update(after={"failed": "mark_read"})
    server.folders.filter(role="fail").delete()

    html = page(administrator, server)

    assert "Such mail is left in the folder it came to." in " ".join(html.split())
    assert "in the fail folder “”" not in html
