"""Exactly one address, or nobody and why."""

from __future__ import annotations

import time

import pytest

from mailchannel.kernel.types import Address
from mailchannel.parsing.mime import parse
from mailchannel.parsing.sender import read_sender


@pytest.mark.parametrize(
    ("value", "sender"),
    [
        ("ana@client.example", Address("ana@client.example")),
        ("<Ana@Client.Example>", Address("ana@client.example")),
        ("Ana Costa <ana@client.example>", Address("ana@client.example", "Ana Costa")),
        ('"Costa, Ana (IT)" <ana@client.example>', Address("ana@client.example", "Costa, Ana (IT)")),
        ("ana@client.example (Ana)", Address("ana@client.example", "Ana")),
        ("=?utf-8?Q?J=C3=B6rg?= <j@client.example> (home)", Address("j@client.example", "Jörg")),
        ("boss@corp.example <evil@x.example>", Address("evil@x.example", "boss@corp.example")),
        ('"boss@corp.example" <evil@x.example>', Address("evil@x.example", "boss@corp.example")),
        ('"ana" <"ana.costa"@client.example>', Address("ana.costa@client.example", "ana")),
        ("odd..dots.@docomo.example", Address("odd..dots.@docomo.example")),
        ("jörg@client.example", Address("jörg@client.example")),
        ("JÖRG@client.example", Address("jörg@client.example")),
        ("root@localhost", Address("root@localhost")),
        ("=?utf-8?Q?Costa, Ana?= <ana@client.example>", Address("ana@client.example", "Costa, Ana")),
        ("=?utf-8?Q?ana@work?= <ana@client.example>", Address("ana@client.example", "ana@work")),
        ("=?utf-8?Q?boss=40corp.example=3E?= <evil@x.example>", Address("evil@x.example", "boss@corp.example>")),
        ("Boss\u202e\u061c <evil@x.example>", Address("evil@x.example", "Boss")),
        ("boss@corp.example<evil@x.example>", Address("evil@x.example", "boss@corp.example")),
        ("boss@xn--crp-mna.example", Address("boss@xn--crp-mna.example")),
    ],
)
def test_one_mailbox_is_the_sender(value: str, sender: Address) -> None:
    found = read_sender([value.encode()])

    assert (found.address, found.problem) == (sender, "")


