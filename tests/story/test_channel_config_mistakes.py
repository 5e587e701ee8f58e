"""Settings as code: every mistake is named with its line, its path and what to write instead."""

from __future__ import annotations

from pathlib import Path

import pytest

from mailchannel.services.config_file import ConfigError, apply, read
from tests.story.settings_file import EXAMPLE, PASSWORD, changed, line_of


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPPORT_PASSWORD", PASSWORD)


def mistakes(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text, folder=Path())
    return [str(problem) for problem in caught.value.problems]


WRONG_SHAPES = [
    ("- {name: Incident, module: ticket}", "- Incident", "ticket_types[0]", "expected keys and values"),
    ("module: ticket}", "module: change}", "ticket_types[0].module", "expected one of ticket, request."),
    ("status: published ", "status: live ", "templates[0].status", "expected one of draft, published."),
    ("label: Cost centre, kind: text", "label: 17", "templates[0].fields[1].label", "expected text. Put it in quotes"),
    (
        "label: Cost centre, kind: text",
        "label: C, kind: money",
        "templates[0].fields[1].kind",
        "expected one of text, ",
    ),
    ("required: true", "required: always", "templates[0].fields[0].required", "expected true or false."),
    ("- name: Support", "- name: ''", "mail_servers[0].name", "expected text, but it is empty."),
    ("status: active ", "status: running ", "mail_servers[0].status", "expected one of draft, active, paused."),
    (
        "protocol: imap",
        "protocol: gopher",
        "mail_servers[0].protocol",
        "there is no such protocol here. Available: ews, forwarding, graph, imap, pop3.",
    ),
    (
        "auth: password",
        "auth: kerberos",
        "mail_servers[0].auth",
        "no such way to sign in here. Available: password, oauth_microsoft, oauth.",
    ),
    ("address: support@", "address: support", "mail_servers[0].address", "is not a mail address. Write it like"),
    ("aliases: [helpdesk@example.com]", "aliases: helpdesk@example.com", "mail_servers[0].aliases", "expected a list"),
    ("[helpdesk@example.com]", "[helpdesk]", "mail_servers[0].aliases[0]", "“helpdesk” is not a mail address."),
    ("reply_to: support@example.com", "reply_to: [a]", "mail_servers[0].reply_to", "expected text."),
    ("host: 127.0.0.1, port: 10143", "host: 'https://x'", "mail_servers[0].connection.host", "is not a server name."),
    (
        "port: 10143",
        "port: '10143'",
        "mail_servers[0].connection.port",
        "whole number from 1 to 65535, without quotes.",
    ),
    ("port: 10143", "port: 0", "mail_servers[0].connection.port", "expected a whole number from 1 to 65535."),
    ("port: 10143", "port: true", "mail_servers[0].connection.port", "expected a whole number from 1 to 65535"),
    (
        "encryption: none, username",
        "encryption: ssl, username",
        "mail_servers[0].connection.encryption",
        "expected one of",
    ),
    ("timeout_ms: 5000", "timeout_ms: 5", "mail_servers[0].connection.timeout_ms", "from 1000 to 120000."),
    ("max_tries: 3", "max_tries: many", "mail_servers[0].connection.max_tries", "from 1 to 20, without quotes."),
    ("cool_off_minutes: 5", "cool_off_minutes: -5", "mail_servers[0].connection.cool_off_minutes", "from 0 to 32767."),
    ('"02:00-04:00"', '"2 to 4"', "mail_servers[0].connection.skip_times[0]", "is not a time span. Write it like"),
    (
        "sync_start: 2026-01-01T00:00:00Z",
        "sync_start: soon",
        "mail_servers[0].connection.sync_start",
        "expected a date",
    ),
    ("sending: {host: 127.0.0.1, port: 10025", "sending: {port: x", "mail_servers[0].sending.port", "a whole number"),
    ("source: [INBOX]", "source: INBOX", "mail_servers[0].folders.source", "expected a list, like [one, two]."),
    *(
        ("    accept: ", f"    after: {{{said}}}\n    accept: ", f"mail_servers[0].after.{key}", sentence)
        for said, key, sentence in (
            ("failed: delete", "failed", "expected one of move, mark_read, leave."),
            ("processed: burn", "processed", "expected one of move, mark_read, delete, leave."),
            ("junk: move", "junk", "Known keys: processed, ignored, failed."),
        )
    ),
    ("success: Processed", "success: [Processed]", "mail_servers[0].folders.success", "expected text."),
    ("success: Processed", 'success: "a\\r\\nb"', "mail_servers[0].folders.success", "without line breaks"),
    (
        "allowed_domains: [example.com]",
        "allowed_domains: [example]",
        "mail_servers[0].accept.allowed_domains[0]",
        "domain",
    ),
    ('"*@ads.example"]', '"*@ads"]', "mail_servers[0].accept.blocked_senders[1]", "“ads” is not a domain."),
    ("unknown_senders: accept ", "unknown_senders: ask ", "mail_servers[0].accept.unknown_senders", "accept, refuse."),
    ("{enabled: true", "{enabled: maybe", "mail_servers[0].accept.new_tickets.enabled", "expected true or false."),
    ("only_if_in_to: false", "only_if_in_to: 0", "mail_servers[0].accept.only_if_in_to", "expected true or false."),
    ('["out of office"]', "[on]", "mail_servers[0].accept.auto_reply_words[0]", "expected text. Put it in quotes"),
    ("template: Standard incident", "template: []", "mail_servers[0].ticket.template", "expected text."),
    ("attach_email: true", "attach_email: 'yes'", "mail_servers[0].ticket.attach_email", "expected true or false."),
    ("property: body", "property: text", "mail_servers[0].ticket.mapping[1].property", "expected one of "),
    ("default: unknown", "default: 5", "mail_servers[0].ticket.mapping[5].default", "expected text."),
    ("sync_start: 2026-", "sync_start: 0001-", "mail_servers[0].connection.sync_start", "in the years 1970 to 9989."),
    ("sync_start: 2026-01-01T", "sync_start: 2026-99-01T", "mail_servers[0].connection.sync_start", "cannot be read"),
    ("name: Support", "name: " + "x" * 101, "mail_servers[0].name", "expected at most 100 characters, this has 101."),
]


