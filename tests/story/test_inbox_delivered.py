"""Mail that mail servers hand over: by SMTP, by LMTP, through a pipe."""

from __future__ import annotations

import smtplib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from helpdesk.ports import answers
from mailchannel.models import InboundMail, MailServer
from mailchannel.services import inbox, push
from mailchannel.smtp_in import conversation
from mailchannel.smtp_in.places import Place, place
from tests.contract.test_doors import forwarding, listener
from tests.fixtures import NewServer
from tests.letters import letter
from tests.running.processes import ROOT, environment, manage, migrated, running
from tests.servers.certificates import Authority, Pair
from tests.servers.fixtures import Failpoint
from tests.servers.loopback import HOST, free_port, wait_until
from tickets.models import Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

Talk = Callable[..., Any]


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    made, _ = forwarding(new_server, "smtp")
    return made


@contextmanager
def talking(kind: type[smtplib.SMTP] = smtplib.SMTP, **wanted: Any) -> Iterator[smtplib.SMTP]:
    port = free_port()
    where = {"lmtp" if kind is smtplib.LMTP else "smtp": Place(HOST, port)}
    with listener(**where, **wanted), closing(kind(HOST, port)) as line:
        line.ehlo_or_helo_if_needed()
        yield line


def lmtp_answers(line: smtplib.SMTP, recipients: list[str], raw: bytes) -> list[int]:
    """One for each recipient that was not refused at once."""
    line.mail("ann@customer.example")
    taken = [address for address in recipients if line.rcpt(address)[0] == 250]
    line.putcmd("DATA")
    assert line.getreply()[0] == 354
    line.send(smtplib._quote_periods(smtplib._fix_eols(raw.decode()).encode()) + b".\r\n")  # type: ignore[attr-defined]
    return [line.getreply()[0] for _ in taken]


# --- Recipients ---------------------------------------------------------------------------------


@pytest.mark.req("S0-37", "S0-43")
def test_an_inbox_is_found_by_all_its_addresses(server: MailServer) -> None:
    server.aliases.create(address="it-support@example.com")
    token = server.inbox_token

    with talking() as line:
        line.mail("ann@customer.example")
        said = {
            address: line.rcpt(address)[0]
            for address in (
                inbox.address(server),
                inbox.address(server).upper(),
                f"old-name.{token}@{inbox.inbound_domain()}",
                f"{token}@elsewhere.example",
                inbox.address(server).replace("@", "+hd-1041@"),
                "support@example.com",
                "Support+hd-1041@EXAMPLE.com",
                "it-support@example.com",
                "another@example.com",
                f"support.{token[:-1]}@testserver",
                f"support.{'a' * 24}@testserver",
            )
        }

    assert list(said.values()) == [250] * 8 + [550] * 3


def test_only_forwarding_inboxes_take_mail(new_server: NewServer) -> None:
    new_server()

    with talking() as line:
        line.mail("ann@customer.example")
        assert line.rcpt("support@example.com")[0] == 550


def test_a_draft_with_the_same_address_gives_way_to_what_is_published(new_server: NewServer) -> None:
    draft, _ = forwarding(new_server, "smtp", name="Draft", status="draft")
    live, _ = forwarding(new_server, "smtp", name="Live")

    assert inbox.recipient("support@example.com") == live
    live.delete()
    assert inbox.recipient("support@example.com") == draft


@pytest.mark.req("PR-28")
def test_lmtp_answers_each_recipient_for_itself(server: MailServer, new_server: NewServer) -> None:
    paused, _ = forwarding(new_server, "smtp", name="Paused", status="paused", address="paused@example.com")
    small = {"door": "smtp", "refuse_large": True}
    strict = new_server(
        protocol="forwarding",
        connection=small,
        name="Strict",
        address="strict@example.com",
        acceptance={"largest_mail_mb": 1},
    )
    to = ["support@example.com", "nobody@example.com", paused.address, strict.address, inbox.address(server)]

    with talking(smtplib.LMTP) as line:
        said = lmtp_answers(line, to, letter(body="x\r\n" * 500_000))

    assert said == [250, 451, 552, 250]
    assert InboundMail.objects.get().server == server


