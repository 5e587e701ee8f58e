"""The step “Who may write”: its questions in the order they are asked, and what the present settings mean."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from mailchannel.admin.sender_words import QUESTIONS
from mailchannel.kernel.specs import with_defaults
from mailchannel.models import MailServer
from mailchannel.pipeline.gates import GATES, acceptance_specs, in_order
from tests.admin.conftest import BASE
from tests.admin.typing import typed_folders, typed_senders

Values = dict[str, Any]


@pytest.fixture
def before_senders(administrator: Client, draft: MailServer) -> MailServer:
    administrator.post(f"{BASE}/{draft.pk}/folders/", {**typed_folders(), "_next": "1"})
    draft.refresh_from_db()
    return draft


def step(client: Client, server: MailServer) -> str:
    response = client.get(f"{BASE}/{server.pk}/senders/")
    assert response.status_code == 200
    return unescape(response.content.decode())


def headings(html: str) -> list[str]:
    return re.findall(r"<legend>([^<]+)</legend>", html)


@pytest.mark.req("S0-07", "S0-41", "S1-24", "S2-23", "S2-25", "S3-15", "S4-27")
def test_the_page_asks_in_the_order_senders_are_judged(administrator: Client, before_senders: MailServer) -> None:
    found = headings(step(administrator, before_senders))

    asked = {name: place for place, (_, names, _) in enumerate(QUESTIONS) for name in names}
    judged = [asked[gate.options[0].name] for gate in in_order() if gate.order < 100]
    assert found == [*(heading for heading, _, _ in QUESTIONS), "Forged mail and more"]
    assert judged == [0, 1, 2, 3]


def test_every_setting_has_its_place_on_the_page(administrator: Client, before_senders: MailServer) -> None:
    html = step(administrator, before_senders)

    assert [spec.name for spec in acceptance_specs() if f'name="accept-{spec.name}"' not in html] == []
    assert 'name="allowed_domains"' in html


def sentences(*, allowed_domains: tuple[str, ...] = (), **stored: Any) -> dict[str, str]:
    values = {**with_defaults(acceptance_specs(), stored), "allowed_domains": list(allowed_domains)}
    return {names[0]: sentence(values) for _, names, sentence in QUESTIONS}


@pytest.mark.req("S0-41", "S2-19", "S2-20", "S2-23", "S2-25", "S3-15", "S4-27")
@pytest.mark.parametrize(
    ("settings", "question", "sentence"),
    [
        ({}, "blocked_senders", "Nobody is blocked."),
        ({"blocked_senders": ["spam@example.org"]}, "blocked_senders", "Mail from “spam@example.org” never becomes a ticket."),
        ({"blocked_senders": list("abcde")}, "blocked_senders", "Mail from “a”, “b”, “c” or 2 more never becomes a ticket."),
        ({}, "approved_domains_only", "Senders of every domain may write."),
        ({"allowed_domains": ("example.com",)}, "approved_domains_only", "Only somebody at “example.com” may write; mail of all others is refused."),
        ({"allowed_domains": ("example.com", "*.example.com")}, "approved_domains_only", "Only somebody at “example.com” or at a domain below “example.com” may write; mail of all others is refused."),
        ({"allowed_domains": ("example.com",), "approved_domains_only": False}, "approved_domains_only", "Senders of every domain may write; the list is switched off."),
        ({}, "unknown_senders", "Somebody we do not know may write; the ticket belongs to no user and no company."),
        ({"unknown_senders": "refuse"}, "unknown_senders", "Somebody we do not know is refused."),
        ({}, "new_tickets_enabled", "Everybody who got this far may open tickets and answer them."),
        ({"new_tickets_enabled": False}, "new_tickets_enabled", "Nobody may open new tickets by mail; answers still join their tickets."),
        ({"new_tickets_enabled": False, "new_tickets_exceptions": ["heather@zylker.example", "*@branch.example"]}, "new_tickets_enabled", "Only “heather@zylker.example” and “*@branch.example” may open new tickets by mail; answers still join their tickets."),
        ({"exclude_auto_replies": False}, "exclude_auto_replies", "Mail a machine sent becomes tickets like any other."),
        ({"auto_reply_words": ["out of office"]}, "exclude_auto_replies", "Mail a machine sent is left out, and so is mail with “out of office”."),
        ({"allow_duplicates": True}, "allow_duplicates", "A mail sent again opens a ticket of its own."),
        ({}, "allow_duplicates", "The same message opens one ticket however often it arrives, and so do the same words within 60 minutes."),
        ({"duplicate_window_minutes": 0}, "allow_duplicates", "The same message opens one ticket however often it arrives."),
        ({"only_if_in_to": True}, "only_if_in_to", "A mail becomes a ticket only if our address stands in To, or it answers a ticket, and only if it is not larger than 50 MB."),
    ],
)  # fmt: skip
def test_each_question_says_what_the_settings_mean(settings: Values, question: str, sentence: str) -> None:
    assert sentences(**settings)[question] == sentence


@pytest.mark.req("S0-41", "S1-24")
def test_the_sentences_are_on_the_page_after_saving(administrator: Client, before_senders: MailServer) -> None:
    typed = {
        **typed_senders(),
        "allowed_domains": "Bücher.example, *.Example.com",
        "accept-blocked_senders": "Spam@Example.org\n*@ads.example",
        "accept-new_tickets_exceptions": "*@zylker.example",
        "accept-duplicate_window_minutes": "0",
    }

    administrator.post(f"{BASE}/{before_senders.pk}/senders/", {**typed, "_save": "1"})

    before_senders.refresh_from_db()
    assert [row.domain for row in before_senders.domains.all()] == ["*.example.com", "xn--bcher-kva.example"]
    assert before_senders.acceptance["blocked_senders"] == ["spam@example.org", "*@ads.example"]
    assert before_senders.acceptance["duplicate_window_minutes"] == 0
    html = step(administrator, before_senders)
    assert "Mail from “spam@example.org” or “*@ads.example” never becomes a ticket." in html
    assert "Only somebody at “xn--bcher-kva.example” or at a domain below “example.com” may write" in html
    assert "Answers to tickets are never left out by this." in html


@pytest.mark.req("S2-25")
def test_the_list_of_domains_can_be_switched_off_without_losing_it(
    administrator: Client, before_senders: MailServer
) -> None:
    typed = {**typed_senders(), "allowed_domains": "example.com"}
    del typed["accept-approved_domains_only"]

    administrator.post(f"{BASE}/{before_senders.pk}/senders/", {**typed, "_save": "1"})

    before_senders.refresh_from_db()
    assert before_senders.acceptance["approved_domains_only"] is False
    assert [row.domain for row in before_senders.domains.all()] == ["example.com"]
    assert "the list is switched off" in step(administrator, before_senders)


@pytest.mark.req("S2-23", "S4-27")
@pytest.mark.parametrize(
    ("field", "wrong", "said"),
    [
        ("accept-blocked_senders", "ads.example", "Write *@ads.example for everybody at a domain."),
        ("accept-blocked_senders", "@ads.example", "Write *@ads.example for everybody at a domain."),
        ("accept-new_tickets_exceptions", "heather", "“heather” is not a mail address."),
        ("allowed_domains", "ann@example.com", "“ann@example.com” is not a domain."),
        ("accept-duplicate_window_minutes", "-1", "greater than or equal to 0"),
    ],
)
def test_what_cannot_be_meant_is_explained_at_its_field(
    administrator: Client, before_senders: MailServer, field: str, wrong: str, said: str
) -> None:
    answer = administrator.post(f"{BASE}/{before_senders.pk}/senders/", {**typed_senders(), field: wrong, "_next": "1"})

    beside = unescape(answer.content.decode()).split(f'id="id_{field}_error">')[1].split("</p>")[0]
    assert said in beside


def test_a_gate_without_a_question_still_shows_its_options() -> None:
    asked = {name for _, names, _ in QUESTIONS for name in names} - {"allowed_domains"}

    assert asked <= {spec.name for gate in GATES for spec in gate.options}
