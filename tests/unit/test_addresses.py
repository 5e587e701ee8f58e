"""Lists of addresses, read tolerantly."""

from __future__ import annotations

import time

import pytest

from mailchannel.parsing.addresses import address_list
from mailchannel.parsing.limits import Limits


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (b"Ana@Client.Example", [("ana@client.example", "")]),
        (b"Ana Costa <ana@client.example>", [("ana@client.example", "Ana Costa")]),
        (
            b'"Costa, Ana" <ana@client.example>, b@x.example',
            [("ana@client.example", "Costa, Ana"), ("b@x.example", "")],
        ),
        (b"ana@client.example (Ana (the first))", [("ana@client.example", "Ana (the first)")]),
        (b"=?utf-8?Q?J=C3=B6rg?= <j@x.example>", [("j@x.example", "Jörg")]),
        (b"=?utf-8?Q?Costa, Ana?= <a@x.example>", [("a@x.example", "Costa, Ana")]),
        ("Jörg <j@x.example>".encode("latin-1"), [("j@x.example", "Jörg")]),
        (b"Team: a@x.example, b@x.example; c@x.example", [(f"{c}@x.example", "") for c in "abc"]),
        (b"undisclosed-recipients:;", []),
        (b"a@x.example; b@x.example", [("a@x.example", ""), ("b@x.example", "")]),
        (b",, a@x.example,", [("a@x.example", "")]),
        (b"a@x.example, A@X.EXAMPLE", [("a@x.example", "")]),
        (b"<@relay.example:a@x.example>", [("a@x.example", "")]),
        (b"a@x . example", [("a@x.example", "")]),
        (b"Big Bug bug@x.example", [("bug@x.example", "")]),
        ("a@bücher.example".encode(), [("a@xn--bcher-kva.example", "")]),
        (b'"never closed <a@x.example>', [("a@x.example", '"never closed')]),
        (b"Ana <ana@x.example, Bob <bob@x.example>", [("ana@x.example", "Ana"), ("bob@x.example", "Bob")]),
        (b"<@one.example,@two.example:a@x.example>, b@x.example", [("a@x.example", ""), ("b@x.example", "")]),
        (b"<a@x.example> (Ana)", [("a@x.example", "Ana")]),
        (b"<mailto:a@x.example>", [("a@x.example", "")]),
        (b'"Ana Costa" ana@x.example', [("ana@x.example", "")]),
        (b'"ana.costa"@x.example', [("ana.costa@x.example", "")]),
        (
            b'Friends: Ana <a@x.example>, "B, C" <b@x.example>;, Staff:;',
            [("a@x.example", "Ana"), ("b@x.example", "B, C")],
        ),
        (b"=?utf-8?Q?J=C3=B6rg?= =?utf-8?Q?_K <j@x.example>", [("j@x.example", "Jörg K")]),
        ("a@faß.example".encode(), [("a@xn--fa-hia.example", "")]),
        ("märy@exämple.example".encode(), [("märy@xn--exmple-cua.example", "")]),
        ("a@☕.example".encode(), [("a@☕.example", "")]),
        (b'"two words"@x.example', []),
        (b"one@two@x.example", []),
        (b"a@(nowhere", []),
        (b"Support", []),
        (b"", []),
    ],
)
def test_what_can_be_understood_is_found(value: bytes, found: list[tuple[str, str]]) -> None:
    assert [(address.email, address.name) for address in address_list([value])] == found


def test_a_list_is_cut_at_its_limit() -> None:
    value = b", ".join(b"u%d@x.example" % number for number in range(50))

    assert len(address_list([value], Limits(addresses=10))) == 10


@pytest.mark.parametrize(
    "value",
    [
        b"a " * 15_000 + b"@" + b":" * 15_000,
        b"a@" + b" " * 60_000 + b"b",
        b"a@" + b" (c)" * 16_000,
        b"<@a," * 16_000,
        b", ".join(b"u%d@x.example" % number for number in range(20_000)),
    ],
)
def test_a_header_made_to_be_slow_is_not(value: bytes) -> None:
    began = time.process_time()

    address_list([value])

    assert time.process_time() - began < 3


def test_invisible_characters_are_not_part_of_a_name() -> None:
    value = "a\u202e\u200bb\u2066 <a@x.example>".encode()

    assert address_list([value])[0].name == "ab"
