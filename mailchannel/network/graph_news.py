"""Microsoft Graph calls us when mail arrives: asking it to, and telling its calls from those of strangers."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from mailchannel.network.graph_client import GraphClient, parse_moment, segment
from mailchannel.network.graph_faults import Gone, GraphFault

#: What asks for longer is refused by Graph: for mail it allows 10,080 minutes.
LONGEST = timedelta(days=6)


@dataclass(frozen=True, slots=True)
class Subscription:
    """Graph tells of new mail until then, unless it is renewed."""

    key: str
    expires: datetime


def subscribe(client: GraphClient, folder: str, url: str, client_state: str) -> Subscription:
    """Has Graph call `url` whenever mail arrives in the folder (its id). It asks there at once whether we agree, see
    `consent_asked`; `client_state` is the word by which `is_genuine` knows Graph's calls. Raises GraphFault.
    """
    wanted = {
        "changeType": "created",
        "notificationUrl": url,
        "lifecycleNotificationUrl": url,
        "resource": f"{client.owner}/mailFolders/{segment(folder)}/messages",
        "expirationDateTime": _in_time(),
        "clientState": client_state,
        "latestSupportedTlsVersion": "v1_2",
    }
    return _made(client.ask_object("POST", f"{client.base}/subscriptions", json=wanted))


def renew(client: GraphClient, key: str) -> Subscription:
    """Raises GraphFault, and Gone: it has to be made anew."""
    return _made(_about(client, key, "PATCH", json={"expirationDateTime": _in_time()}))


def unsubscribe(client: GraphClient, key: str) -> None:
    """Safe to repeat. Raises GraphFault."""
    with suppress(Gone):
        _about(client, key, "DELETE")


def consent_asked(query: Mapping[str, str]) -> str | None:
    """The word Graph wants back, as plain text, before it calls an address; None in an ordinary call."""
    token = query.get("validationToken")
    return token[:2_000] if token else None


def is_genuine(body: bytes, client_state: str) -> bool:
    """Whether every piece of news in a call carries the word only Graph and we know."""
    try:
        news = json.loads(body).get("value")
    except (ValueError, AttributeError):
        return False
    if not isinstance(news, list) or not news or not client_state:
        return False
    return all(isinstance(each, dict) and _same(str(each.get("clientState")), client_state) for each in news)


def _about(client: GraphClient, key: str, method: str, **options: Any) -> dict[str, Any]:
    try:
        answer = client.ask(method, f"{client.base}/subscriptions/{segment(key)}", **options)
    except GraphFault as error:
        if error.status == 404:
            raise Gone from None
        raise
    found: dict[str, Any] = json.loads(answer.content) if answer.content else {}
    return found


def _made(answer: Mapping[str, Any]) -> Subscription:
    return Subscription(str(answer.get("id", "")), parse_moment(answer.get("expirationDateTime")) or datetime.now(UTC))


def _in_time() -> str:
    return (datetime.now(UTC) + LONGEST).strftime("%Y-%m-%dT%H:%M:%SZ")


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode(), other.encode())
