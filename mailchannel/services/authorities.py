"""Certificates a mail server's settings trust besides the usual ones: what may be entered, and what it holds."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from django.core.exceptions import ValidationError
from django.utils import timezone

from mailchannel.network import tls
from mailchannel.network.certificate import UNREADABLE, Certificate

#: A whole bundle of public authorities has no business here, and every one of them costs time at each connection.
MOST: Final = 20
LARGEST: Final = 200_000  # bytes
#: How long before the end of one the settings are remarked upon.
SOON: Final = timedelta(days=30)

UNVERIFIED: Final = (
    "The certificate is not checked: whoever is on the way can pose as this server and read the password and all mail."
)

_BLOCK = re.compile(r"-----BEGIN ([A-Z0-9 ]{1,40})-----[^-]{0,100000}-----END \1-----")
_CERTIFICATE = ("CERTIFICATE", "X509 CERTIFICATE")
_PRIVATE = ValidationError(
    "This holds a private key. Only certificates belong here: remove the key, and have a new one made if anybody else "
    "may have seen it. Nothing was stored."
)
_OTHERS: Final = {
    "CERTIFICATE REQUEST": "a request for a certificate. Enter the certificate the authority made of it.",
    "NEW CERTIFICATE REQUEST": "a request for a certificate. Enter the certificate the authority made of it.",
    "TRUSTED CERTIFICATE": "a certificate in OpenSSL's own form. Save it as plain PEM.",
    "PKCS7": "a PKCS #7 file. Save its certificates as PEM.",
    "CMS": "a PKCS #7 file. Save its certificates as PEM.",
    "X509 CRL": "a list of certificates that were called back. Enter the authority's certificate.",
    "PUBLIC KEY": "a key. Enter the certificate the key belongs to.",
}
_NONE = (
    "There is no certificate in this. Enter it as PEM: text that begins with -----BEGIN CERTIFICATE----- and ends with "
    "-----END CERTIFICATE-----."
)


def pem(given: str | bytes) -> str:
    """What was pasted or uploaded, as it is stored: the certificates one after the other, each once, and nothing
    around them. Empty for nothing. Raises ValidationError, whose text never repeats what was given.
    """
    if len(given) > LARGEST:
        raise ValidationError(f"That is more than {LARGEST // 1000} kB: far too much for a few certificates.")
    if isinstance(given, bytes):
        given = _from_file(given)
    if not given.strip():
        return ""
    found = list(dict.fromkeys(each.public_bytes(Encoding.PEM).decode() for each in _certificates(given)))
    if len(found) > MOST:
        raise ValidationError(
            f"These are {len(found)} certificates. Enter only that of the authority that signed the mail server's; "
            f"{MOST} are the most."
        )
    stored = "".join(found)
    try:
        tls.context(stored)
    except ssl.SSLError:
        raise ValidationError("OpenSSL cannot read one of these certificates. Save them as PEM again.") from None
    return stored


def added(before: str, after: str) -> bool:
    """Whether one more is trusted; both as `pem` returned them."""
    old, new = ({match[0] for match in _BLOCK.finditer(stored)} for stored in (before, after))
    return not new <= old


def held(stored: str) -> tuple[Certificate, ...]:
    """The certificates in what `pem` returned; those nobody can read are left out."""
    return tuple(_read(stored))


def sentence(stored: str) -> str:
    """What is trusted, for people. Empty for nothing."""
    found = held(stored)
    if not found:
        return ""
    count = "1 certificate is" if len(found) == 1 else f"{len(found)} certificates are"
    return f"{count} trusted besides the usual ones: {'; '.join(map(str, found))}."


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate whose time is over, has not begun, or ends soon."""

    certificate: Certificate
    now: datetime

    def __str__(self) -> str:
        name = self.certificate.names[0] if self.certificate.names else "nobody"
        begins, ends = (
            f"{timezone.localtime(moment):%-d %b %Y}" for moment in (self.certificate.begins, self.certificate.ends)
        )
        if self.now > self.certificate.ends:
            return f"that of {name} ended on {ends}: it vouches for nothing any more"
        if self.now < self.certificate.begins:
            return f"that of {name} begins only on {begins}"
        return f"that of {name} ends on {ends}: have the next one at hand"


def endings(stored: str, now: datetime | None = None) -> list[Ending]:
    now = now or timezone.now()
    return [Ending(each, now) for each in held(stored) if not each.begins <= now <= each.ends - SOON]


def _from_file(data: bytes) -> str:
    """PEM as text; a single certificate may also come as DER, as Windows saves it."""
    if b"-----BEGIN " in data:
        return data.decode("ascii", "replace")
    if not data.strip():
        return ""
    try:
        return x509.load_der_x509_certificate(data).public_bytes(Encoding.PEM).decode()
    except UNREADABLE:
        raise ValidationError(_NONE) from None


def _certificates(text: str) -> Iterator[x509.Certificate]:
    if "PRIVATE KEY-----" in text:
        raise _PRIVATE
    blocks = [(match[1], match[0]) for match in _BLOCK.finditer(text)]
    if other := next((label for label, _ in blocks if label not in _CERTIFICATE), ""):
        raise ValidationError(f"This holds {_OTHERS.get(other, 'something other than certificates.')}")
    if len(blocks) != text.count("-----BEGIN "):
        raise ValidationError("One of these certificates is cut off. Paste all of it again.")
    if not blocks:
        raise ValidationError(_NONE)
    for place, (_, block) in enumerate(blocks, start=1):
        try:
            yield x509.load_pem_x509_certificate(block.encode())
        except UNREADABLE:
            which = "This certificate" if len(blocks) == 1 else f"Certificate {place} of {len(blocks)}"
            raise ValidationError(f"{which} cannot be read: it is damaged. Paste all of it again.") from None


def _read(stored: str) -> Iterator[Certificate]:
    for match in _BLOCK.finditer(stored):
        try:
            yield Certificate.of(ssl.PEM_cert_to_DER_cert(match[0]))
        except UNREADABLE:
            continue
