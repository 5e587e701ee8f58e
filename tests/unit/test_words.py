"""Headers as a person reads them."""

from __future__ import annotations

import time

import pytest

from mailchannel.parsing.limits import Limits
from mailchannel.parsing.parameters import structured
from mailchannel.parsing.words import decode_words, readable


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"plain", "plain"),
        (b"folded\r\n here", "folded here"),
        (b"=?utf-8?Q?caf=C3=A9?=", "café"),
        (b"=?UTF-8?b?Y2Fmw6k=?= au lait", "café au lait"),
        (b"=?utf-8?Q?a?= =?utf-8?Q?b?=", "ab"),
        (b"=?utf-8?Q?a?=\r\n  =?utf-8?Q?_b?=", "a b"),
        (b"=?utf-8?Q?M=C3?= =?utf-8?B?vG5jaGVu?=", "München"),
        (b"=?iso-8859-1*en?Q?caf=E9?=", "café"),
        (b"Re:=?utf-8?Q?caf=C3=A9?=!", "Re:café!"),
        (b"=?utf-8?B?Y2Fmw6k?=", "café"),
        (b"=?utf-8?B?Y2Fm\r\n w6k=?=", "café"),
        (b"=?utf-8?Q?really??=", "really?"),
        (b"=?utf-8?Q?cut off", "cut off"),
        (b"=?utf-8?Q?cut off?", "cut off"),
        (b"=?utf-8?Q?caf=C3=A9 =?utf-8?Q?_au_lait?=", "café au lait"),
        (b"=?utf-8?B?caf=C3=A9?=", "café"),
        (b"=?utf-8?Q?really?=3F?=", "really??"),
        (b"=?utf-8?Q?one?=AB two?=", "oneAB two?="),
        (b"=??Q?caf=E9?=", "café"),
        (b"=? utf-8 ?Q?caf=C3=A9?=", "café"),
        (b"=?us-ascii?Q?W=F6lbung?=", "Wölbung"),
        (b"=?utf-8?X?kept?=", "=?utf-8?X?kept?="),
        (b"=?utf-8?Q??=", ""),
        (b"=?no-such?Q?caf=C3=A9?=", "café"),
        (b"2 =? 3", "2 =? 3"),
        ("raw 8-bit: ü".encode(), "raw 8-bit: ü"),
        ("raw 8-bit: ü".encode("latin-1"), "raw 8-bit: ü"),
        (b"=?utf-8?Q?Bcc=3A_x=0D=0AEvil=3A_1=00?=", "Bcc: x Evil: 1"),
    ],
)
def test_a_header_is_readable(value: bytes, text: str) -> None:
    assert readable(value) == text


def test_beyond_the_limit_words_stay_encoded() -> None:
    assert decode_words("=?utf-8?q?a?= " * 3, Limits(encoded_words=2)) == "aa =?utf-8?q?a?= "


@pytest.mark.parametrize(
    ("header", "value", "parameters"),
    [
        (b"text/plain; charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b'Text/HTML ; Charset="utf-8" ; x', "text/html", {"charset": "utf-8"}),
        (b'a/b; name="semi;colon \\"quoted\\".txt"', "a/b", {"name": 'semi;colon "quoted".txt'}),
        (b"a/b; name=one; name=two", "a/b", {"name": "one"}),
        (b"a/b; name*=utf-8''caf%C3%A9.pdf", "a/b", {"name": "café.pdf"}),
        (b"a/b; name*0=long; name*1=er.pdf", "a/b", {"name": "longer.pdf"}),
        (b"a/b; name*1*=%A9.pdf; name*0*=utf-8''caf%C3", "a/b", {"name": "café.pdf"}),
        (b"a/b; name=plain.pdf; name*=utf-8''better.pdf", "a/b", {"name": "better.pdf"}),
        (b"a/b; name*=caf%C3%A9.pdf", "a/b", {"name": "café.pdf"}),
        (b'a/b; name="=?utf-8?B?Y2Fmw6k=?=.pdf"', "a/b", {"name": "café.pdf"}),
        ('a/b; name="Störung.pdf"'.encode("latin-1"), "a/b", {"name": "Störung.pdf"}),
        (b"a/b; name*=us-ascii''W%F6lbung.jpg", "a/b", {"name": "Wölbung.jpg"}),
        (b"a/b; name*=utf-8'caf%C3%A9.pdf", "a/b", {"name": "café.pdf"}),
        (b"a/b; name=utf-8''caf%C3%A9.pdf", "a/b", {"name": "café.pdf"}),
        (b"a/b; name=it's_'100%25'.pdf", "a/b", {"name": "it's_'100%25'.pdf"}),
        (b"a/b; name*=utf-8''=?utf-8?B?Y2Fmw6k=?=", "a/b", {"name": "café"}),
        (b'a/b; name*0="=?utf-8?B?Y2Fm"; name*1="w6k=?="', "a/b", {"name": "café"}),
        (b'a/b; name="a "b" c.txt"', "a/b", {"name": 'a "b" c.txt'}),
        (b'text/plain charset="utf-8" format=flowed', "text/plain", {"charset": "utf-8"}),
        (b'filename="a.pdf"', "", {"filename": "a.pdf"}),
        (b"multipart/mixed boundary=x", "multipart/mixed", {"boundary": "x"}),
        (b"text/plain (a comment); charset=utf-8", "text/plain", {"charset": "utf-8"}),
        (b"", "", {}),
        (b";;=;*=;*0*=", "", {}),
        (b"a/b; x-odd=1; x-odd*=utf-8''2; name=a", "a/b", {"name": "a"}),
    ],
)
def test_parameters_are_read(header: bytes, value: str, parameters: dict[str, str]) -> None:
    found = structured(header)

    assert (found.value, found.parameters) == (value, parameters)


@pytest.mark.parametrize(
    "text",
    [
        " =?a?q?" * 1_000 + "?=AA" * 14_000,
        " =?a?q?" * 9_000,
        "=?a?q?x?=" * 7_000,
        "=?a?q?" + "?=AA" * 15_000,
        "=?a?b?" * 10_000 + "?=",
    ],
)
def test_a_header_made_to_be_slow_is_not(text: str) -> None:
    started = time.process_time()

    decode_words(text)

    assert time.process_time() - started < 1


def test_parameters_nobody_asks_for_cost_little() -> None:
    header = b"a/b;" + b"".join(b" a%d==?x%d?q?=AA?=; b%d*=x%d''%%AA;" % (n, n, n, n) for n in range(240))
    started = time.process_time()

    for _ in range(400):
        structured(header)

    assert time.process_time() - started < 1.5
