"""“Test connection” of mailboxes reached over the web: Exchange and Microsoft Graph, for reading and for sending."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from mailchannel.network.way import SignInFailed, Way
from mailchannel.services import mailbox_folders
from mailchannel.services.check import Candidate, Finding, Level, as_text, check
from tests.contract.harness import to_ews, with_token
from tests.contract.test_doctor import READING, SENDING, at, left_out, steps
from tests.servers.certificates import Authority
from tests.servers.ews import PATH, EwsMailbox, EwsServer, busy, ews_mailbox, fault
from tests.servers.fixtures import NewScript
from tests.servers.graph import GraphMailbox, GraphServer
from tests.servers.ways import way
from tests.servers.web import Answer

pytestmark = pytest.mark.slow

MAIL = b"From: anna@example.com\r\nSubject: Printer\r\n\r\nOn fire.\r\n"
HTML = b"<html>Sign in to the Wi-Fi</html>"
GRAPH_WAY = ("Access token", "Name", "Line", "Encryption", "Service", "Sign-in", "Mailbox")
EWS_WAY = GRAPH_WAY[1:]
INSIDE = ("Abilities", "Folders", "Mails")
ME = "/v1.0/me"


@pytest.fixture
def graph(graph_server: GraphServer) -> GraphMailbox:
    return graph_server.mailbox()


@pytest.fixture
def ews(request: pytest.FixtureRequest) -> EwsMailbox:
    return ews_mailbox(request)


def examined(
    box: GraphMailbox | EwsMailbox, how: Way | None = None, sending: dict[str, Any] | None = None, **changed: Any
) -> list[Finding]:
    """Read and sent through alike, unless `sending` says something else."""
    key, usual = ("graph", with_token) if isinstance(box, GraphMailbox) else ("ews", to_ews)
    reached = how or usual(box)  # type: ignore[operator]
    settings = {**box.settings, **changed}
    return check(Candidate(key, settings, reached, key, settings if sending is None else sending, reached))


def told(findings: list[Finding], part: str = READING) -> str:
    """The steps that were made; the last one with what became of it."""
    lines = steps(findings, part)
    assert all(line.startswith("✓") for line in lines[:-1])
    return lines[-1]


def good(*names: str) -> list[str]:
    return [f"✓ {name}" for name in names]


# --- All is well -------------------------------------------------------------------------------


@pytest.mark.req("S2-13", "S4-21", "S4-56")
def test_every_step_into_graph_is_told_in_its_order(graph: GraphMailbox) -> None:
    graph.deliver_all([MAIL, MAIL])

    findings = examined(graph)

    assert steps(findings) == good(*GRAPH_WAY, *INSIDE)
    assert steps(findings, SENDING) == good(*GRAPH_WAY, "Handing over")
    assert at(findings, "Line").text == f"Connected to 127.0.0.1, port {graph.server.port}."
    assert "by Throw-away test authority, valid from" in at(findings, "Encryption").text
    assert at(findings, "Mailbox").text == f"Opened the mailbox {graph.username}."
    assert at(findings, "Mails").text == "“INBOX” holds 2 mails."
    assert graph.username in at(findings, "Mailbox", SENDING).text


def test_a_full_inbox_is_counted_without_a_list_of_it(graph: GraphMailbox) -> None:
    """A hundred pages would take longer than anybody waits in front of a form."""
    graph.deliver_all([MAIL] * 7)
    graph.deliver(MAIL, internal_date=datetime(2026, 1, 1, tzinfo=UTC))
    how = with_token(graph)
    since = datetime(2026, 6, 1, tzinfo=UTC)

    findings = check(Candidate("graph", graph.settings, how, "graph", graph.settings, how, since=since))

    assert at(findings, "Mails").text == "“INBOX” holds 8 mails; at most 7 came since 1 June 2026."
    lists = [each.query for each in graph.server.asked if each.path.endswith("/messages")]
    assert [each.get("$filter") for each in lists] == ["receivedDateTime ge 2026-05-31T00:00:00Z"]


def test_folders_are_counted_without_lists_of_them(graph: GraphMailbox, ews: EwsMailbox) -> None:
    """A mailbox may have hundreds, and each is a hundred pages when it is full."""
    for box, how in ((graph, with_token(graph)), (ews, to_ews(ews))):
        box.deliver_all([MAIL] * 3)
        key = "graph" if box is graph else "ews"

        listing = mailbox_folders.look(Candidate(key, box.settings, how, key, box.settings, how))

        assert listing.mails["INBOX"] == 3
        assert listing.mails.keys() == {folder.name for folder in listing.folders}
    assert not [each for each in graph.server.asked if each.path.endswith("/messages")]
    assert "FindItem" not in ews.server.operations


@pytest.mark.req("S2-07", "S2-10", "S2-13", "S4-17", "S4-56")
@pytest.mark.parametrize(
    ("sign_in", "impersonate", "who"),
    [
        ("basic", False, "as CORP\\support by basic authentication"),
        ("ntlm", False, "as CORP\\support by NTLM"),
        ("ntlm", True, "as CORP\\service by NTLM"),
        ("token", False, "with an access token"),
        ("token", True, "with an access token"),
    ],
)
def test_every_step_into_exchange_is_told_in_its_order(
    request: pytest.FixtureRequest, sign_in: str, who: str, *, impersonate: bool
) -> None:
    box = ews_mailbox(request, sign_in, impersonate=impersonate)
    box.deliver_all([MAIL, MAIL])

    findings = examined(box)

    way_in = GRAPH_WAY if sign_in == "token" else EWS_WAY
    assert steps(findings) == good(*way_in, *INSIDE)
    assert steps(findings, SENDING) == good(*way_in, "Handing over")
    assert at(findings, "Sign-in").text == f"Signed in {who}."
    assert at(findings, "Mailbox").text.startswith("Opened the mailbox support@example.com")
    assert ("impersonation" in at(findings, "Mailbox").text) == impersonate
    assert "Exchange Server 2019 or SE" in at(findings, "Abilities").text
    assert at(findings, "Mails").text == "“INBOX” holds 2 mails."


@pytest.mark.req("SE-02")
def test_nothing_that_can_be_copied_holds_a_secret(graph: GraphMailbox, ews: EwsMailbox) -> None:
    for box in (graph, ews):
        for findings in (examined(box), examined(replace(box, password="a-wrong-secret"))):
            text = as_text(findings)
            assert "Sign-in" in text
            assert box.password not in text and "a-wrong-secret" not in text


# --- The way there -----------------------------------------------------------------------------


@pytest.mark.req("S4-56")
def test_an_unknown_name_leaves_out_all_the_rest(graph: GraphMailbox, ews: EwsMailbox) -> None:
    nowhere = "https://no-such-host.invalid"

    for findings in (examined(graph, endpoint=nowhere), examined(ews, url=f"{nowhere}{PATH}")):
        for part in (READING, SENDING):
            assert told(findings, part) == "✕ Name"
            assert "Compare it letter by letter" in at(findings, "Name", part).advice
            assert left_out(findings, part).startswith("Not tried: line, encryption, service, sign-in, mailbox, ")
    assert at(findings, "Name").field == "url"
    assert at(findings, "Name", SENDING).field == "sending-url"


@pytest.mark.req("S4-56", "SS-04")
def test_a_closed_port_and_something_else_that_listens_read_the_same(new_script: NewScript, ews: EwsMailbox) -> None:
    other = new_script(greeting=b"SSH-2.0-OpenSSH\r\n")
    lines = [at(examined(ews, url=f"https://localhost:{port}{PATH}"), "Line") for port in (1, other.port)]

    assert [each.level for each in lines] == [Level.BAD, Level.BAD]
    assert lines[0].text.replace("port 1.", f"port {other.port}.") == lines[1].text
    assert "firewall" in lines[0].advice


@pytest.mark.req("S4-56", "PR-29")
@pytest.mark.parametrize("part", [READING, SENDING])
def test_a_certificate_nobody_vouches_for_is_shown(graph: GraphMailbox, ews: EwsMailbox, part: str) -> None:
    for box, field in ((graph, "endpoint"), (ews, "url")):
        findings = examined(box, replace(with_token(graph) if box is graph else to_ews(ews), authorities=""))

        assert told(findings, part) == "✕ Encryption"
        tls = at(findings, "Encryption", part)
        assert "It was issued for localhost, 127.0.0.1 by Throw-away test authority" in tls.text
        assert "paste its certificate under “Certificates to trust”" in tls.advice
        assert tls.field.endswith(field)
        assert "sign-in" in left_out(findings, part)
        assert box.server.asked == []


@pytest.mark.req("S4-56")
@pytest.mark.parametrize(
    ("host", "expired", "words"), [("localhost", True, "has expired"), ("other.example", False, "other.example by")]
)
def test_a_bad_certificate_is_named(authority: Authority, host: str, words: str, *, expired: bool) -> None:
    server = EwsServer(authority.issue(host, expired=expired), authority)
    server.start()
    box = EwsMailbox(server, server.store("support@example.com"), "CORP\\support", "secret")

    tls = at(examined(box), "Encryption")
    server.stop()

    assert tls.level is Level.BAD
    assert words in tls.text and "valid from" in tls.text


def test_a_server_that_says_nothing_is_given_up(graph: GraphMailbox) -> None:
    graph.server.spoil(ME, Answer(stall=True), times=2)

    findings = examined(graph, way(0.5, token=lambda: graph.password, authorities=graph.server.authorities))

    assert told(findings) == "✕ Service"
    assert at(findings, "Service").field == "timeout_ms"
    assert "Try again in a few minutes" in at(findings, "Service").advice


@pytest.mark.req("S4-16", "S4-20", "S4-56")
@pytest.mark.parametrize("status", [200, 302, 404, 502])
def test_something_else_that_answers_is_not_taken_for_the_service(
    graph: GraphMailbox, ews: EwsMailbox, status: int
) -> None:
    answer = Answer(status, HTML, "text/html", {"Location": "https://login.example.com/"})
    for box, path, field in ((graph, ME, "endpoint"), (ews, PATH, "url")):
        box.server.spoil(path, answer, times=2)

        findings = examined(box)

        assert told(findings) == told(findings, SENDING) == "✕ Service"
        assert left_out(findings).startswith("Not tried: sign-in, mailbox, ")
        if (box, status) != (ews, 502):
            service = at(findings, "Service")
            assert service.field == field
            assert "Ask whoever runs the server" in service.advice


@pytest.mark.req("PR-19", "PR-24")
def test_a_busy_server_is_told_from_a_wrong_one(graph: GraphMailbox, ews: EwsMailbox) -> None:
    error = {"error": {"code": "ApplicationThrottled", "message": "over its limit"}}
    graph.server.spoil(ME, Answer.of(error, 429, Retry_After="600"), times=2)
    ews.server.spoil(PATH, busy(600_000), times=2)

    for findings in (examined(graph), examined(ews)):
        bad = next(each for each in findings if each.level is Level.BAD)
        assert "wait for 600 seconds" in bad.text
        assert "it is tried again by itself" in bad.advice


# --- At the door -------------------------------------------------------------------------------


@pytest.mark.req("S4-56")
def test_no_access_token_ends_the_way_before_anybody_is_asked(graph: GraphMailbox) -> None:
    def refused() -> str:
        raise SignInFailed("The client secret has expired.", field="oauth-client_secret", permanent=True)

    findings = examined(graph, way(token=refused, authorities=graph.server.authorities))

    for part, field in ((READING, "oauth-client_secret"), (SENDING, "sending-oauth-client_secret")):
        assert told(findings, part) == "✕ Access token"
        assert at(findings, "Access token", part).text.endswith("The client secret has expired.")
        assert at(findings, "Access token", part).field == field
        assert left_out(findings, part).startswith("Not tried: name, line, ")
    assert graph.server.asked == []


@pytest.mark.req("S4-56")
def test_a_token_the_mail_server_does_not_take_is_told_from_no_token(
    request: pytest.FixtureRequest, graph: GraphMailbox
) -> None:
    for box in (graph, ews_mailbox(request, "token")):
        findings = examined(replace(box, password="outdated"))

        for part, prefix in ((READING, ""), (SENDING, "sending-")):
            assert told(findings, part) == "✕ Sign-in"
            refusal = at(findings, "Sign-in", part)
            assert "compare the scopes with the protocol" in refusal.advice
            assert refusal.field == f"{prefix}oauth-consent"


@pytest.mark.req("S4-56")
def test_some_of_microsofts_servers_refuse_a_token_in_the_header_alone(graph: GraphMailbox) -> None:
    header = 'Bearer realm="", error="invalid_token"'
    graph.server.spoil(ME, Answer(401, headers={"WWW_Authenticate": header}), times=4)

    assert told(examined(graph)) == "✕ Sign-in"


@pytest.mark.req("S2-10", "S4-17", "S4-56")
@pytest.mark.parametrize("sign_in", ["basic", "ntlm"])
def test_a_refused_password_says_what_to_do(request: pytest.FixtureRequest, sign_in: str) -> None:
    findings = examined(replace(ews_mailbox(request, sign_in), password="wrong"))

    for part, prefix in ((READING, ""), (SENDING, "sending-")):
        assert told(findings, part) == "✕ Sign-in"
        refusal = at(findings, "Sign-in", part)
        assert refusal.field == f"{prefix}password"
        assert "Enter user name and password again" in refusal.advice
        assert ("CORP\\support" in refusal.text) == (sign_in == "ntlm")


@pytest.mark.req("S2-07", "S4-56")
def test_a_way_to_sign_in_that_is_not_offered_is_told(ews: EwsMailbox) -> None:
    ews.server.offers = {"ntlm"}

    findings = examined(ews)

    assert at(findings, "Service").text == "It wants a sign-in and offers: NTLM."
    assert at(findings, "Sign-in").field == "sign_in"
    assert "Choose what it offers" in at(findings, "Sign-in").advice


# --- The mailbox -------------------------------------------------------------------------------


def refused(status: int, code: str) -> Answer:
    return Answer.of({"error": {"code": code, "message": f"{code} happened"}}, status)


@pytest.mark.req("S4-21", "S4-56")
@pytest.mark.parametrize(
    ("answer", "field", "todo"),
    [
        (refused(403, "ErrorAccessDenied"), "oauth-consent", "under API permissions"),
        (refused(404, "ErrorInvalidUser"), "mailbox", "Compare it letter by letter"),
        (refused(404, "MailboxNotEnabledForRESTAPI"), "mailbox", "Have a licence with Exchange Online assigned"),
        (refused(403, "MailboxNotSupportedForRESTAPI"), "mailbox", "Have a licence with Exchange Online assigned"),
        (refused(403, "ErrorQuotaExceeded"), "", "Make room in it"),
    ],
    ids=["not allowed", "not there", "no licence", "not in the cloud", "full"],
)
def test_a_mailbox_graph_does_not_open_says_why(graph: GraphMailbox, answer: Answer, field: str, todo: str) -> None:
    graph.server.spoil(ME, answer)

    findings = examined(graph, sending={})

    assert told(findings) == "✕ Mailbox"
    assert at(findings, "Mailbox").field == field
    assert todo in at(findings, "Mailbox").advice
    assert left_out(findings) == "Not tried: abilities, folders, mails, folder rights."


@pytest.mark.req("S4-21")
def test_the_mailbox_of_somebody_else_is_named(graph: GraphMailbox, graph_server: GraphServer) -> None:
    other = graph_server.mailbox("other@example.com")

    findings = examined(graph, mailbox=other.username)

    assert told(findings) == "✕ Mailbox"
    assert other.username in at(findings, "Mailbox").text
    assert at(findings, "Mailbox").field == "mailbox"


@pytest.mark.req("S2-10", "S4-17", "S4-18", "S4-56")
@pytest.mark.parametrize(
    ("answer", "field", "todo"),
    [
        (fault("ErrorNonExistentMailbox", "No."), "mailbox", "Compare it letter by letter"),
        (fault("ErrorAccessDenied", "No."), "mailbox", "AccessRights FullAccess"),
        (fault("ErrorImpersonateUserDenied", "No."), "impersonate", "role ApplicationImpersonation"),
        (Answer(403, HTML, "text/html"), "mailbox", "EwsEnabled"),
    ],
    ids=["not there", "not allowed", "no impersonation", "switched off"],
)
def test_a_mailbox_exchange_does_not_open_says_why(ews: EwsMailbox, answer: Answer, field: str, todo: str) -> None:
    ews.server.spoil(PATH, answer, times=2)

    findings = examined(ews)

    for part, prefix in ((READING, ""), (SENDING, "sending-")):
        assert told(findings, part) == "✕ Mailbox"
        assert at(findings, "Mailbox", part).field == f"{prefix}{field}"
        assert todo in at(findings, "Mailbox", part).advice


@pytest.mark.req("S4-17")
def test_what_is_no_address_is_said_at_the_mailbox(ews: EwsMailbox) -> None:
    findings = examined(ews, mailbox="support")

    assert (at(findings, "Mailbox").level, at(findings, "Mailbox").field) == (Level.BAD, "mailbox")
    assert ews.server.asked == []


# --- Exchange Online ---------------------------------------------------------------------------


@pytest.mark.req("S4-03", "S4-16")
def test_exchange_online_is_warned_of_before_anything_is_tried(ews: EwsMailbox) -> None:
    hurried = replace(to_ews(ews), timeout=0.2)

    with time_machine.travel(datetime(2026, 11, 21, tzinfo=UTC)):
        findings = examined(ews, hurried, url=f"https://outlook.office365.com{PATH}")

    for part, prefix in ((READING, ""), (SENDING, "sending-")):
        warned = [each for each in findings if each.part == part and each.step == "Provider"]
        assert [(each.level, each.field) for each in warned] == [
            (Level.WARN, f"{prefix}url"),
            (Level.WARN, f"{prefix}password"),
        ]
        assert "since 2026-10-01" in warned[0].text
