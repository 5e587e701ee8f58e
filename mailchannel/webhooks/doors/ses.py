"""Amazon SES, by way of an SNS topic. The rule's action has to be “Publish to Amazon SNS topic”: it sends the mail."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Any

from mailchannel.services.push import Brought
from mailchannel.webhooks import sns
from mailchannel.webhooks.doors import Inbox, Posted, Refused, Unreadable, door
from mailchannel.webhooks.payload import document


@door
class Ses:
    key = "ses"

    def unpack(self, posted: Posted, inbox: Inbox) -> Sequence[Brought]:
        note = {name: str(value) for name, value in document(posted).items() if isinstance(value, str | int)}
        sns.check(note, inbox.way)
        wanted = str(inbox.settings.get("topic") or "").strip()
        if wanted and note.get("TopicArn") != wanted:
            raise Refused("the notification is of another topic")
        if note.get("Type") == "SubscriptionConfirmation":
            sns.confirm(note, inbox.way)
            return []
        if note.get("Type") != "Notification":
            return []
        return _mails(note)


def _mails(note: dict[str, str]) -> Sequence[Brought]:
    try:
        told = json.loads(note.get("Message", ""))
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        # SES says so when the topic is chosen, and people try their topics out.
        if note.get("Message", "").startswith("Successfully validated"):
            return []
        raise Unreadable("The topic told of something that is no mail of Amazon SES.")
    if told.get("notificationType") == "AMAZON_SES_SETUP_NOTIFICATION":
        return []
    if told.get("notificationType") != "Received" or not isinstance(told.get("content"), str):
        raise Unreadable(
            "Amazon SES told of a mail without sending it. "
            "Give the receipt rule the action “Publish to Amazon SNS topic”."
        )
    mail = told.get("mail")
    key = mail.get("messageId") if isinstance(mail, dict) else ""
    return [Brought(_content(told), key=key if isinstance(key, str) else "")]


def _content(told: dict[str, Any]) -> bytes:
    """The action says which of the two encodings it was; where it does not, only base64 has no spaces and colons."""
    content: str = told["content"]
    receipt = told.get("receipt")
    action = receipt.get("action") if isinstance(receipt, dict) else None
    encoding = action.get("encoding") if isinstance(action, dict) else ""
    if encoding == "BASE64" or (encoding != "UTF8" and ":" not in content[:1_000]):
        try:
            return base64.b64decode(content, validate=False)
        except (binascii.Error, ValueError) as error:
            raise Unreadable("The mail is said to be written in base64, and is not.") from error
    return content.encode("utf-8", "surrogatepass")
