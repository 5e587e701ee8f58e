"""Mail properties, made to fit ticket fields."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mailchannel.kernel.channel import MappingRule
from mailchannel.kernel.types import Address, ParsedMail, Part
from mailchannel.mapping.engine import map_fields
from mailchannel.mapping.properties import PROPERTIES
from mailchannel.mapping.values import fit
from mailchannel.parsing.importance import importance
from mailchannel.parsing.mime import parse

MAIL = ParsedMail(
    message_id="1@client.example",
    sender=Address("ana@client.example", "Ana Costa"),
    to=(Address("support@example.com"),),
    cc=(Address("b@client.example"), Address("c@client.example")),
    subject="Printer broken",
    text="It is broken.\n\n-- \nAna",
    date=datetime(2025, 3, 4, 10, 11, tzinfo=UTC),
    headers={"importance": ("High",)},
    parts=(Part("a.pdf", "application/pdf", b"%PDF"), Part("b.txt", "text/plain", b"b")),
)


@pytest.mark.req("S0-06", "S0-29", "S0-48")
def test_every_property_reads_the_mail() -> None:
    assert {name: each.read(MAIL) for name, each in PROPERTIES.items()} == {
        "subject": "Printer broken",
        "body": "It is broken.\n\n-- \nAna",
        "reply_text": "It is broken.",
        "sender": "ana@client.example",
        "sender_name": "Ana Costa",
        "sender_domain": "client.example",
        "importance": "high",
        "attachments": "a.pdf, b.txt",
        "to": "support@example.com",
        "cc": "b@client.example, c@client.example",
        "date": "2025-03-04T10:11:00+00:00",
        "message_id": "1@client.example",
    }


def test_an_empty_mail_has_no_properties_but_a_normal_importance() -> None:
    found = {name: each.read(ParsedMail()) for name, each in PROPERTIES.items()}

    assert {name: value for name, value in found.items() if value} == {"importance": "normal"}


@pytest.mark.parametrize(
    ("text", "kind", "choices", "value"),
    [
        (" a\n b ", "text", (), "a b"),
        ("\na\n b\n", "paragraph", (), "a\n b"),
        ("42", "number", (), 42),
        (" -1.5 ", "number", (), -1.5),
        ("2025-03-04", "date", (), "2025-03-04"),
        ("2025-03-04T23:30:00-05:00", "date", (), "2025-03-04"),
        ("Yes", "boolean", (), True),
        ("off", "boolean", (), False),
        ("lisbon", "choice", ("Porto", "Lisbon"), "Lisbon"),
        ("high", "choice", ("low", "normal", "high", "urgent"), "high"),
        ("high", "choice", ("Minor", "Medium", "Urgent"), "Urgent"),
        ("normal", "choice", ("Low", "Medium", "High"), "Medium"),
        ("Ana@Client.Example", "email", (), "ana@client.example"),
    ],
)
def test_a_text_is_made_to_fit_its_field(text: str, kind: str, choices: tuple[str, ...], value: Any) -> None:
    found = fit(text, kind, choices)

    assert (found.value, found.problem) == (value, "")


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("many", "number"),
        ("1,234", "number"),
        ("nan", "number"),
        ("1e999999999", "number"),
        ("9" * 5_000, "number"),
        ("yesterday", "date"),
        ("2025-13-40", "date"),
        ("perhaps", "boolean"),
        ("Madrid", "choice"),
        ("nobody", "email"),
        ("a@b, c@d", "email"),
    ],
)
def test_what_does_not_fit_says_why(text: str, kind: str) -> None:
    found = fit(text, kind, ("Lisbon",))

    assert found.value is None
    assert "“" in found.problem


def test_a_long_line_is_shortened_and_says_so() -> None:
    found = fit("word " * 100, "text")

    assert len(found.value) == 255
    assert "shortened" in found.note


@pytest.mark.req("S0-48", "S1-30", "S1-31")
@pytest.mark.parametrize(
    ("rule", "value", "verdict", "because"),
    [
        (MappingRule("title", property="subject"), "Printer broken", "subject", "filled from “Subject”"),
        (MappingRule("place", default="Lisbon"), "Lisbon", "default", "the rule names a fixed value"),
        (
            MappingRule("floor", kind="number", property="subject", default="3"),
            3,
            "default",
            "“Printer broken” is not a number such as 42 or 1.5",
        ),
        (MappingRule("x", property="no_such", default="y"), "y", "default", "there is no mail property “no_such”"),
        (MappingRule("x"), None, "empty", "the rule names a fixed value; there is no other value"),
        (
            MappingRule("floor", kind="number", property="subject", default="three"),
            None,
            "empty",
            "“Printer broken” is not a number such as 42 or 1.5; the default does not fit either: "
            "“three” is not a number such as 42 or 1.5; there is no other value",
        ),
        (
            MappingRule("priority", kind="choice", choices=("low", "normal", "high"), property="importance"),
            "high",
            "importance",
            "filled from “Importance (high, normal or low)”",
        ),
        (
            MappingRule("files", kind="attachments", property="attachments"),
            MAIL.attachments,
            "attachments",
            "2 files",
        ),
        (
            MappingRule("files", kind="attachments", property="subject"),
            None,
            "empty",
            "the rule does not name the mail's attachments",
        ),
    ],
    ids=lambda each: each.field if isinstance(each, MappingRule) else None,
)
def test_a_rule_fills_its_field_and_says_how(rule: MappingRule, value: Any, verdict: str, because: str) -> None:
    ruling = map_fields(MAIL, [rule])

    step = ruling.steps[0]
    assert ruling.value == ({} if value is None else {rule.field: value})
    assert (step.stage, step.code, step.verdict, step.because) == ("map", rule.field, verdict, because)


def test_every_rule_leaves_one_line_in_the_trace() -> None:
    rules = [MappingRule(name, property=name) for name in PROPERTIES]

    assert [step.code for step in map_fields(ParsedMail(), rules).steps] == list(PROPERTIES)


@pytest.mark.parametrize(
    ("header", "meaning"),
    [
        ("Importance: High", "high"),
        ("Importance: low", "low"),
        ("X-Priority: 1 (Highest)", "high"),
        ("X-Priority: 2", "high"),
        ("X-Priority: 3 (Normal)", "normal"),
        ("X-Priority: 5(Lowest)", "low"),
        ("Priority: urgent", "high"),
        ("Priority: non-urgent", "low"),
        ("X-MSMail-Priority: High", "high"),
        ("Importance: nonsense\nX-Priority: 1", "high"),
        ("Importance: normal\nX-Priority: 1", "normal"),
        ("X-Priority: 11", "normal"),
        ("Importance: \x00", "normal"),
        ("X: y", "normal"),
    ],
)
def test_importance_is_understood_in_every_dialect(header: str, meaning: str) -> None:
    assert importance(parse(f"{header}\n\n".encode())) == meaning
