"""What becomes of mail on its server once it is settled: moved, marked, deleted or left, and never lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User

from mailchannel.admin.promise import promises
from mailchannel.kernel.types import ParsedMail
from mailchannel.models import FetchRun, InboundMail, MailServer, RawMail
from mailchannel.services import after, back_to_inbox, debug, fail_folder, judge_again, readiness, receive
from mailchannel.services import settle as settling
from mailchannel.services.after import Action
from mailchannel.services.connecting import opened
from mailchannel.services.fetch import fetch
from mailchannel.services.filing import Filing
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.dovecot import Options
from tests.servers.fixtures import NewMailbox, NewScript
from tests.servers.mailbox import Mailbox, Pop3Mailbox
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.dovecot]

Remote = InboundMail.Remote
DELETE_ALL = {"processed": "delete", "ignored": "delete", "failed": "leave"}


def good(**options: Any) -> bytes:
    return letter(subject="good", **options)


def automatic(**options: Any) -> bytes:
    return letter(subject="away", Auto_Submitted="auto-replied", **options)


def stranger() -> bytes:
    return letter(subject="refused", sender="bo@elsewhere.example")


def states() -> dict[str, tuple[str, str, str]]:
    """Subject → outcome, what became of it, folder."""
    rows = InboundMail.objects.values_list("subject", "outcome", "remote", "filed_to")
    return {subject: (outcome, remote, folder) for subject, outcome, remote, folder in rows}


def read(mailbox: Mailbox) -> list[bool]:
    return [r"\Seen" in flags for flags in mailbox.flags().values()]


# --- Each end, each action -----------------------------------------------------------------------


@pytest.mark.req("S0-22", "S0-23", "S3-02")
def test_without_a_choice_mail_is_moved_where_a_folder_is_set_and_else_left(
    dovecot: Mailbox, new_server: NewServer
) -> None:
    server = new_server(dovecot)
    server.folders.filter(role="exclusion").delete()
    server.domains.create(domain="customer.example")
    dovecot.deliver_all([good(), automatic(), stranger()])

    report = fetch(server)

    assert (report.error, report.filed) == ("", 2)
    assert states() == {
        "good": ("opened", "moved", "Processed"),
        "away": ("ignored", "kept", ""),
        "refused": ("rejected", "moved", "Failed"),
    }
    assert read(dovecot) == [False]


@pytest.mark.req("S0-23", "S0-24", "S3-02")
@pytest.mark.parametrize("ended", ["processed", "ignored", "failed"])
@pytest.mark.parametrize("action", [Action.READ, Action.LEAVE, Action.DELETE])
def test_each_end_has_an_action_of_its_own(dovecot: Mailbox, new_server: NewServer, ended: str, action: Action) -> None:
    server = new_server(dovecot, after={ended: action.value})
    server.domains.create(domain="customer.example")
    raw = {"processed": good(), "ignored": automatic(), "failed": stranger()}
    dovecot.deliver_all(list(raw.values()))

    report = fetch(server)

    stays = action is not Action.DELETE
    moved = action is Action.DELETE and ended == "failed"  # cannot be chosen, so the usual counts
    assert report.error == ""
    assert report.filed == 2 + (not stays)
    assert dovecot.mails() == ([raw[ended]] if stays else [])
    assert read(dovecot) == ([action is Action.READ] if stays else [])
    subject = {"processed": "good", "ignored": "away", "failed": "refused"}[ended]
    expected = (Remote.KEPT, "") if stays else (Remote.MOVED, "Failed") if moved else (Remote.DELETED, "")
    assert states()[subject][1:] == expected
    kept = [len(dovecot.mails(each)) for each in ("Processed", "Ignored", "Failed") if each in dovecot.folders()]
    assert sum(kept) == 2 + moved


def test_what_is_left_or_marked_is_done_with_once(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, after={"processed": "mark_read"})
    uid = dovecot.deliver(good())
    fetch(server)
    with dovecot.client() as client:  # a person wants to come back to it
        client.select("INBOX")
        client.uid("STORE", uid, "-FLAGS.SILENT", r"(\Seen)")

    report = fetch(server)

    assert (report.fetched, report.error, read(dovecot)) == (0, "", [False])
    assert Ticket.objects.count() == 1


@pytest.mark.parametrize("at_once", [2, 500])
def test_what_is_left_is_known_in_a_full_folder_as_in_an_empty_one(
    dovecot: Mailbox, new_server: NewServer, monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr(receive, "LISTED_AT_ONCE", at_once)
    server = new_server(dovecot, after={"processed": "leave"})
    dovecot.deliver_all([letter(subject=f"mail {number}") for number in range(3)])
    fetch(server)
    dovecot.deliver(letter(subject="new"))

    assert [fetch(server).fetched for _ in range(2)] == [1, 0]
    assert Ticket.objects.count() == 4


def test_a_change_counts_for_mail_that_comes_in_later(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, after={"processed": "leave"})
    first = dovecot.deliver(letter(subject="first"))
    fetch(server)
    server.update(after={"processed": "delete"})
    dovecot.deliver(letter(subject="second"))

    fetch(server)

    assert dovecot.uids() == [first]
    assert {subject: state[1] for subject, state in states().items()} == {"first": "kept", "second": "deleted"}


def test_a_debugged_fetch_does_the_same_and_writes_it_down(
    dovecot: Mailbox, new_server: NewServer, agent: User
) -> None:
    server = new_server(dovecot, after={"processed": "delete", "ignored": "mark_read"})
    debug.begin(server, hours=1, by=agent)
    dovecot.deliver_all([good(), automatic()])

    fetch(server)

    log = FetchRun.objects.get().log
    assert "delete 1 → deleted" in log
    assert "mark 2 as read → marked" in log
    assert (len(dovecot.mails()), read(dovecot)) == (1, [True])


# --- What is never deleted -----------------------------------------------------------------------


@pytest.mark.req("S3-02", "S4-28")
def test_mail_that_fails_is_never_deleted(
    dovecot: Mailbox, new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also not by a stored value that no form and no file takes."""

    def buggy(raw: bytes, *, size: int | None = None) -> ParsedMail:
        raise RecursionError("too deep")

    server = new_server(dovecot, after=dict.fromkeys(("processed", "ignored", "failed"), "delete"))
    monkeypatch.setattr(settling, "parse", buggy)
    dovecot.deliver(good())

    fetch(server)

    assert (dovecot.mails(), len(dovecot.mails("Failed"))) == ([], 1)
    assert [each.field for each in readiness.problems(server) if each.step == "folders"] == ["after-failed"]


