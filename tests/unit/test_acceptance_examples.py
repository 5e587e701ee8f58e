"""Who may write and what becomes a ticket: every example a vendor gives, one line each, with the stage that decides."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from mailchannel.kernel.channel import Case, Channel, Facts
from mailchannel.kernel.decisions import Thread
from mailchannel.kernel.types import Address, ParsedMail, Part, PartKind
from mailchannel.parsing.identity import digests, plain_subject
from mailchannel.pipeline.addressing import domain_fits, first_match, place_of
from mailchannel.pipeline.gates import check_gates
from mailchannel.pipeline.gates.same_words import window

US = "support@example.com"
CHANNEL = Channel("Support", US, aliases=("helpdesk@example.com", "it-support@example.com"))
REPLY = Thread("HD-1041")
KNOWN = Facts(sender_known=True)
NEW = Thread()


def mail(sender: str = "ann@company.example", *, to: str = US, cc: str = "", subject: str = "Printer") -> ParsedMail:
    listed = {name: tuple(Address(each) for each in value.split()) for name, value in (("to", to), ("cc", cc))}
    return ParsedMail(sender=Address(sender), subject=subject, to=listed["to"], cc=listed["cc"])


def headed(name: str, *values: str) -> ParsedMail:
    return replace(mail(to="", cc=""), headers={name: values})


def reason(
    mail: ParsedMail, *, thread: Thread = NEW, facts: Facts = KNOWN, domains: str = "", **options: object
) -> str:
    channel = replace(CHANNEL, allowed_domains=tuple(domains.split()), acceptance=options)
    refusal = check_gates(Case(mail, channel, facts, thread)).value
    return refusal.reason if refusal else ""


@pytest.mark.req("S0-07", "S0-25", "S0-41", "S1-24", "S2-25")
@pytest.mark.parametrize(
    ("sender", "domains", "welcome"),
    [
        ("ann@company.example", "company.example support.example", True),
        ("ann@support.example", "company.example support.example", True),
        ("ann@other.example", "company.example support.example", False),
        ("ann@other.example", "", True),
        ("ann@mail.company.example", "company.example", False),
        ("ann@mail.company.example", "*.company.example", True),
        ("ann@a.b.company.example", "*.company.example", True),
        ("ann@company.example", "*.company.example", False),
        ("ann@company.example", "company.example *.company.example", True),
        ("ann@notcompany.example", "*.company.example", False),
        ("ann@company.example.evil.example", "company.example *.company.example", False),
        ("ann@xn--bcher-kva.example", "bücher.example", True),
        ("ann@xn--bcher-kva.example", "Bücher.Example", True),
        ("ann@xn--bcher-kva.example", "xn--bcher-kva.example", True),
        ("ann@shop.xn--bcher-kva.example", "*.bücher.example", True),
        ("ann@bucher.example", "bücher.example", False),
    ],
)
def test_only_approved_domains_may_write(sender: str, domains: str, welcome: bool) -> None:
    assert reason(mail(sender), domains=domains) == ("" if welcome else "rejected.domain")
    assert reason(mail(sender), domains=domains, approved_domains_only=False) == ""


@pytest.mark.req("S2-23")
@pytest.mark.parametrize(
    ("sender", "entry", "blocked"),
    [
        ("spam@example.org", "spam@example.org", True),
        ("ads@marketing.example", "ads@marketing.example", True),
        ("news@marketing.example", "ads@marketing.example", False),
        ("news@marketing.example", "*@marketing.example", True),
        ("news@eu.marketing.example", "*@marketing.example", False),
        ("news@eu.marketing.example", "*@*.marketing.example", True),
        ("ads@xn--bcher-kva.example", "Ads@Bücher.example", True),
        ("ads@xn--bcher-kva.example", "*@bücher.example", True),
        ("notspam@example.org", "spam@example.org", False),
        ("spam@example.org.evil.example", "spam@example.org", False),
    ],
)
def test_blocked_senders_and_domains(sender: str, entry: str, blocked: bool) -> None:
    assert reason(mail(sender), blocked_senders=[entry]) == ("ignored.blocked" if blocked else "")
    assert reason(mail(sender), thread=REPLY, blocked_senders=[entry]) == ("ignored.blocked" if blocked else "")


@pytest.mark.req("S4-27")
@pytest.mark.parametrize(
    ("sender", "thread", "opens"),
    [
        ("heather@zylker.example", NEW, True),
        ("anybody@branch.example", NEW, True),
        ("other@zylker.example", NEW, False),
        ("anybody@sub.branch.example", NEW, False),
        ("other@zylker.example", REPLY, True),
    ],
)
def test_new_tickets_are_off_with_exceptions_and_conversations_go_on(sender: str, thread: Thread, opens: bool) -> None:
    off = {"new_tickets_enabled": False, "new_tickets_exceptions": ["heather@zylker.example", "*@branch.example"]}

    assert reason(mail(sender), thread=thread, **off) == ("" if opens else "rejected.new_tickets")


@pytest.mark.req("S3-15")
def test_unknown_people_are_converted_or_not() -> None:
    stranger = Facts(sender_known=False)

    assert reason(mail(), facts=stranger) == ""
    assert reason(mail(), facts=stranger, unknown_senders="accept") == ""
    assert reason(mail(), facts=stranger, unknown_senders="refuse") == "rejected.unknown_user"
    assert reason(mail(), facts=KNOWN, unknown_senders="refuse") == ""


STAGES = ["blocked_sender", "sender_domain", "unknown_sender", "new_tickets"]


@pytest.mark.req("S0-07", "S2-23", "S2-25", "S3-15", "S4-27")
@pytest.mark.parametrize("open_from", range(5))
def test_the_earliest_stage_that_refuses_is_told_and_the_trace_shows_them_all(open_from: int) -> None:
    """`open_from` stages let the sender pass, the others refuse."""
    refusing = [
        {"blocked_senders": ["ann@company.example"]},
        {},
        {"unknown_senders": "refuse"},
        {"new_tickets_enabled": False},
    ]
    options = {name: value for each in refusing[open_from:] for name, value in each.items()}
    domains = ("company.example",) if open_from > 1 else ("friends.example",)
    channel = replace(CHANNEL, allowed_domains=domains, acceptance=options)

    ruling = check_gates(Case(mail(), channel, Facts()))

    codes = ["ignored.blocked", "rejected.domain", "rejected.unknown_user", "rejected.new_tickets", None]
    assert (ruling.value and ruling.value.reason) == codes[open_from]
    first = [(step.code, step.verdict) for step in ruling.steps][:4]
    assert first == [(code, "pass" if at < open_from else "refuse") for at, code in enumerate(STAGES)]
    assert all(step.because for step in ruling.steps)


@pytest.mark.req("S2-20", "S0-43", "S1-26")
@pytest.mark.parametrize(
    ("where", "sent", "because"),
    [
        ("To", mail(to=US), "support@example.com stands in To"),
        ("To", mail(to=f"boss@company.example {US}"), "support@example.com stands in To"),
        ("To", mail(to="helpdesk@example.com"), "helpdesk@example.com stands in To"),
        ("To", mail(to="support+printer@example.com"), "support+printer@example.com stands in To"),
        ("To", mail(to="it-support@example.com", cc=US), "it-support@example.com stands in To"),
        ("Cc", mail(to="manager@company.example", cc=US), "support@example.com stands in Cc"),
        ("Cc", mail(to="manager@company.example", cc="helpdesk@example.com"), "helpdesk@example.com stands in Cc"),
        ("Bcc", headed("delivered-to", US), "only Delivered-To names support@example.com, neither To nor Cc"),
        ("Bcc", headed("delivered-to", "list@x.example", US), "only Delivered-To names support@example.com, neither To nor Cc"),
        ("Bcc", headed("x-original-to", "<IT-Support@Example.com>"), "only X-Original-To names it-support@example.com, neither To nor Cc"),
        ("Bcc", headed("envelope-to", f"boss@company.example, {US}"), "only Envelope-To names support@example.com, neither To nor Cc"),
        ("Bcc", headed("received", f"from a by b with ESMTP id 1 for <{US}>; Fri, 20 Nov 2026 10:00:00 +0000"), "only Received names support@example.com, neither To nor Cc"),
        ("Bcc", mail(to="", cc=""), "none of helpdesk@example.com, it-support@example.com, support@example.com stands in To or Cc"),
        ("Bcc", mail(to="boss@company.example"), "none of helpdesk@example.com, it-support@example.com, support@example.com stands in To or Cc"),
        ("To", headed("resent-to", f"Support <{US}>"), "somebody passed it on, with support@example.com in Resent-To"),
    ],
)  # fmt: skip
def test_where_our_address_stands_decides_only_if_it_must_stand_in_to(
    where: str, sent: ParsedMail, because: str
) -> None:
    def judged(thread: Thread, *, only: bool) -> tuple[str, str]:
        ruling = check_gates(Case(sent, replace(CHANNEL, acceptance={"only_if_in_to": only}), KNOWN, thread))
        told = {step.code: step.because for step in ruling.steps}["not_addressed"]
        return ruling.value.reason if ruling.value else "", told

    assert (place_of(sent, CHANNEL.own_addresses).where, place_of(sent, CHANNEL.own_addresses).because) == (
        where,
        because,
    )
    assert judged(NEW, only=False)[0] == ""
    assert judged(REPLY, only=True)[0] == ""
    if where == "To":
        assert judged(NEW, only=True) == ("", because)
    else:
        assert judged(NEW, only=True) == ("ignored.not_addressed", f"in {where} only: {because}")
        assert judged(NEW, only=False)[1] == f"in {where} only: {because}; that is welcome here"


@pytest.mark.req("S0-26", "S0-42", "S1-25", "S1-41")
@pytest.mark.parametrize(
    ("sent", "entries", "left_out"),
    [
        (mail("robot@shop.example"), ["robot@shop.example"], True),
        (mail("robot@shop.example"), ["*@shop.example"], True),
        (mail("noreply@shop.example"), ["noreply@*"], True),
        (mail("reply@shop.example"), ["noreply@*"], False),
        (mail(subject="Out of office until Monday"), ["out of office"], True),
        (mail(subject="OUT  OF\tOFFICE: back on Monday"), ["out of office"], True),
        (mail(subject="Automatische Antwort: Drucker"), ["automatische antwort"], True),
        (mail(subject="My office printer"), ["out of office"], False),
        (mail(subject="Printer"), ["", "  "], False),
        (headed("auto-submitted", "auto-replied"), [], True),
        (headed("x-autoreply", "yes"), [], True),
        (headed("precedence", "auto_reply"), [], True),
        (headed("auto-submitted", "no"), [], False),
    ],
)
def test_automatic_mail_is_known_by_its_headers_and_by_the_administrators_list(
    sent: ParsedMail, entries: list[str], left_out: bool
) -> None:
    expected = "ignored.auto_reply" if left_out else ""

    assert reason(sent, auto_reply_words=entries) == expected
    assert reason(sent, thread=REPLY, auto_reply_words=entries) == expected


@pytest.mark.req("S0-26", "S0-42", "S1-25")
def test_the_list_counts_even_where_automatic_mail_is_welcome() -> None:
    welcome = {"exclude_auto_replies": False, "auto_reply_words": ["robot@shop.example"]}

    assert reason(headed("auto-submitted", "auto-replied"), **welcome) == ""
    assert reason(mail("robot@shop.example"), **welcome) == "ignored.auto_reply"


@pytest.mark.req("S2-18", "S2-21")
@pytest.mark.parametrize(
    ("subject", "processed"),
    [
        ("Payroll Access Issue", True),
        ("payroll  access ISSUE ", True),
        ("Payroll Access Issue in May", False),
        ("Payroll", False),
        ("", False),
    ],
)
def test_only_a_subject_that_matches_as_a_whole_is_processed(subject: str, processed: bool) -> None:
    agreed = ["Payroll access issue", "New employee"]

    assert reason(mail(subject=subject), subject_must_match=agreed) == ("" if processed else "ignored.subject")
    assert reason(mail(subject=subject), thread=REPLY, subject_must_match=agreed) == ""


START = datetime(2026, 3, 29, 1, 30, tzinfo=UTC)


@pytest.mark.req("S1-19", "S3-16")
@pytest.mark.parametrize(("later", "read"), [(-1, False), (0, True), (1, True)])
def test_mail_of_the_very_start_moment_is_processed(later: int, read: bool) -> None:
    facts = Facts(received_at=START + timedelta(seconds=later))

    refusal = check_gates(Case(mail(), replace(CHANNEL, sync_start=START), facts)).value

    assert (refusal is None) == read


@pytest.mark.req("S2-19")
def test_the_same_words_are_a_duplicate_unless_duplicates_are_welcome_or_it_answers() -> None:
    again = Facts(same_words_as="the same sender, subject, words and files as mail 7")

    assert reason(mail(), facts=again) == "duplicate.same_words"
    assert reason(mail(), facts=again, thread=REPLY) == ""


@pytest.mark.req("S2-19")
def test_a_guess_is_told_only_where_nothing_is_certain() -> None:
    again = Facts(same_words_as="the same sender, subject, words and files as mail 7")

    assert reason(mail(), facts=again, domains="friends.example") == "rejected.domain"
    assert reason(mail(), facts=replace(again, duplicate_of="mail 7")) == "duplicate.same_message"


@pytest.mark.req("S2-19")
@pytest.mark.parametrize(
    ("options", "minutes"),
    [({}, 60), ({"duplicate_window_minutes": 5}, 5), ({"duplicate_window_minutes": 0}, 0), ({"allow_duplicates": True}, 0)],
)  # fmt: skip
def test_how_long_the_same_words_count(options: dict[str, object], minutes: int) -> None:
    assert window(options) == timedelta(minutes=minutes)


@pytest.mark.req("S2-19")
@pytest.mark.parametrize("other", ["Re: Printer", "FW: Re: printer", " PRINTER ", "Re[2]: Printer", "AW: WG: Printer"])
def test_marks_of_answers_do_not_make_another_subject(other: str) -> None:
    assert plain_subject(other) == plain_subject("Printer")
    assert plain_subject("Printers") != plain_subject("Printer")
    assert plain_subject("Room: Printer") != plain_subject("Printer")


@pytest.mark.req("S2-19")
def test_files_are_words_too_but_a_signature_is_none() -> None:
    text = Part("", "text/plain", b"See the file.", kind=PartKind.BODY)
    scan, other = (Part("scan.pdf", "application/pdf", content) for content in (b"%PDF-1", b"%PDF-2"))
    signatures = [Part("s", "application/pkcs7-signature", bytes([at]), kind=PartKind.SIGNATURE) for at in (1, 2)]

    assert digests([text, scan]) != digests([text, other])
    assert digests([text, signatures[0]]) == digests([text, signatures[1]]) == digests([text])


@pytest.mark.req("S0-25", "S2-23")
def test_a_pattern_is_never_more_than_it_says() -> None:
    assert not domain_fits("example.com", "*")
    assert not domain_fits("", "*.example.com")
    assert first_match("ann@example.com", ["ann@example", "nn@example.com", "*example.com@", "[a]nn@example.com"]) == ""
    assert first_match("[x]@example.com", ["[x]@example.com"]) == "[x]@example.com"
