"""“Test connection”, asked of real and of scripted servers: every step in its order, and what to do where it ends."""

from __future__ import annotations

from base64 import b64encode
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_django import Settings

from mailchannel.services.after import CANNOT_DELETE
from mailchannel.services.check import Candidate, Finding, Level, as_text, check
from mailchannel.services.doctor.folders import named
from mailchannel.transports import Folder
from tests.servers.certificates import Authority, Pair, server_context
from tests.servers.dovecot import Options
from tests.servers.fixtures import NewMailbox, NewScript, NewSink
from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tests.servers.ways import way

MAIL = b"From: anna@example.com\r\nSubject: Printer\r\n\r\nOn fire.\r\n"
READING, SENDING = "Reading mail", "Sending answers"
SMTP = {"greeting": b"220 ready\r\n", "tagged": False}


def examined(connection: dict[str, Any], sending: dict[str, Any] | None = None, **rest: Any) -> list[Finding]:
    how = way(rest.pop("timeout", 5.0))
    return check(Candidate("imap", connection, how, "smtp", sending or {}, how, **rest))


def steps(findings: list[Finding], part: str = READING) -> list[str]:
    return [f"{each.level.mark} {each.step}" for each in findings if each.part == part and each.step]


def at(findings: list[Finding], step: str, part: str = READING) -> Finding:
    return next(each for each in findings if (each.part, each.step) == (part, step))


def left_out(findings: list[Finding], part: str = READING) -> str:
    return next((each.text for each in findings if each.part == part and each.level is Level.SKIPPED), "")


# --- All is well -------------------------------------------------------------------------------


@pytest.mark.req("S1-21", "S2-13", "S3-17", "S2-08")
@pytest.mark.parametrize("encryption", ["tls", "starttls"])
def test_every_step_of_a_good_mailbox_is_told_in_its_order(
    dovecot: Mailbox, trusted_authority: object, encryption: str
) -> None:
    dovecot.deliver_all([MAIL, MAIL])
    port = dovecot.tls_port if encryption == "tls" else dovecot.port

    findings = examined({**dovecot.settings, "host": "localhost", "port": port, "encryption": encryption})

    secured = ["✓ Encryption", "✓ Greeting"] if encryption == "tls" else ["✓ Greeting", "✓ Encryption"]
    assert steps(findings) == [
        *("✓ Name", "✓ Line", *secured, "✓ Before signing in", "✓ Sign-in"),
        *("✓ Abilities", "✓ Folders", "✓ Mails", "✓ Folder rights"),
    ]
    assert "by Throw-away test authority, valid from" in at(findings, "Encryption").text
    assert at(findings, "Mails").text == "“INBOX” holds 2 mails."
    assert left_out(findings) == ""


@pytest.mark.req("S2-13", "S2-11", "S3-11")
@pytest.mark.parametrize("implicit", [False, True], ids=["STARTTLS", "TLS"])
def test_every_step_of_a_good_smtp_server_is_told_and_no_mail_is_sent(
    new_smtp_sink: NewSink, certificate: Pair, trusted_authority: object, dovecot: Mailbox, *, implicit: bool
) -> None:
    sink = new_smtp_sink(username="out", password="out-secret", certificate=certificate, implicit_tls=implicit)

    findings = examined(dovecot.settings, sink.settings)

    assert set(steps(findings, SENDING)) == {
        *("✓ Name", "✓ Line", "✓ Encryption", "✓ Greeting"),
        *("✓ Before signing in", "✓ Sign-in", "✓ Handing over"),
    }
    assert at(findings, "Sign-in", SENDING).text == "Signed in as out."
    assert (sink.signed_in, sink.sent) == (["out"], [])


@pytest.mark.req("SE-02")
def test_nothing_that_can_be_copied_holds_a_password(new_smtp_sink: NewSink, dovecot: Mailbox) -> None:
    sink = new_smtp_sink(username="out", password="out-secret")
    wrong = {"password": "in-wrong-secret"}

    for connection, sending in ((dovecot.settings, sink.settings), ({**dovecot.settings, **wrong}, sink.settings)):
        text = as_text(examined(connection, {**sending, "password": "out-wrong-secret"}))
        assert "Sign-in" in text
        assert "wrong-secret" not in text
        assert f": {dovecot.password}" not in text


