"""What our own mail server found out about the sender, and what only looks as if it had."""

from __future__ import annotations

import time

import pytest

from mailchannel.kernel.types import Address, ParsedMail
from mailchannel.parsing.authentication import SenderVerdict, read_verdict
from mailchannel.parsing.mime import parse

BOSS = Address("boss@example.com")


def checked(*headers: str, sender: Address | None = BOSS) -> ParsedMail:
    return ParsedMail(sender=sender, headers={"authentication-results": headers})


def verdict(*headers: str, sender: Address | None = BOSS) -> str:
    return read_verdict(checked(*headers, sender=sender), "mx.example.com").verdict.value


PROVEN = [
    "mx.example.com; dmarc=pass header.from=example.com",
    "mx.example.com; dmarc=pass (p=reject dis=none) header.from=EXAMPLE.COM; spf=fail smtp.mailfrom=evil.example",
    "MX.Example.COM 1; DMARC = pass",
    "mx.example.com (our server (the second one)); dmarc/1=pass",
    '"mx.example.com"; dmarc=pass',
    "mx.example.com; spf=pass (designates 192.0.2.1) smtp.mailfrom=boss@example.com",
    "mx.example.com; spf=pass smtp.mailfrom=<boss@example.com>",
    'mx.example.com; spf=pass smtp.mailfrom="boss@example.com"',
    "mx.example.com; spf=pass smtp.mailfrom=bounces.example.com; dkim=none",
    "mx.example.com; spf=none smtp.helo=out.example.net; spf=pass smtp.mailfrom=boss@example.com; dmarc=none",
    "mx.example.com; dkim=fail header.d=list.example.net; dkim=pass header.d=example.com",
    "mx.example.com; dkim=pass header.i=@mail.example.com header.s=s1 header.b=AbC/d=",
    "mx.example.com; spf=softfail smtp.mailfrom=list.example.net; dkim=pass header.d=example.com",
]

DISPROVEN = [
    "mx.example.com; dmarc=fail (p=none) header.from=example.com",
    "mx.example.com; dmarc=fail; spf=pass smtp.mailfrom=example.com; dkim=pass header.d=example.com",
    "mx.example.com; dmarc=fail; arc=pass (i=1 dmarc=pass fromdomain=example.com)",
    "mx.example.com; dmarc=(pass)fail",
    "mx.example.com; dmarc=pass; dmarc=fail",
    "mx.example.com; spf=fail smtp.mailfrom=example.com; dkim=none",
    "mx.example.com; spf=softfail smtp.mailfrom=example.com; dkim=permerror header.d=example.com; dmarc=none",
    "mx.example.com; spf=fail (dkim=pass header.d=example.com) smtp.mailfrom=example.com",
    'mx.example.com; spf=fail reason="dmarc=pass; dkim=pass header.d=example.com" smtp.mailfrom=example.com',
    'mx.example.com; spf=fail smtp.mailfrom="; dmarc=pass;"@example.com',
    "mx.example.com; spf=neutral reason= =?utf-8?q?; dmarc=fail ?=",
    "mx.example.com; spf=fail smtp.mailfrom==?utf-8?q?x=3B_dmarc=3Dpass?=@example.com",
]

UNDECIDED = [
    "mx.example.com; none",
    "mx.example.com",
    "mx.example.com; arc=pass (i=1 spf=pass dkim=pass dmarc=pass fromdomain=example.com)",
    "mx.example.com; iprev=pass; auth=pass smtp.auth=boss@example.com",
    "mx.example.com; spf=pass smtp.mailfrom=evil.example",
    "mx.example.com; spf=pass smtp.helo=example.com",
    "mx.example.com; spf=pass smtp.mailfrom=boss@example.com@evil.example",
    'mx.example.com; spf=pass smtp.mailfrom="boss@example.com"@evil.example',
    "mx.example.com; spf=pass smtp.mailfrom=evilexample.com; dkim=pass header.d=example.com.evil.example",
    "mx.example.com; dkim=pass header.d=com",
    "mx.example.com; dkim=pass header.d=evil.example header.i=@example.com",
    "mx.example.com; dkim=fail header.d=example.com; spf=neutral smtp.mailfrom=example.com",
    "mx.example.com; spf=temperror smtp.mailfrom=example.com",
    "mx.example.com; dmarc=temperror; spf=pass smtp.mailfrom=example.com",
    "mx.example.com; dmarc=pass header.from=evil.example",
    "mx.example.com; dmarc=none; dmarc=pass",
    "mx.example.com; dmarc=none (dmarc=pass)",
    "mx.example.com; x-dmarc=pass; dmarc.=pass",
    "mx.example.com; dmarc pass",
    "mx.example.com; (dmarc=pass",
    'mx.example.com; "dmarc=pass',
    "mx.example.com) ; dmarc=pass",
    "mx.example.com; spf=fail (; dmarc=pass",
    'mx.example.com; spf=fail reason="; dmarc=pass',
    'mx.example.com; spf=pass reason="x smtp.mailfrom=example.com" smtp.mailfrom=evil.example',
    "mx.example.com nonsense; dmarc=pass",
    "mx.example.com.evil.example; dmarc=pass",
    "evil.example (mx.example.com); dmarc=pass",
    "evil.example mx.example.com; dmarc=pass",
    "xmx.example.com; dmarc=pass",
    "mx.exаmple.com; dmarc=pass",
    "spf=pass smtp.mailfrom=example.com; dmarc=pass header.from=example.com",
    "; dmarc=pass",
]