@pytest.mark.req("PR-28")
def test_lmtp_one_of_two_inboxes_in_trouble(server: MailServer, new_server: NewServer, failpoint: Failpoint) -> None:
    other, _ = forwarding(new_server, "smtp", name="Other", address="other@example.com")
    failpoint("keep.inserted:2:raise")

    with talking(smtplib.LMTP) as line:
        said = lmtp_answers(line, ["support@example.com", other.address], letter())

    assert said == [250, 451]
    assert InboundMail.objects.get().server == server


@pytest.mark.req("PR-26")
def test_smtp_says_one_word_for_all_and_a_repeat_doubles_nothing(
    server: MailServer, new_server: NewServer, failpoint: Failpoint
) -> None:
    other, _ = forwarding(new_server, "smtp", name="Other", address="other@example.com")
    raw, to = letter(), ["support@example.com", other.address]
    failpoint("keep.inserted:2:raise")

    with talking() as line:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            line.sendmail("ann@customer.example", to, raw)
        line.sendmail("ann@customer.example", to, raw)

    assert refused.value.smtp_code == 451
    assert sorted(InboundMail.objects.values_list("server__name", flat=True)) == ["Other", "Support"]


def test_what_is_too_large_for_one_of_several_is_taken_by_all(server: MailServer, new_server: NewServer) -> None:
    """SMTP has one word for all, and refusing the mail would take it from those that want it."""
    server.update(acceptance={"largest_mail_mb": 1}, connection={"door": "smtp", "refuse_large": True})
    other, _ = forwarding(new_server, "smtp", name="Other", address="other@example.com")
    raw = letter(body="x\r\n" * 500_000)

    with talking() as line:
        with pytest.raises(smtplib.SMTPDataError) as refused:
            line.sendmail("ann@customer.example", [server.address], raw)
        line.sendmail("ann@customer.example", [server.address, other.address], raw)

    assert refused.value.smtp_code == 552
    assert dict(InboundMail.objects.values_list("server__name", "headers_only")) == {"Support": True, "Other": False}


# --- The line -----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [smtplib.SMTP, smtplib.LMTP])
def test_bytes_come_through_as_they_are(kind: type[smtplib.SMTP], server: MailServer) -> None:
    long = "z" * 200_000 + "." + "y" * 65_534 + "\r\n" + "w" * 65_536
    raw = letter(body=f".\r\n..\r\n.x\r\nGrüße ☂\r\n{long}\r\n.\r\n").replace("☂".encode(), b"\xff\xfe\x00")

    with talking(kind) as line:
        line.sendmail("", [server.address], raw)

    assert InboundMail.objects.select_related("raw").get().raw.content == raw


@pytest.mark.parametrize("dot", [b"\n.\n", b"\n.\r\n", b"\r.\r", b"\r\n.\n", b"\r.\r\n", b"\r\n.\r"])
def test_only_one_sign_ends_a_mail_so_none_is_smuggled_in(dot: bytes, server: MailServer) -> None:
    inner = b"MAIL FROM:<x@evil.example>\r\nRCPT TO:<support@example.com>\r\nDATA\r\n" + letter(subject="smuggled")

    with talking() as line:
        line.mail("ann@customer.example")
        line.rcpt(server.address)
        line.putcmd("DATA")
        line.getreply()
        line.send(letter(subject="outer") + dot + inner + b"\r\n.\r\n")
        assert line.getreply()[0] == 250

    push.settle_server(server.pk)
    assert [row.subject for row in InboundMail.objects.all()] == ["outer"]


def test_a_line_that_breaks_in_the_middle_of_a_mail_leaves_nothing(server: MailServer) -> None:
    with talking() as line:
        line.mail("ann@customer.example")
        line.rcpt(server.address)
        line.putcmd("DATA")
        line.getreply()
        line.send(letter() + b"\r\n.")
        assert line.sock is not None
        line.sock.shutdown(socket.SHUT_RDWR)

    assert not InboundMail.objects.exists()