@pytest.mark.req("S4-28", "S4-30")
@pytest.mark.parametrize("action", ["leave", "mark_read"])
def test_failed_mail_that_stays_fills_no_fail_folder(
    dovecot: Mailbox, new_server: NewServer, monkeypatch: pytest.MonkeyPatch, action: str
) -> None:
    def buggy(raw: bytes, *, size: int | None = None) -> ParsedMail:
        raise RecursionError("too deep")

    server = new_server(dovecot, after={"failed": action}, trouble={"stop_after": 1})
    server.folders.filter(role="fail").delete()
    monkeypatch.setattr(settling, "parse", buggy)
    dovecot.deliver(good())

    fetch(server)

    server.refresh_from_db()
    assert server.status == "active"
    assert (fail_folder.count(server), fail_folder.room(server)) == (0, None)
    assert read(dovecot) == [action == "mark_read"]
    assert readiness.problems(server) == []


@pytest.mark.req("S3-16", "S3-02")
@pytest.mark.parametrize("action", list(Action))
def test_mail_from_before_the_start_stays_untouched_whatever_is_chosen(
    dovecot: Mailbox, new_server: NewServer, action: Action
) -> None:
    server = new_server(dovecot, after=dict.fromkeys(("processed", "ignored"), action.value))
    dovecot.deliver(good())
    server.update(sync_start="2999-01-01T00:00:00+00:00")

    fetch(server)

    assert InboundMail.objects.get().reason == "ignored.before_start_date"
    assert read(dovecot) == [False]


def test_mail_of_which_the_bytes_are_not_ours_is_not_deleted(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, after={"processed": "leave"})
    dovecot.deliver_all([letter(subject=each) for each in ("headers only", "bytes removed", "whole")])
    fetch(server)
    InboundMail.objects.filter(subject="headers only").update(headers_only=True)
    RawMail.objects.filter(inbound__subject="bytes removed").delete()
    InboundMail.objects.update(remote=Remote.PENDING)
    server.update(after={"processed": "delete"})

    fetch(server)

    assert {subject: state[1] for subject, state in states().items()} == {
        "headers only": "kept",
        "bytes removed": "kept",
        "whole": "deleted",
    }
    assert len(dovecot.mails()) == 2


