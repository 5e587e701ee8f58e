"""Mail that providers post: who may come in, what is made of what they send, and what no mischief gets out of us."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import sys
import time
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client

from helpdesk.ports import answers
from mailchannel.kernel.failpoints import VARIABLE
from mailchannel.models import Alert, InboundMail, MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services import drafts, inbox, push
from mailchannel.transports.forwarding import DOORS as NAMES
from mailchannel.webhooks import sns
from mailchannel.webhooks.doors import DOORS, Inbox, Later, Posted
from mailchannel.webhooks.doors import brevo as brevo_door
from mailchannel.webhooks.payload import document
from tests.fixtures import NewServer
from tests.letters import letter
from tests.running.processes import running
from tests.servers.certificates import Authority, Pair
from tests.servers.fixtures import Failpoint
from tests.servers.loopback import HOST, free_port, wait_until
from tests.servers.providers import POSTS, SIGNING_KEY, Post, Told, Topic, form, mailgun, postmark, send, signed
from tests.servers.ways import way
from tests.servers.web import Answer, OneAnswer, Request
from tickets.blobs import open_blob
from tickets.models import Attachment, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Bring = Callable[..., Told]


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    cache.clear()


@pytest.fixture
def opened(new_server: NewServer) -> Callable[..., tuple[MailServer, str]]:
    """`opened("postmark", name="Other")`: a forwarding inbox and its secret."""

    def make(door: str = "raw", *, settings: dict[str, Any] | None = None, **columns: Any) -> tuple[MailServer, str]:
        connection = {"door": door, **(settings or {})}
        server = new_server(protocol="forwarding", connection=connection, **columns)
        server.folders.all().delete()
        return server, inbox.open_up(server, by=None)

    return make


@pytest.fixture
def at(live_server: Any) -> Callable[[MailServer], str]:
    return lambda server: f"{live_server.url}/inbound/{inbox.door(server)}/{server.inbox_token}/"


def the_mail() -> InboundMail:
    return InboundMail.objects.select_related("raw").get()


def rung() -> list[tuple[str, bool]]:
    """What the bell says of mail that was turned away, and whether that is still so."""
    rows = Alert.objects.filter(kind=Alert.Kind.TURNED_AWAY)
    return [(alert.text, alert.ended_at is None) for alert in rows]


def settled(server: MailServer) -> InboundMail:
    push.settle_server(server.pk)
    return the_mail()


def test_every_provider_one_can_choose_has_a_door() -> None:
    assert {door.key for door in DOORS} | {"smtp"} == set(NAMES)


# --- Who may come in ----------------------------------------------------------------------------


@pytest.mark.req("WB-01")
@pytest.mark.parametrize("secret", ["", "wrong", "x", "wrong" * 1000, "ünïcode ☂"])
@pytest.mark.parametrize("door", POSTS)
def test_without_the_secret_nothing_comes_in(
    door: str, secret: str, opened: Any, at: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server, _ = opened(door)

    told = send(at(server), POSTS[door](letter()), secret=secret)

    assert told.status == 401
    assert told.headers["WWW-Authenticate"].startswith("Basic ")
    assert not InboundMail.objects.exists()
    server.refresh_from_db()
    assert "turned away because the secret is missing or wrong, 1 time within" in server.push_error
    assert "compare what is entered there" in server.push_error
    assert server.first_arrival_at is None
    assert rung() == [(server.push_error, True)]
    assert "somebody called at the inbox" in caplog.text


@pytest.mark.req("WB-01")
@pytest.mark.parametrize("header", ["Basic", "Basic %%%", "Basic " + "A" * 5000, "Digest x", "Bearer", "Bearer \xfc"])
def test_a_garbled_secret_is_a_wrong_one(header: str, opened: Any, at: Any) -> None:
    server, _ = opened()

    assert send(at(server), Post(letter()), Authorization=header).status == 401


def test_refusals_are_counted_and_said_now_and_then(opened: Any, at: Any, caplog: pytest.LogCaptureFixture) -> None:
    server, secret = opened()

    for _ in range(12):
        send(at(server), Post(letter()), secret="wrong")

    server.refresh_from_db()
    assert "10 times" in server.push_error
    assert caplog.text.count("somebody called") == 2
    assert rung() == [(server.push_error, True)]
    assert send(at(server), Post(letter()), secret=secret).status == 200
    server.refresh_from_db()
    assert server.push_error == ""
    assert [is_open for _, is_open in rung()] == [False]


@pytest.mark.parametrize("how", ["basic", "any user", "bearer", "header"])
def test_the_secret_may_come_in_several_ways(how: str, opened: Any, at: Any) -> None:
    server, secret = opened()
    ways: dict[str, dict[str, str]] = {
        "basic": {"Authorization": f"Basic {base64.b64encode(f'inbox:{secret}'.encode()).decode()}"},
        "any user": {"Authorization": f"basic {base64.b64encode(f'postmark:{secret}'.encode()).decode()}"},
        "bearer": {"Authorization": f"Bearer {secret}"},
        "header": {"X_Inbox_Secret": secret},
    }

    assert send(at(server), Post(letter()), **ways[how]).status == 200


@pytest.mark.req("WB-08", "S0-52")
def test_while_a_secret_is_changed_both_are_valid(opened: Any, at: Any) -> None:
    server, old = opened()
    new = inbox.rotate(server, by=None)

    assert [send(at(server), Post(letter()), secret=each).status for each in (old, new)] == [200, 200]
    assert inbox.retire(server, by=None)
    assert [send(at(server), Post(letter()), secret=each).status for each in (old, new)] == [401, 200]


@pytest.mark.req("S0-52")
def test_what_was_revoked_opens_nothing(opened: Any, at: Any) -> None:
    server, secret = opened()
    before = at(server)
    new = inbox.revoke(server, by=None)

    assert send(before, Post(letter()), secret=secret).status == 404
    assert send(before, Post(letter()), secret=new).status == 404
    assert send(at(server), Post(letter()), secret=secret).status == 401
    assert send(at(server), Post(letter()), secret=new).status == 200


@pytest.mark.req("WB-08")
def test_publishing_changes_brings_no_old_secret_back(opened: Any) -> None:

    server, old = opened()
    drafts.begin(server)
    inbox.rotate(server, by=None)
    inbox.retire(server, by=None)

    server.refresh_from_db()
    drafts.adopt(server)

    assert not inbox.knows(MailServer.objects.get(), old)


@pytest.mark.req("WB-09")
def test_an_inbox_is_found_by_its_own_address_only(opened: Any, at: Any, live_server: Any) -> None:
    server, secret = opened("postmark")
    other, others = opened("raw", name="Other", address="other@example.com")
    unknown = "a" * 24
    mail = postmark(letter())

    answers = [
        send(f"{live_server.url}/inbound/mailgun/{server.inbox_token}/", mail, secret=secret),
        send(f"{live_server.url}/inbound/raw/{server.inbox_token}/", mail, secret=secret),
        send(f"{live_server.url}/inbound/postmark/{unknown}/", mail, secret=secret),
        send(f"{live_server.url}/inbound/postmark/{unknown}/", mail),
        send(f"{live_server.url}/inbound/nobody/{server.inbox_token}/", mail, secret=secret),
    ]

    assert {(each.status, each.body) for each in answers} == {(404, "There is no such inbox.\n")}
    assert send(at(server), mail, secret=others).status == 401
    assert send(f"{live_server.url}/inbound/postmark/../../x", mail, secret=secret).status == 404
    assert not InboundMail.objects.exists()


def test_a_mailbox_that_is_fetched_has_no_door(opened: Any, at: Any) -> None:
    server, secret = opened()
    where = at(server)
    server.update(protocol="imap")

    assert send(where, Post(letter()), secret=secret).status == 404


# --- What Django would do -----------------------------------------------------------------------


@pytest.mark.req("WB-05")
@pytest.mark.parametrize("slash", ["/", ""])
@pytest.mark.parametrize("host", ["testserver", "nobody.knows.example", "[::1", ""])
def test_neither_slash_nor_host_nor_cookie_matters(slash: str, host: str, opened: Any, at: Any) -> None:
    server, secret = opened()

    told = send(at(server).rstrip("/") + slash, Post(letter()), secret=secret, Host=host)

    assert told.status == 200
    assert "Set-Cookie" not in told.headers


@pytest.mark.req("WB-05")
def test_a_strict_browser_check_does_not_reach_it(opened: Any) -> None:
    server, secret = opened()
    client = Client(enforce_csrf_checks=True)
    given = {"HTTP_AUTHORIZATION": f"Bearer {secret}"}

    told = client.post(f"/inbound/raw/{server.inbox_token}", letter(), content_type="message/rfc822", **given)

    assert told.status_code == 200


@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 405), ("PUT", 405)])
def test_other_methods_tell_nothing(method: str, status: int, opened: Any, at: Any, live_server: Any) -> None:
    server, _ = opened()
    nobody = f"{live_server.url}/inbound/raw/{'a' * 24}/"

    assert [send(where, Post(b""), method=method).status for where in (at(server), nobody)] == [status, status]


@pytest.mark.req("WB-04")
@pytest.mark.parametrize(("megabytes", "whole"), [(3, True), (30, True), (60, False)])
@pytest.mark.parametrize("door", ["raw", "postmark", "sendgrid"])
@pytest.mark.slow
def test_any_size_is_taken(door: str, megabytes: int, whole: bool, opened: Any, at: Any) -> None:
    server, secret = opened(door)
    line = "y" * 75 + "\r\n"
    raw = letter(subject="Large", body=line * (megabytes * 1_000_000 // len(line)))

    assert send(at(server), POSTS[door](raw), secret=secret).status == 200

    row = the_mail()
    assert row.headers_only is not whole
    assert (row.raw.content == raw) is whole
    if not whole:
        assert (settled(server).reason, the_mail().subject) == ("failed.too_big", "Large")


@pytest.mark.req("WB-04")
@pytest.mark.parametrize("door", POSTS)
def test_of_a_request_beyond_all_bounds_the_headers_are_found(door: str, opened: Any, at: Any) -> None:
    """Only its beginning is read into memory: the JSON or the form ends in the middle."""
    server, secret = opened(door, acceptance={"largest_mail_mb": 1})
    raw = letter(subject="Beyond", body='é\\" ' * 2_000_000)

    assert send(at(server), POSTS[door](raw), secret=secret).status == 200

    row = settled(server)
    assert (row.reason, row.subject, row.headers_only) == ("failed.too_big", "Beyond", True)
    assert row.size > 3_500_000


def test_a_request_that_ends_early_is_not_half_a_mail(opened: Any, at: Any) -> None:
    server, secret = opened()
    where = urlsplit(at(server))
    head = f"POST {where.path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nContent-Length: 5000\r\n\r\n"

    with socket.create_connection((where.hostname or "", where.port or 80)) as line:
        line.sendall(head.encode() + letter())
        line.shutdown(socket.SHUT_WR)
        answer = line.recv(1000)

    assert b" 503 " in answer.splitlines()[0]
    assert not InboundMail.objects.exists()


@pytest.fixture
def as_it_runs(command_environment: dict[str, str], tmp_path: Path) -> Iterator[int]:
    """The port of the web server this program runs with."""
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gunicorn",
        "helpdesk.wsgi",
        "--bind",
        f"{HOST}:{port}",
        "--worker-class",
        "gthread",
    ]
    with running([*command, "--threads", "4"], command_environment, tmp_path / "log") as started:
        wait_until(lambda: answers(HOST, port), seconds=60, what=f"gunicorn: {started.printed}")
        yield port


@pytest.mark.req("WB-04", "WB-05")
@pytest.mark.slow
def test_the_real_web_server_takes_it_whole_or_in_chunks_or_not_at_all(opened: Any, as_it_runs: int) -> None:
    server, secret = opened()
    path, raw = f"/inbound/raw/{server.inbox_token}", letter(body="x\r\n" * 2_000_000)
    head = {"Authorization": f"Bearer {secret}", "Content-Type": "message/rfc822"}

    line = http.client.HTTPConnection(HOST, as_it_runs, timeout=60)
    line.request("POST", path, (raw[at : at + 50_000] for at in range(0, len(raw), 50_000)), head, encode_chunked=True)
    assert line.getresponse().read() == b"kept\n"
    line.request("POST", path, raw, head)
    assert line.getresponse().read() == b"known already\n"
    line.close()
    early = f"POST {path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {secret}\r\nContent-Length: 5000\r\n\r\n"
    with socket.create_connection((HOST, as_it_runs)) as short:
        short.sendall(early.encode() + letter(subject="half"))
        short.shutdown(socket.SHUT_WR)
        assert b" 200 " not in short.recv(1000)

    assert the_mail().raw.content == raw


# --- What is no mail ----------------------------------------------------------------------------

BOMBS: dict[str, Post] = {
    "nothing": Post(b""),
    "not json": Post(b"{"),
    "a list": Post(b"[]"),
    "an empty object": Post(b"{}"),
    "deep": Post(b'{"Headers":' + b"[" * 100_000),
    "deep and closed": Post(b'{"Headers":' + b"[" * 500 + b"]" * 500 + b',"FromFull":{}}'),
    "a huge number": Post(b'{"MessageID": ' + b"9" * 100_000 + b"}"),
    "the same key again and again": Post(b'{"Headers": [], "Headers": 5, "FromFull": 7, "MessageID": {}}'),
    "wrong types": Post(json.dumps({"FromFull": [], "Headers": "x", "Attachments": 9, "TextBody": {}}).encode()),
    "wrong types within": Post(
        json.dumps({"FromFull": {}, "Headers": [7], "Attachments": [None], "items": [1]}).encode()
    ),
    "surrogates": Post(b'{"FromFull": {"Email": "\\ud800"}, "Headers": [{"Name": "\\ud800", "Value": "\\udfff"}]}'),
    "bytes": Post(bytes(range(256)) * 10),
    "10,000 fields": form({f"field{n}": "x" for n in range(10_000)}),
    "no boundary": Post(b"--x\r\n\r\n", "multipart/form-data"),
    "no end": Post(
        b"--x\r\nContent-Disposition: form-data; name=email\r\n\r\nFrom:", "multipart/form-data; boundary=x"
    ),
    "many names": Post(b"&".join(b"a%d=b" % n for n in range(10_000)), "application/x-www-form-urlencoded"),
    "a report": Post(json.dumps({"RecordType": "Bounce", "ID": 42}).encode()),
}


@pytest.mark.req("WB-07")
@pytest.mark.parametrize("bomb", BOMBS)
@pytest.mark.parametrize("door", ["postmark", "mailgun", "sendgrid", "mailjet", "brevo", "raw"])
def test_what_is_no_mail_is_set_aside_whole_and_nothing_breaks(door: str, bomb: str, opened: Any, at: Any) -> None:
    server, secret = opened(door)
    began = time.monotonic()

    told = send(at(server), BOMBS[bomb], secret=secret)

    assert told.status == 200
    assert time.monotonic() - began < 10
    row = the_mail()
    if door != "raw" or bomb == "nothing":
        assert (row.outcome, row.reason) == ("failed", "failed.parse")
        assert row.because
        if door != "brevo" or bomb != "wrong types within":
            assert row.raw.content == BOMBS[bomb].body
    push.settle_server(server.pk)
    assert Ticket.objects.count() == 0
    assert send(at(server), BOMBS[bomb], secret=secret).status == 200
    assert InboundMail.objects.count() == 1


def test_what_is_no_mail_is_not_settled_as_one_between_being_kept_and_set_aside(
    opened: Any, at: Any, failpoint: Failpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, secret = opened("postmark")
    failpoint("keep.committed:1:raise")

    assert send(at(server), BOMBS["a report"], secret=secret).status == 503
    assert not InboundMail.objects.filter(outcome="received").exists()
    monkeypatch.delenv(VARIABLE)
    assert send(at(server), BOMBS["a report"], secret=secret).status == 200

    assert (the_mail().outcome, the_mail().reason) == ("failed", "failed.parse")


# --- What providers make of a mail --------------------------------------------------------------

PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 50).decode()
PARSED: dict[str, Any] = {
    "FromName": "Ann",
    "From": "ann@customer.example",
    "FromFull": {"Email": "ann@customer.example", "Name": "Ann Ä", "MailboxHash": ""},
    "ToFull": [{"Email": "support@example.com", "Name": "", "MailboxHash": ""}],
    "CcFull": [{"Email": "c@customer.example", "Name": "C"}],
    "BccFull": [],
    "OriginalRecipient": "abc@inbound.postmarkapp.com",
    "ReplyTo": "",
    "Subject": "Drucker kaputt ü",
    "MessageID": "73e6d360-66eb-11e1-8e72-a8904824019b",
    "Date": "Fri, 20 Nov 2026 16:45:32 -04:00",
    "TextBody": "hello\n\nthere ☂",
    "HtmlBody": '<p>hello <img src="cid:logo123"></p>',
    "Headers": [
        {"Name": "Return-Path", "Value": "<ann@customer.example>"},
        {"Name": "Message-ID", "Value": "<m1@customer.example>"},
        {"Name": "References", "Value": "<a@helpdesk.example>\r\n <b@helpdesk.example>"},
        {"Name": "Received", "Value": "a"},
        {"Name": "Received", "Value": "b"},
    ],
    "Attachments": [
        {"Name": "bild ü.png", "Content": PICTURE, "ContentType": "image/png", "ContentID": "logo123"},
        {"Name": "a\r\nb.pdf", "Content": "JVBERi0xLjQ=", "ContentType": "application/pdf", "ContentID": ""},
    ],
}


def as_message(row: InboundMail) -> Any:
    return message_from_bytes(row.raw.content, policy=policy.default)


def test_postmark_without_the_raw_mail_is_rebuilt_with_every_attachment(opened: Any, at: Any) -> None:
    server, secret = opened("postmark")

    for _ in range(2):
        assert send(at(server), Post(json.dumps(PARSED).encode()), secret=secret).status == 200

    row = settled(server)
    message = as_message(row)
    assert (row.outcome, row.subject, row.message_id) == ("opened", "Drucker kaputt ü", "m1@customer.example")
    assert message["References"].split() == ["<a@helpdesk.example>", "<b@helpdesk.example>"]
    assert [part.get_filename() for part in message.walk() if part.get_filename()] == ["bild ü.png", "a b.pdf"]
    # An empty Content-ID must not make a picture in the text of it.
    assert [part.get_content_disposition() for part in message.walk() if part.get_filename()] == [
        "inline",
        "attachment",
    ]
    assert Ticket.objects.get().notes.first().attachments.count() == 2


def test_the_same_mail_is_rebuilt_to_the_same_bytes(opened: Any, at: Any) -> None:
    posted = Post(json.dumps(PARSED).encode())
    nobody = Inbox({}, way)

    once, again = (
        DOORS["postmark"].unpack(Posted("application/json", posted.body, len(posted.body)), nobody)[0].raw for _ in "ab"
    )

    assert once == again


def test_postmarks_raw_mail_is_taken_as_it_is(opened: Any, at: Any) -> None:
    server, secret = opened("postmark")
    raw = letter(body="  trailing space \r\n\r\n\tand tabs ü")

    send(at(server), Post(json.dumps({**PARSED, "RawEmail": raw.decode()}).encode()), secret=secret)

    assert the_mail().raw.content == raw


@pytest.mark.req("WB-02", "WB-03")
def test_postmarks_own_number_is_the_mails_name(opened: Any, at: Any) -> None:
    """A retry may come with other bytes around the same mail."""
    server, secret = opened("postmark")
    raw = letter()

    send(at(server), postmark(raw, "id-1"), secret=secret)
    told = send(at(server), postmark(b"X-Again: yes\r\n" + raw, "id-1"), secret=secret)

    assert (told.status, told.body) == (200, "known already\n")
    assert InboundMail.objects.get().remote_key == "id-1"


def test_mailgun_in_pieces_is_rebuilt(opened: Any, at: Any) -> None:
    server, secret = opened("mailgun")
    headers = [["From", "Ann <ann@customer.example>"], ["Subject", "In pieces"], ["Message-Id", "<p@customer.example>"]]
    post = form(
        {
            "message-headers": json.dumps(headers),
            "body-plain": "Hélp!",
            "attachment-count": "2",
            "content-id-map": "{}",
        },
        {"attachment-1": ("a.txt", "text/plain", b"one"), "attachment-2": ("", "image/png", b"two")},
    )

    assert send(at(server), post, secret=secret).status == 200

    row = settled(server)
    assert (row.outcome, row.subject) == ("opened", "In pieces")
    assert [part.get_payload(decode=True) for part in as_message(row).walk() if part.is_attachment()] == [
        b"one",
        b"two",
    ]


def test_sendgrid_in_pieces_is_rebuilt_in_its_own_charsets(opened: Any, at: Any) -> None:
    server, secret = opened("sendgrid")
    headers = "From: ann@customer.example\nSubject: In pieces\nMessage-ID: <p@customer.example>\n"
    post = form(
        {
            "headers": headers,
            "text": "Grüße".encode("iso-8859-1"),
            "charsets": '{"text": "iso-8859-1"}',
            "attachment-info": '{"attachment1": {"filename": "a.txt"}}',
        },
        {"attachment1": ("a.txt", "text/plain", b"one")},
    )

    assert send(at(server), post, secret=secret).status == 200

    row = settled(server)
    assert (row.outcome, row.subject) == ("opened", "In pieces")
    text = as_message(row).get_body(("plain",))
    assert text.get_payload(decode=True).decode() == "Grüße"
    assert [part.get_payload(decode=True) for part in as_message(row).walk() if part.is_attachment()] == [b"one"]


@pytest.mark.req("WB-01", "WB-02")
@pytest.mark.parametrize(
    ("signature", "status"),
    [
        ({}, 200),
        ({"signature": "0" * 64}, 401),
        ({"signature": ""}, 401),
        ({"signature": "ü"}, 401),
        (signed(0), 401),
        (signed(int(time.time()) - 3_700), 401),
        (signed(int(time.time()) - 600), 200),
        (signed(key="another"), 401),
        ({"timestamp": "tomorrow"}, 401),
    ],
)
def test_mailguns_signature_is_checked_and_grows_old(
    signature: dict[str, str], status: int, opened: Any, at: Any
) -> None:
    server, secret = opened("mailgun")
    server.update(secrets=Secrets({**server.secrets, "signing_key": SIGNING_KEY}))

    assert send(at(server), mailgun(letter(), **signature), secret=secret).status == status
    assert InboundMail.objects.exists() is (status == 200)
    assert ["because the signature is" in text for text, _ in rung()] == ([] if status == 200 else [True])


@pytest.fixture
def brevo_api(certificate: Pair, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Iterator[OneAnswer]:
    def answer(request: Request) -> Answer:
        if request.headers.get("api-key") != "the key":
            return Answer(401)
        return Answer(200, b"the file", "text/plain; charset=utf-8")

    running = OneAnswer(certificate, answer).start()
    monkeypatch.setattr(brevo_door.Brevo, "api", running.url)
    yield running
    running.stop()


def brevo_mails(*mails: bytes, files: int = 0) -> Post:
    items = [json.loads(POSTS["brevo"](mail).body)["items"][0] for mail in mails]
    items[0]["Attachments"] = [
        {"Name": f"{n}.txt", "ContentType": "text/plain", "ContentID": "", "DownloadToken": f"t/{n}"}
        for n in range(files)
    ]
    return Post(json.dumps({"items": items}).encode())


def test_brevos_files_are_fetched_before_the_mail_counts_as_kept(
    opened: Any, at: Any, brevo_api: OneAnswer, authority: Authority
) -> None:
    server, secret = opened("brevo", authorities=authority.bundle.read_text())
    post = brevo_mails(letter(subject="one"), letter(subject="two"), files=2)

    assert send(at(server), post, secret=secret).status == 503  # the key is missing
    assert ["Brevo's API key is missing in the settings" in text for text, is_open in rung() if is_open] == [True]
    server.update(secrets=Secrets({**server.secrets, "api_key": "the key"}))
    brevo_api.spoil("/", Answer(500))
    assert send(at(server), post, secret=secret).status == 503
    assert not InboundMail.objects.exists()
    assert send(at(server), post, secret=secret).status == 200
    assert [is_open for _, is_open in rung()] == [False]

    push.settle_server(server.pk)
    assert sorted(Ticket.objects.values_list("title", flat=True)) == ["one", "two"]
    first = InboundMail.objects.select_related("raw").get(subject="one")
    files = [part.get_payload(decode=True) for part in as_message(first).walk() if part.get_filename()]
    assert files == [b"the file", b"the file"]
    assert {request.path for request in brevo_api.asked} == {"/inbound/attachments/t%2F0", "/inbound/attachments/t%2F1"}


@pytest.mark.parametrize("status", [404, 410])
def test_a_file_brevo_has_no_more_is_missed_and_its_mail_taken(
    status: int, opened: Any, at: Any, brevo_api: OneAnswer, authority: Authority
) -> None:
    server, secret = opened("brevo", authorities=authority.bundle.read_text())
    server.update(secrets=Secrets({**server.secrets, "api_key": "the key"}))
    brevo_api.spoil("/inbound/attachments/t%2F0", Answer(status))

    assert send(at(server), brevo_mails(letter(), files=2), secret=secret).status == 200

    push.settle_server(server.pk)
    files = {file.filename: open_blob(file.sha256).read().decode() for file in Attachment.objects.all()}
    assert files["1.txt"] == "the file"
    assert f"Brevo answered {status}" in files["0.txt is missing.txt"]


def test_one_mail_that_cannot_be_understood_does_not_keep_the_others_out(opened: Any, at: Any) -> None:
    server, secret = opened("brevo")
    post = json.loads(POSTS["brevo"](letter(subject="good")).body)
    post["items"].insert(0, {"Headers": 5})

    assert send(at(server), Post(json.dumps(post).encode()), secret=secret).status == 200

    push.settle_server(server.pk)
    assert dict(InboundMail.objects.values_list("subject", "outcome")) == {"": "failed", "good": "opened"}


# --- Amazon -------------------------------------------------------------------------------------


@pytest.fixture
def topic(monkeypatch: pytest.MonkeyPatch) -> Topic:
    """Its certificate is known, as it is after the first notification."""
    made = Topic()
    asked: list[str] = []

    def fetched(url: str, way: Any) -> bytes:
        asked.append(url)
        return made.certificate

    monkeypatch.setattr(sns, "_fetched", fetched)
    made.asked = asked  # type: ignore[attr-defined]
    return made


def test_a_mail_of_amazon_ses_is_taken(opened: Any, at: Any, topic: Topic) -> None:
    server, secret = opened("ses")
    raw = letter(body="Grüße")

    told = [send(at(server), topic.mail(raw, "ses-1"), secret=secret) for _ in range(2)]

    assert [(each.status, each.body) for each in told] == [(200, "kept\n"), (200, "known already\n")]
    row = settled(server)
    assert (row.raw.content, row.remote_key, row.outcome) == (raw, "ses-1", "opened")


@pytest.mark.req("WB-01", "WB-10")
@pytest.mark.parametrize(
    "changes",
    [
        {"Message": "something else"},
        {"TopicArn": "arn:aws:sns:eu-west-1:666:mail"},
        {"Signature": ""},
        {"Signature": "####"},
        {"SignatureVersion": "3"},
        {"SignatureVersion": "1"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com.evil.example/x.pem"},
        {"SigningCertURL": "https://evil.example/sns.eu-west-1.amazonaws.com/x.pem"},
        {"SigningCertURL": "http://sns.eu-west-1.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://user@sns.eu-west-1.amazonaws.com/x.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com:8443/x.pem"},
        {"SigningCertURL": "https://sns.eu-west-1.amazonaws.com/x"},
        {"SigningCertURL": "https://169.254.169.254/x.pem"},
        {"SigningCertURL": "https://[::1"},
        {"SigningCertURL": ""},
    ],
)
def test_what_amazon_did_not_sign_is_refused(changes: dict[str, str], opened: Any, at: Any, topic: Topic) -> None:
    server, secret = opened("ses")
    note = {**json.loads(topic.mail(letter()).body), **changes}

    assert send(at(server), Post(json.dumps(note).encode()), secret=secret).status == 401
    assert not InboundMail.objects.exists()
    asked: list[str] = topic.asked  # type: ignore[attr-defined]
    assert all(url == topic.certificate_url for url in asked)


@pytest.mark.req("WB-10")
@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription&Token=x", 200),
        ("https://sns.cn-north-1.amazonaws.com.cn/?Action=ConfirmSubscription", 200),
        ("https://evil.example/?sns.eu-west-1.amazonaws.com", 401),
        ("https://169.254.169.254/latest/meta-data/", 401),
        ("http://sns.eu-west-1.amazonaws.com/", 401),
        ("https://sns.eu-west-1.amazonaws.com@evil.example/", 401),
        ("https://s3.amazonaws.com/x", 401),
    ],
)
def test_a_subscription_is_confirmed_at_amazon_only(url: str, status: int, opened: Any, at: Any, topic: Topic) -> None:
    server, secret = opened("ses", settings={"topic": topic.arn})
    note = topic.note("You have chosen to subscribe", "SubscriptionConfirmation", Token="x", SubscribeURL=url)

    assert send(at(server), Post(json.dumps(note).encode()), secret=secret).status == status

    asked: list[str] = topic.asked  # type: ignore[attr-defined]
    assert asked == [topic.certificate_url, *([url] if status == 200 else [])]
    assert not InboundMail.objects.exists()


@pytest.mark.req("WB-10")
def test_only_the_topic_that_was_entered_counts(opened: Any, at: Any, topic: Topic) -> None:
    server, secret = opened("ses", settings={"topic": "arn:aws:sns:eu-west-1:123456789012:another"})
    url = "https://sns.eu-west-1.amazonaws.com/?Action=ConfirmSubscription"
    note = topic.note("x", "SubscriptionConfirmation", Token="x", SubscribeURL=url)

    assert send(at(server), Post(json.dumps(note).encode()), secret=secret).status == 401
    assert send(at(server), topic.mail(letter()), secret=secret).status == 401
    asked: list[str] = topic.asked  # type: ignore[attr-defined]
    assert url not in asked


def test_amazon_out_of_reach_comes_again(opened: Any, at: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server, secret = opened("ses")

    def unreachable(url: str, way: Any) -> bytes:
        raise Later("nobody answers")

    monkeypatch.setattr(sns, "_fetched", unreachable)

    assert send(at(server), Topic().mail(letter()), secret=secret).status == 503


def test_a_notification_without_the_mail_is_set_aside_with_the_remedy(opened: Any, at: Any, topic: Topic) -> None:
    server, secret = opened("ses")
    told = {"notificationType": "Received", "mail": {"messageId": "x"}, "receipt": {"action": {"type": "S3"}}}
    note = topic.note(json.dumps(told))

    assert send(at(server), Post(json.dumps(note).encode()), secret=secret).status == 200

    assert "Publish to Amazon SNS topic" in the_mail().because


# --- Pieces -------------------------------------------------------------------------------------


@pytest.mark.parametrize("cut", range(1, 60))
def test_the_beginning_of_an_object_is_read_wherever_it_ends(cut: int) -> None:
    whole = b'{"a": [1, {"b": "c"}], "d": "e\\u00fcf\\"g\\n", "h": "iiiiiiiiii"}'
    told = json.loads(whole)

    found = document(Posted("application/json", whole[:cut], len(whole)))

    for name, value in found.items():
        assert value == told[name] or told[name].startswith(value)


INNER = b"From: x@customer.example\nSubject: =?utf-8?q?=FF?=\n\n\xff\xfe inside\r\n\n.\n"


@pytest.mark.parametrize("door", ["postmark", "mailjet", "mailgun"])
def test_a_mail_within_a_rebuilt_mail_keeps_its_bytes(door: str, opened: Any, at: Any) -> None:
    server, secret = opened(door)
    content = base64.b64encode(INNER).decode()
    file = {"Name": "x.eml", "ContentType": "message/rfc822", "Content": content, "ContentID": ""}
    part = {"ContentRef": "Attachment1", "Headers": {"Content-Type": 'message/rfc822; name="x.eml"'}}
    headers = {"From": "ann@customer.example", "Subject": "Outer", "To": "support@example.com"}
    posts = {
        "postmark": Post(json.dumps({**PARSED, "Attachments": [file]}).encode()),
        "mailjet": Post(
            json.dumps({"Headers": headers, "Text-part": "x", "Parts": [part], "Attachment1": content}).encode()
        ),
        "mailgun": form(
            {"message-headers": json.dumps(list(headers.items())), "body-plain": "x", "attachment-count": "1"},
            {"attachment-1": ("x.eml", "message/rfc822", INNER)},
        ),
    }

    assert send(at(server), posts[door], secret=secret).status == 200

    row = settled(server)
    assert row.outcome == "opened", row.because
    [inner] = [part for part in as_message(row).walk() if part.get_filename() == "x.eml"]
    assert inner.get_payload(decode=True) == INNER
