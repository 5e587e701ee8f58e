"""Mail that cannot be processed: where it goes, when fetching stops for it, and the way back to the inbox."""

from __future__ import annotations

import io
import os
import signal
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection

from mailchannel.kernel.types import ParsedMail
from mailchannel.models import Alert, ErrorReport, InboundMail, MailServer, OutboundMail
from mailchannel.services import back_to_inbox, error_reports, fail_folder, publish, readiness
from mailchannel.services import settle as settling
from mailchannel.services.fetch import fetch
from mailchannel.services.finding import find
from mailchannel.services.health import snapshot
from mailchannel.services.lease import hold
from mailchannel.services.push import accept
from mailchannel.services.settle import settle
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.fixtures import NewProxy
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot]

Mend = Callable[[], None]


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


def poison(number: int = 0, **options: Any) -> bytes:
    return letter(subject=f"poison {number}", **options)


def outcomes() -> list[str]:
    return list(InboundMail.objects.order_by("pk").values_list("outcome", flat=True))


def alert(kind: Alert.Kind) -> Alert | None:
    return Alert.objects.filter(kind=kind, ended_at=None).first()


# --- Where it goes ------------------------------------------------------------------------------


@pytest.mark.req("S0-22", "S4-28", "S4-29", "S4-31")
def test_a_bad_mail_goes_to_the_fail_folder_and_stops_no_other(
    dovecot: Mailbox, new_server: NewServer, mend: Mend
) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all([letter(subject="good"), poison(), letter(subject="good too")])

    report = fetch(server)

    assert (report.opened, report.failed, report.error) == (2, 1, "")
    assert b"poison" in dovecot.mails("Failed")[0]
    assert fail_folder.count(server) == 1


@pytest.mark.req("S4-28")
def test_without_the_switch_it_stays_where_it_is_and_is_listed(
    dovecot: Mailbox, new_server: NewServer, mend: Mend
) -> None:
    server = new_server(dovecot, trouble={"move_failed": False, "stop_after": 1})
    dovecot.deliver_all([poison(), letter(subject="good")])

    fetch(server)

    server.refresh_from_db()
    assert server.status == "active"
    assert [b"poison" in mail for mail in dovecot.mails("INBOX")] == [True]
    assert "Failed" not in dovecot.folders()
    assert fail_folder.count(server) == 0
    assert fail_folder.failed(server).get().remote == "kept"


@pytest.mark.req("S4-31")
def test_a_refused_mail_is_no_failed_one(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, trouble={"stop_after": 1})
    server.domains.create(domain="partner.example")
    dovecot.deliver(letter())

    fetch(server)

    server.refresh_from_db()
    assert len(dovecot.mails("Failed")) == 1
    assert (fail_folder.count(server), server.status) == (0, "active")
    assert not ErrorReport.objects.exists()


@pytest.mark.req("S4-34")
def test_a_channel_without_folders_neither_moves_nor_stops(new_server: NewServer, mend: Mend) -> None:
    server = new_server(protocol="pipe", trouble={"stop_after": 1})
    accept(server, poison(), transport="pipe")

    settle(server)

    assert outcomes() == ["failed"]
    assert (fail_folder.count(server), fail_folder.room(server)) == (0, None)
    assert not any(each.field.startswith("trouble-") for each in readiness.problems(server))


@pytest.mark.req("S4-35")
def test_a_broken_line_skips_the_run_and_blames_no_mail(
    dovecot: Mailbox, new_server: NewServer, new_proxy: NewProxy
) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all([letter(subject=f"mail {n}", body="x" * 50_000) for n in range(3)])
    with new_proxy(dovecot.port, cut_after=20_000) as proxy:
        server.update(connection={**server.connection, "port": proxy.port})

        report = fetch(server)

    assert report.error
    assert (outcomes().count("failed"), len(dovecot.mails("INBOX"))) == (0, 3)
    server.update(connection={**server.connection, "port": dovecot.port})
    assert (fetch(server).opened, fail_folder.count(server)) == (3, 0)


# --- When fetching stops ------------------------------------------------------------------------