def test_looking_changes_nothing_in_the_mailbox(dovecot: Mailbox) -> None:
    dovecot.deliver(MAIL)
    before = (dovecot.flags(), dovecot.folders())

    examined(dovecot.settings, sources=["INBOX"], targets=["Processed", "Failed"])

    assert (dovecot.flags(), dovecot.folders()) == before


# --- The way there -----------------------------------------------------------------------------


@pytest.mark.req("S4-56")
def test_an_unknown_name_leaves_out_all_the_rest(dovecot: Mailbox) -> None:
    findings = examined({**dovecot.settings, "host": "no-such-host.invalid"})

    assert steps(findings) == ["✕ Name"]
    assert "Compare it letter by letter" in at(findings, "Name").advice
    assert left_out(findings) == (
        "Not tried: line, encryption, greeting, before signing in, sign-in, abilities, folders, mails, folder rights."
    )


@pytest.mark.req("S3-11", "S4-10", "S4-56")
@pytest.mark.parametrize(
    ("port", "encryption", "words"),
    [
        (143, "tls", "Port 143 usually goes with STARTTLS or no encryption; TLS has port 993."),
        (993, "starttls", "Port 993 usually goes with TLS; STARTTLS has port 143."),
        (993, "none", "Port 993 usually goes with TLS; no encryption has port 143."),
        (993, "tls", ""),
        (4000, "tls", ""),
    ],
)
def test_a_port_of_another_encryption_is_told_from_the_settings_alone(
    port: int, encryption: str, words: str, dovecot: Mailbox
) -> None:
    connection = {**dovecot.settings, "host": "127.0.0.2", "port": port, "encryption": encryption}

    line = at(examined(connection, timeout=1), "Line")

    assert line.level is Level.BAD
    assert line.advice.startswith(words)
    assert "a firewall or a virus scanner on the way blocks the port" in line.advice
    assert ("usually goes with" in line.advice) == bool(words)


@pytest.mark.req("S4-56")
@pytest.mark.parametrize("encryption", ["tls", "starttls"])
@pytest.mark.parametrize(
    ("host", "expired", "words", "todo"),
    [
        ("localhost", True, "has expired", "Have it renewed"),
        ("other.example", False, "issued for other.example by Throw-away", "Enter the host name the certificate was"),
    ],
)
def test_a_bad_certificate_is_shown(
    new_script: NewScript,
    authority: Authority,
    trusted_authority: object,
    encryption: str,
    host: str,
    words: str,
    todo: str,
    *,
    expired: bool,
) -> None:
    context = server_context(authority.issue(host, expired=expired))
    server = new_script(context=context, implicit_tls=encryption == "tls", capabilities="IMAP4rev1 STARTTLS AUTH=PLAIN")

    findings = examined({**server.settings, "host": "localhost", "encryption": encryption})

    tls = at(findings, "Encryption")
    assert (tls.level, tls.field) == (Level.BAD, "encryption")
    assert words in tls.text
    assert "valid from" in tls.text
    assert todo in tls.advice
    assert "sign-in" in left_out(findings)
    assert "hunter2-secret" not in " ".join(server.commands)


@pytest.mark.req("S4-56")
def test_a_certificate_of_an_own_authority_is_explained_when_sending_too(
    new_smtp_sink: NewSink, certificate: Pair, dovecot: Mailbox
) -> None:
    sink = new_smtp_sink(username="out", password="out-secret", certificate=certificate)

    tls = at(examined(dovecot.settings, sink.settings), "Encryption", SENDING)

    assert "It was issued for localhost, 127.0.0.1 by Throw-away test authority" in tls.text
    assert "SSL_CERT_FILE" in tls.advice
    assert tls.field == "sending-encryption"
    assert sink.signed_in == []


def test_starttls_that_is_not_offered_ends_the_way_before_the_password(new_script: NewScript) -> None:
    server = new_script()

    findings = examined({**server.settings, "encryption": "starttls"})

    assert steps(findings) == ["✓ Name", "✓ Line", "✓ Greeting", "✕ Encryption"]
    assert "Choose TLS and its port instead" in at(findings, "Encryption").advice


