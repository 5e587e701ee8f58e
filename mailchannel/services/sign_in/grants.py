"""What every client of an identity provider can do, and what it brings back."""

from __future__ import annotations

import binascii
import json
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, Self

from mailchannel.services.sign_in.application import Application

USUAL_LIFE = 3600  # seconds of an access token whose end nobody told


@dataclass(frozen=True, slots=True)
class Grant:
    """`refresh` is empty where none came (back): then the one we have stays good. `names` is who signed in."""

    access: str = field(repr=False)
    refresh: str = field(default="", repr=False)
    life: int = USUAL_LIFE
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, answer: Mapping[str, Any], claims: Mapping[str, Any]) -> Self:
        return cls(
            access=str(answer["access_token"]),
            refresh=str(answer.get("refresh_token") or ""),
            life=_seconds(answer.get("expires_in")),
            names=_names(claims),
        )


@dataclass(frozen=True, slots=True)
class Begun:
    """A person is sent to `url` and comes back with `state`; `kept` finishes the sign-in and is secret."""

    url: str
    state: str = field(repr=False)
    kept: str = field(repr=False)


class Client(Protocol):
    """Every method raises SignInFailed, and nothing else."""

    def begin(self, redirect_url: str) -> Begun: ...

    def finish(self, kept: str, answer: Mapping[str, str]) -> Grant:
        """`answer` is what the provider sent back by the person's browser."""
        ...

    def renew(self, refresh: str) -> Grant: ...

    def by_itself(self) -> Grant: ...


def claims_of(answer: Mapping[str, Any], application: Application, nonce: str = "") -> Mapping[str, Any]:
    """Of the ID token. It came straight from the token URL over TLS, so its signature need not be checked (OpenID
    Connect Core, 3.1.3.7); one made for somebody else, or for another sign-in, says nothing.
    """
    claims = _payload(str(answer.get("id_token") or ""))
    audience = claims.get("aud")
    ours = application.client_id in (audience if isinstance(audience, list) else [audience])
    return claims if ours and (not nonce or claims.get("nonce", nonce) == nonce) else {}


def _payload(token: str) -> dict[str, Any]:
    body = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        claims = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    except (ValueError, binascii.Error):
        return {}
    return claims if isinstance(claims, dict) else {}


def _names(claims: Mapping[str, Any]) -> tuple[str, ...]:
    """An address nobody has proved to own is not a name."""
    unproved = claims.get("email_verified") in (False, "false")
    keys = ("preferred_username", "upn", *(() if unproved else ("email",)))
    return tuple(dict.fromkeys(str(claims[key])[:320] for key in keys if claims.get(key)))


def _seconds(said: object) -> int:
    """Some providers send it as text (and Microsoft's first version did)."""
    text = str(said)
    return min(int(text), 86_400) if text.isdecimal() and int(text) > 0 else USUAL_LIFE