@pytest.mark.parametrize("header", PROVEN)
def test_our_server_proves_the_senders_domain(header: str) -> None:
    assert verdict(header) == "pass"


@pytest.mark.parametrize("header", DISPROVEN)
def test_our_server_disproves_the_senders_domain(header: str) -> None:
    assert verdict(header) == "fail"


@pytest.mark.parametrize("header", UNDECIDED)
def test_everything_else_proves_nothing(header: str) -> None:
    assert verdict(header) == "none"


def test_only_the_topmost_header_counts() -> None:
    forged = "mx.example.com; dmarc=pass header.from=example.com"

    assert verdict("mx.example.com; dmarc=fail", forged) == "fail"
    assert verdict("mx.example.com; spf=neutral", forged) == "none"
    assert verdict("relay.example.net; dmarc=pass", forged) == "none"


def test_nobody_is_believed_before_somebody_is_named() -> None:
    found = read_verdict(checked("; dmarc=pass"), " ")

    assert (found.verdict, found.because) == (SenderVerdict.NONE, "no mail server is trusted to check senders")
    assert read_verdict(ParsedMail(sender=BOSS), "mx.example.com").verdict is SenderVerdict.NONE


def test_an_encoded_word_cannot_write_a_result() -> None:
    forged = "=?utf-8?q?x=3B_dkim=3Dpass_header.d=3Dexample.com_x?=@evil.example"
    mail = parse(
        f"Authentication-Results: mx.example.com; spf=pass smtp.mailfrom={forged}\nFrom: boss@example.com\n\nHi".encode()
    )

    assert read_verdict(mail, "mx.example.com").verdict is SenderVerdict.NONE


def test_an_unreadable_sender_is_never_proven() -> None:
    assert verdict("mx.example.com; dmarc=pass", sender=None) == "none"
    assert verdict("mx.example.com; dkim=pass header.d=example.com", sender=None) == "none"
    assert verdict("mx.example.com; dmarc=fail", sender=None) == "fail"


@pytest.mark.parametrize(
    ("header", "because"),
    [
        ("mx.example.com; dmarc=pass; spf=fail", "mx.example.com says dmarc=pass, spf=fail: this proves"),
        ("mx.example.com; none", "mx.example.com says nothing of the sender: this neither proves nor"),
        ("evil.example; dmarc=pass", "the topmost result comes from evil.example, not from mx.example.com"),
    ],
)
def test_the_verdict_names_what_it_rests_on(header: str, because: str) -> None:
    assert read_verdict(checked(header), " MX.example.com ").because.startswith(because)


def test_results_in_a_folded_header_are_read() -> None:
    mail = parse(
        b"Authentication-Results: mx.example.com;\r\n\tdkim=pass (good\r\n signature) header.d=example.com;\r\n"
        b"\tdmarc=pass\r\n header.from=example.com\r\nAuthentication-Results: mx.example.com; dmarc=fail\r\n"
        b"From: boss@example.com\r\n\r\nHello\r\n"
    )

    assert read_verdict(mail, "mx.example.com").verdict is SenderVerdict.PASS


@pytest.mark.parametrize(
    "noise",
    ["(" * 30_000 + ")" * 30_000, "(" * 64_000, " " * 64_000 + "=", "a=b;" * 16_000, "=?a?q?" * 10_000, '"\\' * 32_000],
)
def test_a_header_made_to_be_slow_is_not(noise: str) -> None:
    began = time.process_time()

    verdict(f"mx.example.com; spf=fail {noise}")

    assert time.process_time() - began < 3