def test_a_line_without_encryption_is_a_worry(dovecot: Mailbox) -> None:
    tls = at(examined(dovecot.settings), "Encryption")

    assert (tls.level, tls.field) == (Level.WARN, "encryption")
    assert "can read the password" in tls.text


# --- At the door -------------------------------------------------------------------------------


@pytest.mark.req("S4-56", "S2-13")
@pytest.mark.parametrize(
    ("answer", "todo"),
    [
        (b"TAG NO [ALERT] Application-specific password required (Failure)\r\n", "Make an app password"),
        (b"TAG NO [ALERT] Please log in via your web browser\r\n", "Sign in to this mailbox once with a browser"),
        (b"TAG NO AuthFailed:LogonDenied-BasicAuthBlocked\r\n", "Sign in with OAuth. No password will do"),
        (b"TAG NO [LIMIT] Too many sessions\r\n", "Close mail programs that are open"),
        (b"TAG NO [UNAVAILABLE] Try later\r\n", "it is tried again by itself"),
        (b"TAG NO [AUTHENTICATIONFAILED] nope\r\n", "Enter user name and password again"),
    ],
)
def test_a_refused_sign_in_says_what_to_do(new_script: NewScript, answer: bytes, todo: str) -> None:
    server = new_script(answers={"LOGIN": answer})

    findings = examined(server.settings)

    assert todo in at(findings, "Sign-in").advice
    assert left_out(findings) == "Not tried: abilities, folders, mails, folder rights."


@pytest.mark.req("S4-56")
@pytest.mark.parametrize(
    ("answer", "todo", "field"),
    [
        (b"535 5.7.8 authentication failed\r\n", "Enter user name and password again", "sending-password"),
        (b"534 5.7.9 Application-specific password required\r\n", "Make an app password", "sending-password"),
        (b"538 5.7.11 Encryption required\r\n", "Choose STARTTLS or TLS", "sending-password"),
        (b"454 4.7.0 Temporary authentication failure\r\n", "it is tried again by itself", ""),
    ],
)
def test_a_refused_sign_in_for_sending_says_what_to_do(
    new_script: NewScript, dovecot: Mailbox, answer: bytes, todo: str, field: str
) -> None:
    server = new_script(**SMTP, answers={"EHLO": b"250-hello\r\n250 AUTH PLAIN\r\n", "AUTH": answer})

    findings = examined(dovecot.settings, server.settings)

    refused = at(findings, "Sign-in", SENDING)
    assert todo in refused.advice
    assert refused.field == field
    assert left_out(findings, SENDING) == "Not tried: handing over."


@pytest.mark.req("S4-03")
@pytest.mark.parametrize("host", ["outlook.office365.com", "outlook.office365.us"])
def test_a_password_for_microsoft_is_warned_of_before_anything_is_tried(dovecot: Mailbox, host: str) -> None:
    findings = examined({**dovecot.settings, "host": host, "port": 1}, timeout=0.2)

    assert (findings[0].level, findings[0].step, findings[0].field) == (Level.WARN, "Provider", "password")
    assert "since 2023" in findings[0].text
    assert "OAuth" in findings[0].advice


# --- Inside ------------------------------------------------------------------------------------


@pytest.mark.req("S3-05")
@pytest.mark.parametrize(
    ("hidden", "level", "words"),
    [
        ((), Level.OK, "The server can move mail (MOVE)."),
        (("MOVE",), Level.WARN, "it is copied and then removed instead (UIDPLUS)"),
        (("MOVE", "UIDPLUS"), Level.WARN, "processed mail stays in place, marked as read"),
    ],
)
def test_what_happens_without_move_is_said(
    new_mailbox: NewMailbox, hidden: tuple[str, ...], level: Level, words: str
) -> None:
    abilities = at(examined(new_mailbox(Options(hidden=hidden)).settings), "Abilities")

    assert abilities.level is level
    assert words in abilities.text
    assert bool(abilities.advice) == bool(hidden)
    assert "IDLE" in abilities.text