def test_whoever_hangs_up_before_the_answer_brings_it_again_and_it_is_one_mail(server: MailServer) -> None:
    """Whether it was kept the first time is chance; nobody was told so."""
    raw, port = letter(), free_port()
    with listener(smtp=Place(HOST, port)):
        with closing(smtplib.SMTP(HOST, port)) as line:
            line.helo()
            line.mail("ann@customer.example")
            line.rcpt(server.address)
            line.putcmd("DATA")
            line.getreply()
            line.send(raw + b".\r\n")
            assert line.sock is not None
            line.sock.shutdown(socket.SHUT_RDWR)
        with closing(smtplib.SMTP(HOST, port)) as line:
            line.sendmail("ann@customer.example", [server.address], raw)

    assert InboundMail.objects.select_related("raw").get().raw.content == raw


def test_too_many_lines_at_once_are_asked_to_come_again(server: MailServer) -> None:
    port = free_port()
    with listener(smtp=Place(HOST, port), connections=2):
        first, second = (smtplib.SMTP(HOST, port) for _ in "ab")
        with pytest.raises(smtplib.SMTPConnectError) as refused:
            smtplib.SMTP(HOST, port)
        first.quit()

        def free() -> bool:
            try:
                smtplib.SMTP(HOST, port).quit()
            except smtplib.SMTPConnectError:
                return False
            return True

        wait_until(free, what="a free line")
        second.quit()

    assert refused.value.smtp_code == 421


def test_commands_are_short_and_recipients_not_without_number(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation, "MOST_RECIPIENTS", 2)

    with talking() as line:
        assert line.docmd("MAIL", f"FROM:<{'x' * 2_000}@customer.example>")[0] == 500
        assert line.docmd("X" * 100_000)[0] == 500
        line.mail("ann@customer.example")
        words = [line.rcpt(f"support+{n}@example.com")[0] for n in range(3)]

    assert words == [250, 250, 452]


def test_without_a_recipient_there_is_no_mail(server: MailServer) -> None:
    with talking() as line:
        assert line.docmd("DATA")[0] == 503
        line.mail("ann@customer.example")
        assert line.docmd("DATA")[0] == 503


@pytest.mark.parametrize("kind", [smtplib.SMTP, smtplib.LMTP])
def test_with_a_certificate_the_line_is_encrypted(
    kind: type[smtplib.SMTP], server: MailServer, certificate: Pair, authority: Authority
) -> None:
    context = ssl.create_default_context(cafile=str(authority.bundle))

    with talking(kind, certificate=str(certificate.certificate), key=str(certificate.key)) as line:
        line._host = "localhost"  # type: ignore[attr-defined] - the name on the certificate
        assert line.has_extn("starttls")
        line.starttls(context=context)
        line.ehlo_or_helo_if_needed()
        line.sendmail("ann@customer.example", [server.address], letter())

    assert InboundMail.objects.count() == 1


def test_without_one_nobody_is_offered_encryption(server: MailServer) -> None:
    with talking() as line:
        assert not line.has_extn("starttls")


def test_a_mail_under_way_is_finished_before_the_listener_ends(server: MailServer) -> None:
    port = free_port()
    running = listener(smtp=Place(HOST, port))
    running.__enter__()
    with closing(smtplib.SMTP(HOST, port)) as line:
        line.helo()
        line.mail("ann@customer.example")
        line.rcpt(server.address)
        line.putcmd("DATA")
        line.getreply()
        ending = threading.Thread(target=lambda: running.__exit__(None, None, None))
        ending.start()
        wait_until(lambda: not answers(HOST, port), what="the end of listening")
        line.send(letter() + b"\r\n.\r\n")
        assert line.getreply()[0] == 250
    ending.join(20)

    assert InboundMail.objects.count() == 1


# --- Where to listen ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", None),
        ("127.0.0.1:2525", Place("127.0.0.1", 2525)),
        ("[::1]:24", Place("::1", 24)),
        ("unix:/run/mail.sock", Place(path="/run/mail.sock")),
    ],
)
def test_places_as_people_write_them(text: str, meant: Place | None) -> None:
    assert place(text) == meant
    assert meant is None or str(meant) == text


@pytest.mark.parametrize(
    "text", ["2525", "127.0.0.1", "127.0.0.1:0", "127.0.0.1:99999", ":25", "unix:mail.sock", "a:b"]
)
def test_what_is_no_place(text: str) -> None:
    with pytest.raises(ValueError, match="must look like"):
        place(text)


