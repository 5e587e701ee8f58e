"""Signing in to real mail servers with access tokens that they check themselves."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import jwt
import pytest

from mailchannel.network.way import SignInFailed, Way
from mailchannel.senders import Retry, SendError
from mailchannel.senders.smtp import Smtp
from mailchannel.transports import TransportError
from mailchannel.transports.imap import Imap
from tests.servers.certificates import Pair
from tests.servers.dovecot import Options
from tests.servers.fixtures import NewMailbox, NewScript, NewSink
from tests.servers.identity import IdentityProvider, traces
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tests.servers.ways import way

Tokens = Callable[[], str]


@pytest.fixture(scope="module")
def provider(certificate: Pair) -> Iterator[IdentityProvider]:
    running = IdentityProvider(certificate).start()
    yield running
    running.stop()


@pytest.fixture
def mailbox(provider: IdentityProvider, new_mailbox: NewMailbox) -> Mailbox:
    """Its server checks the tokens of `provider`."""
    return new_mailbox(Options(token_key=provider.public_key))


def given(*tokens: str) -> Tokens:
    """Hands these out, one after the other; the last one again and again."""
    left = list(tokens)
    return lambda: left.pop(0) if len(left) > 1 else left[0]


def imap(mailbox: Mailbox, token: Tokens, **changed: Any) -> Imap:
    return Imap({**mailbox.settings, "password": "", **changed}, way(token=token))


@pytest.mark.req("S4-04", "S0-16", "S1-06")
def test_mail_is_read_with_a_token(provider: IdentityProvider, mailbox: Mailbox) -> None:
    mailbox.deliver(b"Subject: Hello\r\n\r\nHi\r\n")

    with imap(mailbox, given(provider.token(mailbox.username))) as box:
        box.epoch("INBOX")
        assert len(box.keys("INBOX")) == 1
        assert f"Signed in as {mailbox.username}." in box.notes()


def test_a_token_that_was_taken_back_is_replaced_once(provider: IdentityProvider, mailbox: Mailbox) -> None:
    with imap(mailbox, given(provider.token(mailbox.username, exp=1), provider.token(mailbox.username))) as box:
        assert box.folders()


def refusal(mailbox: Mailbox, token: Tokens, **changed: Any) -> TransportError:
    with pytest.raises(TransportError) as raised, imap(mailbox, token, **changed):
        pass
    return raised.value


@pytest.mark.req("SE-02")
def test_a_refused_token_names_the_sign_in_and_shows_no_token(
    provider: IdentityProvider, mailbox: Mailbox, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    other = provider.token("somebody@else.example")

    error = refusal(mailbox, given(other, provider.token("somebody@else.example")))

    assert (error.field, error.permanent) == ("oauth-consent", True)
    assert "did not let" in str(error) and "status 4" in str(error)
    said = f"{error!s}{error!r}{caplog.text}"
    assert not [secret for secret in traces(provider.issued) if secret in said]


def test_no_token_is_said_before_anything_is_connected(mailbox: Mailbox) -> None:
    def nobody() -> str:
        raise SignInFailed("Nobody has signed in.", field="oauth-consent", permanent=True)

    error = refusal(mailbox, nobody, port=1)

    assert (str(error), error.field, error.permanent) == ("Nobody has signed in.", "oauth-consent", True)


def test_a_server_without_tokens_is_told_apart(provider: IdentityProvider, dovecot: Mailbox) -> None:
    error = refusal(dovecot, given(provider.token(dovecot.username)))

    assert error.field == "encryption" and "XOAUTH2" in str(error)


def test_exchange_says_that_the_mailbox_is_somebody_elses(new_script: NewScript) -> None:
    server = new_script(
        capabilities="IMAP4rev1 AUTH=XOAUTH2",
        answers={"AUTHENTICATE": b"TAG NO User is authenticated but not connected.\r\n"},
    )
    settings = {"host": "127.0.0.1", "port": server.port, "encryption": "none", "username": "shared@example.com"}

    with pytest.raises(TransportError) as raised, Imap(settings, way(token=given("a-token"))):
        pass

    assert raised.value.field == "username" and "shared@example.com" in str(raised.value)


# --- SMTP ---------------------------------------------------------------------------------------


def owner(provider: IdentityProvider) -> Callable[[str], str]:
    def whose(token: str) -> str:
        try:
            return str(jwt.decode(token, provider.public_key, algorithms=["RS256"], audience="mail")["email"])
        except jwt.PyJWTError:
            return ""

    return whose


@pytest.fixture
def sink(provider: IdentityProvider, new_smtp_sink: NewSink) -> SmtpSink:
    return new_smtp_sink(username="support@example.com", tokens=owner(provider))


def smtp(sink: SmtpSink, how: Way) -> Smtp:
    return Smtp({**sink.settings, "password": ""}, how)


def test_mail_is_sent_with_a_token_however_long(provider: IdentityProvider, sink: SmtpSink) -> None:
    long = provider.token(roles=["x" * 20] * 150)
    assert len(long) > 4_000

    smtp(sink, way(token=given(long))).send(b"Hi", envelope_from="a@example.com", recipients=["b@example.com"])

    assert sink.signed_in == ["support@example.com"]


def test_sending_replaces_a_token_that_was_taken_back(provider: IdentityProvider, sink: SmtpSink) -> None:
    smtp(sink, way(token=given(provider.token(exp=1), provider.token()))).check()

    assert sink.signed_in == ["support@example.com"]


@pytest.mark.req("SE-02")
def test_a_refused_sender_names_the_sign_in(provider: IdentityProvider, sink: SmtpSink) -> None:
    wrong = provider.token("somebody@else.example")

    with pytest.raises(SendError) as raised:
        smtp(sink, way(token=given(wrong))).check()

    assert (raised.value.field, raised.value.retry) == ("oauth-consent", Retry.PERMANENT)
    assert "401" in str(raised.value) and wrong not in str(raised.value)


def test_a_provider_in_trouble_makes_the_answer_wait(sink: SmtpSink) -> None:
    def busy() -> str:
        raise SignInFailed("Busy.")

    with pytest.raises(SendError) as raised:
        smtp(sink, way(token=busy)).check()

    assert raised.value.retry is Retry.SLOW
