"""Certificates to trust besides the usual ones: what may be entered, what is said of it, when it is remarked upon."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string

from mailchannel.models import MailServer
from mailchannel.services import authorities
from mailchannel.services.lint import certificates
from tests.servers.certificates import Authority, Pair


@pytest.fixture
def ours(authority: Authority) -> str:
    return authority.bundle.read_text()


def refusal(given: str | bytes) -> str:
    with pytest.raises(ValidationError) as refused:
        authorities.pem(given)
    return " ".join(refused.value.messages)


@pytest.mark.req("S4-56")
def test_certificates_are_stored_bare_and_each_once(ours: str, tmp_path: Path) -> None:
    other = Authority(tmp_path).bundle.read_text()
    pasted = f"Bag Attributes\r\n    friendlyName: Ours\r\n{ours}\r\n\r\nsubject=CN = x\r\n{other}{ours}"

    stored = authorities.pem(pasted.replace("\n", "\r\n"))

    assert stored == ours + other
    assert authorities.pem(stored) == stored
    assert authorities.pem(" \n") == authorities.pem(b"") == ""


@pytest.mark.req("S4-56")
def test_a_file_may_be_pem_or_der(ours: str) -> None:
    assert authorities.pem(ours.encode()) == ours
    assert authorities.pem(ssl.PEM_cert_to_DER_cert(ours)) == ours


@pytest.mark.req("S4-56")
def test_what_is_held_is_said_in_a_sentence(ours: str, tmp_path: Path) -> None:
    end = f"{datetime.now(UTC) + timedelta(days=30):%b %Y}"

    one = authorities.sentence(ours)
    two = authorities.sentence(ours + Authority(tmp_path).bundle.read_text())

    assert one.startswith("1 certificate is trusted besides the usual ones: issued for Throw-away test authority by ")
    assert one.endswith(f"{end}.")
    assert two.startswith("2 certificates are trusted")
    assert authorities.sentence("") == ""


@pytest.mark.req("S4-56")
@pytest.mark.parametrize("as_bytes", [False, True])
def test_a_private_key_is_refused_and_never_repeated(ours: str, certificate: Pair, as_bytes: bool) -> None:
    key = certificate.key.read_text()
    given = ours + key

    said = refusal(given.encode() if as_bytes else given)

    assert "private key" in said
    assert "Nothing was stored" in said
    assert not any(line in said for line in key.splitlines())
    assert "private key" in refusal(key.replace("-----END PRIVATE KEY-----", ""))
    assert "private key" in refusal("-----BEGIN ENCRYPTED PRIVATE KEY-----\nxyzzy")


@pytest.mark.req("S4-56")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("mail.example.com", "There is no certificate in this"),
        (b"\x30\x82\x00\x00 nothing", "There is no certificate in this"),
        ("-----BEGIN CERTIFICATE-----\nMIIB", "is cut off"),
        ("-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----", "cannot be read"),
        ("-----BEGIN CERTIFICATE REQUEST-----\nMIIB\n-----END CERTIFICATE REQUEST-----", "a request for a certificate"),
        ("-----BEGIN PKCS7-----\nMIIB\n-----END PKCS7-----", "PKCS #7"),
        ("-----BEGIN ODD-----\nMIIB\n-----END ODD-----", "something other than certificates"),
        ("x" * 300_000, "more than 200 kB"),
    ],
)
def test_what_is_no_certificate_is_refused_in_words(given: str | bytes, said: str) -> None:
    assert said in refusal(given)


def test_one_damaged_certificate_among_several_is_named(ours: str) -> None:
    damaged = ours.replace(ours.splitlines()[3], ours.splitlines()[3][::-1])

    assert "Certificate 2 of 2" in refusal(ours + damaged)


def test_a_bundle_of_everybody_is_too_much(tmp_path: Path) -> None:
    many = "".join(
        Authority(directory).bundle.read_text()
        for number in range(authorities.MOST + 1)
        if (directory := tmp_path / str(number)).mkdir() is None
    )

    assert f"These are {authorities.MOST + 1} certificates" in refusal(many)


def test_endless_beginnings_take_no_time() -> None:
    assert "is cut off" in refusal("-----BEGIN CERTIFICATE-----\n" * 7_000)


# --- Remarks -----------------------------------------------------------------------------------


def remarks(now_in_days: int = 0, **columns: Any) -> dict[str, str]:
    draft = cast("Any", SimpleNamespace(server=MailServer(**columns)))
    found = [remark for rule in certificates.RULES for remark in rule(draft)]
    assert {each.step for each in found} <= {"connection"}
    return {each.field: each.text for each in found}


@pytest.mark.req("S4-56")
def test_a_server_that_is_not_checked_is_remarked_upon(ours: str) -> None:
    assert "can pose as this server" in remarks(verify_certificate=False)["verify_certificate"]
    assert "has no effect" in remarks(verify_certificate=False, authorities=ours)["authorities"]
    assert remarks() == {}


@pytest.mark.req("S4-56")
@pytest.mark.parametrize(
    ("days", "said"),
    [(-100, "begins only on"), (-31, "begins only on"), (-15, ""), (1, "have the next one at hand"), (31, "ended on")],
)
def test_an_end_ahead_is_remarked_upon(ours: str, days: int, said: str) -> None:
    found = authorities.endings(ours, datetime.now(UTC) + timedelta(days=days))

    assert " ".join(map(str, found)).count("Throw-away test authority") == bool(said)
    assert said in " ".join(map(str, found))


def test_the_remark_names_the_certificate(ours: str) -> None:
    assert remarks(authorities=ours)["authorities"].startswith(
        "“Certificates to trust”: that of Throw-away test authority ends on "
    )


@pytest.mark.req("S4-56")
def test_the_badge_is_there_while_the_certificate_is_not_checked() -> None:
    def badge(**columns: Any) -> str:
        return render_to_string("admin/mailchannel/_unverified.html", {"server": MailServer(**columns)}).strip()

    assert "tag bad" in badge(verify_certificate=False)
    assert "Certificate not checked" in badge(verify_certificate=False)
    assert badge() == ""
