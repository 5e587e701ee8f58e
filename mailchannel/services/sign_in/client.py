"""OAuth 2.0 by the book (RFC 6749, 7636 and 9700), for every provider that has no client of its own here."""

from __future__ import annotations

import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from mailchannel.network.https import FAILURES, Session
from mailchannel.network.way import Way
from mailchannel.services.sign_in.application import Application
from mailchannel.services.sign_in.clouds import host_of
from mailchannel.services.sign_in.grants import Begun, Grant, claims_of
from mailchannel.services.sign_in.refusals import refused, unreachable, unreadable
from mailchannel.services.sign_in.specs import MICROSOFT, is_https, resource_of

LARGEST_ANSWER = 1_000_000  # bytes; tokens take a few thousand

#: Without these words, some give no refresh token, or sign in whoever is signed in already.
USUAL_WISHES = {"prompt": "select_account"}
WISHES = {
    "accounts.google.com": {"access_type": "offline", "prompt": "consent select_account"},
    "accounts.zoho": {"access_type": "offline", "prompt": "consent"},
}
#: Tell us who signed in.
ABOUT_THE_PERSON = ("openid", "profile", "email")


class OAuthClient:
    def __init__(self, application: Application, way: Way) -> None:
        self._application = application
        self._way = way
        base = f"{application.authority}/oauth2/v2.0"
        self._authorization_url = application.authorization_url or (application.authority and f"{base}/authorize")
        self._token_url = application.token_url or f"{base}/token"

    def begin(self, redirect_url: str) -> Begun:
        app = self._application
        if not is_https(self._authorization_url):
            text = "The authorization URL is missing, or does not begin with https://."
            raise app.failed(text, "authorization_url", permanent=True)
        state, verifier, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        asked = {
            "response_type": "code",
            "client_id": app.client_id,
            "redirect_uri": redirect_url,
            "scope": " ".join(self._scopes_for_person()),
            "state": state,
            "nonce": nonce,
            "code_challenge": urlsafe_b64encode(sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
            "login_hint": app.account,
            **self._resource(),
            **_wishes(self._authorization_url),
        }
        url = f"{self._authorization_url}{'&' if '?' in self._authorization_url else '?'}{urlencode(asked)}"
        kept = {"verifier": verifier, "nonce": nonce, "redirect_url": redirect_url}
        return Begun(url, state, json.dumps(kept))

    def finish(self, kept: str, answer: Mapping[str, str]) -> Grant:
        if "error" in answer or not answer.get("code"):
            raise refused({"error": "access_denied", **answer}, self._application)
        flow = json.loads(kept)
        asked = {"code": answer["code"], "redirect_uri": flow["redirect_url"], "code_verifier": flow["verifier"]}
        return self._ask("authorization_code", asked, nonce=flow["nonce"])

    def renew(self, refresh: str) -> Grant:
        return self._ask("refresh_token", {"refresh_token": refresh, **self._scope()})

    def by_itself(self) -> Grant:
        return self._ask("client_credentials", self._scope())

    def _ask(self, grant_type: str, asked: Mapping[str, str], nonce: str = "") -> Grant:
        app = self._application
        secret = {"client_secret": app.client_secret} if app.client_secret else {}
        form = {"grant_type": grant_type, "client_id": app.client_id, **secret, **asked, **self._resource()}
        answer = self._post(form)
        if "error" in answer:
            raise refused(answer, app)
        if not isinstance(answer.get("access_token"), str) or not answer["access_token"]:
            raise unreadable(200, app)
        return Grant.of(answer, claims_of(answer, app, nonce))

    def _post(self, form: Mapping[str, str]) -> Mapping[str, Any]:
        """Not chained: the frames of the libraries hold what was sent."""
        try:
            with Session(self._way, largest=LARGEST_ANSWER) as session:
                response = session.post(self._token_url, data=form, headers={"Accept": "application/json"})
        except FAILURES as error:
            raise unreachable(error, self._token_url, self._application) from None
        try:
            answer = response.json()
        except ValueError:
            answer = None
        refusal = isinstance(answer, dict) and isinstance(answer.get("error"), str)
        passing = response.status_code == 429 or response.status_code >= 500
        if not isinstance(answer, dict) or passing or not (response.ok or refusal):
            after = response.headers.get("Retry-After", "")
            raise unreadable(response.status_code, self._application, retry_after=after)
        return answer

    def _scope(self) -> dict[str, str]:
        return {"scope": " ".join(self._application.scopes)} if self._application.scopes else {}

    def _scopes_for_person(self) -> tuple[str, ...]:
        about = ABOUT_THE_PERSON if self._application.auth == MICROSOFT else ()
        return tuple(dict.fromkeys((*self._application.scopes, *about)))

    def _resource(self) -> dict[str, str]:
        """The first version of Microsoft's endpoints wants the service by its name instead of scopes."""
        app = self._application
        resource = next((resource_of(scope) for scope in app.scopes if resource_of(scope)), "")
        first_version = app.auth == MICROSOFT and self._token_url.rstrip("/").endswith("/oauth2/token")
        return {"resource": resource} if first_version and resource else {}


def _wishes(authorization_url: str) -> Mapping[str, str]:
    host = host_of(authorization_url)
    return next((wishes for start, wishes in WISHES.items() if host.startswith(start)), USUAL_WISHES)
