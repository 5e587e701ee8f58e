"""Exactly one address, or nobody and why."""

from __future__ import annotations

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
        ("root@localhost", Address("root@localhost")),
    ],
)
def test_one_mailbox_is_the_sender(value: str, sender: Address) -> None:
    found = read_sender([value.encode()])

    assert (found.address, found.problem) == (sender, "")


@pytest.mark.parametrize(
    ("value", "named"),
    [
        ("=?utf-8?q?mallory=40evil.example=2C?=foo@example.com", "encoded"),
        ("=?utf-8?q?mallory=40evil.example=3E=00?= <x=?utf-8?q?=20?=@example.com>", "encoded"),
        ("=?utf-7?q?mallory+AEA-evil.example?=@example.com", "encoded"),
        ("mallory@evil.example@example.com", "no address"),
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
        ("boss@exam ple.com", "blanks"),
        ("boss @example.com", "blanks"),
        ("boss@ｅxample.com", "domain"),
        ("boss@exаmple.com", "domain"),
        ("boss@example。com", "domain"),
        ("boss@exam\u200bple.com", "domain"),
        ("boss@exam\u00adple.com", "domain"),
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
