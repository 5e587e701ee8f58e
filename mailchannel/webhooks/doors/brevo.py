"""Brevo's inbound parsing. It never sends the mail as it was, so it is rebuilt; files are asked for one by one, before
the request is answered, because they are part of the mail.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import quote

from anymail.inbound import AnymailInboundMessage
from anymail.webhooks.brevo import BrevoInboundWebhookView
from requests import Response

from mailchannel.network.https import FAILURES, Session
from mailchannel.network.way import Way
from mailchannel.services.push import Brought
from mailchannel.webhooks.doors import Inbox, Later, Posted, Unreadable, door
from mailchannel.webhooks.payload import document
from mailchannel.webhooks.rebuilt import UNUSED, as_file, unfolded, written

API: Final = "https://api.brevo.com/v3"
MOST_MAILS: Final = 500  # in one request
#: What is answered for a file that will never be there again.
GONE: Final = (404, 410)


@door
class Brevo:
    key = "brevo"
    api = API

    def unpack(self, posted: Posted, inbox: Inbox) -> Sequence[Brought]:
        if posted.cut:
            return [_headers_alone(posted)]
        items = document(posted).get("items")
        if not isinstance(items, list) or not items or len(items) > MOST_MAILS:
            raise Unreadable("This is JSON, but not of mails. Use this address for inbound mail only.")
        return [self._one(item, inbox) for item in items]

    def _one(self, item: Any, inbox: Inbox) -> Brought:
        """What cannot be understood must not keep the others from being taken."""
        try:
            if not isinstance(item, dict) or not isinstance(item.get("Headers"), dict):
                raise Unreadable("Brevo sent something that is no mail.")
            view = _View(inbox, self.api)
            raw = written("Brevo", lambda: view.esp_to_anymail_event(_cleaned(item)).message)
        except Unreadable as error:
            return Brought(json.dumps(item).encode(), unreadable=str(error))
        return Brought(raw, key=_first(item.get("Uuid")))


def _headers_alone(posted: Posted) -> Brought:
    """Of a request that was cut: the beginning of its first mail. Raises Unreadable."""
    start = posted.body.find(b"{", posted.body.find(b'"items"'))
    first = document(Posted(posted.content_type, posted.body[max(start, 0) :], posted.size))
    if not isinstance(first.get("Headers"), dict):
        raise Unreadable("This is JSON, but not of mails. Use this address for inbound mail only.")
    view = _View(Inbox({}, _nowhere), API)
    headers = {"Headers": unfolded(first["Headers"])}
    return Brought(written("Brevo", lambda: view.esp_to_anymail_event(headers).message), size=posted.size)


def _nowhere() -> Way:
    raise Later("Nothing is fetched for headers.")


class _View(BrevoInboundWebhookView):  # type: ignore[misc]
    """Asks for files by our own way, bounded and guarded."""

    def __init__(self, inbox: Inbox, api: str) -> None:
        super().__init__(**UNUSED, api_key="unused")
        self._inbox = inbox
        self._api = api

    def _fetch_attachment(self, attachment: dict[str, Any]) -> Any:
        key = str(self._inbox.settings.get("api_key") or "")
        if not key:
            raise Later("A file belongs to this mail, and Brevo's API key is missing in the settings of this inbox.")
        url = f"{self._api}/inbound/attachments/{quote(str(attachment['DownloadToken']), safe='')}"
        answer = fetched(url, key, self._inbox.way())
        if answer.status_code in GONE:
            return _missing(attachment.get("Name"), answer.status_code)
        return AnymailInboundMessage.construct_attachment(
            content_type=as_file(answer.headers.get("Content-Type") or attachment["ContentType"]),
            content=answer.content,
            filename=attachment.get("Name"),
            content_id=attachment.get("ContentID") or None,
        )


def fetched(url: str, key: str, way: Way) -> Response:
    """The file, or that there is none any more. Raises Later."""
    try:
        with Session(way) as session:
            answer = session.request("GET", url, headers={"api-key": key})
    except FAILURES as error:
        raise Later(f"A file of this mail cannot be fetched from Brevo: {type(error).__name__}.") from None
    if answer.status_code not in (200, *GONE):
        raise Later(f"A file of this mail cannot be fetched: Brevo answered {answer.status_code}.")
    return answer


def _missing(name: Any, status: int) -> Any:
    """Stands where the file would: waiting for it would cost the whole mail, as soon as Brevo gives up."""
    text = (
        f"{name or 'A file'} belongs to this mail, but could not be fetched: Brevo answered {status}, so it has it no "
        "more. Ask the sender to send it again.\n"
    )
    return AnymailInboundMessage.construct_attachment(
        content_type="text/plain; charset=utf-8",
        content=text.encode("utf-8", "replace"),
        filename=f"{name or 'A file'} is missing.txt",
    )


def _cleaned(item: dict[str, Any]) -> dict[str, Any]:
    texts = {name: item[name] for name in ("RawTextBody", "RawHtmlBody") if item.get(name)}
    others = {name: value for name, value in item.items() if name not in texts}
    return {**unfolded(others), **texts}


def _first(value: Any) -> str:
    return value[0] if isinstance(value, list) and value and isinstance(value[0], str) else ""