@pytest.mark.req("S4-30")
def test_fetching_stops_at_exactly_the_number_and_says_why(dovecot: Mailbox, new_server: NewServer, mend: Mend) -> None:
    server = new_server(dovecot, trouble={"stop_after": 2})
    dovecot.deliver_all([poison(n) for n in range(4)] + [letter(subject="good")])

    fetch(server)

    server.refresh_from_db()
    assert server.status == MailServer.Status.PAUSED
    assert (len(dovecot.mails("Failed")), len(dovecot.mails("INBOX"))) == (2, 3)
    stopped = alert(Alert.Kind.STOPPED)
    assert stopped is not None and "2 mails" in stopped.text
    assert fail_folder.why_stopped(server) == stopped.text
    assert "is paused" in fetch(server).error
    assert [each["code"] for each in snapshot()["problems"]].count("mail_server.stopped") == 1


@pytest.mark.req("S4-30")
def test_resuming_goes_on_counting_from_what_is_unresolved(
    dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User
) -> None:
    server = new_server(dovecot, trouble={"stop_after": 2})
    dovecot.deliver_all([poison(n) for n in range(4)])
    fetch(server)
    server.refresh_from_db()

    publish.resume(server, by=agent)
    server.refresh_from_db()
    warning = fail_folder.warning(server)
    fetch(server)

    server.refresh_from_db()
    assert "fetching stops with the next mail that fails" in warning
    assert (server.status, fail_folder.count(server)) == ("paused", 3)


# --- Back to the inbox --------------------------------------------------------------------------


@pytest.mark.req("S4-31", "S4-32", "S4-38")
def test_mails_put_back_are_judged_anew_and_the_counter_falls_to_nothing(
    dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User
) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all([poison(1), poison(2)])
    fetch(server)
    before = list(InboundMail.objects.values_list("pk", flat=True))
    mend()

    result = back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)

    assert (len(result.moved), result.gone, result.left, result.error) == (2, (), (), "")
    assert (dovecot.mails("Failed"), len(dovecot.mails("INBOX")), fail_folder.count(server)) == ([], 2, 0)
    assert alert(Alert.Kind.FAILED_MAIL) is None
    assert fetch(server).opened == 2
    assert list(InboundMail.objects.values_list("pk", flat=True)) == before
    row = InboundMail.objects.order_by("pk")[0]
    assert (row.outcome, row.retry_at, row.attempts, row.filed_to) == ("opened", None, 2, "Processed")
    assert row.trace[0]["stage"] == "earlier" and "too deep" in row.trace[0]["because"]
    assert sorted(Ticket.objects.values_list("title", flat=True)) == ["poison 1", "poison 2"]
    assert any("moved back" in entry.change_message for entry in LogEntry.objects.filter(user=agent))


@pytest.mark.req("S4-32")
def test_a_mail_that_fails_again_comes_back_to_the_fail_folder(
    dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User
) -> None:
    server = new_server(dovecot)
    dovecot.deliver(poison())
    fetch(server)

    back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)
    report = fetch(server)

    assert (report.failed, fail_folder.count(server), InboundMail.objects.count()) == (1, 1, 1)
    assert len(dovecot.mails("Failed")) == 1
    assert ErrorReport.objects.count() == 2


@pytest.mark.req("S4-32")
def test_a_mail_removed_by_hand_is_named_and_judged_from_our_copy(
    dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User
) -> None:
    server = new_server(dovecot)
    dovecot.deliver_all([poison(1), poison(2)])
    fetch(server)
    dovecot.remove(dovecot.uids("Failed")[0], "Failed")
    mend()

    result = back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)

    assert any("No longer in the fail folder" in said and said.endswith("“poison 1”.") for said in result.sentences)
    fetch(server)
    assert (outcomes(), Ticket.objects.count()) == (["opened", "opened"], 2)


@pytest.mark.req("S4-32", "S4-34")
@pytest.mark.parametrize("place", ["forwarded", "left in place"])
def test_a_mail_that_was_never_moved_is_judged_from_our_copy(
    place: str, dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User
) -> None:
    server = new_server(dovecot, trouble={"move_failed": False})
    if place == "forwarded":
        accept(server, poison(), transport="pipe")
        settle(server)
    else:
        dovecot.deliver(poison())
        fetch(server)
    mend()

    result = back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)
    fetch(server)

    assert len(result.judged) == 1
    assert (outcomes(), Ticket.objects.count()) == (["opened"], 1)
    assert dovecot.mails("INBOX") == []
    assert place == "forwarded" or len(dovecot.mails("Processed")) == 1


@pytest.mark.req("S4-32")
def test_only_the_mail_that_is_meant_is_put_back_among_mails_that_look_like_it(
    dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User
) -> None:
    """Some programs give every mail the same Message-ID and subject."""
    server = new_server(dovecot)
    dovecot.deliver_all([poison(body=f"reading {n}", message_id="same@sensor.example") for n in range(3)])
    fetch(server)
    wanted = InboundMail.objects.order_by("pk")[1]

    back_to_inbox.put_back(server, [wanted], by=agent)

    (back,) = dovecot.mails("INBOX")
    assert b"reading 1" in back
    assert fail_folder.count(server) == 2


