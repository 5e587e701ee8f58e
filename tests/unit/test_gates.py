"""Every gate on plain data: what it refuses, what it lets pass, and that their order never matters."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailchannel.kernel.channel import Case, Channel, Facts, TicketFacts
from mailchannel.kernel.decisions import MILDEST_FIRST, Outcome, Thread
from mailchannel.kernel.types import Address, DeliveryReport, FailedRecipient, ParsedMail
from mailchannel.pipeline import gates
from mailchannel.pipeline.gates import GATES, acceptance_specs, check_gates

US = Address("support@example.com")
MAIL = ParsedMail(
    message_id="1@customer.example", sender=Address("ann@customer.example", "Ann"), to=(US,), subject="Printer"
)
CHANNEL = Channel("Support", "support@example.com", aliases=("helpdesk@example.com",))
START = datetime(2026, 1, 1, tzinfo=UTC)
REPLY = Thread("HD-1041")


def settings(**acceptance: object) -> Channel:
    return replace(CHANNEL, acceptance=acceptance)


def mail(**changes: object) -> ParsedMail:
    return replace(MAIL, **changes)


def sent_by(email: str) -> ParsedMail:
    return mail(sender=Address(email))


def headed(**headers: str) -> ParsedMail:
    return mail(headers={name.replace("_", "-").lower(): (value,) for name, value in headers.items()})


REFUSED = [
    ("readable", mail(too_complex="5,000 parts"), CHANNEL, Facts(), "failed.too_complex"),
    ("sender_readable", mail(sender=None, sender_problem="two From headers"), CHANNEL, Facts(), "rejected.sender_unreadable"),
    ("duplicate", MAIL, CHANNEL, Facts(duplicate_of="the same as mail 7"), "duplicate.same_message"),
    ("same_words", MAIL, CHANNEL, Facts(same_words_as="the same words as mail 7"), "duplicate.same_words"),
    ("own_mail", sent_by("support@example.com"), CHANNEL, Facts(), "ignored.own_mail"),
    ("own_mail", sent_by("helpdesk@example.com"), CHANNEL, Facts(), "ignored.own_mail"),
    ("own_mail", sent_by("support+hd-1@example.com"), CHANNEL, Facts(), "ignored.own_mail"),
    ("own_mail", sent_by("hr@example.com"), replace(CHANNEL, other_mailboxes=frozenset({"hr@example.com"})), Facts(), "ignored.own_mail"),
    ("own_mail", headed(X_Helpdesk_Mailbox="Support@Example.com"), CHANNEL, Facts(), "ignored.own_mail"),
    ("auto_reply", headed(Auto_Submitted="auto-replied"), CHANNEL, Facts(), "ignored.auto_reply"),
    ("auto_reply", mail(subject="Out of Office: back on Monday"), settings(auto_reply_words=["out of office"]), Facts(), "ignored.auto_reply"),
    ("auto_reply", sent_by("robot@ads.example"), settings(auto_reply_words=["*@ads.example"]), Facts(), "ignored.auto_reply"),
    ("blocked_sender", sent_by("spam@example.org"), settings(blocked_senders=["spam@example.org"]), Facts(), "ignored.blocked"),
    ("blocked_sender", sent_by("x@ads.example"), settings(blocked_senders=["*@ADS.example"]), Facts(), "ignored.blocked"),
    ("sender_domain", MAIL, replace(CHANNEL, allowed_domains=("friends.example",)), Facts(), "rejected.domain"),
    ("sender_domain", sent_by("a@evilfriends.example"), replace(CHANNEL, allowed_domains=("friends.example",)), Facts(), "rejected.domain"),
    ("sender_domain", sent_by("a@sub.friends.example"), replace(CHANNEL, allowed_domains=("friends.example",)), Facts(), "rejected.domain"),
    ("sender_domain", sent_by("a@friends.example"), replace(CHANNEL, allowed_domains=("*.friends.example",)), Facts(), "rejected.domain"),
    ("unknown_sender", MAIL, settings(unknown_senders="refuse"), Facts(), "rejected.unknown_user"),
    ("new_tickets", MAIL, settings(new_tickets_enabled=False), Facts(), "rejected.new_tickets"),
    ("not_addressed", mail(to=(), cc=(US,)), settings(only_if_in_to=True), Facts(), "ignored.not_addressed"),
    ("not_addressed", mail(to=()), settings(only_if_in_to=True), Facts(), "ignored.not_addressed"),
    ("auto_reply", mail(subject="Zuru\u0308ck am Montag"), settings(auto_reply_words=["zurück"]), Facts(), "ignored.auto_reply"),
    ("subject_match", MAIL, settings(subject_must_match=["Printer broken"]), Facts(), "ignored.subject"),
    ("before_start", MAIL, replace(CHANNEL, sync_start=START), Facts(received_at=datetime(2025, 12, 31, 23, 59, tzinfo=UTC)), "ignored.before_start_date"),
    ("authentication", headed(Authentication_Results="mx.example.com; dmarc=fail"), settings(trusted_authentication_server="mx.example.com", hold_failed_authentication=True), Facts(), "held.auth"),
    ("too_large", mail(size=1_000_001), settings(largest_mail_mb=1), Facts(), "failed.too_big"),
]  # fmt: skip


@pytest.mark.req(
    "S0-07", "S0-26", "S0-42", "S1-19", "S1-24", "S1-25", "S2-20", "S2-21", "S2-23", "S2-25", "S3-15", "S4-27"
)
@pytest.mark.parametrize(("code", "mail", "channel", "facts", "reason"), REFUSED)
def test_a_gate_refuses_what_it_is_for(
    code: str, mail: ParsedMail, channel: Channel, facts: Facts, reason: str
) -> None:
    ruling = check_gates(Case(mail, channel, facts))

    assert [step.code for step in ruling.steps if step.verdict == "refuse"] == [code]
    assert ruling.value is not None
    assert ruling.value.reason == reason
    assert ruling.value.because


PASSES = [
    ("auto_reply", headed(Auto_Submitted="no"), CHANNEL, Facts(), Thread()),
    ("auto_reply", headed(Auto_Submitted="auto-generated"), settings(exclude_auto_replies=False), Facts(), Thread()),
    ("blocked_sender", sent_by("a@notads.example"), settings(blocked_senders=["*@ads.example"]), Facts(), Thread()),
    ("sender_domain", sent_by("a@sub.friends.example"), replace(CHANNEL, allowed_domains=("*.friends.example",)), Facts(), Thread()),
    ("unknown_sender", MAIL, settings(unknown_senders="refuse"), Facts(sender_known=True), Thread()),
    ("new_tickets", MAIL, settings(new_tickets_enabled=False), Facts(), REPLY),
    ("new_tickets", MAIL, settings(new_tickets_enabled=False, new_tickets_exceptions=["*@customer.example"]), Facts(), Thread()),
    ("not_addressed", mail(to=(Address("helpdesk@example.com"),)), settings(only_if_in_to=True), Facts(), Thread()),
    ("not_addressed", mail(to=(), cc=(US,)), settings(only_if_in_to=True), Facts(), REPLY),
    ("not_addressed", mail(to=(), cc=(US,)), CHANNEL, Facts(), Thread()),
    ("subject_match", mail(subject=" PRINTER "), settings(subject_must_match=["printer"]), Facts(), Thread()),
    ("subject_match", mail(subject="Gru\u0308ße"), settings(subject_must_match=["grüße"]), Facts(), Thread()),
    ("subject_match", MAIL, settings(subject_must_match=["other"]), Facts(), REPLY),
    ("before_start", MAIL, replace(CHANNEL, sync_start=START), Facts(received_at=START), Thread()),
    ("authentication", headed(Authentication_Results="mx.example.com; dmarc=fail"), settings(hold_failed_authentication=True), Facts(), Thread()),
    ("authentication", headed(Authentication_Results="mx.example.com; dmarc=fail"), settings(trusted_authentication_server="mx.example.com"), Facts(), Thread()),
    ("authentication", headed(Authentication_Results="mx.example.com; spf=none"), settings(trusted_authentication_server="mx.example.com", hold_failed_authentication=True), Facts(), Thread()),
    ("authentication", headed(Authentication_Results="evil.example; dmarc=fail"), settings(trusted_authentication_server="mx.example.com", hold_failed_authentication=True), Facts(), Thread()),
    ("too_large", mail(size=1_000_000), settings(largest_mail_mb=1), Facts(), Thread()),
]  # fmt: skip


@pytest.mark.parametrize(("code", "mail", "channel", "facts", "thread"), PASSES)
def test_a_gate_lets_pass_what_only_looks_alike(
    code: str, mail: ParsedMail, channel: Channel, facts: Facts, thread: Thread
) -> None:
    ruling = check_gates(Case(mail, channel, facts, thread))

    assert {step.code: step.verdict for step in ruling.steps}[code] == "pass"


@pytest.mark.req("S0-09", "S0-28", "S0-45", "S1-28")
def test_an_answer_to_a_ticket_of_another_type_is_ignored_with_a_record() -> None:
    facts = Facts(tickets={"HD-1041": TicketFacts("HD-1041", ticket_type="Change")})
    only_incidents = replace(CHANNEL, whitelisted_types=("Incident",))

    refused = check_gates(Case(MAIL, only_incidents, facts, REPLY)).value

    assert refused is not None
    assert (refused.reason, refused.because) == ("ignored.ticket_type", "HD-1041 is of type Change, none of Incident")
    assert check_gates(Case(MAIL, CHANNEL, facts, REPLY)).value is None
    assert check_gates(Case(MAIL, only_incidents, facts)).value is None


def test_a_bounce_is_no_request() -> None:
    report = DeliveryReport("it has the header X-Failed-Recipients", (FailedRecipient("gone@customer.example"),))

    ruling = check_gates(Case(replace(headed(Auto_Submitted="auto-replied"), report=report), CHANNEL, Facts()))

    assert ruling.value is not None
    assert ruling.value.reason == "ignored.bounce"
    assert ruling.value.because == f"{report.sign}; it is about gone@customer.example"


def test_only_recipients_with_an_address_are_named_in_a_bounce() -> None:
    nobody, gone = FailedRecipient("", status="5.1.1"), FailedRecipient("gone@customer.example", status="5.1.1")

    told = [
        check_gates(Case(replace(MAIL, report=DeliveryReport("a sign", to)), CHANNEL, Facts())).value
        for to in ((nobody,), (nobody, gone))
    ]

    assert [each and each.because for each in told] == ["a sign", "a sign; it is about gone@customer.example (5.1.1)"]


def test_the_trace_says_how_far_a_sender_is_proven() -> None:
    proven = headed(Authentication_Results="mx.example.com; dmarc=pass header.from=customer.example")

    ruling = check_gates(Case(proven, settings(trusted_authentication_server="mx.example.com"), Facts()))

    because = {step.code: step.because for step in ruling.steps}["authentication"]
    assert because == "mx.example.com says dmarc=pass: this proves the sender's domain"


def test_every_gate_refuses_something_in_this_table() -> None:
    assert {row[0] for row in REFUSED} | {"bounce", "whitelisted_type"} == {gate.code for gate in GATES}


def test_the_mildest_outcome_wins_and_every_reason_is_on_record() -> None:
    case = Case(headed(Auto_Submitted="auto-replied"), replace(CHANNEL, allowed_domains=("friends.example",)), Facts())

    ruling = check_gates(case)

    assert ruling.value is not None
    assert ruling.value.reason == "ignored.auto_reply"
    assert {s.code for s in ruling.steps if s.verdict == "refuse"} == {"auto_reply", "sender_domain"}


def test_an_option_left_empty_means_its_default() -> None:
    emptied = settings(exclude_auto_replies=None, auto_reply_words=None)

    assert check_gates(Case(headed(Auto_Submitted="auto-replied"), emptied, Facts())).value is not None


def test_option_names_are_unique_over_all_gates() -> None:
    names = [spec.name for spec in acceptance_specs()]

    assert len(names) == len(set(names))


def test_every_reason_begins_with_its_outcome() -> None:
    assert {Outcome(gate.reason.partition(".")[0]) for gate in GATES} <= set(MILDEST_FIRST)


@given(
    allowed=st.lists(st.sampled_from(["friends.example", "customer.example"]), max_size=2),
    seen=st.sampled_from(["", "mail 7"]),
    declared=st.sampled_from(["", "no", "auto-replied"]),
    size=st.sampled_from([10, 10**9]),
    settings=st.sampled_from([{}, {"blocked_senders": ["*@*"], "unknown_senders": "refuse"}]),
    seed=st.randoms(use_true_random=False),
)
def test_the_order_of_gates_never_matters(
    allowed: list[str], seen: str, declared: str, size: int, settings: dict[str, object], seed: random.Random
) -> None:
    """Nor does it where several refuse equally mildly: `settings` brings two that ignore and two that reject."""
    case = Case(
        replace(headed(Auto_Submitted=declared), size=size),
        replace(CHANNEL, allowed_domains=tuple(allowed), acceptance=settings),
        Facts(duplicate_of=seen),
    )
    expected = check_gates(case).value
    shuffled = list(GATES)
    seed.shuffle(shuffled)
    original, gates.GATES = gates.GATES, shuffled  # type: ignore[assignment]
    try:
        assert check_gates(case).value == expected
    finally:
        gates.GATES = original
