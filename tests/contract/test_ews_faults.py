"""Exchange Web Services when things go wrong, and what only Exchange has."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from exchangelib.protocol import CachingProtocol

from mailchannel.models import MailServer
from mailchannel.network.way import SignInFailed, Way
from mailchannel.senders import SENDERS, Retry, SendError
from mailchannel.services.fetch import fetch
from mailchannel.transports import TRANSPORTS, MessageRef, Remover, TransportError
from mailchannel.transports.ews import Ews
from tests.contract.harness import to_ews
from tests.fixtures import NewServer
from tests.servers.certificates import Authority, Pair
from tests.servers.ews import PASSWORD, PATH, EwsMailbox, busy, ews_mailbox, fault, soap
from tests.servers.ways import way
from tests.servers.web import Answer
from tickets.models import Ticket

pytestmark = pytest.mark.slow

MAIL = b"From: a@example.com\r\nTo: bob@example.com\r\nSubject: Hi\r\nMessage-ID: <1@example.com>\r\n\r\nHello\r\n"
HTML = b"<html><body>Sign in to Outlook</body></html>"
BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b'<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>&b;</s:Body></s:Envelope>'
)
#: An inbox without an id.
NAMELESS = (
    '<m:GetFolderResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode>'
    "<m:Folders><t:Folder /></m:Folders></m:GetFolderResponseMessage>"
)


def web(status: int, **headers: str) -> Answer:
    return Answer(status, HTML, "text/html", headers)


@pytest.fixture
def mailbox(request: pytest.FixtureRequest) -> EwsMailbox:
    return ews_mailbox(request)


def opened(box: EwsMailbox, how: Way | None = None, **changed: Any) -> Ews:
    return Ews({**box.settings, **changed}, how or to_ews(box))


@pytest.fixture
def ews(mailbox: EwsMailbox) -> Iterator[Ews]:
    with opened(mailbox) as transport:
        yield transport


def refs(ews: Ews, folder: str = "INBOX") -> list[MessageRef]:
    epoch = ews.epoch(folder)
    return [MessageRef(folder, key, epoch) for key in ews.keys(folder)]


def failure(box: EwsMailbox, how: Way | None = None, **changed: Any) -> TransportError:
    with pytest.raises(TransportError) as raised, opened(box, how, **changed):
        pass
    assert raised.value.__suppress_context__  # frames hold the password
    return raised.value


def tokens(box: EwsMailbox, *each: str) -> Way:
    """Hands out these, one after the other; the last one again and again."""
    left = list(each)
    return replace(to_ews(box), token=lambda: left.pop(0) if len(left) > 1 else left[0])


# What lies in the mailbox


@pytest.mark.req("PR-18", "FT-41")
def test_what_a_person_moves_in_between_is_gone_and_the_rest_still_comes(ews: Ews, mailbox: EwsMailbox) -> None:
    keys = mailbox.deliver_all([b"Subject: %d\r\n\r\n%d\r\n" % (number, number) for number in range(4)])
    listed = refs(ews)
    mailbox.remove(keys[1])

    assert [each.ref.key for each in ews.describe(listed)] == [keys[0], keys[2], keys[3]]
    assert [each.ref.key for each in ews.fetch(listed)] == [keys[0], keys[2], keys[3]]
    assert [each.ref.key for each in ews.fetch_headers(listed)] == [keys[0], keys[2], keys[3]]
    assert ews.move(listed, ews.ensure_folder("Done"))
    assert len(mailbox.mails("Done")) == 3


@pytest.mark.req("PR-18")
@pytest.mark.parametrize("expect_bytes", [0, 100, 50_000_000])
def test_mails_come_one_by_one_or_several_at_once(ews: Ews, mailbox: EwsMailbox, expect_bytes: int) -> None:
    mails = [b"Subject: %d\r\n\r\n%d\r\n" % (number, number) for number in range(25)]
    mailbox.deliver_all(mails)
    listed = refs(ews)
    before = len(mailbox.server.operations)

    fetched = list(ews.fetch(listed, expect_bytes=expect_bytes))

    assert [each.raw.partition(b"\r\n")[2] for each in fetched] == mails
    assert len(mailbox.server.operations) - before == (2 if expect_bytes == 100 else 25)
    assert r"\Seen" not in set().union(*mailbox.flags().values())


@pytest.mark.req("PR-07", "PR-08")
def test_a_long_folder_is_listed_whole_oldest_first_without_drafts(ews: Ews, mailbox: EwsMailbox) -> None:
    mailbox.server.largest_page = 2
    late = mailbox.deliver(MAIL, internal_date=datetime(2026, 6, 1, tzinfo=UTC))
    mailbox.deliver(MAIL, flags=[r"\Draft"])
    keys = [mailbox.deliver(MAIL, flags=[r"\Seen"] * (number % 2)) for number in range(5)]

    assert [ref.key for ref in refs(ews)] == [*keys, late]
    assert [each.unread for each in ews.describe(refs(ews))] == [True, False, True, False, True, True]


def test_mails_are_counted_even_where_exchange_does_not_say_how_many(ews: Ews, mailbox: EwsMailbox) -> None:
    mailbox.deliver_all([MAIL] * 3)
    before = len(mailbox.server.operations)

    assert ews.count("INBOX") == 3
    assert mailbox.server.operations[before:] == ["GetFolder"]
    mailbox.server.uncounted = True
    assert ews.count("INBOX") == 3
    with pytest.raises(TransportError, match="Nowhere"):
        ews.count("Nowhere")


@pytest.mark.parametrize("tag", ["Item", "MeetingRequest", "PostItem", "SomethingNew"])
def test_whatever_else_lies_in_an_inbox_is_a_mail_as_well(ews: Ews, mailbox: EwsMailbox, tag: str) -> None:
    mailbox.deliver(MAIL)
    mailbox.mail(mailbox.deliver(MAIL)).tag = tag

    assert len(list(ews.describe(refs(ews)))) == len(list(ews.fetch(refs(ews)))) == 2


@pytest.mark.parametrize(
    "code",
    ["ErrorMimeContentConversionFailed", "ErrorItemCorrupt", "ErrorCorruptData", "ErrorInternalServerError"],
)
def test_a_mail_exchange_cannot_write_down_comes_as_far_as_it_is_known(
    ews: Ews, mailbox: EwsMailbox, code: str
) -> None:
    mailbox.mail(mailbox.deliver(MAIL.replace(b"Hi", b"Gr\xc3\xbc\xc3\x9fe"))).unfit = code
    mailbox.deliver(MAIL)

    first, second = ews.fetch(refs(ews), expect_bytes=1000)

    assert b"From: a@example.com\r\n" in first.raw and b"Message-ID: <1@example.com>\r\n" in first.raw
    assert first.raw.endswith(b"\r\nHello\r\n") and b"could not hand this mail over" in first.raw
    assert second.raw.endswith(MAIL)


@pytest.mark.parametrize("code", ["ErrorItemCorrupt", "ErrorItemPropertyRequestFailed"])
def test_a_mail_of_which_nothing_is_told_stops_no_other(ews: Ews, mailbox: EwsMailbox, code: str) -> None:
    broken = mailbox.mail(mailbox.deliver(MAIL))
    broken.unfit, broken.wholly = code, True
    mailbox.deliver(MAIL)
    listed = refs(ews)

    assert [each.ref for each in ews.describe(listed)] == listed
    first, second = ews.fetch(listed, expect_bytes=1000)
    assert b"could not hand this mail over" in first.raw
    assert second.raw.endswith(MAIL)
    assert len(list(ews.fetch_headers(listed))) == 2 and ews.mark_read(listed)


def test_a_server_that_stumbles_over_everything_is_no_bad_mail(ews: Ews, mailbox: EwsMailbox) -> None:
    broken = mailbox.mail(mailbox.deliver(MAIL))
    broken.unfit, broken.wholly = "ErrorInternalServerError", True

    with pytest.raises(TransportError, match="ErrorInternalServerError"):
        list(ews.fetch(refs(ews)))


def test_of_a_mail_only_the_head_may_be_read(ews: Ews, mailbox: EwsMailbox) -> None:
    mailbox.deliver(b"Received: from x\r\n\tby y\r\nTo: b@example.com\r\n" + MAIL)
    mailbox.deliver(MAIL)  # from inside the house: Exchange keeps no headers of it
    before = mailbox.server.rebuilt

    outside, inside = ews.fetch_headers(refs(ews))

    assert outside.raw.startswith(b"Received: from x\r\n by y\r\nTo: b@example.com\r\nFrom: a@example.com\r\n")
    assert {b"From: a@example.com", b"Subject: Hi"} <= set(inside.raw.split(b"\r\n"))
    assert outside.raw.endswith(b"\r\n\r\n") and inside.raw.endswith(b"\r\n\r\n")
    assert mailbox.server.rebuilt == before


def test_mail_is_marked_as_read_and_removed_to_where_a_person_finds_it(ews: Ews, mailbox: EwsMailbox) -> None:
    gone, *keys = mailbox.deliver_all([MAIL, MAIL, MAIL])
    assert isinstance(ews, Remover)
    listed = refs(ews)
    mailbox.remove(gone)

    assert ews.mark_read(listed)
    assert mailbox.flags() == {key: {r"\Seen"} for key in keys}

    assert ews.remove(listed)
    assert ews.remove(listed)
    assert (mailbox.uids(), len(mailbox.uids("Gelöschte Elemente"))) == ([], 3)


def test_folders_have_the_names_people_see_and_the_inbox_has_one_of_ours(ews: Ews, mailbox: EwsMailbox) -> None:
    mailbox.add_folder("INBOX/Rechnungen")
    mailbox.add_folder("Erledigt")
    special = {each.name: each.special_use for each in ews.folders()}

    assert special == {
        "INBOX": "",
        "INBOX/Rechnungen": "",
        "Erledigt": "",
        "Gesendete Elemente": "sent",
        "Entwürfe": "drafts",
        "Gelöschte Elemente": "trash",
        "Junk-E-Mail": "junk",
    }
    assert ews.epoch("Posteingang/Rechnungen") == ews.epoch("inbox/rechnungen") == ews.epoch("INBOX/Rechnungen")
    assert ews.ensure_folder("erledigt") == "Erledigt"


def test_a_slash_in_a_name_hides_no_folder_that_lies_there(ews: Ews, mailbox: EwsMailbox) -> None:
    mailbox.server.add_folder(mailbox.store, "A/B", mailbox.store.known["msgfolderroot"])
    mailbox.add_folder("A")
    real = mailbox.add_folder("A/B")
    mailbox.server.add_mail(mailbox.store, MAIL, real)

    assert len(refs(ews, "A/B")) == 1


def test_a_mailbox_that_lets_us_into_its_inbox_alone_is_read(mailbox: EwsMailbox) -> None:
    mailbox.store.only_inbox = True
    key = mailbox.deliver(MAIL)

    with opened(mailbox) as ews:
        assert [each.name for each in ews.folders()] == ["INBOX"]
        assert [ref.key for ref in refs(ews)] == [key]
        with pytest.raises(TransportError, match="Done") as failed:
            ews.ensure_folder("Done")

    assert failed.value.field == "folders"


def test_a_folder_made_anew_under_the_same_name_is_another_one(mailbox: EwsMailbox) -> None:
    mailbox.add_folder("Requests")
    mailbox.deliver(MAIL, "Requests")
    with opened(mailbox) as before:
        old = refs(before, "Requests")
    del mailbox.store.folders[mailbox.key("Requests")]
    mailbox.add_folder("Requests")

    with opened(mailbox) as after:
        assert after.epoch("Requests") != old[0].epoch
        assert list(after.fetch(old)) == []
        with pytest.raises(TransportError, match="another folder than before"):
            after.move(old, "INBOX")


@pytest.mark.req("FT-40")
@pytest.mark.parametrize("vague", [False, True])
def test_a_folder_that_vanishes_while_we_are_there_is_told_from_a_mail_that_does(
    ews: Ews, mailbox: EwsMailbox, *, vague: bool
) -> None:
    mailbox.server.vague = vague
    uid = mailbox.deliver(MAIL)
    done = ews.ensure_folder("Done")
    del mailbox.store.folders[mailbox.key("Done")]

    with pytest.raises(TransportError, match="Done") as failed:
        ews.move(refs(ews), done)
    mailbox.add_folder("Later")
    ews.epoch("INBOX")

    assert (failed.value.field, mailbox.uids()) == ("folders", [uid])
    assert ews.move(refs(ews), ews.ensure_folder("Later"))


def test_an_older_server_is_asked_in_its_own_version(mailbox: EwsMailbox) -> None:
    mailbox.server.spoil(PATH, fault("ErrorInvalidServerVersion", "The specified server version is invalid."))
    mailbox.deliver(MAIL)

    with opened(mailbox) as ews:
        assert len(refs(ews)) == 1


# Signing in


@pytest.mark.req("S2-10", "S4-17", "FT-38")
@pytest.mark.parametrize(("sign_in", "requests"), [("basic", 1), ("ntlm", 3)])
def test_a_refused_password_is_sent_once(request: pytest.FixtureRequest, sign_in: str, requests: int) -> None:
    box = ews_mailbox(request, sign_in)

    error = failure(box, password="guess")

    assert (error.field, error.permanent) == ("password", True)
    assert "guess" not in str(error)
    assert len(box.server.asked) == requests


@pytest.mark.req("S2-07", "S4-17")
def test_ntlm_signs_a_connection_in_and_not_each_request(request: pytest.FixtureRequest) -> None:
    box = ews_mailbox(request, "ntlm")
    box.deliver(MAIL)

    with opened(box) as ews:
        assert len(list(ews.fetch(refs(ews)))) == 1

    assert [each.headers.get("authorization", "")[:4] for each in box.server.asked] == ["", "NTLM", "NTLM", "", ""]


def test_a_way_to_sign_in_that_is_not_offered_is_said_with_those_that_are(mailbox: EwsMailbox) -> None:
    assert "It offers Basic." in str(failure(mailbox, sign_in="ntlm"))
    mailbox.server.offers = {"ntlm"}

    error = failure(mailbox)

    assert (error.field, error.permanent) == ("sign_in", True)
    assert "It offers NTLM." in str(error)


def test_a_server_that_breaks_off_while_we_sign_in_is_tried_again(request: pytest.FixtureRequest) -> None:
    box = ews_mailbox(request, "ntlm")
    box.server.spoil(PATH, Answer(401, headers={"WWW_Authenticate": "NTLM"}), times=2)

    error = failure(box)

    assert (error.field, error.permanent) == ("sign_in", False)


@pytest.mark.req("FT-36", "S4-18")
def test_a_token_that_ends_in_mid_run_is_renewed_once(request: pytest.FixtureRequest) -> None:
    box = ews_mailbox(request, "token")
    box.deliver(MAIL)
    box.server.tokens = {"first"}

    with opened(box, tokens(box, "first", "second")) as ews:
        listed = refs(ews)
        box.server.tokens = {"second"}
        assert len(list(ews.fetch(listed))) == 1
        box.server.tokens = {"third"}
        with pytest.raises(TransportError) as failed:
            ews.move(listed, "INBOX")

    assert (failed.value.field, failed.value.permanent) == ("oauth-consent", True)
    assert len(box.uids()) == 1


@pytest.mark.req("FT-37", "S4-18")
def test_why_there_is_no_token_is_passed_on(request: pytest.FixtureRequest) -> None:
    box = ews_mailbox(request, "token")

    def nobody() -> str:
        raise SignInFailed("Sign in again.", permanent=True)

    error = failure(box, replace(to_ews(box), token=nobody))

    assert (str(error), error.field, error.permanent) == ("Sign in again.", "oauth-consent", True)
    assert box.server.asked == []


@pytest.mark.req("S4-18")
def test_an_application_has_to_impersonate(request: pytest.FixtureRequest) -> None:
    box = ews_mailbox(request, "token", impersonate=True)

    error = failure(box, impersonate=False)

    assert (error.field, error.permanent) == ("impersonate", True)


@pytest.mark.req("S4-17")
@pytest.mark.parametrize(
    ("mailbox_address", "words"), [("stranger@example.com", "no mailbox stranger@"), ("support", "like support@")]
)
def test_a_mailbox_that_is_not_there_is_named(mailbox: EwsMailbox, mailbox_address: str, words: str) -> None:
    error = failure(mailbox, mailbox=mailbox_address)

    assert (error.field, error.permanent) == ("mailbox", True)
    assert words in str(error)


@pytest.mark.parametrize(
    ("code", "field"),
    [
        ("ErrorAccessDenied", "mailbox"),
        ("ErrorImpersonateUserDenied", "impersonate"),
        ("ErrorPasswordExpired", "password"),
        ("ErrorAccountDisabled", "username"),
    ],
)
def test_a_refusal_names_the_setting(mailbox: EwsMailbox, code: str, field: str) -> None:
    mailbox.server.spoil(PATH, fault(code, "No."))

    error = failure(mailbox)

    assert (error.field, error.permanent) == (field, True)


# What answers, and when


@pytest.mark.req("PR-19")
@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (busy(90_000), "wait for 90 seconds"),
        (busy(1), "wait for 1 seconds"),
        (fault("ErrorServerBusy", "Busy."), "come back later"),
        (fault("ErrorMailboxStoreUnavailable", "Moving."), "come back later"),
        (fault("ErrorExceededConnectionCount", "Too many."), "come back later"),
        (fault("ErrorTimeoutExpired", "Too slow."), "come back later"),
        (fault("ErrorTooManyObjectsOpened", "Too many."), "come back later"),
        (fault("ErrorInternalServerTransientError", "Once more."), "come back later"),
        (web(429, Retry_After="120"), "wait for 120 seconds"),
        (web(503, Retry_After="nonsense"), "come back later"),
        (web(504), "come back later"),
    ],
)
def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(
    ews: Ews, mailbox: EwsMailbox, answer: Answer, words: str
) -> None:
    before = len(mailbox.server.asked)
    mailbox.server.spoil(PATH, answer)

    with pytest.raises(TransportError, match=words) as failed:
        ews.keys("INBOX")

    assert (failed.value.field, failed.value.permanent) == ("", False)
    assert len(mailbox.server.asked) == before + 1
    assert ews.keys("INBOX") == []


@pytest.mark.req("PR-19")
def test_a_wait_may_be_said_as_a_moment(mailbox: EwsMailbox) -> None:
    moment = datetime.now(UTC) + timedelta(minutes=5)
    mailbox.server.spoil(PATH, web(503, Retry_After=format_datetime(moment, usegmt=True)))

    error = failure(mailbox)

    assert any(f"wait for {seconds} seconds" in str(error) for seconds in range(290, 302))


@pytest.mark.req("PR-20")
@pytest.mark.parametrize("answer", [BOMB, b"<!-- a -->" + BOMB, BOMB.decode().encode("utf-16")])
def test_xml_that_declares_entities_is_refused(mailbox: EwsMailbox, answer: bytes) -> None:
    mailbox.server.spoil(PATH, Answer(200, answer, "text/xml"))

    assert failure(mailbox).field == "url"


@pytest.mark.req("PR-20")
def test_xml_that_declares_entities_is_told_from_a_web_page(mailbox: EwsMailbox) -> None:
    later = BOMB.replace(b"<!DOCTYPE", b"<s:Envelope /><!DOCTYPE", 1)
    mailbox.server.spoil(PATH, Answer(200, later, "text/xml"))

    assert "declares entities" in str(failure(mailbox))


@pytest.mark.req("PR-21", "SS-03")
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed(mailbox: EwsMailbox, status: int) -> None:
    mailbox.server.spoil(PATH, web(status, Location="https://inside.example/owa?x=1"))

    error = failure(mailbox)

    assert (error.field, error.permanent) == ("url", True)
    assert "inside.example" in str(error)
    assert len(mailbox.server.asked) == 1


@pytest.mark.req("S4-16")
@pytest.mark.parametrize(
    ("answer", "field", "permanent"),
    [
        (web(200), "url", False),
        (web(404), "url", True),
        (web(403), "mailbox", True),
        (web(500), "", False),
        (Answer(200, b"", "text/xml"), "url", False),
        (Answer(200, b'{"error": "x"}'), "url", False),
        (Answer(200, b"<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'>", "text/xml"), "url", False),
        (soap("", "GetFolder"), "url", False),
        (soap(NAMELESS, "GetFolder"), "url", False),
    ],
)
def test_something_else_that_answers_is_no_mailbox(
    mailbox: EwsMailbox, answer: Answer, field: str, permanent: bool
) -> None:
    mailbox.server.spoil(PATH, answer)

    error = failure(mailbox)

    assert (error.field, error.permanent) == (field, permanent)


@pytest.mark.parametrize("answer", [web(200), web(404), Answer(200, b"", "text/xml")])
def test_a_web_page_is_never_taken_for_an_empty_folder(ews: Ews, mailbox: EwsMailbox, answer: Answer) -> None:
    mailbox.deliver(MAIL)
    mailbox.server.spoil(PATH, answer, times=2)

    for attempt in (lambda: ews.keys("INBOX"), lambda: list(ews.fetch([MessageRef("INBOX", "x")]))):
        with pytest.raises(TransportError):
            attempt()


@pytest.mark.req("S4-16")
def test_a_wrong_path_and_a_connection_without_encryption_are_said_at_the_url(mailbox: EwsMailbox) -> None:
    wrong = failure(mailbox, url=f"{mailbox.server.url}/owa")
    bare = failure(mailbox, url=mailbox.server.endpoint.replace("https", "http"))

    assert (wrong.field, wrong.permanent, bare.field, bare.permanent) == ("url", True, "url", True)
    assert "/EWS/Exchange.asmx" in str(wrong) and "does not begin with https://" in str(bare)


@pytest.mark.parametrize(
    "url", ["mail.example.com/EWS/Exchange.asmx", "https://", "https:///EWS", "://", "https://[x/"]
)
def test_what_is_no_url_is_said_so(mailbox: EwsMailbox, url: str) -> None:
    assert failure(mailbox, url=url).field == "url"


@pytest.mark.req("PR-29")
def test_a_certificate_is_checked_each_time_anew(mailbox: EwsMailbox, certificate: Pair, authority: Authority) -> None:
    assert "does not trust" in str(failure(mailbox, way()))
    with opened(mailbox):  # nothing is remembered of the attempt before
        pass
    error = failure(mailbox, way())

    assert error.field == "url" and "does not trust" in str(error)
    with opened(mailbox, way(verify=False)) as ews:
        assert ews.keys("INBOX") == []


def test_a_server_that_says_nothing_is_given_up(mailbox: EwsMailbox) -> None:
    mailbox.server.spoil(PATH, Answer(stall=True))

    error = failure(mailbox, replace(to_ews(mailbox), timeout=0.5))

    assert (error.field, error.permanent) == ("timeout_ms", False)


def test_nothing_around_us_changes_the_way(mailbox: EwsMailbox, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")

    with opened(mailbox) as ews:
        assert ews.keys("INBOX") == []


@pytest.mark.req("S1-21")
@pytest.mark.parametrize("sign_in", ["basic", "ntlm", "token"])
def test_the_password_is_in_no_log_and_nothing_is_left_behind(
    request: pytest.FixtureRequest, caplog: pytest.LogCaptureFixture, sign_in: str
) -> None:
    caplog.set_level(logging.DEBUG)
    box = ews_mailbox(request, sign_in)
    box.deliver(MAIL)

    with opened(box) as ews:
        list(ews.fetch(refs(ews)))
        box.server.spoil(PATH, web(500))
        with pytest.raises(TransportError):
            ews.keys("INBOX")
    failure(box, *([tokens(box, "wrong")] if sign_in == "token" else []), **{"password": "wrong"})

    spoken = [part for each in box.server.asked for part in each.headers.get("authorization", "").split()[1:]]
    log = "\n".join(record.getMessage() for record in caplog.records)
    assert spoken and not any(secret in log for secret in (PASSWORD, "Hello", *spoken))
    assert CachingProtocol._protocol_cache == {}


# Sending

Send = Callable[..., None]


@pytest.fixture
def send(mailbox: EwsMailbox) -> Send:
    def hand_over(raw: bytes = MAIL, to: tuple[str, ...] = ("bob@example.com",), **changed: Any) -> None:
        sender = SENDERS["ews"]({**mailbox.settings, **changed}, to_ews(mailbox))
        sender.send(raw, envelope_from="support@example.com", recipients=to)

    return hand_over


@pytest.mark.parametrize("keep_copy", [True, False])
def test_a_copy_is_kept_in_sent_items_unless_it_is_not_wanted(send: Send, mailbox: EwsMailbox, keep_copy: bool) -> None:
    send(keep_copy=keep_copy)

    assert mailbox.taken == [({"bob@example.com"}, MAIL)]
    assert mailbox.mails("Gesendete Elemente") == ([MAIL] if keep_copy else [])


@pytest.mark.parametrize("to", [(), ("eve@example.com",), ("bob@example.com", "eve@example.com")])
def test_a_mail_addressed_to_others_than_it_should_go_to_is_not_sent(
    send: Send, mailbox: EwsMailbox, to: tuple[str, ...]
) -> None:
    with pytest.raises(SendError, match="It was not sent") as failed:
        send(to=to)

    assert (failed.value.retry, mailbox.taken, mailbox.server.asked) == (Retry.PERMANENT, [], [])


def test_everybody_a_mail_is_addressed_to_gets_it(send: Send, mailbox: EwsMailbox) -> None:
    raw = b'To: "Bob, B." <Bob@example.com>,\r\n =?utf-8?q?J=C3=BCrgen=2C_J?= <j@example.com>\r\nBcc: c@example.com\r\n\r\nx'

    send(raw, to=("bob@example.com", "J@example.com", "c@example.com"))

    assert mailbox.taken[0][0] == {"Bob@example.com", "j@example.com", "c@example.com"}


@pytest.mark.parametrize(
    ("answer", "retry", "field"),
    [
        (busy(90_000), Retry.SLOW, ""),
        (web(503), Retry.SLOW, ""),
        (web(500), Retry.QUICK, ""),
        (web(200), Retry.QUICK, "url"),
        (fault("ErrorSendAsDenied", "No."), Retry.PERMANENT, "mailbox"),
        (fault("ErrorMessageSizeExceeded", "No."), Retry.PERMANENT, ""),
        (fault("ErrorInvalidRecipients", "No."), Retry.PERMANENT, ""),
        (fault("ErrorQuotaExceeded", "No."), Retry.SLOW, ""),
        (fault("ErrorSubmissionQuotaExceeded", "No."), Retry.SLOW, ""),
        (fault("ErrorInternalServerError", "No."), Retry.QUICK, ""),
        (web(401), Retry.PERMANENT, "password"),
    ],
)
def test_a_refusal_says_whether_to_try_again(
    send: Send, mailbox: EwsMailbox, answer: Answer, retry: Retry, field: str
) -> None:
    mailbox.server.spoil(PATH, answer)

    with pytest.raises(SendError) as failed:
        send()

    assert (failed.value.retry, failed.value.field, mailbox.taken) == (retry, field, [])


# All the way


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("S3-09", "S2-10", "PR-18")
def test_mail_becomes_a_ticket_once_and_is_filed_away(
    request: pytest.FixtureRequest, new_server: NewServer, settings: Any
) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True
    box = ews_mailbox(request, "ntlm")
    server = new_server(box, protocol="ews", authorities=box.server.authorities)  # type: ignore[arg-type]
    uid = box.deliver(MAIL)

    report = fetch(server)

    assert (report.error, report.opened, box.uids()) == ("", 1, [])
    assert box.mails("Processed") == [MAIL]
    box.server.add_mail(box.store, box.store.mails.popitem()[1].raw, box.key("INBOX"))  # back by hand, with a new id
    again = fetch(MailServer.objects.get(pk=server.pk))
    assert (again.error, again.opened, again.duplicates, Ticket.objects.count()) == ("", 0, 1, 1)
    assert uid not in box.uids("Processed")


@pytest.mark.req("S2-10")
def test_a_test_says_what_answered_who_signed_in_and_whose_mailbox_was_opened(ews: Ews, mailbox: EwsMailbox) -> None:
    assert list(ews.notes()) == [
        f"{mailbox.server.endpoint} answered: Exchange Server 2019 or SE, version 15.2.1544.4.",
        "Signed in as CORP\\support by basic authentication.",
        "Opened the mailbox support@example.com.",
    ]


def test_the_transport_says_that_its_mails_are_rewritten() -> None:
    assert TRANSPORTS["ews"].rewrites  # type: ignore[attr-defined]