@pytest.mark.req("S0-25")
@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("=?utf-8?q?mallory=40evil.example=2C?=foo@example.com", "encoded"),
        ("=?utf-8?q?mallory=40evil.example=3E=00?= <x=?utf-8?q?=20?=@example.com>", "encoded"),
        ("=?utf-7?q?mallory+AEA-evil.example?=@example.com", "encoded"),
        ('"=?utf-8?q?mallory=40evil.example=3E?="@example.com', "encoded"),
        ("=?utf-8?q?mallory?=@example.com", "encoded"),
        ("mallory@=?utf-8?q?example.com?=", "encoded"),
        ("=?utf-8?q? <boss@example.com>, ?= <mallory@evil.example>", "hides"),
        ("=?utf-8?q?<boss@example.com>?= <mallory@evil.example>", "hides"),
        ("boss@example.com =?utf-8?q?,?= <mallory@evil.example>", "hides"),
        ('=?utf-8?q?"?= <mallory@evil.example> (" <boss@example.com>)', "hides"),
        ("mallory@evil.example@example.com", "no address"),
        ("mallory%evil.example@@example.com", "no address"),
        ('"boss@example.com"@evil.example', "characters"),
        ('"bo ss"@example.com', "characters"),
        ('""@example.com', "characters"),
        ('"boss".team@example.com', "blanks"),
        ('"bo\\ss"@example.com', "letter by letter"),
        ("<mallory@evil.example@example.com>", "no address"),
        ('"mallory@evil.example>"@example.com', "characters"),
        ("boss@example.com, mallory@evil.example", "more than one"),
        ("<boss@example.com> <mallory@evil.example>", "more than one"),
        ("Team: boss@example.com;", "group"),
        ("boss@example.com; mallory@evil.example", "group"),
        ("<@relay.example:boss@example.com>", "more than one|group"),
        ("<boss@example.com> mallory@evil.example", "goes on"),
        ("Boss boss@example.com", "blanks"),
        ("boss@example.com)mallory@evil.example", "partner"),
        ("boss(comment)@example.com", "blanks or comments"),
        ("boss@(comment)example.com", "blanks or comments"),
        ("<boss(comment)@example.com>", "blanks or comments"),
        ("boss@example.com(<mallory@evil.example>", "partner"),
        ("boss@example.com)(<mallory@evil.example>", "partner"),
        ("boss@exam ple.com", "blanks"),
        ("boss@example.com .evil.example", "blanks"),
        ("boss@example.com\xa0.evil.example", "blanks"),
        ("boss@ example.com", "blanks"),
        ("boss@example.com.", "domain"),
        ("boss@exam\rple.com", "line break"),
        ("boss@example.com\rBcc: mallory@evil.example", "line break"),
        ("boss @example.com", "blanks"),
        ("boss@ｅxample.com", "domain"),
        ("boss@exаmple.com", "domain"),
        ("boss@example。com", "domain"),
        ("boss@exam\u200bple.com", "domain"),
        ("boss@exam\u00adple.com", "domain"),
        ("boss@exam\u200dple.com", "domain"),
        ("boss@bücher.example", "domain"),
        ("boss@example.com\u061c", "domain"),
        ("ｂoss@example.com", "characters"),
        ("boss@[192.0.2.1]", "domain"),
        ("boss@example..com", "domain"),
        ("boss@-example.com", "domain"),
        ("boss@example.com\x00.evil.example", "NUL"),
        ("<>", "empty"),
        ("", "empty"),
        ("   (nobody)", "empty"),
        ("Reception", "no address"),
        ("<boss@example.com", "partner"),
        ("boss@example.com>", "partner"),
        ('"Boss <boss@example.com>', "partner"),
        ("(" * 5_000 + "boss@example.com", "partner"),
        ("b" * 300 + "@" + "long." * 10 + "example.com", "longer"),
    ],
)
def test_what_two_programs_could_read_differently_is_no_sender(value: str, named: str) -> None:
    found = read_sender([value.encode()])

    assert found.address is None
    assert any(word in found.problem for word in named.split("|")), found.problem


@pytest.mark.parametrize(
    "value",
    [
        "jörg@client.example".encode("latin-1"),
        "ж@client.example".encode("koi8-r"),
        "boss@example.com".encode("utf-16-le")[:-1],
        b"+ADw-boss@example.com+AD4-",
    ],
)
def test_no_charset_is_guessed_for_an_address(value: bytes) -> None:
    address = read_sender([value]).address

    assert address is None or address.email == value.decode("ascii")


def test_a_name_in_an_undeclared_charset_does_no_harm_to_its_address() -> None:
    value = "Jörg Müller <j@client.example>".encode("latin-1")

    assert read_sender([value]).address == Address("j@client.example", "Jörg Müller")


@pytest.mark.parametrize(
    "value",
    [b"(" * 64_000, b'"\\' * 32_000, b"a " * 15_000 + b"@" + b":" * 15_000, b"=?a?q?" * 10_000, b"@" * 64_000],
)
def test_a_header_made_to_be_slow_is_not(value: bytes) -> None:
    began = time.process_time()

    assert read_sender([value]).address is None
    assert time.process_time() - began < 3


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (b"From: a@example.com\nFrom: b@evil.example\n", "The mail has 2 From headers."),
        (b"From: a@example.com\nFROM : b@evil.example\n", "The mail has 2 From headers."),
        (b" From: b@evil.example\nFrom: a@example.com\n", "The mail has 2 From headers."),
        (b"From : a@example.com\n", "The From header is not written as one."),
        (b" From: a@example.com\nTo: x@example.com\n", "The From header is not written as one."),
        (
            b"Reply-To: a@example.com\nSender: a@example.com\nReturn-Path: <a@example.com>\n",
            "The mail has no From header.",
        ),
    ],
)
def test_headers_that_could_be_read_twice_name_nobody(head: bytes, problem: str) -> None:
    mail = parse(head + b"Subject: x\n\nHello\n")

    assert (mail.sender, mail.sender_problem) == (None, problem)
    assert mail.subject == "x"


def test_a_second_address_on_a_line_of_its_own_is_not_the_sender() -> None:
    mail = parse(b"From: boss@example.com\n<mallory@evil.example>\nTo: support@example.com\n\nHello")

    assert mail.sender is None and mail.sender_problem
