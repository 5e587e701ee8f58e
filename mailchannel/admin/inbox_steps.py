"""What to do at each of those who can bring mail, one step a line. Words in braces are filled in by the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    POSTED = "posted"  # to an address of the web, with a secret
    DELIVERED = "delivered"  # by a mail server


@dataclass(frozen=True, slots=True)
class Steps:
    """`keeps`: how long mail that is not taken is brought again, which is how long this program may be out of reach."""

    kind: Kind
    lines: tuple[str, ...]
    keeps: str
    as_sent: bool = True  # the mail comes as it was sent


_FORWARD: Final = (
    "At your mail provider, forward the mail of {mailbox} to that address, and keep a copy there at first."
)
_TRY: Final = "Send a mail to {mailbox} from an address outside. This page turns green when it comes in."

STEPS: Final[Mapping[str, Steps]] = {
    "postmark": Steps(
        Kind.POSTED,
        (
            "In Postmark open Servers, your server, the inbound message stream, then Settings.",
            "Webhook: enter {url} and save.",
            "Switch “Include raw email content in JSON payload” on, so that mails come as they were sent.",
            "Copy the inbound address Postmark shows there (it ends with @inbound.postmarkapp.com). To have mail go to "
            "{address} instead, enter {domain} as inbound domain; its MX record has to be inbound.postmarkapp.com.",
            _FORWARD,
            _TRY,
        ),
        "10 hours",
    ),
    "mailgun": Steps(
        Kind.POSTED,
        (
            "In Mailgun open Receiving, Routes, Create route.",
            "Expression type: Match recipient; recipient: {address}. The MX records of {domain} have to be Mailgun's.",
            "Forward: enter {url} and nothing else. Do not switch “Store and notify” on.",
            "Under Settings, API security, copy the HTTP webhook signing key into the settings of this inbox: then "
            "only what Mailgun signed within the last hour comes in.",
            _FORWARD,
            _TRY,
        ),
        "8 hours",
        as_sent=False,
    ),
    "sendgrid": Steps(
        Kind.POSTED,
        (
            "Let the MX record of {domain} point to mx.sendgrid.net.",
            "In SendGrid open Settings, Inbound Parse, Add Host & URL, and choose {domain}.",
            "Destination URL: {url}",
            "Switch “POST the raw, full MIME message” on, so that mails come as they were sent.",
            _FORWARD.replace("that address", "{address}"),
            _TRY,
        ),
        "3 days",
    ),
    "ses": Steps(
        Kind.POSTED,
        (
            "In Amazon SNS create a topic of type Standard. Copy its ARN into the settings of this inbox.",
            "Create a subscription of it: protocol HTTPS, endpoint {url}, no raw message delivery. It confirms itself.",
            "In Amazon SES open Email receiving, and add to your rule set a rule for the recipient {address}.",
            "Give it the one action “Publish to Amazon SNS topic”, with that topic and the encoding Base64. It "
            "sends mails of up to 150 kB; Amazon sends larger ones back.",
            "Let the MX record of {domain} point to the inbound-smtp host of your region.",
            _FORWARD.replace("that address", "{address}"),
            _TRY,
        ),
        "an hour",
    ),
    "mailjet": Steps(
        Kind.POSTED,
        (
            "Create a parse route by Mailjet's API: POST https://api.mailjet.com/v3/REST/parseroute with "
            '{{"Url": "{url}"}}. It answers with an address that ends with @parse-in1.mailjet.com.',
            "To have mail go to {address} instead, give that as “Email” as well and let the MX record of {domain} "
            "point to parse.mailjet.com.",
            _FORWARD,
            _TRY,
        ),
        "a day",
        as_sent=False,
    ),
    "brevo": Steps(
        Kind.POSTED,
        (
            "Let the MX records of {domain} point to inbound1.sendinblue.com and inbound2.sendinblue.com.",
            "Create a webhook by Brevo's API: POST https://api.brevo.com/v3/webhooks with "
            '{{"type": "inbound", "events": ["inboundEmailProcessed"], "domain": "{domain}", "url": "{url}"}}',
            "Copy an API key of Brevo into the settings of this inbox. Mails with attachments need it.",
            _FORWARD.replace("that address", "{address}"),
            _TRY,
        ),
        "some hours",
        as_sent=False,
    ),
    "raw": Steps(
        Kind.POSTED,
        (
            "Post each mail as it is, one a request: "
            "curl --fail --data-binary @mail.eml -H 'Content-Type: message/rfc822' '{url}'",
            "The secret may also come in a header: Authorization: Bearer SECRET.",
            "200 means that the mail is kept. Whatever else is answered, keep the mail and post it again later.",
            "Post one. This page turns green when it comes in.",
        ),
        "as long as your program does",
    ),
    "smtp": Steps(
        Kind.DELIVERED,
        (
            "On the machine this program runs on, set HELPDESK_SMTP_LISTEN={smtp} or HELPDESK_LMTP_LISTEN={lmtp} and "
            "start it again: `manage.py up` listens there. Only your own mail server should reach that port.",
            "Postfix, by a transport map: {domain} lmtp:inet:{lmtp} and {domain} among relay_domains.",
            "Or without a port, by a pipe in Postfix's master.cf: helpdesk unix - n n - 4 pipe "
            "argv=/path/to/manage.py receive_mail --server '{name}' -",
            "Forward the mail of {mailbox} to {address}. {mailbox} itself is taken as well, where your mail server "
            "hands it over.",
            _TRY,
        ),
        "5 days, or as your mail server is set up",
    ),
}