@pytest.mark.req("S4-32")
def test_pressing_twice_puts_it_back_once(dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User) -> None:
    server = new_server(dovecot)
    dovecot.deliver(poison())
    fetch(server)
    mend()

    back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)
    again = back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)

    assert "waits for the next fetch" in again.sentences[0]
    assert len(dovecot.mails("INBOX")) == 1
    fetch(server)
    assert (outcomes(), Ticket.objects.count()) == (["opened"], 1)


@pytest.mark.req("S4-32")
def test_a_mail_that_was_put_back_and_then_removed_is_judged_from_our_copy(
    dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User
) -> None:
    server = new_server(dovecot)
    dovecot.deliver(poison())
    fetch(server)
    mend()
    back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)
    dovecot.remove(dovecot.uids("INBOX")[0])
    fetch(server)
    assert outcomes() == ["failed"]

    back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)
    fetch(server)

    assert (outcomes(), Ticket.objects.count()) == (["opened"], 1)


@pytest.mark.req("S4-32")
@pytest.mark.parametrize("moved", [True, False])
def test_a_mail_too_large_is_read_whole_after_the_limit_was_raised(
    moved: bool, dovecot: Mailbox, new_server: NewServer, agent: User
) -> None:
    server = new_server(dovecot, acceptance={"largest_mail_mb": 1}, trouble={"move_failed": moved})
    dovecot.deliver(letter(subject="big", body="x" * 1_200_000))
    fetch(server)
    assert InboundMail.objects.get().reason == "failed.too_big"
    server.update(acceptance={"largest_mail_mb": 5})

    back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)
    fetch(server)

    row = InboundMail.objects.get()
    assert (row.outcome, row.headers_only, len(dovecot.mails("Processed"))) == ("opened", False, 1)
    assert len(row.raw.content) == row.size > 1_200_000


@pytest.mark.req("S4-32")
def test_a_mail_too_large_that_was_put_back_and_sent_again_is_one_ticket(
    dovecot: Mailbox, new_server: NewServer, agent: User
) -> None:
    server = new_server(dovecot, acceptance={"largest_mail_mb": 1})
    raw = letter(subject="big", body="x" * 1_200_000)
    dovecot.deliver(raw)
    fetch(server)
    server.update(acceptance={"largest_mail_mb": 5})

    back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)
    dovecot.deliver(raw)
    report = fetch(server)

    assert (report.error, outcomes(), Ticket.objects.count()) == ("", ["opened", "duplicate"], 1)


@pytest.mark.req("S4-32")
def test_headers_alone_are_not_judged_and_the_mail_is_named(
    dovecot: Mailbox, new_server: NewServer, agent: User
) -> None:
    server = new_server(dovecot, acceptance={"largest_mail_mb": 1})
    dovecot.deliver(letter(subject="big", body="x" * 1_200_000))
    fetch(server)
    dovecot.remove(dovecot.uids("Failed")[0], "Failed")

    result = back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)

    assert (result.moved, result.judged, result.gone) == ((), (), ())
    assert "“big” stays as it is" in result.sentences[0]
    assert outcomes() == ["failed"]


def test_a_mail_that_ended_a_process_is_tried_in_another_one_when_it_comes_back(
    dovecot: Mailbox, new_server: NewServer, monkeypatch: pytest.MonkeyPatch, agent: User
) -> None:
    server = new_server(dovecot)
    dovecot.deliver(poison())
    fetch(server)
    InboundMail.objects.update(outcome="failed", reason="failed.died", remote="moved", filed_to="Processed", note=None)
    me, parse = os.getpid(), settling.parse

    def deadly(raw: bytes, *, size: int | None = None) -> ParsedMail:
        if os.getpid() == me:
            pytest.fail("it was read in the worker itself")
        os.kill(os.getpid(), signal.SIGKILL)
        return parse(raw, size=size)

    monkeypatch.setattr(settling, "parse", deadly)
    back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)
    fetch(server)

    assert InboundMail.objects.get().reason == "failed.died"
    assert len(dovecot.mails("Failed")) == 1


