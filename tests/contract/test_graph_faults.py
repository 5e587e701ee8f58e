"""Microsoft Graph when things go wrong, and what only Graph has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Thread, current_thread
from typing import Any

import pytest

from mailchannel.models import MailServer
from mailchannel.network.graph_client import CLOUDS, GraphClient, base_url, segment
from mailchannel.network.graph_faults import Gone as GoneFromGraph
from mailchannel.network.graph_faults import GraphFault
from mailchannel.network.graph_folders import GraphFolders
from mailchannel.network.graph_news import consent_asked, is_genuine, renew, subscribe, unsubscribe
from mailchannel.network.way import SignInFailed, Way
from mailchannel.parsing.rebuilt import rebuilt_identity
from mailchannel.senders import SENDERS, Retry, SendError
from mailchannel.services.keep import Arrival, Kept, Place, keep
from mailchannel.services.lease import hold
from mailchannel.services.receive import Fetch, Tally
from mailchannel.transports import TRANSPORTS, MessageRef, Remover, TransportError
from mailchannel.transports.graph import Graph
from tests.contract.harness import with_token
from tests.fixtures import NewServer
from tests.hostile.bounded import within
from tests.servers.certificates import Pair
from tests.servers.graph import GraphMailbox, GraphServer
from tests.servers.ways import way
from tests.servers.web import Answer, OneAnswer, Request
from tickets.models import Ticket

pytestmark = pytest.mark.slow

MAIL = b"From: a@example.com\r\nTo: bob@example.com\r\nSubject: Hi\r\n\r\nHello\r\n"
INBOX = "/v1.0/me/mailFolders/inbox"
ME = "/v1.0/me"
EXPIRED = Answer.of({"error": {"code": "InvalidAuthenticationToken", "message": "expired"}}, 401)
HTML = Answer(body=b"<html>Sign in to the Wi-Fi</html>", content_type="text/html")


def throttled(wait: str, status: int = 429) -> Answer:
    error = {"error": {"code": "ApplicationThrottled", "message": "over its MailboxConcurrency limit"}}
    return Answer.of(error, status, Retry_After=wait)


@pytest.fixture
def mailbox(graph_server: GraphServer) -> GraphMailbox:
    return graph_server.mailbox()


def opened(box: GraphMailbox, how: Way | None = None, **changed: Any) -> Graph:
    return Graph({**box.settings, **changed}, how or with_token(box))


@pytest.fixture
def graph(mailbox: GraphMailbox) -> Iterator[Graph]:
    with opened(mailbox) as transport:
        yield transport


def refs(graph: Graph, folder: str = "INBOX") -> list[MessageRef]:
    epoch = graph.epoch(folder)
    return [MessageRef(folder, key, epoch) for key in graph.keys(folder)]


def tokens(mailbox: GraphMailbox, *each: str) -> Way:
    """Hands out these, one after the other; the last one again and again."""
    left = list(each)
    return way(
        token=lambda: left.pop(0) if len(left) > 1 else left[0],
        authorities=mailbox.server.authorities,
    )


@pytest.mark.parametrize(("verify", "words"), [(True, "the certificate is valid"), (False, "was not checked")])
def test_nobody_is_told_of_a_check_that_was_not_made(mailbox: GraphMailbox, verify: bool, words: str) -> None:
    with opened(mailbox, replace(tokens(mailbox, mailbox.password), verify=verify)) as graph:
        assert words in graph.notes()[0]


# Names and lists


@pytest.mark.req("PR-22")
def test_a_mail_keeps_its_key_wherever_it_goes_in_the_mailbox(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.deliver(MAIL)
    (ref,) = refs(graph)
    graph.move([ref], graph.ensure_folder("Done"))
    mailbox.move(ref.key, "INBOX")

    assert [each.key for each in refs(graph)] == [ref.key]
    assert [each.raw for each in graph.fetch([ref])] == [MAIL]
    assert {request.headers["prefer"] for request in mailbox.server.asked} == {'IdType="ImmutableId"'}


@pytest.mark.req("PR-23", "PR-07")
def test_a_long_folder_is_listed_whole_oldest_first_without_drafts(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.server.largest_page = 3
    start = datetime(2026, 1, 1, tzinfo=UTC)
    keys = [mailbox.deliver(b"%d\r\n" % day, internal_date=start + timedelta(days=day)) for day in (4, 1, 3, 0, 2)]
    mailbox.deliver(MAIL, flags=[r"\Draft"], internal_date=start)
    listed = refs(graph)
    in_order = [keys[3], keys[1], keys[4], keys[2], keys[0]]

    assert [ref.key for ref in listed] == in_order
    assert len(mailbox.server.asked) <= 4  # the inbox, and two pages
    assert [each.ref for each in graph.describe(listed)] == listed
    assert graph.keys("INBOX", since=(start + timedelta(days=3)).date()) == in_order[2:]


@pytest.mark.req("PR-23", "PR-07")
def test_a_start_date_spares_pages_and_what_was_listed_whole_is_not_listed_again(
    graph: Graph, mailbox: GraphMailbox
) -> None:
    day = datetime(2026, 1, 5, tzinfo=UTC)
    _, *later = [mailbox.deliver(MAIL, internal_date=day + timedelta(hours=hours)) for hours in (-25, -24, 0)]
    graph.epoch("INBOX")
    alone = graph.keys("INBOX", since=day.date())
    asked = mailbox.server.asked[-1].query
    whole = refs(graph)
    before = len(mailbox.server.asked)

    assert alone == graph.keys("INBOX", since=day.date()) == later
    assert asked["$filter"] == "receivedDateTime ge 2026-01-04T00:00:00Z"
    assert [each.ref for each in graph.describe(whole)] == whole
    assert len(mailbox.server.asked) == before


def test_mails_are_counted_even_where_graph_does_not_say_how_many(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.deliver_all([MAIL] * 3)
    graph.epoch("INBOX")

    assert graph.count("INBOX") == 3
    mailbox.server.spoil(ME, Answer.of({"totalItemCount": None}))
    assert graph.count("INBOX") == 3


@pytest.mark.req("PR-25")
@pytest.mark.parametrize(
    "elsewhere", ["https://localhost:{port}/v1.0/x", "https://{ours}@localhost:{port}/x", "http://{ours}/x"]
)
def test_the_next_page_never_leads_to_another_host(
    graph: Graph, mailbox: GraphMailbox, certificate: Pair, elsewhere: str
) -> None:
    thief = OneAnswer(certificate, lambda request: Answer.of({"value": []})).start()
    link = elsewhere.format(port=thief.port, ours=mailbox.server.url.removeprefix("https://"))
    graph.epoch("INBOX")
    mailbox.server.spoil(f"{ME}/mailFolders/", Answer.of({"value": [], "@odata.nextLink": link}))

    with pytest.raises(TransportError, match="did not go there") as failure:
        graph.keys("INBOX")
    thief.stop()

    assert failure.value.field == "endpoint"
    assert thief.asked == []


@pytest.mark.req("PR-23")
def test_a_list_that_bites_its_tail_is_left(graph: Graph, mailbox: GraphMailbox) -> None:
    graph.epoch("INBOX")
    again = f"{mailbox.server.url}{ME}/mailFolders/again"
    page = Answer.of({"value": [], "@odata.nextLink": again})
    mailbox.server.spoil(f"{ME}/mailFolders/", page, times=5)

    with pytest.raises(TransportError, match="does not end"):
        graph.keys("INBOX")


def test_folders_have_the_names_people_see_and_the_inbox_has_one_of_ours(graph: Graph) -> None:
    below = graph.ensure_folder("posteingang/Sub")
    folders = {folder.name: folder.special_use for folder in graph.folders()}

    assert below == graph.ensure_folder("INBOX/Sub") == "INBOX/Sub"
    assert graph.epoch("inbox") == graph.epoch("Posteingang") == graph.epoch("INBOX")
    assert folders["Junk-E-Mail"] == "junk" and folders["Entwürfe"] == "drafts"
    assert folders["Gelöschte Elemente"] == "trash" and folders["Gesendete Elemente"] == "sent"
    assert list(folders).count("INBOX") == 1 and "Posteingang" not in folders


def test_a_folder_somebody_makes_at_the_same_time_is_used(graph: Graph, mailbox: GraphMailbox) -> None:
    graph.folders()
    with opened(mailbox) as other:
        theirs = other.epoch(other.ensure_folder("Done"))

    assert graph.epoch(graph.ensure_folder("done")) == theirs


# What people do meanwhile


@pytest.mark.req("FT-41")
def test_mail_a_person_has_put_away_stays_where_it_is(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.deliver_all([b"one\r\n", b"two\r\n"])
    done, theirs = graph.ensure_folder("Done"), graph.ensure_folder("Theirs")
    one, two = refs(graph)
    mailbox.move(one.key, theirs)
    graph.epoch("INBOX")

    assert [each.ref for each in graph.describe([one, two])] == [two]
    assert graph.move([one, two], done) and graph.remove([one]) and graph.mark_read([one])
    assert (mailbox.mails(done), mailbox.mails(theirs)) == ([b"two\r\n"], [b"one\r\n"])
    assert mailbox.flags(theirs) == {one.key: set()}


def test_mail_is_removed_and_marked_as_read(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.deliver_all([b"one\r\n", b"two\r\n"])
    one, two = refs(graph)
    assert isinstance(graph, Remover)

    assert graph.mark_read([two]) and graph.remove([one]) and graph.remove([one])

    assert mailbox.flags() == {two.key: {r"\Seen"}}
    assert mailbox.mails("Gelöschte Elemente") == [b"one\r\n"]  # only once: a second time would be for good


def test_a_target_that_vanishes_in_between_is_told_from_a_mail_that_did(graph: Graph, mailbox: GraphMailbox) -> None:
    key = mailbox.deliver(MAIL)
    (ref,) = refs(graph)
    done = graph.ensure_folder("Done")
    with mailbox.server.lock:
        target = next(each for each in mailbox.box.folders.values() if each.name == "Done")
        del mailbox.box.folders[target.key]

    with pytest.raises(TransportError, match="has just been deleted") as failure:
        graph.move([ref], done)

    assert failure.value.field == "folders"
    assert mailbox.uids() == [key]


def test_a_mail_that_changes_at_the_same_moment_is_left_to_the_next_run(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.deliver(MAIL)
    (ref,) = refs(graph)
    done = graph.ensure_folder("Done")
    mailbox.server.spoil(f"{ME}/messages/{segment(ref.key)}/move", refused(409, "ErrorIrresolvableConflict"))

    with pytest.raises(TransportError, match="ErrorIrresolvableConflict") as failure:
        graph.move([ref], done)

    assert not failure.value.permanent
    assert graph.move([ref], done) and mailbox.mails(done) == [MAIL]


# Patience


@pytest.mark.req("PR-24")
@pytest.mark.parametrize("status", [429, 503, 504])
def test_a_short_wait_is_waited_for_and_the_run_goes_on(graph: Graph, mailbox: GraphMailbox, status: int) -> None:
    key = mailbox.deliver(MAIL)
    mailbox.server.spoil(ME, throttled("0", status), times=3)

    assert [ref.key for ref in refs(graph)] == [key]


@pytest.mark.req("PR-24")
@pytest.mark.parametrize("status", [429, 503])
def test_a_long_wait_is_left_to_the_next_run(graph: Graph, mailbox: GraphMailbox, status: int) -> None:
    graph.epoch("INBOX")
    asked = len(mailbox.server.asked)
    mailbox.server.spoil(ME, throttled("600", status))

    with pytest.raises(TransportError, match="wait for 600 seconds") as failure:
        graph.keys("INBOX")

    assert (failure.value.field, failure.value.permanent) == ("", False)
    assert len(mailbox.server.asked) == asked + 1


@pytest.mark.req("PR-24")
def test_a_wait_may_be_said_as_a_moment(graph: Graph, mailbox: GraphMailbox) -> None:
    graph.epoch("INBOX")
    mailbox.server.spoil(ME, throttled(format_datetime(datetime.now(UTC) - timedelta(seconds=5), usegmt=True)))
    assert graph.keys("INBOX") == []

    mailbox.server.spoil(ME, throttled(format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)))
    with pytest.raises(TransportError, match="wait for 3[56]"):
        graph.keys("INBOX")


@pytest.mark.req("PR-24")
def test_patience_ends(graph: Graph, mailbox: GraphMailbox) -> None:
    graph.epoch("INBOX")
    mailbox.server.spoil(ME, throttled("0"), times=100)

    with pytest.raises(TransportError, match="fewer requests"):
        graph.keys("INBOX")

    assert len(mailbox.server.spoiled) > 90


# Signing in


@pytest.mark.req("FT-36", "S4-19")
def test_a_token_that_ends_in_mid_run_is_renewed_once(mailbox: GraphMailbox) -> None:
    key = mailbox.deliver(MAIL)
    mailbox.server.tokens["old"] = mailbox.username
    with opened(mailbox, tokens(mailbox, "old", mailbox.password)) as graph:
        listed = refs(graph)
        del mailbox.server.tokens["old"]

        assert [each.raw for each in graph.fetch(listed)] == [MAIL]
        assert graph.move(listed, graph.ensure_folder("Done"))

    assert mailbox.uids("Done") == [key]


@pytest.mark.req("FT-36", "SE-02")
def test_the_same_token_again_is_no_help(graph: Graph, mailbox: GraphMailbox) -> None:
    graph.epoch("INBOX")
    mailbox.server.tokens.clear()
    asked = len(mailbox.server.asked)

    with pytest.raises(TransportError, match="Sign in again") as failure:
        graph.keys("INBOX")

    assert (failure.value.field, failure.value.permanent) == ("oauth-consent", True)
    assert len(mailbox.server.asked) == asked + 1
    assert mailbox.password not in f"{failure.value!r} {failure.value.__context__!r}"


def test_why_there_is_no_token_is_passed_on(mailbox: GraphMailbox) -> None:
    def revoked() -> str:
        raise SignInFailed("Mara took the consent back.", field="oauth-consent", permanent=True)

    for how, words in ((way(token=revoked), "took the consent back"), (way(), "Nobody has signed in")):
        with pytest.raises(TransportError, match=words) as failure, opened(mailbox, how):
            pass
        assert (failure.value.field, failure.value.permanent) == ("oauth-consent", True)
    assert mailbox.server.asked == []


@pytest.mark.req("S4-21")
def test_a_mailbox_that_may_not_be_read_or_is_not_there_is_named(
    mailbox: GraphMailbox, graph_server: GraphServer
) -> None:
    other = graph_server.mailbox("other@example.com")

    for address in (other.username, "nobody@example.com"):
        with pytest.raises(TransportError, match=address) as failure, opened(mailbox, mailbox=address):
            pass
        assert (failure.value.field, failure.value.permanent) == ("mailbox", True)


@pytest.mark.req("S4-21")
def test_an_application_by_itself_has_to_be_told_which_mailbox(graph_server: GraphServer) -> None:
    shared = graph_server.mailbox(shared=True)

    with pytest.raises(TransportError, match="Say which mailbox") as failure, opened(shared, mailbox=""):
        pass

    assert (failure.value.field, failure.value.permanent) == ("mailbox", True)


def test_a_test_says_that_it_may_not_know_whose_mailbox_it_is(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.server.may_read_profile = False

    assert "User.Read is missing" in " ".join(graph.notes())


# What is no Graph


@pytest.mark.parametrize(
    "answer",
    [
        HTML,
        Answer(302, headers={"Location": "https://localhost:1/login"}),
        Answer(404, b"<html>nothing here</html>", "text/html"),
        Answer(502, b"<html>bad gateway</html>", "text/html"),
        Answer(body=b"[]"),
    ],
    ids=lambda answer: f"{answer.status} {answer.content_type}",
)
def test_something_else_that_answers_is_no_mailbox(mailbox: GraphMailbox, answer: Answer) -> None:
    mailbox.server.spoil(ME, answer)

    with pytest.raises(TransportError, match="is not Microsoft Graph") as failure, opened(mailbox):
        pass

    assert (failure.value.field, failure.value.permanent) == ("endpoint", False)
    assert len(mailbox.server.asked) == 1


def test_a_web_page_is_never_taken_for_an_empty_folder(graph: Graph, mailbox: GraphMailbox) -> None:
    graph.epoch("INBOX")
    mailbox.server.spoil(ME, HTML)

    with pytest.raises(TransportError, match="is not Microsoft Graph"):
        graph.keys("INBOX")


@pytest.mark.req("PR-23")
@pytest.mark.parametrize(
    "page",
    [
        {},
        {"value": "none"},
        {"value": [{}]},
        {"value": [1]},
        {"value": [{"id": 5}]},
        {"value": [], "@odata.nextLink": "https://[x"},
    ],
    ids=str,
)
def test_a_page_nobody_can_read_is_never_taken_for_an_empty_folder(
    graph: Graph, mailbox: GraphMailbox, page: dict[str, Any]
) -> None:
    graph.epoch("INBOX")
    mailbox.server.spoil(ME, Answer.of(page))

    with pytest.raises(TransportError) as failure:
        graph.keys("INBOX")

    assert failure.value.field == "endpoint"


@pytest.mark.parametrize("told", [None, 7, [1], [{"id": "Integer 0xe08", "value": "many"}]], ids=str)
def test_a_mail_of_unknown_size_is_a_mail_as_well(graph: Graph, mailbox: GraphMailbox, told: object) -> None:
    epoch = graph.epoch("INBOX")
    mailbox.server.spoil(ME, Answer.of({"value": [{"id": "x", "singleValueExtendedProperties": told}]}))
    (key,) = graph.keys("INBOX")

    (listed,) = graph.describe([MessageRef("INBOX", key, epoch)])

    assert listed.size == 0


def test_a_web_page_is_never_taken_for_a_mail(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.deliver(MAIL)
    listed = refs(graph)
    mailbox.server.spoil(f"{ME}/messages", HTML)

    with pytest.raises(TransportError, match="is not Microsoft Graph"):
        list(graph.fetch(listed))


@pytest.mark.parametrize("code", ["ErrorMimeContentConversionFailed", "ErrorItemCorrupt", "ErrorInternalServerError"])
def test_a_mail_graph_cannot_write_down_comes_as_far_as_it_is_known(
    graph: Graph, mailbox: GraphMailbox, code: str
) -> None:
    key = mailbox.deliver(b"Received: from x\r\nMIME-Version: 1.0\r\nContent-Type: text/html\r\n" + MAIL)
    inside = mailbox.deliver(MAIL)  # from inside the house: Exchange keeps no headers of it
    mailbox.deliver(MAIL)
    for each in (key, inside):
        mailbox.server.spoil(f"{ME}/messages/{segment(each)}/$value", refused(500, code), times=2)

    first, second, third = graph.fetch(refs(graph))

    assert first.raw.startswith(b"Received: from x\r\nFrom: a@example.com\r\n")
    assert b"\r\nContent-Type: text/plain; charset=utf-8\r\n" in first.raw and b"text/html" not in first.raw
    assert first.raw.endswith(b"\r\nHello\r\n") and b"could not hand this mail over" in first.raw
    assert {b"From: a@example.com", b"Subject: Hi"} <= set(second.raw.split(b"\r\n"))
    assert third.raw == MAIL


@pytest.mark.parametrize("size", [0, 1_000_000], ids=["small", "large"])
def test_of_such_a_mail_too_only_the_head_may_be_read(graph: Graph, mailbox: GraphMailbox, size: int) -> None:
    """Old mail and large mail is listed by its headers: one that cannot be written down must not stop the others."""
    key = mailbox.deliver(MAIL + b"x" * size)
    error = refused(500, "ErrorMimeContentConversionFailed")
    mailbox.server.spoil(f"{ME}/messages/{segment(key)}/$value", error, times=2)

    (fetched,) = graph.fetch_headers(refs(graph))

    assert {b"From: a@example.com", b"Subject: Hi"} <= set(fetched.raw.split(b"\r\n"))
    assert fetched.raw.endswith(b"\r\n\r\n") and b"Hello" not in fetched.raw


def test_heads_of_small_mails_take_no_connections_of_their_own(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.deliver_all([MAIL] * 3)
    connections = set[Thread]()
    mailbox.server.rebuild = lambda raw: (connections.add(current_thread()), raw)[1]

    assert len(list(graph.fetch_headers(refs(graph)))) == 3
    assert len(connections) == 1


def test_a_bad_moment_makes_no_other_mail_of_a_good_one(graph: Graph, mailbox: GraphMailbox) -> None:
    key = mailbox.deliver(MAIL)
    mailbox.server.spoil(f"{ME}/messages/{segment(key)}/$value", refused(500, "ErrorInternalServerError"))

    assert [each.raw for each in graph.fetch(refs(graph))] == [MAIL]


def test_a_server_that_says_nothing_is_given_up(mailbox: GraphMailbox) -> None:
    mailbox.server.spoil(ME, Answer(stall=True))
    hurried = way(0.5, token=lambda: mailbox.password, authorities=mailbox.server.authorities)

    with pytest.raises(TransportError, match="stopped answering") as failure, opened(mailbox, hurried):
        pass

    assert (failure.value.field, failure.value.permanent) == ("timeout_ms", False)


def test_a_certificate_nobody_vouches_for_is_not_trusted(mailbox: GraphMailbox) -> None:
    with (
        pytest.raises(TransportError, match="authority this machine does not trust") as failure,
        opened(mailbox, way(token=lambda: mailbox.password)),
    ):
        pass

    assert failure.value.field == "endpoint"
    assert mailbox.server.asked == []


# Settings


@pytest.mark.req("S4-02", "S4-19", "S4-20")
def test_the_endpoint_is_filled_in_and_the_national_clouds_are_offered() -> None:
    transport = TRANSPORTS["graph"]
    endpoint = next(spec for spec in transport.fields if spec.name == "endpoint")

    assert transport.auths == SENDERS["graph"].auths == ("oauth_microsoft",)
    assert endpoint.default == "https://graph.microsoft.com"
    assert {url.removeprefix("https://") for url, _ in CLOUDS} == {
        "graph.microsoft.com",
        "graph.microsoft.us",
        "dod-graph.microsoft.us",
        "microsoftgraph.chinacloudapi.cn",
    }
    assert endpoint.choices == CLOUDS
    assert all(url.removeprefix("https://") in endpoint.help for url, _ in CLOUDS)


@pytest.mark.req("S4-20")
@pytest.mark.parametrize(
    "written",
    [
        "graph.microsoft.us",
        "https://graph.microsoft.us/",
        "https://graph.microsoft.us/v1.0",
        " graph.microsoft.us/v1.0/ ",
    ],
)
def test_an_endpoint_may_be_written_as_people_write_it(written: str) -> None:
    assert base_url(written) == "https://graph.microsoft.us/v1.0"


@pytest.mark.parametrize("written", ["https://[graph", "https://graph.example:port"])
def test_an_endpoint_that_is_no_address_is_said_so(mailbox: GraphMailbox, written: str) -> None:
    with pytest.raises(TransportError) as failure, opened(mailbox, endpoint=written):
        pass

    assert failure.value.field == "endpoint"


def test_an_endpoint_without_encryption_is_refused_before_anything_is_sent(mailbox: GraphMailbox) -> None:
    plain = mailbox.server.url.replace("https", "http")

    with pytest.raises(TransportError, match="does not begin with https") as failure, opened(mailbox, endpoint=plain):
        pass

    assert (failure.value.field, failure.value.permanent) == ("endpoint", True)


# Mail that is written anew each time


LETTER = (
    "Message-ID: <1@example.com>\r\nFrom: =?utf-8?q?J=C3=BCrgen?= <a@example.com>\r\nSubject: Gr=?utf-8?b?w7w=?=n\r\n"
    'Date: {date}\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="{mark}"\r\n\r\n{preamble}'
    "--{mark}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{text}\r\n"
    "--{mark}\r\nContent-Type: application/pdf; name=a.pdf\r\nContent-Transfer-Encoding: base64\r\n\r\n{file}\r\n"
    "--{mark}--\r\n"
)
FIRST = {
    "date": "Sat, 21 Nov 2026 12:00:00 +0100",
    "mark": "one",
    "preamble": "",
    "encoding": "quoted-printable",
    "text": "Gr=C3=BC=C3=9Fe an =\r\nalle",
    "file": "JVBERi0xLjQK",
}
AGAIN = {
    "date": "Sat, 21 Nov 2026 11:00:00 +0000",
    "mark": "=_two",
    "preamble": "This is a message in MIME.\r\n",
    "encoding": "base64",
    "text": "R3LDvMOfZSBhbiBhbGxl",
    "file": "JVBERi0x\r\nLjQK",
}


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    return new_server(protocol="graph")


def kept(server: MailServer, key: str, raw: bytes, transport: str = "graph", *, headers_only: bool = False) -> Kept:
    arrival = Arrival(key, raw, datetime.now(UTC), len(raw), headers_only)
    (found,) = keep(server, Place(transport, "INBOX", "epoch"), [arrival])
    return found


@pytest.mark.req("FT-24")
def test_a_mail_that_is_written_anew_is_still_the_same_mail(server: MailServer) -> None:
    first = kept(server, "1", LETTER.format(**FIRST).encode())
    again = kept(server, "2", LETTER.format(**AGAIN).encode())

    assert again.row.duplicate_of_id == first.row.pk


@pytest.mark.parametrize(
    "other",
    [{"text": "Something else"}, {"file": "JVBERi0xLjUK"}, {"date": "Sat, 21 Nov 2026 12:00:01 +0100"}],
    ids=str,
)
def test_a_mail_that_says_something_else_is_another_one(server: MailServer, other: dict[str, str]) -> None:
    kept(server, "1", LETTER.format(**FIRST).encode())
    second = kept(server, "2", LETTER.format(**{**FIRST, **other}).encode())

    assert second.row.duplicate_of_id is None


def test_where_duplicates_are_allowed_a_second_delivery_counts(server: MailServer) -> None:
    server.acceptance = {"allow_duplicates": True}
    first = kept(server, "1", b"Received: by a; 1\r\n" + LETTER.format(**FIRST).encode())
    again = kept(server, "2", b"Received: by a;\r\n 1\r\n" + LETTER.format(**AGAIN).encode())
    second = kept(server, "3", b"Received: by b; 2\r\n" + LETTER.format(**FIRST).encode())

    assert again.row.duplicate_of_id == first.row.pk
    assert second.row.duplicate_of_id is None


@pytest.mark.parametrize(
    "raw", [b"", b"\r\n", b"no header", b"\xff\x00", b"Content-Type: multipart/mixed; boundary=x\n\n"]
)
def test_no_mail_is_without_an_identity(server: MailServer, raw: bytes) -> None:
    assert len(kept(server, "1", raw).row.identity) == 64


WORDS = b"From: a@example.com\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" + b"up and on \r\n" * 1_700_000
FILE = LETTER.format(**{**FIRST, "file": "JVBERi0x" * 2_500_000}).encode()


@pytest.mark.req("FT-22", "FT-24")
@pytest.mark.parametrize("raw", [WORDS, FILE], ids=["words", "a file"])
def test_a_large_mail_is_recognised_without_many_copies_of_it(raw: bytes) -> None:
    assert len(within(lambda: rebuilt_identity(raw), seconds=20, megabytes=5 * len(raw) / 1e6)) == 64


@pytest.mark.req("FT-24", "FT-25", "PR-22")
def test_a_mailbox_that_was_made_anew_opens_no_second_ticket(server: MailServer, mailbox: GraphMailbox) -> None:
    """The whole road: listed, kept, decided on, and moved."""
    mailbox.deliver(LETTER.format(**FIRST).encode())
    mailbox.server.rebuild = lambda raw: raw.replace(b"one", b"_%d" % len(mailbox.server.asked))
    run(server, mailbox)
    assert mailbox.uids() == [] and len(mailbox.uids("Processed")) == 1

    mailbox.move(mailbox.uids("Processed")[0], "INBOX")
    mailbox.forget_uids()
    run(server, mailbox)

    assert Ticket.objects.count() == 1
    first, again = server.inbound.order_by("pk")
    assert (first.outcome, again.outcome, again.duplicate_of_id) == ("opened", "duplicate", first.pk)
    assert mailbox.uids() == [] and len(mailbox.uids("Processed")) == 1


def run(server: MailServer, mailbox: GraphMailbox) -> None:
    with hold(server.pk) as lease, opened(mailbox) as box:
        assert lease is not None
        Fetch(server, box, lease, Tally(), lambda done, total: None).run()


@pytest.mark.req("PR-23")
def test_what_lies_there_from_before_the_start_is_not_listed_at_every_fetch(
    server: MailServer, mailbox: GraphMailbox
) -> None:
    server.update(sync_start=datetime(2026, 6, 1, tzinfo=UTC))
    mailbox.server.largest_page = 2
    for day in range(1, 8):
        mailbox.deliver(MAIL.replace(b"<1@", b"<%d@" % day), internal_date=datetime(2026, 1, day, tzinfo=UTC))
    run(server, mailbox)
    mailbox.deliver(LETTER.format(**FIRST).encode(), internal_date=datetime(2026, 6, 2, tzinfo=UTC))
    before = len(mailbox.server.asked)

    run(server, mailbox)

    pages = [each.query for each in mailbox.server.asked[before:] if each.path.endswith("/messages")]
    assert [each["$filter"] for each in pages] == ["receivedDateTime ge 2026-05-31T00:00:00Z"]
    assert (server.inbound.count(), Ticket.objects.count()) == (8, 1)


@pytest.mark.req("FT-22")
def test_of_a_mail_too_large_only_the_head_is_read(graph: Graph, mailbox: GraphMailbox) -> None:
    mailbox.deliver(MAIL + b"x" * 30_000_000)

    (fetched,) = graph.fetch_headers(refs(graph))

    assert fetched.raw == MAIL[: MAIL.index(b"\r\n\r\n") + 4]


# Sending


Send = Callable[..., None]


@pytest.fixture
def send(mailbox: GraphMailbox) -> Send:
    def hand_over(raw: bytes = MAIL, to: tuple[str, ...] = ("bob@example.com",), **settings: Any) -> None:
        sender = SENDERS["graph"]({**mailbox.settings, **settings}, with_token(mailbox))
        sender.send(raw, envelope_from="support@example.com", recipients=to)

    return hand_over


@pytest.mark.req("S2-11")
def test_a_copy_is_kept_in_sent_items_unless_it_is_not_wanted(send: Send, mailbox: GraphMailbox) -> None:
    send()
    send(MAIL.replace(b"Hi", b"Secret"), keep_copy=False)

    assert [raw for _, raw in mailbox.taken] == [MAIL, MAIL.replace(b"Hi", b"Secret")]
    assert mailbox.mails("Gesendete Elemente") == [MAIL]
    assert mailbox.mails("Entwürfe") == []


def test_a_draft_that_could_not_be_sent_is_taken_away(send: Send, mailbox: GraphMailbox) -> None:
    error = Answer.of({"error": {"code": "ErrorInvalidProperty", "message": "no"}}, 500)
    mailbox.server.spoil(f"{ME}/messages/", error)

    with pytest.raises(SendError) as failure:
        send(keep_copy=False)

    assert failure.value.retry == Retry.QUICK
    assert (mailbox.mails("Entwürfe"), mailbox.taken) == ([], [])


@pytest.mark.parametrize("to", [(), ("bob@example.com", "eve@example.com"), ("eve@example.com",)])
def test_a_mail_addressed_to_others_than_it_should_go_to_is_not_sent(
    send: Send, mailbox: GraphMailbox, to: tuple[str, ...]
) -> None:
    with pytest.raises(SendError, match="addressed to others") as failure:
        send(to=to)

    assert (failure.value.retry, failure.value.field) == (Retry.PERMANENT, "")
    assert mailbox.server.asked == []


def test_everybody_a_mail_is_addressed_to_gets_it(send: Send, mailbox: GraphMailbox) -> None:
    raw = MAIL.replace(
        b"To: bob@example.com", b'To: "B, Bob" <BOB@example.com>\r\nCc: a@example.com,\r\n eve@example.com'
    )

    send(raw, to=("bob@example.com", "eve@example.com", "a@example.com"))

    assert len(mailbox.taken) == 1


def refused(status: int, code: str) -> Answer:
    return Answer.of({"error": {"code": code, "message": f"{code} happened"}}, status)


@pytest.mark.parametrize(
    ("answer", "retry", "field"),
    [
        (throttled("600"), Retry.SLOW, ""),
        (throttled("600", 503), Retry.QUICK, ""),
        (refused(500, "ErrorInternalServerError"), Retry.QUICK, ""),
        (refused(403, "ErrorSendAsDenied"), Retry.PERMANENT, "oauth-consent"),
        (refused(403, "ErrorQuotaExceeded"), Retry.SLOW, ""),
        (refused(413, "ErrorQuotaExceeded"), Retry.SLOW, ""),
        (refused(400, "ErrorSubmissionQuotaExceeded"), Retry.SLOW, ""),
        (refused(404, "MailboxNotEnabledForRESTAPI"), Retry.PERMANENT, "mailbox"),
        (refused(400, "ErrorMimeContentInvalid"), Retry.PERMANENT, ""),
        (refused(413, "RequestEntityTooLarge"), Retry.PERMANENT, ""),
        (Answer(404, b"<html>", "text/html"), Retry.QUICK, "endpoint"),
    ],
    ids=lambda value: str(getattr(value, "status", value)),
)
def test_a_refusal_says_whether_to_try_again(
    send: Send, mailbox: GraphMailbox, answer: Answer, retry: Retry, field: str
) -> None:
    mailbox.server.spoil(f"{ME}/sendMail", answer)

    with pytest.raises(SendError) as failure:
        send()

    assert (failure.value.retry, failure.value.field) == (retry, field)
    assert mailbox.taken == []


@pytest.mark.parametrize(("status", "retry"), [(429, Retry.SLOW), (503, Retry.QUICK), (500, Retry.QUICK)])
def test_a_server_that_wants_to_be_left_alone_is_not_asked_before(
    send: Send, mailbox: GraphMailbox, status: int, retry: Retry
) -> None:
    mailbox.server.spoil(f"{ME}/sendMail", throttled("600", status))

    with pytest.raises(SendError) as failure:
        send()

    assert (failure.value.retry, failure.value.wait) == (retry, 600)


def test_what_may_have_been_sent_is_not_sent_again_at_once(send: Send, mailbox: GraphMailbox) -> None:
    mailbox.server.spoil(f"{ME}/sendMail", throttled("0", 504))

    with pytest.raises(SendError) as failure:
        send()

    assert failure.value.retry == Retry.QUICK
    assert len(mailbox.server.asked) == 1


def test_a_short_wait_before_sending_is_waited_for(send: Send, mailbox: GraphMailbox) -> None:
    mailbox.server.spoil(f"{ME}/sendMail", throttled("0"))
    mailbox.server.spoil(f"{ME}/sendMail", EXPIRED)
    mailbox.server.tokens["old"] = mailbox.username
    SENDERS["graph"](mailbox.settings, tokens(mailbox, "old", mailbox.password)).send(
        MAIL, envelope_from="", recipients=["bob@example.com"]
    )

    assert len(mailbox.taken) == 1


def test_a_mail_larger_than_graph_takes_is_refused_before_it_is_sent(send: Send, mailbox: GraphMailbox) -> None:
    with pytest.raises(SendError, match="up to 3 MB") as failure:
        send(MAIL + b"x" * 3_000_000)

    assert failure.value.retry == Retry.PERMANENT
    assert mailbox.server.asked == []


# News


WORD = "a word only Graph and we know"


@pytest.fixture
def listener(certificate: Pair) -> Iterator[OneAnswer]:
    """Answers as whoever receives the news has to."""

    def answer(request: Request) -> Answer:
        word = consent_asked(request.query)
        if word is not None:
            return Answer(body=word.encode(), content_type="text/plain")
        return Answer(202 if is_genuine(request.body, WORD) else 401)

    server = OneAnswer(certificate, answer).start()
    yield server
    server.stop()


@pytest.fixture
def client(mailbox: GraphMailbox) -> Iterator[GraphClient]:
    client = GraphClient(mailbox.settings["endpoint"], mailbox.settings["mailbox"], with_token(mailbox))
    yield client
    client.close()


@pytest.mark.req("WB-10")
def test_news_are_asked_for_renewed_and_ended(client: GraphClient, mailbox: GraphMailbox, listener: OneAnswer) -> None:
    folder = GraphFolders(client).find("INBOX")
    made = subscribe(client, folder.key, f"{listener.url}/news", WORD)
    stored = mailbox.server.subscriptions[made.key]

    assert timedelta(days=1) < made.expires - datetime.now(UTC) < timedelta(days=7)
    assert (stored["changeType"], stored["clientState"]) == ("created", WORD)
    assert stored["resource"].startswith("me/mailFolders/") and stored["resource"].endswith("/messages")
    assert mailbox.server.tell(made.key) == 202
    assert renew(client, made.key).key == made.key

    unsubscribe(client, made.key)
    unsubscribe(client, made.key)
    assert mailbox.server.subscriptions == {}
    with pytest.raises(GoneFromGraph):
        renew(client, made.key)


@pytest.mark.req("WB-11")
def test_news_with_another_word_are_nobodys(client: GraphClient, mailbox: GraphMailbox, listener: OneAnswer) -> None:
    made = subscribe(client, GraphFolders(client).find("INBOX").key, f"{listener.url}/news", "another word")

    assert mailbox.server.tell(made.key) == 401


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"value": []}', b'{"value": [1]}', b'{"value": [{}]}', b"\xff"])
def test_news_without_the_word_are_nobodys(body: bytes) -> None:
    assert not is_genuine(body, WORD)
    assert not is_genuine(b'{"value": [{"clientState": ""}]}', "")


def test_an_address_that_does_not_agree_gets_no_news(client: GraphClient, certificate: Pair) -> None:
    deaf = OneAnswer(certificate, lambda request: Answer.of({})).start()
    folder = GraphFolders(client).find("INBOX")

    with pytest.raises(GraphFault, match="validation request failed"):
        subscribe(client, folder.key, f"{deaf.url}/news", WORD)
    deaf.stop()