def test_a_socket_somebody_answers_at_is_left_to_them(tmp_path: Path) -> None:
    where = Place(path=str(tmp_path / "mail.sock"))

    with listener(lmtp=where):
        second = manage("listen_mail", env=environment(tmp_path, HELPDESK_LMTP_LISTEN=str(where)))
        assert second.returncode == 1
        assert f"Another program takes mail at {where}" in second.stderr
        assert greets_at(where)


def test_a_socket_left_by_a_process_that_was_killed_is_taken_over(tmp_path: Path) -> None:
    where = Place(path=str(tmp_path / "mail.sock"))
    with closing(socket.socket(socket.AF_UNIX)) as left:
        left.bind(where.path)

    with listener(lmtp=where):
        assert greets_at(where)


def greets_at(where: Place) -> bool:
    with closing(socket.socket(socket.AF_UNIX)) as line:
        line.settimeout(10)
        line.connect(where.path)
        return line.recv(100).startswith(b"220")


# --- The pipe -----------------------------------------------------------------------------------


def piped(environment: dict[str, str], raw: bytes, name: str = "Support") -> int:
    done = subprocess.run(
        [sys.executable, "manage.py", "receive_mail", "--server", name, "-"],
        cwd=ROOT,
        env=environment,
        input=raw,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode


@pytest.mark.slow
@pytest.mark.req("PR-26")
def test_whatever_goes_wrong_the_mta_keeps_the_mail(server: MailServer, command_environment: dict[str, str]) -> None:
    trouble: list[dict[str, str]] = [
        {"HELPDESK_FAILPOINT": "keep.inserted:1:raise"},
        {"DATABASE_URL": "sqlite:////nowhere/at/all.sqlite3"},
    ]

    assert [piped({**command_environment, **each}, letter()) for each in trouble] == [75, 75]
    assert piped(command_environment, letter(), name="Suport") == 75
    assert not InboundMail.objects.exists()


@pytest.mark.slow
@pytest.mark.req("PR-27", "WB-04")
def test_what_is_too_large_goes_back_only_where_that_was_chosen(
    server: MailServer, command_environment: dict[str, str]
) -> None:
    server.update(acceptance={"largest_mail_mb": 1})
    raw = letter(subject="Far too large", body="x\r\n" * 500_000)

    assert piped(command_environment, raw) == 0
    server.update(connection={"door": "smtp", "refuse_large": True})
    assert piped(command_environment, raw) == 69

    [row] = InboundMail.objects.all()
    assert (row.reason, row.subject, row.size) == ("failed.too_big", "Far too large", len(raw))


@pytest.mark.slow
def test_once_it_is_kept_nothing_goes_wrong_for_the_mta(
    server: MailServer, command_environment: dict[str, str]
) -> None:
    failing = {**command_environment, "HELPDESK_FAILPOINT": "settle.attempt_committed:1:raise"}

    assert piped(failing, letter()) == 0
    push.settle_server(server.pk)

    assert Ticket.objects.count() == 1


# --- One command starts everything --------------------------------------------------------------


@pytest.mark.slow
def test_up_runs_the_listener_where_one_is_wanted(tmp_path: Path) -> None:
    web, smtp = free_port(), free_port()
    places = {"HELPDESK_SMTP_LISTEN": f"{HOST}:{smtp}", "HELPDESK_LMTP_LISTEN": f"unix:{tmp_path}/l.sock"}
    env = environment(migrated(tmp_path), **places)
    with running([sys.executable, "manage.py", "up", "--port", str(web)], env, tmp_path / "log") as started:
        wait_until(lambda: "Taking mail at" in started.printed, seconds=90, what="the listener")
        assert (tmp_path / "l.sock").exists()
        with closing(smtplib.SMTP(HOST, smtp)) as line:
            line.ehlo()
            line.mail("ann@customer.example")
            assert line.rcpt("support@example.com")[0] == 550
        started.process.terminate()
        assert started.process.wait(40) == 0
    assert not (tmp_path / "l.sock").exists()
