"""What every sender promises, asked of each one against a real server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from mailchannel.senders import SENDERS, Retry, Sender, SendError
from tests.contract.harness import OUTBOXES, Harness, Outbox, with_password
from tests.servers.certificates import Authority, Pair
from tests.servers.fixtures import NewProxy, NewScript, NewSink
from tests.servers.smtp import SmtpSink
from tests.servers.ways import way

MAIL = b"From: support@example.com\r\nSubject: Re: Printer\r\n\r\n.hidden dot\r\nGr\xfc\xdfe\r\n"
#: Some servers read the recipients off the mail itself.
ADDRESSED = (
    b"From: support@example.com\r\nTo: bob@example.com\r\nSubject: Re: Printer\r\nMessage-ID: <1@example.com>\r\n"
    b"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\n\r\n.hidden dot\r\nHello\r\n"
)
BOB, EVE = "bob@example.com", "eve@example.com"
PASSWORD = "pass wörd"


def send(
    settings: dict[str, Any],
    raw: bytes = MAIL,
    *,
    to: Sequence[str] = (BOB,),
    sender: str = "support@example.com",
    timeout: float = 5,
) -> None:
    SENDERS["smtp"](settings, way(timeout)).send(raw, envelope_from=sender, recipients=to)


def refusal(settings: dict[str, Any], **how: Any) -> SendError:
    with pytest.raises(SendError) as failure:
        send(settings, **how)
    assert failure.value.__context__ is None or failure.value.__suppress_context__  # frames hold the password
    return failure.value


@pytest.fixture(params=OUTBOXES)
def key(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def harness(key: str) -> Harness:
    return OUTBOXES[key]


@pytest.fixture
def outbox(harness: Harness, request: pytest.FixtureRequest) -> Outbox:
    box: Outbox = harness.make(request)
    return box


def failing(sender: Sender) -> SendError:
    with pytest.raises(SendError) as failure:
        sender.send(ADDRESSED, envelope_from="support@example.com", recipients=[BOB])
    assert failure.value.__context__ is None or failure.value.__suppress_context__  # frames hold the password
    return failure.value


def test_every_sender_is_tested_here() -> None:
    assert {sender.key for sender in SENDERS} == set(OUTBOXES)


def test_every_sender_hands_over_the_whole_mail_once(key: str, harness: Harness, outbox: Outbox) -> None:
    sender = SENDERS[key](outbox.settings, harness.way(outbox))
    sender.send(ADDRESSED, envelope_from="support@example.com", recipients=[BOB])

    assert outbox.taken == [({BOB}, ADDRESSED)]


def test_every_sender_checks_without_sending_and_keeps_the_password(key: str, harness: Harness, outbox: Outbox) -> None:
    notes = " ".join(SENDERS[key](outbox.settings, harness.way(outbox)).check())

    assert outbox.username in notes
    assert outbox.password not in notes
    assert outbox.taken == []


def test_every_sender_says_a_refused_sign_in_once_and_for_good(key: str, harness: Harness, outbox: Outbox) -> None:
    stranger = with_password(outbox, "guess")

    error = failing(SENDERS[key](stranger.settings, harness.way(stranger)))

    assert (error.field, error.retry) == (harness.password_field, Retry.PERMANENT)
    assert "guess" not in str(error)
    assert outbox.taken == []


def test_every_sender_tries_a_closed_port_again_soon(key: str, harness: Harness, outbox: Outbox) -> None:
    error = failing(SENDERS[key]({**outbox.settings, **harness.closed}, harness.way(outbox)))

    assert (error.field, error.retry) == (harness.host_field, Retry.QUICK)


@pytest.mark.req("SS-01")
def test_every_sender_refuses_a_private_host_unless_allowed(key: str, harness: Harness, outbox: Outbox) -> None:
    guarded = replace(harness.way(outbox), allow_private=False)

    error = failing(SENDERS[key](outbox.settings, guarded))

    assert (error.field, error.retry) == (harness.host_field, Retry.PERMANENT)
    assert "private or reserved" in str(error)


def test_the_mail_arrives_whole_at_every_recipient(smtp_sink: SmtpSink) -> None:
    send(smtp_sink.settings, to=[BOB, EVE])

    (sent,) = smtp_sink.sent
    assert (sent.envelope_from, sent.recipients, sent.raw) == ("support@example.com", [BOB, EVE], MAIL)


def test_an_automatic_mail_has_no_sender_to_bounce_to(smtp_sink: SmtpSink) -> None:
    send(smtp_sink.settings, sender="")

    assert smtp_sink.sent[0].envelope_from == ""


def test_a_lone_line_feed_cannot_end_the_mail_early(smtp_sink: SmtpSink) -> None:
    send(smtp_sink.settings, b"Subject: x\n\none\n.\r\nMAIL FROM:<forged@example.com>\rtwo\n")

    (sent,) = smtp_sink.sent
    assert sent.raw == b"Subject: x\r\n\r\none\r\n.\r\nMAIL FROM:<forged@example.com>\r\ntwo\r\n"


@pytest.mark.req("S0-04", "S2-11")
@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "TLS"])
def test_signing_in_is_encrypted(
    new_smtp_sink: NewSink, certificate: Pair, trusted_authority: object, *, implicit: bool
) -> None:
    sink = new_smtp_sink(username="support", password=PASSWORD, certificate=certificate, implicit_tls=implicit)

    send(sink.settings)
    notes = " ".join(SENDERS["smtp"](sink.settings, way()).check())

    assert len(sink.sent) == 1
    assert "Encrypted with TLSv1.3" in notes and "support" in notes
    assert PASSWORD not in notes


def test_checking_sends_nothing(smtp_sink: SmtpSink) -> None:
    SENDERS["smtp"](smtp_sink.settings, way()).check()

    assert smtp_sink.sent == []


def test_a_wrong_password_is_said_once_at_its_field_and_for_good(new_smtp_sink: NewSink) -> None:
    sink = new_smtp_sink(username="support", password=PASSWORD)

    error = refusal({**sink.settings, "password": "guess"})

    assert (error.field, error.retry) == ("password", Retry.PERMANENT)
    assert "guess" not in str(error)


def test_a_missing_sign_in_is_said_at_the_user_name(new_smtp_sink: NewSink) -> None:
    sink = new_smtp_sink(username="support", password=PASSWORD)

    error = refusal({**sink.settings, "username": ""})

    assert (error.field, error.retry) == ("username", Retry.PERMANENT)


@pytest.mark.req("PR-30")
def test_without_starttls_neither_password_nor_mail_is_sent(smtp_sink: SmtpSink) -> None:
    error = refusal({**smtp_sink.settings, "encryption": "starttls", "username": "support", "password": PASSWORD})

    assert (error.field, error.retry) == ("encryption", Retry.PERMANENT)
    assert (smtp_sink.sent, smtp_sink.signed_in) == ([], [])


@pytest.mark.req("PR-29")
def test_a_certificate_nobody_vouches_for_is_not_trusted(new_smtp_sink: NewSink, certificate: Pair) -> None:
    sink = new_smtp_sink(certificate=certificate)

    error = refusal(sink.settings)

    assert error.field == "encryption"
    assert "authority this machine does not trust" in str(error)
    assert sink.sent == []


@pytest.mark.req("PR-29")
@pytest.mark.parametrize(
    ("host", "expired", "words"), [("localhost", True, "has expired"), ("other.example", False, "another host name")]
)
def test_a_bad_certificate_is_named(
    new_smtp_sink: NewSink, authority: Authority, trusted_authority: object, host: str, words: str, *, expired: bool
) -> None:
    sink = new_smtp_sink(certificate=authority.issue(host, expired=expired), implicit_tls=True)

    assert words in str(refusal(sink.settings))


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        ("550 5.1.1 no such user", Retry.PERMANENT),
        ("450 4.7.1 greylisted", Retry.SLOW),
        ("451 4.7.1 come back in five minutes", Retry.SLOW),
        ("452 4.2.2 mailbox full", Retry.SLOW),
        ("452 4.5.3 too many recipients", Retry.SLOW),
        ("451 4.3.0 try again", Retry.QUICK),
    ],
)
def test_a_refused_recipient_is_named_and_nobody_gets_the_mail(smtp_sink: SmtpSink, answer: str, retry: Retry) -> None:
    smtp_sink.answers[EVE] = answer

    error = refusal(smtp_sink.settings, to=[BOB, EVE])

    assert (error.retry, EVE in str(error), BOB in str(error)) == (retry, True, False)
    assert answer in str(error)
    assert smtp_sink.sent == []


@pytest.mark.parametrize(
    ("answer", "retry"),
    [
        ("554 5.7.1 looks like spam", Retry.PERMANENT),
        ("552 5.3.4 too large", Retry.PERMANENT),
        ("421 4.3.2 shutting down", Retry.QUICK),
        ("421 4.7.28 too many mails from you", Retry.SLOW),
        ("452 4.3.1 disk full", Retry.SLOW),
    ],
)
def test_a_refused_mail_says_why(smtp_sink: SmtpSink, answer: str, retry: Retry) -> None:
    smtp_sink.data_answer = answer

    error = refusal(smtp_sink.settings)

    assert error.retry == retry
    assert answer in str(error)


@pytest.mark.parametrize("address", ["a\r\nRCPT TO:<eve@example.com>", "a b@example.com", "<a@example.com>", "a\x00"])
def test_an_address_that_would_become_a_command_is_refused(smtp_sink: SmtpSink, address: str) -> None:
    for where in ({"to": [address]}, {"sender": address}):
        assert refusal(smtp_sink.settings, **where).retry == Retry.PERMANENT
    assert smtp_sink.sent == []


@pytest.mark.parametrize("settings", [{"username": "jürgen", "password": "x"}, {}])
def test_letters_a_server_cannot_cope_with_are_said_so(new_script: NewScript, settings: dict[str, str]) -> None:
    old = new_script(greeting=b"220 old\r\n", tagged=False, answers={"EHLO": b"250-old\r\n250 AUTH LOGIN\r\n"})
    where = {"host": "127.0.0.1", "port": old.port, "encryption": "none"}

    error = refusal({**where, **settings}, to=["jürgen@example.com"])

    assert error.retry == Retry.PERMANENT
    assert "beyond ASCII" in str(error)


@pytest.mark.req("SS-04")
def test_a_closed_port_and_a_web_server_read_the_same(new_script: NewScript) -> None:
    web = new_script(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n")
    settings = {"host": "127.0.0.1", "encryption": "none"}

    closed, wrong = refusal({**settings, "port": 1}), refusal({**settings, "port": web.port})

    assert str(closed).replace("port 1.", f"port {web.port}.") == str(wrong)
    assert (closed.field, closed.retry) == (wrong.field, wrong.retry) == ("host", Retry.QUICK)


def test_a_server_that_turns_us_away_is_quoted(new_script: NewScript) -> None:
    server = new_script(greeting=b"554 5.7.1 no service for you\r\n")

    assert "no service for you" in str(refusal({"host": "127.0.0.1", "encryption": "none", "port": server.port}))


def test_an_unresponsive_server_is_given_up(smtp_sink: SmtpSink, new_proxy: NewProxy) -> None:
    stalling = new_proxy(smtp_sink.port, stall_after=60)  # in the middle of its answer to EHLO

    error = refusal({**smtp_sink.settings, "port": stalling.port}, timeout=0.5)

    assert (error.field, error.retry) == ("timeout_ms", Retry.QUICK)