def test_mail_that_was_not_settled_stays_and_waits(dovecot: Mailbox, new_server: NewServer) -> None:
    server = new_server(dovecot, after={"processed": "leave"})
    dovecot.deliver(good())
    fetch(server)
    InboundMail.objects.update(outcome="received", remote=Remote.PENDING)
    server.update(after=DELETE_ALL)

    with opened(server) as box:
        assert Filing(server, box).file("INBOX", box.epoch("INBOX")) == 0

    assert InboundMail.objects.get().remote == "pending"
    assert len(dovecot.mails()) == 1


@pytest.mark.req("S3-02", "FT-42")
def test_a_server_without_uidplus_keeps_the_mail_and_harms_nobody_elses(
    new_mailbox: NewMailbox, new_server: NewServer
) -> None:
    mailbox = new_mailbox(Options(hidden=("UIDPLUS",)))
    server = new_server(mailbox, after=DELETE_ALL)
    theirs = mailbox.deliver(letter(), flags=[r"\Deleted"])
    ours = mailbox.deliver(good())

    first, again = fetch(server), fetch(server)

    assert (first.error, first.opened, first.filed, again.fetched) == ("", 1, 0, 0)
    assert states()["good"] == ("opened", "kept", "")
    assert set(mailbox.uids()) == {theirs, ours}
    assert r"\Deleted" not in mailbox.flags()[ours]


EVERYTHING = (
    b'* %d FETCH (UID %d RFC822.SIZE %d INTERNALDATE "20-Nov-2026 10:00:00 +0000" FLAGS () BODY[] {%d}\r\n%s)\r\n'
)


@pytest.mark.parametrize(
    ("stored", "words"), [(b"TAG NO [NOPERM] not yours", "not yours"), (b"TAG OK done", "may not do that here")]
)
def test_a_server_that_refuses_to_delete_is_complained_of_and_no_mail_waits_for_it(
    new_script: NewScript, new_server: NewServer, stored: bytes, words: str
) -> None:
    mails = {5: letter(subject="one"), 6: letter(subject="two")}
    there = b"".join(EVERYTHING % (uid, uid, len(raw), len(raw), raw) for uid, raw in mails.items())
    script = new_script(
        answers={
            "SELECT": b"* 2 EXISTS\r\n* OK [UIDVALIDITY 7] ok\r\nTAG OK [READ-WRITE] done\r\n",
            "UID SEARCH": b"* SEARCH 5 6\r\nTAG OK done\r\n",
            "UID FETCH": there + b"TAG OK done\r\n",
            "UID STORE": stored + b"\r\n",
            "UID EXPUNGE": b"TAG OK done\r\n",
        }
    )
    connection = dict(script.settings)
    server = new_server(after=DELETE_ALL, secrets={"password": connection.pop("password")}, connection=connection)

    report = fetch(server)

    assert report.opened == 2
    assert words in report.error
    server.refresh_from_db()
    assert server.last_error_field == "folders"
    assert set(InboundMail.objects.values_list("outcome", "remote")) == {("opened", "pending")}


# --- Copies, and the way back --------------------------------------------------------------------