def test_nothing_is_moved_while_the_mailbox_is_being_fetched(
    dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = new_server(dovecot)
    dovecot.deliver(poison())
    fetch(server)
    monkeypatch.setattr(back_to_inbox, "WAIT", 0)

    with hold(server.pk):
        result = back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)

    assert "being fetched" in result.error
    assert len(dovecot.mails("Failed")) == 1


def test_nothing_is_moved_once_somebody_else_has_the_mailbox(
    dovecot: Mailbox, new_server: NewServer, mend: Mend, agent: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finding a mail in a big fail folder takes so long that a fetch takes over."""
    server = new_server(dovecot)
    dovecot.deliver(poison())
    fetch(server)

    def slow(*asked: Any) -> Any:
        found = find(*asked)
        server.update(lease_owner="a fetch")
        return found

    monkeypatch.setattr(back_to_inbox, "find", slow)
    result = back_to_inbox.put_back(server, fail_folder.failed(server), by=agent)

    assert "Try again when that has ended." in result.error
    assert (len(dovecot.mails("Failed")), InboundMail.objects.get().retry_at) == (1, None)


def test_a_mail_that_was_processed_is_never_put_back(dovecot: Mailbox, new_server: NewServer, agent: User) -> None:
    server = new_server(dovecot)
    dovecot.deliver(letter())
    fetch(server)

    result = back_to_inbox.put_back(server, InboundMail.objects.all(), by=agent)

    assert result.sentences == ["There was nothing to put back."]
    assert (len(dovecot.mails("Processed")), Ticket.objects.count()) == (1, 1)


# --- What is written down, and who is told ------------------------------------------------------


@pytest.mark.req("S4-36", "S4-37")
def test_the_report_tells_what_and_why_and_is_encrypted(dovecot: Mailbox, new_server: NewServer, mend: Mend) -> None:
    server = new_server(dovecot, version=7)
    dovecot.deliver(poison(sender="Ann <ann@customer.example>", body="my private words", X_Mailer="Sensor 1.0"))
    fetch(server)

    (report,) = ErrorReport.objects.all()
    with connection.cursor() as cursor:
        cursor.execute("SELECT text FROM mailchannel_errorreport")
        (stored,) = cursor.fetchone()

    for told in ("ann@customer.example", "x-mailer: Sensor 1.0", "failed.parse", "RecursionError: too deep"):
        assert told in report.text
    assert "version 7" in report.text
    assert "in buggy" in report.text  # where it was raised
    assert "content-type: text/plain" in report.text.lower()
    assert "my private words" not in report.text  # neither the body nor the values of variables
    assert "ann@customer.example" not in stored and "poison" not in stored
    with zipfile.ZipFile(io.BytesIO(b"".join(error_reports.archive([report.pk])))) as packed:
        assert packed.namelist() == [f"mail-{report.inbound_id}-report-{report.pk}.txt"]
        assert packed.read(packed.namelist()[0]).decode() == report.text


@pytest.mark.req("S4-36")
def test_reports_move_to_a_new_key(new_server: NewServer, mend: Mend, settings: Any) -> None:
    server = new_server()
    accept(server, poison(), transport="pipe")
    settle(server)
    before = ErrorReport.objects.get().text
    old, new = settings.FIELD_ENCRYPTION_KEYS[0], Fernet.generate_key().decode()

    settings.FIELD_ENCRYPTION_KEYS = [new, old]
    call_command("rotate_secrets")
    settings.FIELD_ENCRYPTION_KEYS = [new]

    assert ErrorReport.objects.get().text == before


@pytest.mark.req("S4-33")
def test_the_team_hears_of_each_failed_mail_and_the_bell_of_all(
    dovecot: Mailbox, smtp_sink: SmtpSink, new_server: NewServer, mend: Mend, agent: User
) -> None:
    server = new_server(dovecot, sink=smtp_sink)
    server.alert_to.add(agent)
    dovecot.deliver_all([poison(1), poison(2)])

    fetch(server)

    assert OutboundMail.objects.filter(kind=OutboundMail.Kind.ALERT).count() == 2
    open_alert = alert(Alert.Kind.FAILED_MAIL)
    assert open_alert is not None and "2 mails" in open_alert.text


def test_a_report_holds_any_bytes_a_mail_may_have() -> None:
    raw = b"From: a\x00b \xff\r\n\tfolded\r\nSubject: " + b"x" * 9000 + b"\r\nno colon\r\n\r\nbody"

    found = dict(error_reports.named_headers(raw, ("from", "subject")))

    assert found["from"].endswith("folded")
    assert len(found["subject"]) == 500