@pytest.mark.req("S3-02", "S3-05")
@pytest.mark.parametrize("deletes", [False, True])
def test_a_server_that_cannot_delete_is_told_of_where_mail_is_to_be_deleted(
    new_mailbox: NewMailbox, deletes: bool
) -> None:
    able, unable = (new_mailbox(Options(hidden=hidden)).settings for hidden in ((), ("UIDPLUS",)))

    fine, told = (examined(settings, sources=["INBOX"], deletes=deletes) for settings in (able, unable))

    warnings = [each for each in told if each.text == CANNOT_DELETE]
    assert [(each.level, each.field) for each in warnings] == [(Level.WARN, "after-processed")] * deletes
    assert not any(each.text == CANNOT_DELETE for each in fine)
    assert "mail to be deleted would stay" in at(told, "Abilities").text


def test_a_prefix_of_all_folders_is_told_and_targets_are_found_below_it(dovecot_with_prefix: Mailbox) -> None:
    dovecot_with_prefix.create("INBOX.Processed")

    findings = examined(dovecot_with_prefix.settings, sources=["INBOX"], targets=["Processed", "Failed"])

    assert "Its own folders lie below “INBOX.”." in at(findings, "Folders").text
    rights = [each for each in findings if each.step == "Folder rights"]
    assert rights[0].text == "Not there yet: “Failed”."
    assert rights[0].advice == "Created when the first mail goes there."


def test_a_source_that_is_missing_is_a_problem_and_the_others_are_still_looked_at(dovecot: Mailbox) -> None:
    findings = examined(dovecot.settings, sources=["Elsewhere", "INBOX"])

    mails = [each for each in findings if each.step == "Mails"]
    assert [each.level for each in mails] == [Level.BAD, Level.OK]
    assert mails[0].field == "source"


RIGHTS = {
    "LIST": b'* LIST () "/" INBOX\r\n* LIST () "/" Processed\r\nTAG OK listed\r\n',
    "UID SEARCH": b"* SEARCH 5 6\r\nTAG OK found\r\n",
    "GETQUOTAROOT": b"* QUOTAROOT INBOX own\r\n* QUOTA own (STORAGE 9500 10000)\r\nTAG OK told\r\n",
}


@pytest.mark.parametrize(
    ("rights", "levels"),
    [
        (b"lrswite", [Level.OK]),
        (b"lrswid", [Level.OK]),
        (b"lrsi", [Level.WARN, Level.OK]),
        (b"lrste", [Level.BAD, Level.OK]),
    ],
    ids=["all", "in the old letters", "nothing may leave", "nothing may be put there"],
)
def test_rights_are_read_where_the_server_tells_them(new_script: NewScript, rights: bytes, levels: list[Level]) -> None:
    answer = b"* MYRIGHTS INBOX " + rights + b"\r\nTAG OK told\r\n"
    server = new_script(capabilities="IMAP4rev1 MOVE ACL", answers={**RIGHTS, "MYRIGHTS": answer})

    findings = examined(server.settings, sources=["INBOX"], targets=["Processed"])

    assert [each.level for each in findings if each.step == "Folder rights"] == levels
    assert {each.field for each in findings if each.level is Level.BAD and each.part == READING} <= {"folders"}
    assert not {"CREATE", "STORE", "SELECT"} & {word for line in server.commands for word in line.split()}


@pytest.mark.parametrize("answer", [b"TAG NO not today\r\n", b"TAG BAD what?\r\n"])
def test_rights_a_server_will_not_tell_are_no_problem(new_script: NewScript, answer: bytes) -> None:
    server = new_script(capabilities="IMAP4rev1 MOVE ACL", answers={**RIGHTS, "MYRIGHTS": answer})

    findings = examined(server.settings, sources=["INBOX"])

    assert Level.BAD not in {each.level for each in findings if each.part == READING}


def test_a_mailbox_that_is_nearly_full_is_a_worry(new_script: NewScript) -> None:
    server = new_script(capabilities="IMAP4rev1 MOVE QUOTA", answers=RIGHTS)

    full = examined(server.settings)

    assert [each.text for each in full if each.level is Level.WARN and "%" in each.text] == [
        "95 % of 10.2 MB are used."
    ]


def test_no_place_to_send_from_is_said(dovecot: Mailbox) -> None:
    assert at(examined(dovecot.settings), "", SENDING).text == "Sending is not set up."


