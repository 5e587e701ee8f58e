"""Which ticket does a mail answer: two proofs, or a new ticket with a hint for the agents."""

from __future__ import annotations

from dataclasses import replace

import pytest

from mailchannel.compose.headers import (
    chain,
    message_id,
    read_message_id,
    read_reply_address,
    reply_address,
    subject_tag,
    tagged,
)
from mailchannel.kernel.channel import Facts, TicketFacts
from mailchannel.kernel.decisions import Thread
from mailchannel.kernel.types import Address, ParsedMail
from mailchannel.parsing.authentication import Authentication, SenderVerdict
from mailchannel.pipeline.threads import match_thread

ANN = Address("ann@customer.example")
TICKETS = {number: TicketFacts(number, participants=frozenset({ANN.email})) for number in ("HD-1041", "HD-1042")}
ANSWER = ParsedMail(
    sender=ANN, in_reply_to=("ours@example.com",), references=("first@customer.example", "ours@example.com")
)


@pytest.mark.req("S0-08")
@pytest.mark.parametrize(
    ("facts", "code"),
    [
        (Facts(signed_ids={"ours@example.com": "HD-1041"}), "signed_id"),
        (Facts(reply_addresses={"support+hd-1041.x@example.com": "HD-1041"}), "reply_address"),
        (Facts(known_ids={"first@customer.example": "HD-1041"}), "known_id"),
        (Facts(subject_tag="HD-1041"), "subject_tag"),
    ],
)
def test_each_proof_leads_a_participant_to_the_ticket(facts: Facts, code: str) -> None:
    ruling = match_thread(ANSWER, replace(facts, tickets=TICKETS))

    assert ruling.value == Thread("HD-1041")
    assert [(s.code, s.verdict) for s in ruling.steps] == [(code, "pass")]


def test_a_signed_id_beats_a_tag_that_names_another_ticket() -> None:
    facts = Facts(signed_ids={"ours@example.com": "HD-1041"}, subject_tag="HD-1042", tickets=TICKETS)

    assert match_thread(ANSWER, facts).value == Thread("HD-1041")


def test_a_stranger_with_every_proof_gets_a_new_ticket_and_agents_a_hint() -> None:
    facts = Facts(signed_ids={"ours@example.com": "HD-1041"}, subject_tag="HD-1041", tickets=TICKETS)

    ruling = match_thread(replace(ANSWER, sender=Address("mallory@evil.example")), facts)

    assert ruling.value == Thread(related="HD-1041")
    assert [s.verdict for s in ruling.steps] == ["refuse", "refuse", "pass"]
    assert "mallory@evil.example takes no part" in ruling.steps[0].because


@pytest.mark.parametrize(
    "facts",
    [
        Facts(signed_ids={"ours@example.com": "HD-1041"}),
        Facts(reply_addresses={"support+hd-1041.x@example.com": "HD-1041"}),
        Facts(known_ids={"first@customer.example": "HD-1041"}),
        Facts(subject_tag="HD-1041"),
    ],
)
def test_a_forged_participant_joins_nothing_and_agents_get_a_hint(facts: Facts) -> None:
    forged = Authentication(SenderVerdict.FAIL, "mx.example.com says dmarc=fail")

    ruling = match_thread(ANSWER, replace(facts, tickets=TICKETS), forged)

    assert ruling.value == Thread(related="HD-1041")
    assert ruling.steps[0].because == "ann@customer.example takes part in HD-1041, but mx.example.com says dmarc=fail"


@pytest.mark.parametrize("verdict", [SenderVerdict.NONE, SenderVerdict.PASS])
def test_only_a_disproven_sender_is_kept_out(verdict: SenderVerdict) -> None:
    facts = Facts(signed_ids={"ours@example.com": "HD-1041"}, tickets=TICKETS)

    assert match_thread(ANSWER, facts, Authentication(verdict)).value == Thread("HD-1041")


def test_a_proven_stranger_still_takes_no_part() -> None:
    facts = Facts(signed_ids={"ours@example.com": "HD-1041"}, tickets=TICKETS)
    stranger = replace(ANSWER, sender=Address("mallory@evil.example"))

    assert match_thread(stranger, facts, Authentication(SenderVerdict.PASS)).value == Thread(related="HD-1041")


def test_an_answer_that_names_its_conversation_in_references_alone_joins_it() -> None:
    answer = ParsedMail(
        sender=ANN, in_reply_to=("unknown@x.example",), references=("first@customer.example", "other@x.example")
    )

    assert match_thread(
        answer, Facts(known_ids={"first@customer.example": "HD-1041"}, tickets=TICKETS)
    ).value == Thread("HD-1041")


def test_a_proof_the_sender_has_no_part_in_does_not_hide_one_he_has() -> None:
    tickets = TICKETS | {"HD-1043": TicketFacts("HD-1043", participants=frozenset({"bob@customer.example"}))}
    facts = Facts(signed_ids={"ours@example.com": "HD-1043"}, subject_tag="HD-1041", tickets=tickets)

    assert match_thread(ANSWER, facts).value == Thread("HD-1041")


def test_an_unreadable_sender_joins_nothing() -> None:
    facts = Facts(signed_ids={"ours@example.com": "HD-1041"}, tickets=TICKETS)

    assert match_thread(replace(ANSWER, sender=None), facts).value.number == ""


def test_a_deleted_ticket_is_neither_joined_nor_hinted_at() -> None:
    ruling = match_thread(ANSWER, Facts(known_ids={"first@customer.example": "HD-1099"}, tickets=TICKETS))

    assert ruling.value == Thread()


def test_an_id_of_ours_is_read_back_whatever_its_case() -> None:
    made = message_id("HD-1041", "n17", "a" * 20, "example.com")

    assert read_message_id(made) == read_message_id(made.upper()) == ("HD-1041", "n17", "a" * 20)
    assert read_message_id("abc@example.com") is None


def test_a_reply_address_is_read_back() -> None:
    made = reply_address("support@example.com", "HD-1041", "b" * 20)

    assert made == f"support+hd-1041.{'b' * 20}@example.com"
    assert read_reply_address(made) == ("HD-1041", "reply", "b" * 20)
    assert read_reply_address("support+hd-1041@example.com") is None


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Re: Printer [HD-1041]", "HD-1041"),
        ("[hd-1041] again", "HD-1041"),
        ("[HD-1041] and [HD-1041]", "HD-1041"),
        ("[HD-1041] or [HD-1042]", ""),
        ("[helpdesk #1515] HD-1041", ""),
        ("[HD-１０４１]", ""),
        ("[HD-99999999999999999999]", ""),
        ("[HD-1041", ""),
        ("HD-1041", ""),
        ("[HD-1041\u200b]", ""),
    ],
)
def test_only_a_tag_of_our_own_shape_counts(subject: str, number: str) -> None:
    assert subject_tag(subject) == number


def test_a_subject_does_not_grow_from_answer_to_answer() -> None:
    once = tagged("Printer", "HD-1041")

    assert once == "Re: Printer [HD-1041]"
    assert tagged(once, "HD-1041") == once


def test_a_long_chain_keeps_its_beginning_and_its_end() -> None:
    ids = [f"{n}@x.example" for n in range(100)]

    kept = chain(ids)

    assert len(kept) == 20
    assert (kept[0], kept[-1]) == (ids[0], ids[-1])
