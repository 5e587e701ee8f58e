"""What may be typed, the spelling it is stored in, and what is said otherwise."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event

import pytest
from django.core.exceptions import ValidationError

from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.services import check, validation
from mailchannel.services.doctor.findings import Level, Report
from mailchannel.services.in_time import Job, gather
from mailchannel.services.spec_check import spec_problems

Check = Callable[[str], str]


@pytest.mark.req("S1-02", "S1-03", "S1-04", "S1-17", "S4-27")
@pytest.mark.parametrize(
    ("check", "typed", "stored"),
    [
        (validation.domain, " Example.COM. ", "example.com"),
        (validation.domain, "@example.com", "example.com"),
        (validation.domain, "BÜCHER.example", "xn--bcher-kva.example"),
        (validation.domain_pattern, "*.Example.com", "*.example.com"),
        (validation.address, "Support@Example.com", "support@example.com"),
        (validation.address, "o'neil+x@bücher.example", "o'neil+x@xn--bcher-kva.example"),
        (validation.address_pattern, "*@Ads.example", "*@ads.example"),
        (validation.host, "IMAP.example.com", "imap.example.com"),
        (validation.host, "192.168.1.1", "192.168.1.1"),
        (validation.host, "[2001:DB8::1]", "2001:db8::1"),
        (validation.host, "localhost", "localhost"),
        (validation.skip_time, "02:00 - 04:00", "02:00-04:00"),
        (validation.skip_time, "23:00–01:00", "23:00-01:00"),
        (validation.folder_name, " Kunden & Freunde ", "Kunden & Freunde"),
    ],
)
def test_one_thing_has_one_spelling(check: Check, typed: str, stored: str) -> None:
    assert check(typed) == stored
    assert check(stored) == stored


@pytest.mark.parametrize(
    ("check", "typed"),
    [
        (validation.domain, "example"),
        (validation.domain, "exam ple.com"),
        (validation.domain, "-x.example"),
        (validation.domain, f"{'a' * 64}.example"),
        (validation.domain, "*.example.com"),
        (validation.domain, ""),
        (validation.domain_pattern, "*"),
        (validation.address, "support"),
        (validation.address, "a@b@example.com"),
        (validation.address, "Kim <kim@example.com>"),
        (validation.address, "kim@example.com\r\nBcc: x@evil.example"),
        (validation.address_pattern, "*@*"),
        (validation.host, "https://imap.example.com"),
        (validation.host, "imap.example.com:993"),
        (validation.skip_time, "2:00-4:00"),
        (validation.skip_time, "24:00-25:00"),
        (validation.skip_time, "02:00-02:00"),
        (validation.folder_name, "Done\r\nA1 DELETE INBOX"),
        (validation.folder_name, "In\u202ebox"),
        (validation.folder_name, "x" * 256),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(check: Check, typed: str) -> None:
    with pytest.raises(ValidationError) as refused:
        check(typed)
    assert refused.value.messages[0].endswith(".")


def test_every_bad_entry_of_a_list_is_named() -> None:
    with pytest.raises(ValidationError) as refused:
        validation.each(validation.domain, ["example.com", "one", "two"])
    assert ["“one”" in refused.value.messages[0], "“two”" in refused.value.messages[1]] == [True, True]
    assert validation.each(validation.domain, ["a.example", "A.example"]) == ["a.example"]


@pytest.mark.req("S0-22", "S0-23", "S0-24")
def test_mail_is_never_moved_to_where_it_is_read_from() -> None:
    targets = {"success": "Done", "fail": "INBOX", "exclusion": "Sales"}

    problems = validation.folder_problems(["Inbox", "Sales"], targets, ["Sales", "Spam"])

    assert set(problems) == {"fail", "exclusion", "never_read"}


SPECS = (
    FieldSpec("host", "Host", required=True),
    FieldSpec("port", "Port", Kind.INTEGER, default=993, minimum=1, maximum=65535),
    FieldSpec("mode", "Mode", Kind.CHOICE, default="a", choices=(("a", "A"), ("b", "B"))),
    FieldSpec("on", "On", Kind.SWITCH, default=False),
    FieldSpec("words", "Words", Kind.LINES, default=()),
)


@pytest.mark.parametrize(
    ("stored", "wrong"),
    [
        ({"host": "x"}, []),
        ({}, ["host"]),
        ({"host": "x", "port": 0}, ["port"]),
        ({"host": "x", "port": 70_000}, ["port"]),
        ({"host": "x", "port": True}, ["port"]),
        ({"host": "x", "port": "993"}, ["port"]),
        ({"host": 1, "mode": "c", "on": "yes", "words": "one"}, ["host", "mode", "on", "words"]),
        ({"host": "x", "mode": "b", "on": True, "words": ["one"]}, []),
    ],
)
def test_stored_values_must_fit_what_the_plug_in_declared(stored: dict[str, object], wrong: list[str]) -> None:
    assert [name for name, _ in spec_problems(SPECS, stored)] == wrong


def test_a_stalled_job_does_not_keep_the_others_from_reporting() -> None:
    never = Event()

    def stalled(say: Callable[[str], None]) -> None:
        say("began")
        never.wait(10)

    def broken(say: Callable[[str], None]) -> None:
        raise ValueError("odd")

    jobs = {"one": stalled, "two": lambda say: say("done"), "three": broken}
    reports = gather(0.2, *(Job(run, f"{name} failed: {{}}".format, f"{name} late") for name, run in jobs.items()))
    never.set()

    assert reports == ["began", "one late", "done", "three failed: odd"]


def test_what_stalls_or_breaks_is_said_under_its_own_heading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "_GRACE", 0)
    never = Event()

    def broken(say: Report) -> None:
        raise ValueError("odd")

    def stalled(say: Report) -> None:
        never.wait(10)

    findings = check.within(0.2, {"Reading mail": broken, "Sending answers": stalled})
    never.set()

    assert [(each.part, each.level, each.text) for each in findings] == [
        ("Reading mail", Level.BAD, "Something unexpected happened."),
        ("Sending answers", Level.BAD, "No answer within 0.2 seconds."),
    ]
