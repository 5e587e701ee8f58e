"""Amazon SNS: is a notification signed by Amazon, and the answer to “do you want these?”.

Everything that is fetched here lies at an address the request names, so only hosts of Amazon SNS are asked.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.core.cache import cache

from mailchannel.network.https import FAILURES, Session
from mailchannel.network.way import Way
from mailchannel.webhooks.doors import Later, Refused

HOST: Final = re.compile(r"sns\.[a-z0-9-]{1,40}\.amazonaws\.com(?:\.cn)?")
_HASHES: Final = {"1": hashes.SHA1, "2": hashes.SHA256}
_NOTIFICATION: Final = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
_CONFIRMATION: Final = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
_LARGEST: Final = 100_000  # bytes of a certificate, or of the answer to a confirmation
_KEPT: Final = 86_400  # seconds

AskWay = Callable[[], Way]


def check(note: Mapping[str, str], way: AskWay) -> None:
    """Raises Refused, Later."""
    url = note.get("SigningCertURL", "")
    if not is_of_amazon(url) or not urlsplit(url).path.endswith(".pem"):
        raise Refused("the certificate is not at a host of Amazon SNS")
    algorithm = _HASHES.get(note.get("SignatureVersion", ""))
    if algorithm is None:
        raise Refused("the signature is of an unknown version")
    key = _key(url, way)
    try:
        signature = base64.b64decode(note.get("Signature", ""), validate=True)
    except (ValueError, binascii.Error):
        raise Refused("the signature cannot be read") from None
    try:
        key.verify(signature, _signed(note), PKCS1v15(), algorithm())
    except InvalidSignature:
        raise Refused("the signature is wrong") from None


def confirm(note: Mapping[str, str], way: AskWay) -> None:
    """Tells Amazon that these notifications are wanted. Raises Refused, Later."""
    url = note.get("SubscribeURL", "")
    if not is_of_amazon(url):
        raise Refused("the confirmation is not at a host of Amazon SNS")
    _fetched(url, way)


def is_of_amazon(url: str) -> bool:
    try:
        where = urlsplit(url)
        plain = where.username is None and where.port in (None, 443)
    except ValueError:
        return False
    return where.scheme == "https" and plain and bool(HOST.fullmatch(where.hostname or ""))


def _signed(note: Mapping[str, str]) -> bytes:
    """Amazon's canonical form: name and value of each of these, one a line; a subject may be missing."""
    names = _NOTIFICATION if note.get("Type") == "Notification" else _CONFIRMATION
    return "".join(f"{name}\n{note[name]}\n" for name in names if name in note).encode("utf-8", "surrogatepass")


def _key(url: str, way: AskWay) -> RSAPublicKey:
    """Of the certificate at this address, which is kept for a day. Raises Refused, Later."""
    name = f"sns-certificate-{hashlib.sha256(url.encode('utf-8', 'surrogatepass')).hexdigest()}"
    kept = cache.get(name)
    found = kept if isinstance(kept, bytes) else _fetched(url, way)
    try:
        key = x509.load_pem_x509_certificate(found).public_key()
    except ValueError:
        raise Refused("the certificate cannot be read") from None
    if not isinstance(key, RSAPublicKey):
        raise Refused("the certificate is of another kind")
    if kept is None:
        cache.set(name, found, _KEPT)
    return key


def _fetched(url: str, way: AskWay) -> bytes:
    try:
        with Session(way(), largest=_LARGEST) as session:
            answer = session.request("GET", url)
    except FAILURES as error:
        raise Later(f"Amazon SNS cannot be asked: {type(error).__name__}.") from None
    if answer.status_code != 200:
        raise Later(f"Amazon SNS answered {answer.status_code}.")
    return answer.content