@pytest.mark.req("S1-02", "S1-05")
@pytest.mark.parametrize(
    ("old", "new", "path", "sentence"), WRONG_SHAPES, ids=[f"{c[2]}: {c[1][:25]}" for c in WRONG_SHAPES]
)
def test_a_value_of_the_wrong_shape_is_named_with_line_path_and_expectation(
    old: str, new: str, path: str, sentence: str
) -> None:
    text = changed(old, new)

    (mistake,) = mistakes(text)

    assert mistake.startswith(f"line {line_of(text, new)}, {path}: ")
    assert sentence in mistake


@pytest.mark.parametrize(
    ("old", "new", "hint"),
    [
        ("ticket_types:", "ticket_kinds:", "Did you mean “ticket_types”?"),
        ("    reply_to:", "    replyto:", "Did you mean “reply_to”?"),
        ("port: 10143", "prot: 10143", "Did you mean “port”?"),
        ("only_if_in_to:", "only_when_addressed:", "Known keys: allowed_domains, "),
        ("{password: {", "{passwort: {", "Did you mean “password”?"),
        ("attach_email:", "new_tickets_enabled:", "Known keys: template, "),
    ],
)
def test_an_unknown_key_is_named_with_its_line(old: str, new: str, hint: str) -> None:
    text = changed(old, new)
    key = new.strip(" {:").split(":")[0]

    (mistake,) = mistakes(text)

    assert mistake.startswith(f"line {line_of(text, new.strip())}, ")
    assert f"unknown key “{key}”. {hint}" in mistake


def test_a_key_that_appears_twice_is_an_error() -> None:
    text = changed("    auth: password\n", "    auth: password\n    address: other@example.com\n")

    (mistake,) = mistakes(text)

    assert mistake == "line 16, mail_servers[0].address: “address” appears twice, first on line 15."


@pytest.mark.parametrize(
    ("old", "new", "mistake"),
    [
        ("key: cost_centre", "key: affected_system", "templates[0].fields[1].key: “affected_system” appears twice"),
        ("field: description", "field: title", "mail_servers[0].ticket.mapping[1].field: “title” appears twice"),
        ("mail_servers:\n", "mail_servers:\n  - name: Support\n", "mail_servers[1].name: “Support” appears twice"),
    ],
)
def test_two_entries_of_one_name_are_an_error(old: str, new: str, mistake: str) -> None:
    assert mistake in mistakes(changed(old, new))[0]


