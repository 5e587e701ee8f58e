"""Signed and encrypted mails."""

from __future__ import annotations

import base64

import pytest

from mailchannel.kernel.types import PartKind
from mailchannel.parsing.mime import parse
from mailchannel.parsing.smime import signed_content

SIGNED = bytes.fromhex("06092a864886f70d010702")
SEALED = bytes.fromhex("06092a864886f70d010703")
DATA = bytes.fromhex("06092a864886f70d010701")
ENTITY = b"Content-Type: text/plain\r\n\r\nThe signed words."
UNREADABLE = "What was sent may lie inside an S/MIME file, which could not be opened."


def der(tag: int, *content: bytes) -> bytes:
    whole = b"".join(content)
    return bytes([tag, 0x82]) + len(whole).to_bytes(2, "big") + whole


def envelope(content: bytes) -> bytes:
    capsule = der(0x30, DATA, der(0xA0, content))
    return der(0x30, SIGNED, der(0xA0, der(0x30, der(2, b"\1"), der(0x31), capsule, der(0x31))))


def in_chunks(content: bytes) -> bytes:
    """As programs write it that do not know the length beforehand (BER)."""
    octets = b"\x24\x80" + b"".join(b"\x04\x05" + content[at : at + 5] for at in range(0, len(content), 5)) + b"\0\0"
    capsule = b"\x30\x80" + DATA + b"\xa0\x80" + octets + b"\0\0" * 2
    return b"\x30\x80" + SIGNED + b"\xa0\x80\x30\x80\x02\x01\x01\x31\x00" + capsule + b"\0\0" * 3


def smime(content: bytes, parameters: bytes = b"") -> bytes:
    head = b"Content-Type: application/pkcs7-mime" + parameters + b"\nContent-Transfer-Encoding: base64\n\n"
    return head + base64.encodebytes(content)


def multipart(kind: bytes, *parts: bytes) -> bytes:
    return b"Content-Type: multipart/%s; boundary=b\n\n" % kind + b"".join(b"--b\n%s\n" % p for p in parts) + b"--b--\n"


@pytest.mark.parametrize("content", [envelope(der(4, ENTITY)), in_chunks(ENTITY + b"    ")], ids=["DER", "BER"])
def test_what_an_envelope_only_signs_is_read(content: bytes) -> None:
    mail = parse(smime(content))

    assert mail.text.strip() == "The signed words."
    assert (mail.protection, mail.defects) == ("signed with S/MIME", ())
    assert [(part.kind, part.number) for part in mail.parts] == [(PartKind.BODY, "1a"), (PartKind.SIGNATURE, "1")]


@pytest.mark.parametrize("text", ["See attached.", ""])
def test_a_signed_invoice_is_a_file(text: str) -> None:
    invoice = smime(envelope(der(4, b"<?xml version='1.0'?><Invoice/>")), b"; name=invoice.xml.p7m")

    mail = parse(multipart(b"mixed", *([b"\n" + text.encode()] if text else []), invoice))

    assert (mail.text, mail.protection, mail.defects) == (text, "", ())
    assert [part.kind for part in mail.attachments] == [PartKind.FILE]


def test_an_envelope_in_an_envelope_stays_closed() -> None:
    mail = parse(smime(envelope(der(4, smime(envelope(der(4, ENTITY)))))))

    assert mail.defects == (UNREADABLE,)


@pytest.mark.parametrize(
    ("raw", "protection", "kinds"),
    [
        (smime(der(0x30, SEALED, der(0xA0))), "encrypted with S/MIME", [PartKind.ENCRYPTED]),
        (smime(b"damaged", b"; smime-type=enveloped-data"), "encrypted with S/MIME", [PartKind.ENCRYPTED]),
        (
            multipart(b"encrypted", b"Content-Type: application/pgp-encrypted\n", b"Content-Type: application/octet-stream\n\nx"),
            "encrypted with PGP",
            [PartKind.ENCRYPTED, PartKind.ENCRYPTED],
        ),
        (
            multipart(b"mixed", b"\n", b"Content-Type: application/pgp-encrypted\n", b"Content-Type: application/octet-stream\n\nx"),
            "encrypted with PGP",
            [PartKind.BODY, PartKind.ENCRYPTED, PartKind.ENCRYPTED],
        ),
        (b"Subject: x\n\n-----BEGIN PGP MESSAGE-----\n\nhQE\n-----END PGP MESSAGE-----\n", "encrypted with PGP", [PartKind.BODY]),
    ],
    ids=["S/MIME", "damaged S/MIME", "PGP", "PGP through Exchange", "inline PGP"],
)  # fmt: skip
def test_an_encrypted_mail_says_so(raw: bytes, protection: str, kinds: list[PartKind]) -> None:
    mail = parse(raw)

    assert mail.protection == protection
    assert [part.kind for part in mail.parts] == kinds
    assert mail.defects == (f"The mail is {protection}; only somebody with the recipient's key can read it.",)


@pytest.mark.parametrize(
    ("raw", "protection"),
    [
        (multipart(b"signed", b"\nx", b"Content-Type: application/pgp-signature\n\nx"), "signed with PGP"),
        (multipart(b"signed", b"\nx", b"Content-Type: application/x-pkcs7-signature\n\nx"), "signed with S/MIME"),
        (b"Subject: x\n\n-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nx\n", "signed with PGP"),
        (b"Subject: x\n\nHe wrote of -----BEGIN PGP MESSAGE----- yesterday.\n", ""),
    ],
    ids=["PGP", "S/MIME", "inline PGP", "no PGP"],
)
def test_a_signed_mail_says_so(raw: bytes, protection: str) -> None:
    mail = parse(raw)

    assert (mail.protection, mail.defects) == (protection, ())
    assert "x" in mail.text or not protection


@pytest.mark.parametrize("content", [envelope(der(4, ENTITY)), in_chunks(ENTITY)], ids=["DER", "BER"])
def test_a_damaged_envelope_is_read_or_not_but_never_raises(content: bytes) -> None:
    for at in range(len(content)):
        signed_content(content[:at])
        signed_content(content[:at] + b"\xff\x84\xff\xff\xff\xff" + content[at:])


def test_a_mail_that_is_one_envelope_of_any_name_is_opened() -> None:
    mail = parse(smime(envelope(der(4, ENTITY)), b"; name=mail.p7m"))

    assert (mail.text, mail.protection) == ("The signed words.", "signed with S/MIME")
