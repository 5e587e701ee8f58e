"""POP3 servers and lines at their worst: the mail stays whole, nothing is deleted by mistake, the words stay useful."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import User

from mailchannel.models import FetchRun
from mailchannel.network import pop3_client
from mailchannel.services import debug
from mailchannel.services.check import Candidate, check
from mailchannel.services.fetch import fetch
from mailchannel.transports import Fetched, MessageRef, TransportError
from mailchannel.transports.pop3 import Pop3
from tests.contract.test_imap_faults import MAILS, given_up_within
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.certificates import Authority, Pair, server_context
from tests.servers.dovecot import Options
from tests.servers.faulty import Stall
from tests.servers.fixtures import NewMailbox, NewProxy
from tests.servers.identity import IdentityProvider
from tests.servers.mailbox import Mailbox, Pop3Mailbox
from tests.servers.pop3 import Pop3Server
from tests.servers.ways import way
from tickets.models import Ticket

pytestmark = pytest.mark.slow

ONE, TWO = b"Subject: one\r\n\r\nfirst\r\n", b"Subject: two\r\n\r\nsecond\r\n"
NewPop3 = Callable[..., Pop3Server]


@pytest.fixture
def new_pop3() -> Iterator[NewPop3]:
    """`new_pop3({"name": b"mail"}, answers={"RETR 2": b"-ERR no\\r\\n"})`"""
    with ExitStack() as running:
        yield lambda *mails, **script: running.enter_context(Pop3Server(*mails, **script))


@pytest.fixture
def pop3_mailbox(dovecot: Mailbox) -> Pop3Mailbox:
    return Pop3Mailbox.of(dovecot)


def pop3(settings: dict[str, Any], *, timeout: float = 5, token: Any = None, **changed: Any) -> Pop3:
    return Pop3({**settings, **changed}, way(timeout, token=token))


def refs(transport: Pop3) -> list[MessageRef]:
    epoch = transport.epoch("INBOX")
    return [MessageRef("INBOX", key, epoch) for key in transport.keys("INBOX")]


def fetch_all(transport: Pop3) -> list[Fetched]:
    return list(transport.fetch(refs(transport)))


# --- The line ----------------------------------------------------------------------------------


@pytest.mark.req("FT-18")
def test_a_line_cut_anywhere_loses_and_shortens_nothing(pop3_mailbox: Pop3Mailbox, new_proxy: NewProxy) -> None:
    pop3_mailbox.deliver_all(MAILS)
    cuts, seen = 0, set[bytes]()

    for cut_after in range(40, 12_000, 500):
        proxy = new_proxy(pop3_mailbox.pop3_port, cut_after=cut_after)
        try:
            with pop3(pop3_mailbox.settings, port=proxy.port) as transport:
                fetched = fetch_all(transport)
                seen |= {each.raw for each in fetched}
                transport.remove([each.ref for each in fetched])
        except TransportError:
            cuts += 1

    assert cuts > 10
    with pop3(pop3_mailbox.settings) as transport:
        rest = fetch_all(transport)
        seen |= {each.raw for each in rest}
        transport.remove([each.ref for each in rest])
    assert (pop3_mailbox.mails(), seen) == ([], set(MAILS))


@pytest.mark.req("FT-19")
def test_a_server_that_stalls_in_a_mail_is_given_up(pop3_mailbox: Pop3Mailbox, new_proxy: NewProxy) -> None:
    pop3_mailbox.deliver(MAILS[0] * 10)
    proxy = new_proxy(pop3_mailbox.pop3_port, stall_after=8000)

    with given_up_within(4) as failure, pop3(pop3_mailbox.settings, port=proxy.port, timeout=1) as transport:
        fetch_all(transport)

    assert (failure.value.field, failure.value.permanent) == ("timeout_ms", False)


@pytest.mark.req("FT-20")
@pytest.mark.parametrize("drip_after", [0, 150, 8000], ids=["greeting", "sign-in", "mail"])
def test_a_trickle_does_not_extend_the_deadline(
    pop3_mailbox: Pop3Mailbox, new_proxy: NewProxy, drip_after: int
) -> None:
    pop3_mailbox.deliver(MAILS[0] * 10)
    proxy = new_proxy(pop3_mailbox.pop3_port, drip_after=drip_after)

    with given_up_within(4), pop3(pop3_mailbox.settings, port=proxy.port, timeout=1) as transport:
        fetch_all(transport)


UNREADABLE = [
    b"+OK\r\n",
    b"+OK\r\n\xff\r\n1\r\n.\r\n",
    b"+OK\r\n1 " + b"9" * 4000 + b"\r\n.\r\n",
    b"+OK\r\n1 -1\r\n.\r\n",
    b"+OK\r\nx y\r\n" + b"9" * 5000 + b" z\r\n.\r\n",
    b"-ERR \xff\r\n",
    b"* OK IMAP4rev1\r\n",
    b"\x00\r\n",
    b"\r\n",
]


@pytest.mark.parametrize("answer", UNREADABLE)
@pytest.mark.parametrize("command", ["CAPA", "USER", "PASS", "UIDL", "LIST", "TOP", "RETR", "DELE", "QUIT", "STAT"])
def test_an_answer_nobody_can_read_is_at_worst_a_transport_error(
    new_pop3: NewPop3, command: str, answer: bytes
) -> None:
    server = new_pop3({"a": ONE}, answers={command: answer})

    with suppress(TransportError), pop3(server.settings, timeout=0.5) as transport:
        transport.notes()
        fetched = fetch_all(transport)
        list(transport.describe([each.ref for each in fetched]))
        list(transport.fetch_headers([each.ref for each in fetched]))
        transport.remove([each.ref for each in fetched])


@pytest.mark.req("FT-22")
def test_a_mail_without_an_end_is_given_up(new_pop3: NewPop3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mailchannel.network.pop3_wire.ROOM", 10_000)
    server = new_pop3({"a": ONE}, answers={"RETR": Stall(b"+OK\r\n" + b"x" * 20_000)})

    with pop3(server.settings) as transport, given_up_within(3) as failure:
        fetch_all(transport)

    assert "far more than it had announced" in str(failure.value)


def test_after_a_silence_the_next_visit_is_told_by_what_happens_there(new_pop3: NewPop3) -> None:
    server = new_pop3({"a": ONE}, answers={"RETR": [Stall(b"")], "DELE": b"-ERR not allowed\r\n"})

    with pop3(server.settings, timeout=0.5) as transport:
        found = refs(transport)
        with pytest.raises(TransportError, match="stopped answering"):
            list(transport.fetch(found))
        with pytest.raises(TransportError, match="did not delete mail: not allowed"):
            transport.remove(found)


# --- Mails --------------------------------------------------------------------------------------


@pytest.mark.req("PR-11")
def test_a_line_of_any_length_is_read(pop3_mailbox: Pop3Mailbox) -> None:
    mails = [b"Subject: long\r\n\r\n" + b"x" * 5_000_000 + b"\r\n", TWO]
    pop3_mailbox.deliver_all(mails)

    with pop3(pop3_mailbox.settings) as transport:
        assert [each.raw for each in fetch_all(transport)] == mails


ODD = {
    "dots": b"A: b\r\n\r\n.\r\n..\r\n.x\r\n...\r\n",
    "a dot after a lone LF": b"A: b\r\n\r\nfoo\n.\r\nbar\n..\r\nend\r\n",
    "lone CR and LF": b"A: \x00\r\n\r\n\rlone\rlone\nlone\r\r\nlast\n\r\n",
    "nothing after the headers": b"A: b\r\n\r\n",
}


@pytest.mark.req("PR-10", "PR-16")
@pytest.mark.parametrize("mail", ODD.values(), ids=ODD)
def test_the_bytes_are_stored_as_they_came(new_pop3: NewPop3, mail: bytes) -> None:
    server = new_pop3({"a": mail, "b": TWO})

    with pop3(server.settings) as transport:
        assert [each.raw for each in fetch_all(transport)] == [mail, TWO]


@pytest.mark.req("PR-16")
def test_dots_and_a_missing_end_of_line_come_from_a_real_server(pop3_mailbox: Pop3Mailbox) -> None:
    pop3_mailbox.deliver_all([ODD["dots"], b"Subject: x\r\n\r\n.no end"])

    with pop3(pop3_mailbox.settings) as transport:
        found = [each.raw for each in fetch_all(transport)]

    assert found == [ODD["dots"], b"Subject: x\r\n\r\n.no end\r\n"]  # POP3 cannot say that an end is missing


def test_a_server_that_ends_lines_its_own_way_is_read(new_pop3: NewPop3) -> None:
    server = new_pop3({"a": ODD["dots"], "b": TWO}, end=b"\n")

    with pop3(server.settings) as transport:
        assert [each.raw for each in fetch_all(transport)] == [
            ODD["dots"].replace(b"\r\n", b"\n"),
            TWO.replace(b"\r\n", b"\n"),
        ]


@pytest.mark.req("PR-09", "S3-16")
def test_arrival_is_what_the_mail_server_wrote_on_top(pop3_mailbox: Pop3Mailbox, new_pop3: NewPop3) -> None:
    theirs = b"Received: from a by b; Thu, 01 Jan 2015 00:00:00 +0000\r\nDate: Thu, 01 Jan 1970 00:00:00 +0000\r\n\r\n"
    ours = b"Return-Path: <a@b>\r\nReceived: from c by d (x; y)\r\n\tid 1; Tue, 3 Feb 2026\r\n 05:05:06 +0100 (CET)\r\n"
    pop3_mailbox.deliver_all([ours + theirs, b"Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n\r\n"])

    with pop3(pop3_mailbox.settings) as transport:
        found = [each.received_at for each in transport.describe(refs(transport))]

    assert found == [datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC), None]


@pytest.mark.parametrize(("abilities", "tried"), [(("UIDL", "USER"), 0), (None, 1)], ids=["told", "no CAPA"])
def test_a_server_without_top_is_asked_for_the_whole_mail(new_pop3: NewPop3, abilities: Any, tried: int) -> None:
    server = new_pop3({"a": ONE, "b": ONE}, abilities=abilities, answers={"TOP": b"-ERR unknown\r\n"})

    with pop3(server.settings) as transport:
        assert [each.raw for each in transport.fetch_headers(refs(transport))] == [b"Subject: one\r\n\r\n"] * 2

    assert len([command for command in server.commands if command.startswith("TOP")]) == tried


@pytest.mark.req("PR-15")
def test_of_fifty_thousand_known_mails_only_the_names_are_asked(new_pop3: NewPop3) -> None:
    server = new_pop3({f"name-{number}": ONE for number in range(50_000)})

    with pop3(server.settings, timeout=30) as transport:
        assert len(refs(transport)) == 50_000

    assert server.commands == ["CAPA", "USER support", "PASS hunter2-secret", "CAPA", "UIDL", "QUIT"]


@pytest.mark.req("FT-41")
def test_a_mail_the_server_refuses_is_left_out_and_the_others_come(new_pop3: NewPop3) -> None:
    server = new_pop3({"a": ONE, "b": TWO}, answers={"RETR 1": b"-ERR message was expunged\r\n"})

    with pop3(server.settings) as transport:
        assert [each.ref.key for each in fetch_all(transport)] == ["b"]


def test_a_server_that_can_hand_out_nothing_for_now_says_so(new_pop3: NewPop3) -> None:
    server = new_pop3({"a": ONE}, answers={"RETR": b"-ERR [SYS/TEMP] storage is down\r\n"})

    with pop3(server.settings) as transport, pytest.raises(TransportError, match="storage is down") as failure:
        fetch_all(transport)

    assert not failure.value.permanent


# --- Names --------------------------------------------------------------------------------------


@pytest.mark.req("PR-13")
@pytest.mark.parametrize("abilities", [("USER", "TOP"), ("USER",), None], ids=["TOP", "no TOP", "no CAPA"])
def test_without_uidl_mails_are_told_apart_by_their_headers(new_pop3: NewPop3, abilities: Any) -> None:
    server = new_pop3({"a": ONE, "b": TWO, "c": ONE}, abilities=abilities, answers={"UIDL": b"-ERR unknown\r\n"})

    with pop3(server.settings) as transport:
        before = refs(transport)
        assert "no names of their own" in transport.notes()[-1]
    del server.mails["a"]
    server.mails["d"] = b"Subject: new\r\n\r\n"
    server.mails["b"] = b"Status: RO\r\n" + TWO  # some servers write that they have been read
    with pop3(server.settings) as transport:
        after = refs(transport)

        one, two, copy = (ref.key for ref in before)
        assert copy == f"{one} 2"
        assert [ref.key for ref in after][:2] == [two, one]
        assert after[2] not in before
        transport.remove(after[:1])
    assert list(server.mails) == ["c", "d"]


def test_a_server_in_trouble_is_not_taken_for_one_without_names(new_pop3: NewPop3) -> None:
    server = new_pop3({"a": ONE}, abilities=None, answers={"UIDL": b"-ERR [SYS/TEMP] storage is down\r\n"})

    with pytest.raises(TransportError, match="storage is down"), pop3(server.settings) as transport:
        transport.epoch("INBOX")


def test_names_no_server_should_give_are_harmless(new_pop3: NewPop3) -> None:
    listing = b"+OK\r\n1 \x00\xff\r\n2 %b\r\n3 same\r\n4 same extra\r\n.\r\n" % (b"x" * 3000)
    server = new_pop3({"a": ONE, "b": TWO, "c": ONE, "d": TWO}, answers={"UIDL": listing})

    with pop3(server.settings) as transport:
        fetched = fetch_all(transport)

    assert [each.raw for each in fetched] == [ONE, TWO, ONE, TWO]
    keys = [each.ref.key for each in fetched]
    assert len(set(keys)) == 4
    assert all(key.isprintable() and len(key) < 80 for key in keys)


def test_a_key_of_somebody_elses_making_never_reaches_the_server(new_pop3: NewPop3) -> None:
    server = new_pop3({"a": ONE})
    forged = [MessageRef("INBOX", "1\r\nDELE 1", "uidl")]

    with pop3(server.settings) as transport:
        assert list(transport.fetch(forged)) == []
        assert transport.remove(forged)

    assert "DELE 1" not in server.commands


def test_there_is_one_folder(new_pop3: NewPop3) -> None:
    with pop3(new_pop3().settings) as transport:
        assert [folder.name for folder in transport.folders()] == ["INBOX"]
        for ask in (transport.epoch, transport.keys):
            with pytest.raises(TransportError, match="one folder only") as failure:
                ask("Archive")
            assert failure.value.permanent


# --- Deleting -----------------------------------------------------------------------------------


@pytest.mark.req("S4-09")
def test_mail_is_deleted_by_name_and_in_batches(new_pop3: NewPop3, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pop3_client, "AT_ONCE", 2)
    server = new_pop3({name: ONE for name in "abcdef"})

    with pop3(server.settings) as transport:
        a, b, c, d, e, _ = refs(transport)
        assert transport.remove([a, c, e])
        assert transport.remove([a, c, e])
        assert transport.remove([b, d])
        assert transport.keys("INBOX") == ["f"]

    assert list(server.mails) == ["f"]
    marked = [[line for line in visit if line.startswith(("DELE", "QUIT"))] for visit in server.visits]
    assert marked == [["DELE 1", "DELE 3", "QUIT"], ["DELE 3", "QUIT"], ["DELE 1", "DELE 2", "QUIT"], ["QUIT"]]


@pytest.mark.req("S4-09")
def test_one_visit_is_enough_to_fetch_and_delete(new_pop3: NewPop3) -> None:
    server = new_pop3({"a": ONE, "b": TWO})

    with pop3(server.settings) as transport:
        transport.remove([each.ref for each in fetch_all(transport)])

    assert (len(server.visits), server.mails) == (1, {})


@pytest.mark.req("PR-12")
@pytest.mark.parametrize("command", ["RETR 2", "DELE 2"])
@pytest.mark.parametrize("answer", [b"nonsense\r\n", b"-ER\r\n+OK\r\n.\r\n", Stall(b"+O")], ids=["", "more", "half"])
def test_after_a_broken_answer_nothing_more_is_said(new_pop3: NewPop3, command: str, answer: bytes | Stall) -> None:
    server = new_pop3({"a": ONE, "b": TWO}, answers={command: answer})

    with pytest.raises(TransportError), pop3(server.settings, timeout=0.5) as transport:
        transport.remove([each.ref for each in fetch_all(transport)])

    assert server.commands[-1] == command
    assert list(server.mails) == ["a", "b"]


@pytest.mark.req("PR-12", "FT-14")
@pytest.mark.parametrize("command", ["DELE 2", "QUIT"])
def test_what_the_server_refuses_to_delete_counts_as_still_there(new_pop3: NewPop3, command: str) -> None:
    server = new_pop3({"a": ONE, "b": TWO}, answers={command: [b"-ERR [SYS/PERM] not allowed\r\n"]})

    with pop3(server.settings) as transport:
        both = refs(transport)
        with pytest.raises(TransportError, match="did not delete mail: .*not allowed") as failure:
            transport.remove(both)
        assert (failure.value.field, failure.value.permanent) == ("folders", False)
        assert list(server.mails) == ["a", "b"]

        assert [each.raw for each in transport.fetch(both)] == [ONE, TWO]  # in a new visit
        assert transport.remove(both)
    assert server.mails == {}


@pytest.mark.req("FT-14", "FT-15")
@pytest.mark.parametrize(("place", "left"), [("pop3.marked", 2), ("pop3.deleted", 0)])
def test_a_deletion_broken_off_anywhere_can_be_repeated(
    pop3_mailbox: Pop3Mailbox, failpoint: Callable[[str], None], place: str, left: int
) -> None:
    pop3_mailbox.deliver_all([ONE, TWO])
    failpoint(f"{place}:1:raise")

    with pop3(pop3_mailbox.settings) as transport:
        both = refs(transport)
        with pytest.raises(RuntimeError):
            transport.remove(both)
    assert len(pop3_mailbox.mails()) == left

    with pop3(pop3_mailbox.settings) as transport:
        assert transport.remove(both)
    assert pop3_mailbox.mails() == []


def test_leaving_deletes_nothing_by_itself(pop3_mailbox: Pop3Mailbox) -> None:
    pop3_mailbox.deliver_all([ONE, TWO])

    with pop3(pop3_mailbox.settings) as transport:
        both = [each.ref for each in fetch_all(transport)]
        assert not transport.move(both, "Processed")
        assert not transport.mark_read(both)

    assert pop3_mailbox.mails() == [ONE, TWO]


# --- Signing in ---------------------------------------------------------------------------------


@pytest.mark.req("PR-17")
@pytest.mark.parametrize(("code", "wait"), [("IN-USE", 30), ("LOGIN-DELAY", 60), ("SYS/TEMP", 0)])
def test_a_busy_mailbox_does_not_blame_the_password(new_pop3: NewPop3, code: str, wait: float) -> None:
    server = new_pop3(answers={"PASS": f"-ERR [{code}] somebody reads it\r\n".encode()})

    with pytest.raises(TransportError, match="somebody reads it") as failure, pop3(server.settings):
        pass

    assert (failure.value.field, failure.value.permanent, failure.value.wait) == ("", False, wait)
    assert len(server.visits) == 1


@pytest.mark.req("PR-17")
def test_a_mailbox_that_is_let_go_late_is_waited_for(new_pop3: NewPop3) -> None:
    busy = b"-ERR [IN-USE] still being closed\r\n"
    server = new_pop3({"a": ONE, "b": TWO}, answers={"PASS": [b"+OK\r\n", busy]})

    with pop3(server.settings) as transport:
        transport.remove(refs(transport)[:1])
        assert transport.keys("INBOX") == ["b"]

    assert len(server.visits) == 3


@pytest.mark.req("SE-02")
def test_a_password_the_server_repeats_is_not_shown(new_pop3: NewPop3) -> None:
    server = new_pop3(answers={"PASS": b"-ERR [AUTH] cannot PASS hunter2-secret\r\n"})

    with pytest.raises(TransportError, match=r"cannot PASS \*\*\*") as failure, pop3(server.settings):
        pass

    assert (failure.value.field, failure.value.permanent) == ("password", True)


@pytest.mark.req("PR-03")
@pytest.mark.parametrize("field", ["username", "password"])
@pytest.mark.parametrize("text", ["x\r\nDELE 1", "x\ny", "x\x00y"])
def test_a_line_break_in_a_setting_never_reaches_the_server(new_pop3: NewPop3, field: str, text: str) -> None:
    server = new_pop3()

    with pytest.raises(TransportError) as failure, pop3(server.settings, **{field: text}):
        pass

    assert (failure.value.field, failure.value.permanent) == (field, True)
    assert set(server.commands) <= {"CAPA", "QUIT"}


@pytest.mark.req("PR-03")
@pytest.mark.parametrize("password", ['with "quotes"', "back\\slash", "Pässwörd €", "%s {5} (*)"])
def test_passwords_may_hold_any_letter(new_mailbox: NewMailbox, password: str) -> None:
    mailbox = Pop3Mailbox.of(new_mailbox(password=password))

    with pop3(mailbox.settings) as transport:
        assert transport.epoch("INBOX") == "uidl"


def test_without_encryption_a_server_that_takes_no_password_is_given_none(new_pop3: NewPop3) -> None:
    server = new_pop3(abilities=("STLS", "UIDL"))

    with pytest.raises(TransportError, match="takes no password") as failure, pop3(server.settings):
        pass

    assert failure.value.field == "encryption"
    assert "hunter2-secret" not in " ".join(server.commands)


@pytest.mark.req("PR-30")
@pytest.mark.parametrize("script", [{"abilities": ("USER",)}, {"answers": {"STLS": b"-ERR not now\r\n"}}])
def test_without_starttls_the_password_stays_here(new_pop3: NewPop3, script: dict[str, Any]) -> None:
    server = new_pop3(**script)

    with (
        pytest.raises(TransportError, match="does not offer STARTTLS on port .*usually port 995") as failure,
        pop3(server.settings, encryption="starttls"),
    ):
        pass

    assert (failure.value.field, failure.value.permanent) == ("encryption", True)
    assert "hunter2-secret" not in " ".join(server.commands)


@pytest.mark.req("PR-31")
def test_what_was_slipped_in_before_the_encryption_is_forgotten(
    new_pop3: NewPop3, certificate: Pair, trusted_authority: object
) -> None:
    server = new_pop3(
        {"a": ONE}, context=server_context(certificate), answers={"STLS": b"+OK go on\r\n+OK\r\nUIDL\r\n.\r\n"}
    )

    with pop3(server.settings, host="localhost", encryption="starttls") as transport:
        assert [each.raw for each in fetch_all(transport)] == [ONE]


@pytest.mark.req("PR-29", "S2-11")
@pytest.mark.parametrize("encryption", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("host", "expired", "trusted", "words"),
    [
        ("localhost", False, False, "authority this machine does not trust"),
        ("localhost", True, True, "has expired"),
        ("other.example", False, True, "belongs to another host name"),
    ],
)
def test_a_bad_certificate_is_named(
    new_pop3: NewPop3,
    authority: Authority,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    words: str,
    encryption: str,
    *,
    expired: bool,
    trusted: bool,
) -> None:
    if trusted:
        monkeypatch.setenv("SSL_CERT_FILE", str(authority.bundle))
    pair = authority.issue(host, expired=expired)
    server = new_pop3(context=server_context(pair), implicit_tls=encryption == "tls")

    with (
        pytest.raises(TransportError, match=words) as failure,
        pop3(server.settings, host="localhost", encryption=encryption),
    ):
        pass

    assert failure.value.field == "encryption"
    assert "hunter2-secret" not in " ".join(server.commands)


@pytest.mark.req("SS-04")
def test_closed_silent_and_foreign_ports_read_the_same(new_pop3: NewPop3) -> None:
    greetings = [b"", b"HTTP/1.1 400 Bad Request\r\n", b"* OK IMAP4rev1", b"220 smtp.example ready"]
    ports = [1, *(new_pop3(greeting=greeting).port for greeting in greetings)]
    seen = set()

    for port in ports:
        with pytest.raises(TransportError) as failure, pop3(new_pop3().settings, port=port, timeout=0.3):
            pass
        seen.add((str(failure.value).replace(f"port {port}.", "port N."), failure.value.field, failure.value.permanent))

    assert len(seen) == 1


def test_a_server_that_turns_us_away_is_quoted(new_pop3: NewPop3) -> None:
    server = new_pop3(greeting=b"-ERR too many connections")

    with pytest.raises(TransportError, match="turned us away: too many connections"), pop3(server.settings):
        pass


@pytest.fixture(scope="module")
def provider(certificate: Pair) -> Iterator[IdentityProvider]:
    running = IdentityProvider(certificate).start()
    yield running
    running.stop()


@pytest.mark.req("S4-04")
@pytest.mark.parametrize("only", ["", "in one step"])
def test_mail_is_read_with_a_token(
    provider: IdentityProvider, new_mailbox: NewMailbox, new_pop3: NewPop3, only: str
) -> None:
    mailbox = Pop3Mailbox.of(new_mailbox(Options(token_key=provider.public_key)))
    mailbox.deliver(ONE)
    token = provider.token(mailbox.username, roles=["x" * 20] * 100)

    if only:
        server = new_pop3({"a": ONE}, abilities=("SASL XOAUTH2",), answers={"AUTH XOAUTH2": b"-ERR\r\n"})
        settings = {**server.settings, "password": ""}
    else:
        settings = {**mailbox.settings, "password": ""}
    with pop3(settings, token=lambda: token) as transport:
        assert [each.raw for each in fetch_all(transport)] == [ONE]


@pytest.mark.req("SE-02")
def test_a_refused_token_names_the_sign_in_and_shows_no_token(
    provider: IdentityProvider, new_mailbox: NewMailbox
) -> None:
    mailbox = Pop3Mailbox.of(new_mailbox(Options(token_key=provider.public_key)))
    wrong = provider.token("somebody@else.example")

    with (
        pytest.raises(TransportError, match="status 4") as failure,
        pop3({**mailbox.settings, "password": ""}, token=lambda: wrong),
    ):
        pass

    assert (failure.value.field, failure.value.permanent) == ("oauth-consent", True)
    assert wrong not in str(failure.value)


def test_a_server_without_tokens_is_told_apart(pop3_mailbox: Pop3Mailbox) -> None:
    with pytest.raises(TransportError, match="XOAUTH2") as failure, pop3(pop3_mailbox.settings, token=lambda: "t"):
        pass

    assert failure.value.field == "encryption"


# --- "Test connection" --------------------------------------------------------------------------


@pytest.mark.req("S1-21", "S2-13", "S3-17", "S4-02")
@pytest.mark.parametrize("encryption", ["tls", "starttls"])
def test_every_step_of_a_good_mailbox_is_told_in_its_order(
    pop3_mailbox: Pop3Mailbox, trusted_authority: object, encryption: str
) -> None:
    pop3_mailbox.deliver_all([ONE, TWO])
    settings = {**pop3_mailbox.settings_over_tls, "encryption": encryption}
    port = pop3_mailbox.pop3_tls_port if encryption == "tls" else pop3_mailbox.pop3_port

    findings = check(Candidate("pop3", {**settings, "port": port}, way(), "smtp", {}, way()))

    secured = ["✓ Encryption", "✓ Greeting"] if encryption == "tls" else ["✓ Greeting", "✓ Encryption"]
    reading = [each for each in findings if each.part == "Reading mail"]
    assert [f"{each.level.mark} {each.step}" for each in reading] == [
        *("✓ Name", "✓ Line", *secured, "✓ Before signing in", "✓ Sign-in", "✓ Abilities")
    ]
    assert reading[-1].text.startswith("“INBOX” holds 2 mails.")


@pytest.mark.req("S4-56")
@pytest.mark.parametrize("encryption", ["tls", "starttls"])
def test_a_bad_certificate_is_shown(
    new_pop3: NewPop3, authority: Authority, trusted_authority: object, encryption: str
) -> None:
    context = server_context(authority.issue("localhost", expired=True))
    server = new_pop3(context=context, implicit_tls=encryption == "tls")
    settings = {**server.settings, "host": "localhost", "encryption": encryption}

    findings = check(Candidate("pop3", settings, way(), "smtp", {}, way()))

    (bad,) = [each for each in findings if each.step == "Encryption"]
    assert "has expired" in bad.text and "It was issued for localhost" in bad.text


@pytest.mark.req("S4-56")
def test_a_mailbox_closed_to_pop3_is_told_from_a_wrong_password(new_pop3: NewPop3) -> None:
    closed = b"-ERR [SYS/PERM] Your account is not enabled for POP access.\r\n"
    server = new_pop3(answers={"PASS": closed})

    findings = check(Candidate("pop3", server.settings, way(), "smtp", {}, way()))

    (bad,) = [each for each in findings if each.step == "Sign-in"]
    assert (bad.field, bad.advice.partition(" in ")[0]) == ("", "Switch POP access on")


# All the way


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("command", ["RETR 1", "TOP 1 0"])
def test_a_mail_that_is_listed_and_not_handed_over_is_counted_and_named(
    new_pop3: NewPop3, new_server: NewServer, agent: User, command: str
) -> None:
    damaged = b"-ERR [SYS/PERM] this message is damaged\r\n"
    box = new_pop3({"spoiled": letter(subject="Lost"), "whole": letter(subject="Found")}, answers={command: damaged})
    server = new_server(box, protocol="pop3")
    debug.begin(server, hours=1, by=agent)

    reports = [fetch(server) for _ in range(2)]

    again, first = FetchRun.objects.all()
    assert [report.error for report in reports] == ["", ""]
    assert (first.counts, again.counts) == ({"opened": 1, "not handed over": 1}, {"not handed over": 1})
    assert "not handed over: spoiled\n" in again.log
    assert Ticket.objects.get().title == "Found"