def test_a_missing_key_is_named() -> None:
    assert mistakes("mail_servers:\n  - {address: support@example.com}\n") == [
        "line 2, mail_servers[0]: the key “name” is missing."
    ]


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file() -> None:
    text = (
        changed("port: 10143", "port: x").replace("attach_email: true", "attach_email: x").replace("auth: ", "outh: ")
    )

    assert [mistake.split(":")[0] for mistake in mistakes(text)] == [
        f"line {line_of(text, 'outh')}, mail_servers[0].outh",
        f"line {line_of(text, 'port: x')}, mail_servers[0].connection.port",
        f"line {line_of(text, 'attach_email: x')}, mail_servers[0].ticket.attach_email",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("mail_servers: [", "line 1: this is not valid YAML"),
        ("a: b: c", "line 1: this is not valid YAML"),
        (
            "- one\n- two\n",
            "line 1: expected keys and values. Known keys: defaults, departments, services, processes, ticket_types, "
            "templates, proxies, mail_servers.",
        ),
        ("mail_servers: soon", "line 1, mail_servers: expected a list"),
        ("mail_servers:\n", "line 1, mail_servers: expected a list"),
        ("--- {}\n--- {}\n", "this is not valid YAML"),
        ("x: \x07", "the file holds a character that YAML does not allow."),
        ('x: "\\U00110000"', "the file holds a character that YAML does not allow."),
        ("[" * 1500, "the file is nested too deeply."),
        ("? [a]\n: b\n", "line 1: a key must be a word."),
        ("ticket_types: &a [*a]", "anchors and aliases (& and *) are not supported; write it out."),
        ("ticket_types: !!python/object/apply:os.system [id]", "expected keys and values"),
        ("ticket_types: [{name: !!python/name:os.system x}]", "this value cannot be read"),
        ('ticket_types: [{name: "\\ud800"}]', "expected text without line breaks"),
    ],
)
def test_what_is_no_settings_file_gets_a_sentence(text: str, mistake: str) -> None:
    assert mistake in mistakes(text)[0]


def test_an_empty_file_says_nothing_and_is_no_mistake() -> None:
    assert read("# later\n", folder=Path()).mail_servers == ()


REFUSED_TOGETHER = [
    (
        "ticket_type: Incident",
        "ticket_type: Incidents",
        "templates[0].ticket_type",
        "There is no ticket type “Incidents”",
    ),
    ("    ticket_type: Incident\n", "", "templates[0]", "a new template needs the key “ticket_type”."),
    ("key: cost_centre", "key: title", "templates[0].fields[1].key", "Every ticket has “title” already."),
    ("key: cost_centre", "key: cost centre", "templates[0].fields[1].key", "“cost centre” is no key."),
    ("Cost centre, kind: text", "C, kind: choice", "templates[0].fields[1].choices", "needs at least one value"),
    ("Cost centre, kind: text", "C, choices: [a]", "templates[0].fields[1].choices", "only a field of kind choice can"),
    ("fail: Failed", "fail: inbox", "mail_servers[0].folders.fail", "Mail is read from “inbox”, so failed mail cannot"),
    ("[Spam]", "[INBOX]", "mail_servers[0].folders.never_read", "“INBOX” is also among the folders to read."),
    ("template: Standard incident", "template: X", "mail_servers[0].ticket.template", "there is no template “X”."),
    ("whitelisted_types: [I", "whitelisted_types: [X, I", "mail_servers[0].ticket.whitelisted_types[0]", "type “X”"),
    ("field: affected_system", "field: system", "mail_servers[0].ticket.mapping[5].field", "have no field “system”."),
    ("property: body", "property: attachments", "mail_servers[0].ticket.mapping[1].property", "files fill the field"),
    (
        "requester, property: sender",
        "requester, property: body",
        "mail_servers[0].ticket.mapping[2].field",
        "the sender",
    ),
    (
        "property: subject",
        "default: x, restricted: true",
        "mail_servers[0].ticket.mapping[0].restricted",
        "every agent",
    ),
    ("property: importance", "default: soon", "mail_servers[0].ticket.mapping[3].default", "“soon” is none of low,"),
]


@pytest.mark.django_db
@pytest.mark.parametrize(("old", "new", "path", "sentence"), REFUSED_TOGETHER, ids=[c[3] for c in REFUSED_TOGETHER])
def test_values_that_do_not_fit_together_are_named_too(old: str, new: str, path: str, sentence: str) -> None:
    file = read(changed(old, new), folder=Path())

    with pytest.raises(ConfigError) as caught:
        apply(file)

    assert f", {path}: " in str(caught.value)
    assert sentence in str(caught.value)
    assert caught.value.problems[0].line > 1


def test_the_example_itself_has_no_mistake() -> None:
    assert len(read(EXAMPLE, folder=Path()).mail_servers) == 1
