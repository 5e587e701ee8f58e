"""IMAP servers and lines at their worst: the mail stays whole, the wait stays short, the words stay useful."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from mailchannel.models import FetchRun
from mailchannel.services.fetch import fetch
from mailchannel.transports import Fetched, MessageRef, TransportError
from mailchannel.transports.imap import Imap
from tests.fixtures import NewServer
from tests.servers.certificates import Authority, Pair, server_context
from tests.servers.dovecot import Options
from tests.servers.faulty import Stall
from tests.servers.fixtures import NewMailbox, NewProxy, NewScript
from tests.servers.mailbox import Mailbox
from tests.servers.ways import way

pytestmark = pytest.mark.slow

MAILS = [b"Subject: %d\r\n\r\n" % number + b"%d" % number * 3000 + b"\r\n" for number in range(3)]
REFS = [MessageRef("INBOX", key, "7") for key in ("5", "6")]


def imap(settings: dict[str, Any], *, timeout: float = 5, **changed: Any) -> Imap:
    return Imap({**settings, **changed}, way(timeout))


@contextmanager
def given_up_within(seconds: float) -> Iterator[pytest.ExceptionInfo[TransportError]]:
    """A deadline is a promise about the clock, so here the clock is read; generously, for busy machines."""
    started = time.monotonic()
    with pytest.raises(TransportError) as failure:
        yield failure
    assert time.monotonic() - started < seconds


def fetch_all(transport: Imap) -> list[Fetched]:
    epoch = transport.epoch("INBOX")
    refs = [MessageRef("INBOX", key, epoch) for key in transport.keys("INBOX")]
    return list(transport.fetch(refs))


# --- The line ----------------------------------------------------------------------------------


@pytest.mark.req("FT-18")
@pytest.mark.parametrize("hidden", [(), ("MOVE",)], ids=["MOVE", "COPY"])
def test_a_line_cut_anywhere_loses_and_shortens_nothing(
    new_mailbox: NewMailbox, new_proxy: NewProxy, hidden: tuple[str, ...]
) -> None:
    mailbox = new_mailbox(Options(hidden=hidden))
    mailbox.create("Done")
    mailbox.deliver_all(MAILS)
    cuts = 0

    for cut_after in range(40, 12_000, 700):
        proxy = new_proxy(mailbox.port, cut_after=cut_after)
        try:
            with imap(mailbox.settings, port=proxy.port) as transport:
                fetched = fetch_all(transport)
                assert {each.raw for each in fetched} <= set(MAILS)
                transport.move([each.ref for each in fetched], "Done")
        except TransportError:
            cuts += 1

    assert cuts > 10
    with imap(mailbox.settings) as transport:
        rest = fetch_all(transport)
        transport.move([each.ref for each in rest], "Done")
    assert mailbox.mails() == []
    assert set(mailbox.mails("Done")) == set(MAILS)


@pytest.mark.req("FT-19")
def test_a_server_that_stalls_in_a_mail_is_given_up(dovecot: Mailbox, new_proxy: NewProxy) -> None:
    dovecot.deliver(MAILS[0] * 10)
    proxy = new_proxy(dovecot.port, stall_after=8000)

    with given_up_within(4) as failure, imap(dovecot.settings, port=proxy.port, timeout=1) as transport:
        fetch_all(transport)

    assert (failure.value.field, failure.value.permanent) == ("timeout_ms", False)


@pytest.mark.req("FT-20")
@pytest.mark.parametrize("drip_after", [0, 900, 8000], ids=["greeting", "sign-in", "mail"])
def test_a_trickle_does_not_extend_the_deadline(dovecot: Mailbox, new_proxy: NewProxy, drip_after: int) -> None:
    dovecot.deliver(MAILS[0] * 10)
    proxy = new_proxy(dovecot.port, drip_after=drip_after)

    with given_up_within(4), imap(dovecot.settings, port=proxy.port, timeout=1) as transport:
        fetch_all(transport)


@pytest.mark.parametrize("encryption", ["tls", "starttls"])
def test_a_stalled_handshake_is_given_up(
    dovecot: Mailbox, new_proxy: NewProxy, trusted_authority: object, encryption: str
) -> None:
    port = dovecot.tls_port if encryption == "tls" else dovecot.port
    proxy = new_proxy(port, stall_after=200 if encryption == "tls" else 800)

    with (
        given_up_within(4),
        imap(dovecot.settings_over_tls, port=proxy.port, encryption=encryption, timeout=1),
    ):
        pass


@pytest.mark.req("FT-21")
def test_a_server_that_says_goodbye_in_a_fetch_is_tried_again_later(new_script: NewScript) -> None:
    server = new_script(answers={"UID FETCH": b"* 1 FETCH (UID 5 BODY[] {3}\r\none)\r\n* BYE going down\r\n"})

    with imap(server.settings) as transport, pytest.raises(TransportError) as failure:
        transport.epoch("INBOX")
        list(transport.fetch(REFS))

    assert not failure.value.permanent


@pytest.mark.parametrize("answer", [b"* BYE\r\n", b"TAG OK\r\n", b"", b"\x00\xff\r\n", b"* 1 FETCH (UID {3}\r\n"])
def test_a_broken_answer_breaks_nothing_else(new_script: NewScript, answer: bytes) -> None:
    for command in ("CAPABILITY", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID MOVE", "LIST"):
        server = new_script(answers={"UID SEARCH": b"* SEARCH 5 6\r\nTAG OK done\r\n", command: Stall(answer)})
        with pytest.raises(TransportError), imap(server.settings, timeout=0.3) as transport:
            transport.epoch("INBOX")
            transport.keys("INBOX")
            list(transport.fetch(REFS))
            transport.move(REFS, "Done")
            transport.folders()


UNREADABLE = [
    b"TAG OK nothing at all\r\n",
    b"* CAPABILITY \xff\r\n* SEARCH abc \xff 9999\r\n* LIST \xff\r\n* 1 FETCH \xff\r\nTAG OK done\r\n",
    b"* OK [UIDVALIDITY \xff] \xff\r\n* 1 FETCH (UID 5 BODY[] {%b}\r\n" % (b"9" * 5000) + b"TAG OK done\r\n",
    b'* LIST () "/" {3}\r\n&x-\r\n* 1 FETCH ({1}\r\nx {1}\r\nx)\r\nTAG OK done\r\n',
    b"TAG NO \xff\r\n",
    b"TAG BAD [\xff\r\n",
]


@pytest.mark.parametrize("answer", UNREADABLE)
@pytest.mark.parametrize("command", ["CAPABILITY", "LOGIN", "SELECT", "UID SEARCH", "UID FETCH", "UID MOVE", "LIST"])
def test_an_answer_nobody_can_read_is_at_worst_a_transport_error(
    new_script: NewScript, command: str, answer: bytes
) -> None:
    server = new_script(answers={"UID SEARCH": b"* SEARCH 5 6\r\nTAG OK done\r\n", command: answer})

    with suppress(TransportError), imap(server.settings, timeout=0.5) as transport:
        transport.epoch("INBOX")
        transport.folders()
        transport.keys("INBOX")
        list(transport.describe(REFS))
        list(transport.fetch(REFS))
        transport.move(REFS, "Done")


# --- The answers --------------------------------------------------------------------------------


@pytest.mark.req("FT-22")
def test_a_huge_mail_is_refused_before_it_is_read(new_script: NewScript) -> None:
    server = new_script(answers={"UID FETCH": Stall(b"* 1 FETCH (UID 5 BODY[] {4294967296}\r\nbegin")})

    with imap(server.settings) as transport, given_up_within(2) as failure:
        transport.epoch("INBOX")
        list(transport.fetch(REFS))

    assert "far more than it had announced" in str(failure.value)


def test_room_grows_with_the_announced_size(new_script: NewScript, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailchannel.network.imap_wire.ROOM", 1000)
    mail = b"x" * 3000
    server = new_script(answers={"UID FETCH": b"* 1 FETCH (UID 5 BODY[] {3000}\r\n" + mail + b")\r\nTAG OK done\r\n"})

    with imap(server.settings) as transport:
        transport.epoch("INBOX")
        assert [each.raw for each in transport.fetch(REFS, expect_bytes=2800)] == [mail]
        with pytest.raises(TransportError, match="far more than it had announced"):
            list(transport.fetch(REFS))


@pytest.mark.req("FT-23")
@pytest.mark.parametrize(
    "answer",
    [
        b"* 1 FETCH (UID 9 BODY[] {3}\r\none)\r\n",
        b"* 1 FETCH (BODY[] {3}\r\none)\r\n",
        b"* 1 FETCH (UID 5 BODY[] {3}\r\none)\r\n* 2 FETCH (UID 5 BODY[] {3}\r\ntwo)\r\n",
    ],
    ids=["another UID", "no UID", "one UID twice"],
)
def test_a_body_that_was_not_asked_for_is_never_used(new_script: NewScript, answer: bytes) -> None:
    server = new_script(answers={"UID FETCH": b"* 2 FETCH (UID 6 BODY[] {2}\r\nok)\r\n" + answer + b"TAG OK done\r\n"})
    taken = []

    with imap(server.settings) as transport, pytest.raises(TransportError, match="something else than was asked"):
        transport.epoch("INBOX")
        taken.extend(transport.fetch(REFS))

    assert taken == []


@pytest.mark.req("PR-06")
def test_lines_nobody_asked_for_do_not_mix_up_mails(new_script: NewScript) -> None:
    noise = b"* 9 EXISTS\r\n* 3 EXPUNGE\r\n* 2 FETCH (FLAGS (\\Seen))\r\n* 8 FETCH (UID 88 FLAGS (\\Deleted))\r\n"
    one = b"* 1 FETCH (UID 5 BODY[] {3}\r\none)\r\n"
    six = b"* 2 FETCH (BODY[] {3}\r\nsix UID 6 FLAGS ())\r\n"
    server = new_script(answers={"UID FETCH": noise + one + noise + six + noise + b"TAG OK done\r\n"})

    with imap(server.settings) as transport:
        transport.epoch("INBOX")
        assert [(each.ref.key, each.raw) for each in transport.fetch(REFS)] == [("5", b"one"), ("6", b"six")]


@pytest.mark.req("FT-41")
def test_a_server_that_says_no_because_some_are_gone_still_gave_the_others(new_script: NewScript) -> None:
    answer = b"* 1 FETCH (UID 5 BODY[] {3}\r\none)\r\nTAG NO [EXPUNGEISSUED] some are gone\r\n"
    server = new_script(answers={"UID FETCH": answer})

    with imap(server.settings) as transport:
        transport.epoch("INBOX")
        assert [each.ref.key for each in transport.fetch(REFS)] == ["5"]


@pytest.mark.req("PR-10")
def test_the_bytes_are_stored_as_they_came(new_script: NewScript) -> None:
    odd = b"A: \x00\r\n\r\nlone\rlone\n)\r\n* 1 FETCH\r\n"
    server = new_script(
        answers={"UID FETCH": b"* 1 FETCH (UID 5 BODY[] {%d}\r\n%b)\r\nTAG OK done\r\n" % (len(odd), odd)}
    )

    with imap(server.settings) as transport:
        transport.epoch("INBOX")
        assert [each.raw for each in transport.fetch(REFS)] == [odd]


@pytest.mark.req("FT-26")
@pytest.mark.parametrize("answer", [b"* 3 EXISTS\r\nTAG OK done\r\n", b"* OK [UIDVALIDITY 0] no\r\nTAG OK done\r\n"])
def test_without_uidvalidity_no_key_outlives_the_connection(new_script: NewScript, answer: bytes) -> None:
    server = new_script(answers={"SELECT": answer})

    with imap(server.settings) as transport:
        assert transport.epoch("INBOX") != transport.epoch("INBOX")


# --- The commands -------------------------------------------------------------------------------


@pytest.mark.req("PR-01")
def test_abilities_announced_after_signing_in_are_seen(dovecot: Mailbox, new_proxy: NewProxy) -> None:
    proxy = new_proxy(dovecot.port)
    dovecot.create("Done")
    dovecot.deliver_all(MAILS)

    with imap(dovecot.settings, port=proxy.port) as transport:
        transport.move([each.ref for each in fetch_all(transport)], "Done")

    assert b"UID MOVE 1,2,3" in proxy.said
    assert b"COPY" not in proxy.said


@pytest.mark.parametrize("hidden", [(), ("MOVE",), ("MOVE", "UIDPLUS")])
def test_a_batch_is_one_round_trip_and_a_folder_is_never_expunged(
    new_mailbox: NewMailbox, new_proxy: NewProxy, hidden: tuple[str, ...]
) -> None:
    mailbox = new_mailbox(Options(hidden=hidden))
    proxy = new_proxy(mailbox.port)
    mailbox.create("Done")
    mailbox.deliver_all(MAILS)

    with imap(mailbox.settings, port=proxy.port) as transport:
        fetched = fetch_all(transport)
        transport.move([each.ref for each in fetched], "Done")

    commands = [line.partition(b" ")[2] for line in proxy.said.split(b"\r\n")]
    assert len([command for command in commands if b"BODY.PEEK[]" in command]) == 1
    assert not [command for command in commands if command.startswith((b"EXPUNGE", b"CLOSE", b"STORE", b"FETCH"))]


@pytest.mark.req("PR-05")
def test_searching_names_no_charset(dovecot: Mailbox, new_proxy: NewProxy) -> None:
    proxy = new_proxy(dovecot.port)

    with imap(dovecot.settings, port=proxy.port) as transport:
        fetch_all(transport)

    assert b"CHARSET" not in proxy.said.upper()


@pytest.mark.req("FT-11", "FT-12")
@pytest.mark.parametrize(
    ("place", "copies"), [("imap.copied", 2), ("imap.flag_deleted", 1), ("imap.expunged", 1), ("imap.moved", 1)]
)
def test_a_move_broken_off_anywhere_can_be_repeated(
    new_mailbox: NewMailbox, failpoint: Callable[[str], None], place: str, copies: int
) -> None:
    mailbox = new_mailbox(Options(hidden=() if place == "imap.moved" else ("MOVE",)))
    mailbox.create("Done")
    theirs = mailbox.deliver(b"theirs\r\n", flags=[r"\Deleted"])
    mailbox.deliver(MAILS[0])
    with imap(mailbox.settings) as transport:
        refs = [each.ref for each in fetch_all(transport)]

    failpoint(f"{place}:1:raise")
    for attempt in ("broken off", "again"):
        with imap(mailbox.settings) as transport:
            if attempt == "broken off":
                with pytest.raises(RuntimeError):
                    transport.move(refs, "Done")
            else:
                transport.move(refs, "Done")

    assert mailbox.mails("Done") == [MAILS[0]] * copies
    assert mailbox.uids() == [theirs]


@pytest.mark.req("PR-03")
@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("text", ["x\r\nA9 DELETE INBOX", "x\ny", "x\x00y"])
def test_a_line_break_in_a_setting_never_reaches_the_server(new_script: NewScript, field: str, text: str) -> None:
    server = new_script(capabilities="IMAP4rev1 AUTH=PLAIN")

    with pytest.raises(TransportError) as failure, imap(server.settings, **{field: text}):
        pass

    assert (failure.value.field, failure.value.permanent) == (field, True)
    assert set(server.commands) <= {"CAPABILITY", "LOGOUT"}


def test_a_key_that_would_become_a_command_never_reaches_the_server(new_script: NewScript) -> None:
    server = new_script()
    forged = [MessageRef("INBOX", "5\r\nA9 DELETE INBOX", "7")]

    for attempt in (lambda t: list(t.fetch(forged)), lambda t: t.move(forged, "Done")):
        with imap(server.settings) as transport, pytest.raises(TransportError, match="was not sent"):
            transport.epoch("INBOX")
            attempt(transport)

    assert not [command for command in server.commands if "DELETE" in command or command.startswith("UID")]


@pytest.mark.req("PR-03")
@pytest.mark.parametrize("password", ['with "quotes"', "back\\slash", "Pässwörd €", "%s {5} (*)"])
def test_passwords_may_hold_any_letter(new_mailbox: NewMailbox, password: str) -> None:
    mailbox = new_mailbox(password=password)

    with imap(mailbox.settings) as transport:
        assert transport.epoch("INBOX")


# --- Signing in and encryption ------------------------------------------------------------------


@pytest.mark.req("SE-02")
@pytest.mark.parametrize("password", ["hunter2", 'hunter2"\\'])
def test_a_password_the_server_repeats_is_not_shown(new_script: NewScript, password: str) -> None:
    escaped = password.replace("\\", "\\\\").replace('"', '\\"')
    server = new_script(answers={"LOGIN": f'TAG NO cannot LOGIN "support" "{escaped}"\r\n'.encode()})

    with (
        pytest.raises(TransportError, match=r'cannot LOGIN "support" "\*\*\*"') as failure,
        imap(server.settings, password=password),
    ):
        pass

    assert (failure.value.field, failure.value.permanent) == ("password", True)


def test_a_server_in_trouble_does_not_blame_the_password(new_script: NewScript) -> None:
    server = new_script(answers={"LOGIN": b"TAG NO [UNAVAILABLE] backend is down\r\n"})

    with pytest.raises(TransportError, match="backend is down") as failure, imap(server.settings):
        pass

    assert (failure.value.field, failure.value.permanent) == ("", False)


def test_a_server_that_wants_encryption_first_is_understood(new_script: NewScript) -> None:
    server = new_script(capabilities="IMAP4rev1 LOGINDISABLED STARTTLS")

    with pytest.raises(TransportError, match="takes no password") as failure, imap(server.settings):
        pass

    assert failure.value.field == "encryption"
    assert not [command for command in server.commands if command.startswith("LOGIN")]


@pytest.mark.req("PR-30")
@pytest.mark.parametrize(
    "script",
    [
        {},
        {"greeting": b"* PREAUTH welcome\r\n"},
        {"greeting": b"* PREAUTH welcome\r\n", "capabilities": "IMAP4rev1 STARTTLS"},
        {"capabilities": "IMAP4rev1 STARTTLS", "answers": {"STARTTLS": b"TAG NO not now\r\n"}},
    ],
    ids=["not offered", "let in at once", "let in at once, yet offered", "refused"],
)
def test_without_starttls_the_password_stays_here(new_script: NewScript, script: dict[str, Any]) -> None:
    server = new_script(**script)

    with pytest.raises(TransportError, match="does not offer STARTTLS") as failure:
        imap(server.settings, encryption="starttls").__enter__()

    assert (failure.value.field, failure.value.permanent) == ("encryption", True)
    assert "hunter2-secret" not in " ".join(server.commands)


@pytest.mark.req("PR-31")
def test_what_was_slipped_in_before_the_encryption_is_forgotten(
    new_script: NewScript, certificate: Pair, trusted_authority: object
) -> None:
    server = new_script(
        capabilities="IMAP4rev1 STARTTLS",
        context=server_context(certificate),
        starttls_answer=b"TAG OK go on\r\n* CAPABILITY IMAP4rev1 MOVE LOGINDISABLED\r\n",
    )

    with imap(server.settings, host="localhost", encryption="starttls") as transport:
        assert "can neither move" in transport.notes()[-1]


@pytest.mark.req("PR-29", "S2-11")
@pytest.mark.parametrize(
    ("host", "expired", "trusted", "words"),
    [
        ("localhost", False, False, "authority this machine does not trust"),
        ("localhost", True, True, "has expired"),
        ("other.example", False, True, "belongs to another host name"),
    ],
)
def test_a_bad_certificate_is_named(
    new_script: NewScript,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    words: str,
    *,
    expired: bool,
    trusted: bool,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    server = new_script(context=server_context(authority.issue(host, expired=expired)), implicit_tls=True)

    with pytest.raises(TransportError, match=words) as failure:
        imap(server.settings, host="localhost", encryption="tls").__enter__()

    assert failure.value.field == "encryption"
    assert server.commands == []


@pytest.mark.req("PR-29")
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_outdated_encryption_is_named(new_script: NewScript, certificate: Pair, trusted_authority: object) -> None:
    outdated = server_context(certificate)
    outdated.set_ciphers("ALL:@SECLEVEL=0")
    outdated.minimum_version = ssl.TLSVersion.TLSv1
    outdated.maximum_version = ssl.TLSVersion.TLSv1_1
    server = new_script(context=outdated, implicit_tls=True)

    with pytest.raises(TransportError, match="too old to be safe"):
        imap(server.settings, host="localhost", encryption="tls").__enter__()


@pytest.mark.req("SS-04")
def test_closed_silent_and_foreign_ports_read_the_same(new_script: NewScript, dovecot: Mailbox) -> None:
    ports = [
        1,
        new_script(greeting=b"").port,
        new_script(greeting=b"HTTP/1.1 400 Bad Request\r\n\r\n").port,
        new_script(greeting=b"220 smtp.example ready\r\n").port,
    ]
    seen = set()

    for port in ports:
        with pytest.raises(TransportError) as failure:
            imap(dovecot.settings, port=port, timeout=0.3).__enter__()
        seen.add((str(failure.value).replace(f"port {port}.", "port N."), failure.value.field, failure.value.permanent))

    assert len(seen) == 1


def test_a_server_that_turns_us_away_is_quoted(new_script: NewScript) -> None:
    server = new_script(greeting=b"* BYE too many connections\r\n")

    with pytest.raises(TransportError, match="too many connections"):
        imap(server.settings).__enter__()


# All the way


@pytest.mark.django_db(transaction=True)
def test_a_mail_that_is_listed_and_not_handed_over_is_counted(new_script: NewScript, new_server: NewServer) -> None:
    listed = b'* 1 FETCH (UID 5 RFC822.SIZE 90 INTERNALDATE "01-Mar-2026 10:00:00 +0000" FLAGS ())\r\nTAG OK done\r\n'
    box = new_script(answers={"UID SEARCH": b"* SEARCH 5 6\r\nTAG OK done\r\n", "UID FETCH": listed})

    report = fetch(new_server(box))

    assert (report.error, report.fetched) == ("", 0)
    assert FetchRun.objects.get().counts == {"not handed over": 2}  # the text of one, and all of the other