@pytest.mark.req("S2-19")
def test_a_copy_goes_where_its_first_copy_went(
    dovecot: Mailbox, new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = new_server(dovecot, after={"processed": "delete", "ignored": "mark_read", "failed": "leave"})
    server.domains.create(domain="customer.example")
    mails = [good(), automatic(), stranger()]
    dovecot.deliver_all(mails)
    fetch(server)
    dovecot.deliver_all(mails)

    fetch(server)

    assert InboundMail.objects.filter(outcome="duplicate").count() == 3
    assert sorted(dovecot.mails()) == sorted([*mails[1:], *mails[1:]])
    assert sorted(read(dovecot)) == [False, False, True, True]


def test_deleted_mail_can_be_accepted_from_our_copy(dovecot: Mailbox, new_server: NewServer, agent: User) -> None:
    server = new_server(dovecot, after={"ignored": "delete"})
    dovecot.deliver(automatic(body="I am a person after all"))
    fetch(server)
    row = InboundMail.objects.get()
    assert (row.outcome, row.remote, dovecot.mails()) == ("ignored", "deleted", [])

    said = judge_again.accept(row, by=agent).text

    assert "On the mail server the message was deleted; the original is kept here." in said
    assert "I am a person after all" in Ticket.objects.get().notes.get().text
    report = fetch(server)
    row.refresh_from_db()
    assert (report.error, report.filed, row.outcome, row.remote) == ("", 0, "opened", "deleted")


@pytest.mark.req("S4-32")
def test_deleted_mail_that_fails_later_is_judged_from_our_copy(dovecot: Mailbox, new_server: NewServer) -> None:
    """It was ignored and deleted, and failed when somebody had it judged again."""
    server = new_server(dovecot, after={"ignored": "delete"})
    dovecot.deliver(letter(subject="odd"))
    server.update(acceptance={"subject_must_match": ["never"]})
    fetch(server)
    InboundMail.objects.update(outcome="failed", reason="failed.rule")
    server.update(acceptance={})
    assert fail_folder.count(server) == 0

    result = back_to_inbox.put_back(server, fail_folder.failed(server), by=None)
    fetch(server)

    assert (len(result.judged), result.error) == (1, "")
    assert states() == {"odd": ("opened", "deleted", "")}


@pytest.mark.req("S4-32")
def test_failed_mail_put_back_is_deleted_once_it_is_a_ticket(
    dovecot: Mailbox, new_server: NewServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def buggy(raw: bytes, *, size: int | None = None) -> ParsedMail:
        raise RecursionError("too deep")

    server = new_server(dovecot, after={"processed": "delete"})
    dovecot.deliver(good())
    with monkeypatch.context() as bug:
        bug.setattr(settling, "parse", buggy)
        fetch(server)

    back_to_inbox.put_back(server, fail_folder.failed(server), by=None)
    fetch(server)

    assert (dovecot.mails(), dovecot.mails("Failed")) == ([], [])
    assert states() == {"good": ("opened", "deleted", "")}


# --- What can be chosen --------------------------------------------------------------------------


@pytest.mark.req("S4-09", "S4-34")
def test_a_mailbox_without_folders_is_emptied_of_what_is_done_with(dovecot: Mailbox, new_server: NewServer) -> None:
    mailbox = Pop3Mailbox.of(dovecot)
    server = new_server(mailbox, protocol="pop3", after={"processed": "delete"})
    server.folders.exclude(role="source").delete()
    server.domains.create(domain="customer.example")
    mails = [good(), automatic(), stranger(), letter(subject="good too")]
    mailbox.deliver_all(mails)

    report, again = fetch(server), fetch(server)

    assert (report.error, report.opened, report.filed, again.error, again.fetched) == ("", 2, 2, "", 0)
    assert mailbox.mails() == mails[1:3]
    assert {subject: state[1] for subject, state in states().items()} == {
        "good": "deleted",
        "away": "kept",
        "refused": "kept",
        "good too": "deleted",
    }


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (
            {},
            "Processed mail moves to “Processed”. Ignored mail moves to “Ignored”. Failed or refused mail moves to "
            "“Failed”. Nothing is deleted.",
        ),
        (
            {"processed": "delete", "ignored": "delete", "failed": "mark_read"},
            "Failed or refused mail is marked as read and stays where it is. Processed and ignored mail is deleted on "
            "the mail server. Its original is kept here.",
        ),
        (
            dict.fromkeys(("processed", "ignored", "failed"), "leave"),
            "Processed, ignored and failed or refused mail stays where it is, untouched. Nothing is deleted.",
        ),
    ],
)
def test_the_review_says_what_becomes_of_mail(new_server: NewServer, chosen: dict[str, str], words: str) -> None:
    server = new_server(after=chosen)

    assert words in [promise.answer for promise in promises(server)]


@pytest.mark.req("S4-09", "S4-34")
@pytest.mark.parametrize(
    ("protocol", "offered"),
    [
        ("imap", {"processed": 4, "ignored": 4, "failed": 3}),
        ("graph", {"processed": 4, "ignored": 4, "failed": 3}),
        ("ews", {"processed": 4, "ignored": 4, "failed": 3}),
        ("pop3", {"processed": 2, "ignored": 2}),
        ("forwarding", {}),
        ("unheard of", {}),
    ],
)
def test_each_protocol_offers_what_it_can_do(protocol: str, offered: dict[str, int]) -> None:
    specs = after.specs_of(protocol)

    assert {spec.name: len(spec.choices) for spec in specs} == offered
    assert all(spec.default in dict(spec.choices) for spec in specs)
    assert all(spec.default != Action.DELETE for spec in specs)


def test_what_a_protocol_cannot_do_counts_as_not_chosen() -> None:
    server = MailServer(protocol="pop3", after={"processed": "mark_read", "ignored": "delete", "failed": "move"})

    assert after.in_force(server) == {"processed": "leave", "ignored": "delete"}
