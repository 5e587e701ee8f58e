"""Requests as providers send them, made of a mail. `Post` is what goes over the line."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.x509.oid import NameOID


@dataclass(frozen=True)
class Post:
    body: bytes
    content_type: str = "application/json"


@dataclass(frozen=True)
class Told:
    status: int
    headers: Mapping[str, str]
    body: str


def send(url: str, post: Post, *, secret: str = "", method: str = "POST", **headers: str) -> Told:
    """Over real HTTP. `Authorization="…"` replaces the secret; underscores stand for hyphens."""
    where = urlsplit(url)
    sent = {"Content-Type": post.content_type}
    if secret:
        sent["Authorization"] = f"Basic {base64.b64encode(f'inbox:{secret}'.encode()).decode()}"
    sent |= {name.replace("_", "-"): value for name, value in headers.items()}
    line = http.client.HTTPConnection(where.hostname or "", where.port, timeout=60)
    try:
        line.request(method, where.path, post.body, sent)
        answer = line.getresponse()
        return Told(answer.status, dict(answer.getheaders()), answer.read().decode())
    finally:
        line.close()


def form(fields: Mapping[str, str | bytes], files: Mapping[str, tuple[str, str, bytes]] | None = None) -> Post:
    boundary = b"xYzZY"
    lines: list[bytes] = []
    for name, value in fields.items():
        content = value.encode() if isinstance(value, str) else value
        lines += [b"--" + boundary, f'Content-Disposition: form-data; name="{name}"'.encode(), b"", content]
    for name, (filename, kind, content) in (files or {}).items():
        head = f'Content-Disposition: form-data; name="{name}"; filename="{filename}"\r\nContent-Type: {kind}'
        lines += [b"--" + boundary, head.encode(), b"", content]
    return Post(
        b"\r\n".join([*lines, b"--" + boundary + b"--", b""]), f"multipart/form-data; boundary={boundary.decode()}"
    )


def raw(mail: bytes, key: str = "") -> Post:
    return Post(mail, "message/rfc822")


def postmark(mail: bytes, key: str = "") -> Post:
    message = message_from_bytes(mail, policy=policy.default)
    told = {
        "FromFull": {"Email": "ann@customer.example", "Name": "Ann Weber", "MailboxHash": ""},
        "ToFull": [{"Email": "support@example.com", "Name": "", "MailboxHash": ""}],
        "CcFull": [],
        "BccFull": [],
        "OriginalRecipient": "abc@inbound.postmarkapp.com",
        "Subject": str(message["Subject"]),
        "MessageID": key or hashlib.sha256(mail).hexdigest()[:32],
        "Date": str(message["Date"]),
        "TextBody": "",
        "HtmlBody": "",
        "Headers": [{"Name": name, "Value": str(value)} for name, value in message.items()],
        "RawEmail": mail.decode("utf-8", "replace"),
        "Attachments": [],
    }
    return Post(json.dumps(told).encode())


SIGNING_KEY = "key-of-mailgun"


def signed(stamp: int | None = None, key: str = SIGNING_KEY) -> dict[str, str]:
    when, token = str(int(time.time()) if stamp is None else stamp), "t" * 50
    signature = hmac.new(key.encode(), f"{when}{token}".encode(), hashlib.sha256).hexdigest()
    return {"timestamp": when, "token": token, "signature": signature}


def mailgun(mail: bytes, key: str = "", **changes: str) -> Post:
    fields: dict[str, str | bytes] = {"recipient": "support@example.com", "sender": "ann@customer.example"}
    return form({**fields, **signed(), **changes, "body-mime": mail})


def sendgrid(mail: bytes, key: str = "") -> Post:
    return form({"to": "support@example.com", "charsets": '{"to": "UTF-8"}', "email": mail, "envelope": "{}"})


def mailjet(mail: bytes, key: str = "") -> Post:
    message = message_from_bytes(mail, policy=policy.default)
    told = {
        "Sender": "ann@customer.example",
        "Recipient": "support@example.com",
        "Headers": {name: str(value) for name, value in message.items()},
        "Parts": [],
        "Text-part": _text(mail),
    }
    return Post(json.dumps(told).encode())


def brevo(mail: bytes, key: str = "") -> Post:
    message = message_from_bytes(mail, policy=policy.default)
    item = {
        "Uuid": [key or hashlib.sha256(mail).hexdigest()[:36]],
        "Headers": {name: str(value) for name, value in message.items()},
        "RawTextBody": _text(mail),
        "RawHtmlBody": "",
        "Attachments": [],
    }
    return Post(json.dumps({"items": [item]}).encode())


@dataclass
class Topic:
    """An SNS topic with a certificate of its own."""

    arn: str = "arn:aws:sns:eu-west-1:123456789012:mail"
    certificate_url: str = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-0123.pem"
    key: Any = field(default_factory=lambda: generate_private_key(65537, 2048))

    @property
    def certificate(self) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        now = datetime.now(UTC)
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(1)
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=30))
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    def note(self, message: str, kind: str = "Notification", **more: str) -> dict[str, str]:
        told = {
            "Type": kind,
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": self.arn,
            "Message": message,
            "Timestamp": "2026-11-20T10:00:00.000Z",
            "SignatureVersion": "2",
            "SigningCertURL": self.certificate_url,
            **more,
        }
        names = ("Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
        text = "".join(f"{name}\n{told[name]}\n" for name in names if name in told)
        signature = self.key.sign(text.encode(), PKCS1v15(), hashes.SHA256())
        return {**told, "Signature": base64.b64encode(signature).decode()}

    def mail(self, mail: bytes, key: str = "") -> Post:
        told = {
            "notificationType": "Received",
            "mail": {"messageId": key or hashlib.sha256(mail).hexdigest()[:40]},
            "receipt": {"action": {"type": "SNS", "encoding": "BASE64"}},
            "content": base64.b64encode(mail).decode(),
        }
        return Post(json.dumps(self.note(json.dumps(told))).encode(), "text/plain; charset=UTF-8")


def _text(mail: bytes) -> str:
    body = message_from_bytes(mail, policy=policy.default).get_body(("plain",))
    return body.get_content() if body is not None else ""


#: Provider → how it posts a mail. Amazon SES signs what it sends, see Topic.
POSTS: dict[str, Callable[..., Post]] = {
    "raw": raw,
    "postmark": postmark,
    "mailgun": mailgun,
    "sendgrid": sendgrid,
    "mailjet": mailjet,
    "brevo": brevo,
}
#: These send what they made of the mail, never the mail.
REBUILDING = frozenset({"mailjet", "brevo"})