def test_what_was_seen_can_be_copied_as_text(dovecot: Mailbox, smtp_sink: SmtpSink) -> None:
    text = as_text(examined({**dovecot.settings, "password": "wrong"}, smtp_sink.settings))

    assert text.startswith("Reading mail\n✓ Name: 127.0.0.1 is an address.\n✓ Line: Connected to 127.0.0.1, port")
    assert "\n✕ Sign-in: 127.0.0.1 did not accept user name and password" in text
    assert "\n    → Enter user name and password again." in text
    assert "\n\nSending answers\n✓ Name:" in text


# --- Odd servers -------------------------------------------------------------------------------


def test_where_ones_own_folders_lie_is_asked_once_and_a_refusal_is_no_problem(new_script: NewScript) -> None:
    answers = {**RIGHTS, "NAMESPACE": b"TAG NO not for you\r\n"}
    server = new_script(capabilities="IMAP4rev1 MOVE NAMESPACE", answers=answers)

    findings = examined(server.settings)

    assert Level.BAD not in {each.level for each in findings if each.part == READING}
    assert server.commands.count("NAMESPACE") == 1


def test_a_quota_whose_name_is_told_as_a_literal_is_read(new_script: NewScript) -> None:
    told = b"* QUOTAROOT INBOX own\r\n* QUOTA {3}\r\nown (STORAGE 9500 10000)\r\nTAG OK told\r\n"
    server = new_script(capabilities="IMAP4rev1 MOVE QUOTA", answers={**RIGHTS, "GETQUOTAROOT": told})

    assert "95 % of 10.2 MB are used." in [each.text for each in examined(server.settings)]


def test_a_certificate_nobody_can_describe_does_not_keep_the_mail_away(
    new_script: NewScript, authority: Authority, trusted_authority: object
) -> None:
    context = server_context(authority.issue("localhost", odd=True))
    server = new_script(context=context, implicit_tls=True, answers=RIGHTS)

    findings = examined({**server.settings, "host": "localhost", "encryption": "tls"})

    tls = at(findings, "Encryption")
    assert tls.level is Level.OK
    assert "issued for localhost by Throw-away test authority" in tls.text
    assert at(findings, "Mails").level is Level.OK


@pytest.mark.parametrize(("days", "worries"), [(10, True), (30, False)])
def test_a_certificate_that_expires_soon_is_a_worry(
    new_script: NewScript, authority: Authority, trusted_authority: object, days: int, *, worries: bool
) -> None:
    context = server_context(authority.issue("localhost", days=days))
    server = new_script(context=context, implicit_tls=True, answers=RIGHTS)

    tls = at(examined({**server.settings, "host": "localhost", "encryption": "tls"}), "Encryption")

    assert (tls.level is Level.WARN) == worries
    assert ("Have it renewed, or mail stops on that day." in tls.advice) == worries


@pytest.mark.req("SE-02")
def test_a_password_a_server_repeats_in_base64_is_not_shown(new_script: NewScript, dovecot: Mailbox) -> None:
    secret = b64encode(b"hunter2-secret").decode()
    refused = f"535 5.7.8 not with {secret}\r\n".encode()
    answers = {"EHLO": b"250-hello\r\n250 AUTH LOGIN\r\n", "AUTH": refused}
    server = new_script(**SMTP, answers=answers)

    text = as_text(examined(dovecot.settings, server.settings))

    assert "not with ***" in text
    assert secret not in text


def test_a_folder_is_found_as_the_server_spells_it_and_the_nearest_one_counts() -> None:
    listed = [Folder("INBOX.Done.2026"), Folder("Archive.Processed"), Folder("Processed"), Folder("INBOX.Failed")]

    found = [named(name, listed) for name in ("Done/2026", "Processed", "Failed", "Ignored")]

    assert [folder.name if folder else "" for folder in found] == ["INBOX.Done.2026", "Processed", "INBOX.Failed", ""]


def test_the_start_is_told_in_the_time_zone_it_was_set_in(dovecot: Mailbox, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Berlin"
    midnight = datetime(2026, 5, 2, 22, tzinfo=UTC)

    assert "came since 3 May 2026." in at(examined(dovecot.settings, since=midnight), "Mails").text
