"""An identity provider on loopback: Microsoft's addresses and plain ones, a consent page, tokens a mail server can check.

Refresh tokens are good for one use; a second use is taken for theft and ends the whole sign-in, as with the strictest
providers.
"""

from __future__ import annotations

import html
import secrets
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import Any
from urllib.parse import urlencode, urljoin

import jwt
import requests
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.servers.certificates import Pair
from tests.servers.web import Answer, Request, WebServer

TENANT = "contoso.onmicrosoft.com"
CLIENT, SECRET = "helpdesk", "client+secret/of:the=application"
KEY_ID = "k1"


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """One for all providers of a run: making one takes longer than most tests."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@dataclass
class Refresh:
    client: str
    user: str
    scope: str
    family: str
    used: bool = False


@dataclass
class Code:
    user: str
    asked: Mapping[str, str]


@dataclass
class Wishes:
    """How this provider differs from an ordinary one."""

    life: int = 3600  # seconds of an access token
    rotates: bool = True
    lasting: bool = True  # gives refresh tokens
    names_person: bool = True
    redirect_urls: set[str] = field(default_factory=set)  # empty: every one is registered


class IdentityProvider(WebServer):
    def __init__(self, certificate: Pair) -> None:
        super().__init__(certificate)
        self.wishes = Wishes()
        self.secrets = {CLIENT: SECRET}
        self.users = {"support@example.com"}
        self.refresh: dict[str, Refresh] = {}
        self.uses: list[str] = []  # every refresh token that came in
        self.issued: list[str] = []  # every secret that went out
        self.forbids = ""  # what it says to an application that signs in by itself
        self.before_renewal: Callable[[], None] = lambda: None
        self.after_renewal: Callable[[], None] = lambda: None  # it is done, and nobody knows yet
        self._codes: dict[str, Code] = {}
        self._lock = Lock()
        self._key = signing_key()

    @property
    def authority(self) -> str:
        return self.url

    @property
    def issuer(self) -> str:
        return f"{self.url}/{TENANT}/v2.0"

    @property
    def public_key(self) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return self._key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()

    @property
    def microsoft(self) -> dict[str, Any]:
        """Settings of an application for `oauth_microsoft`."""
        return {"tenant": TENANT, "client_id": CLIENT, "authority": self.authority}

    @property
    def plain(self) -> dict[str, Any]:
        """Settings of an application for `oauth`."""
        urls = {"authorization_url": f"{self.url}/authorize", "token_url": f"{self.url}/token"}
        return {"client_id": CLIENT, "scopes": ["mail", "openid", "offline_access"], **urls}

    def asked_for(self, grant_type: str) -> list[dict[str, str]]:
        """The forms that came to the token URL."""
        forms = [request.form for request in self.asked if request.path.endswith("/token")]
        return [form for form in forms if form.get("grant_type") == grant_type]

    def revoke(self) -> None:
        """Every sign-in is over."""
        self.refresh.clear()

    def lasting_token(self, user: str = "support@example.com", scope: str = "mail offline_access") -> str:
        """A refresh token somebody got elsewhere."""
        return self._lasting(CLIENT, user, scope, secrets.token_hex(4))

    def token(self, user: str = "support@example.com", **claims: Any) -> str:
        return self._signed({"email": user, "exp": int(time.time()) + self.wishes.life, **claims})

    def sign_in(self, url: str, user: str = "support@example.com", *, agree: bool = True) -> str:
        """What a person does in the browser: looks at the page, agrees. Returns where they are sent."""
        page = requests.get(url, verify=False, timeout=10)
        assert page.ok, page.text
        choice = {"username": user, "decision": "accept" if agree else "deny"}
        back = requests.post(urljoin(url, "?" + url.partition("?")[2]), data=choice, verify=False, timeout=10, allow_redirects=False)  # fmt: skip
        return str(back.headers["Location"])

    def answer(self, request: Request) -> Answer:
        if request.path.endswith("/.well-known/openid-configuration"):
            return Answer.of(self._metadata())
        if request.path.endswith("/authorize"):
            return self._page(request) if request.method == "GET" else self._decided(request)
        if request.path.endswith("/token"):
            return self._token(request.form)
        return Answer(404)

    def _metadata(self) -> dict[str, Any]:
        base = f"{self.url}/{TENANT}/oauth2/v2.0"
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{base}/authorize",
            "token_endpoint": f"{base}/token",
            "jwks_uri": f"{self.url}/{TENANT}/discovery/v2.0/keys",
        }

    def _page(self, request: Request) -> Answer:
        asked = request.query
        registered = self.wishes.redirect_urls
        if asked.get("client_id") not in self.secrets or (registered and asked["redirect_uri"] not in registered):
            return Answer(400, b"AADSTS50011: this redirect URL is not registered", "text/plain")
        hint, scope = html.escape(asked.get("login_hint", "")), html.escape(asked.get("scope", ""))
        form = (
            f"<!doctype html><title>Sign in</title><h1>Sign in</h1><p>{scope}</p><form method=post>"
            f'<label>Account <input name=username value="{hint}"></label>'
            "<button name=decision value=accept>Accept</button><button name=decision value=deny>Cancel</button></form>"
        )
        return Answer(body=form.encode(), content_type="text/html; charset=utf-8")

    def _decided(self, request: Request) -> Answer:
        asked, form = request.query, request.form
        back = {"state": asked.get("state", "")}
        if form.get("decision") != "accept":
            back |= {"error": "access_denied", "error_description": "The person cancelled."}
        else:
            back["code"] = self._code(Code(form["username"], asked))
        return Answer(302, headers={"Location": f"{asked['redirect_uri']}?{urlencode(back)}"})

    def _code(self, code: Code) -> str:
        made = secrets.token_urlsafe(16)
        self.issued.append(made)
        self._codes[made] = code
        return made

    def _token(self, form: dict[str, str]) -> Answer:
        client = form.get("client_id", "")
        if self.secrets.get(client) != form.get("client_secret"):
            return _no("invalid_client", "AADSTS7000215: Invalid client secret provided.", 401)
        return {
            "authorization_code": self._by_code,
            "refresh_token": self._by_refresh,
            "client_credentials": self._by_itself,
        }[form["grant_type"]](client, form)

    def _by_itself(self, client: str, form: dict[str, str]) -> Answer:
        if self.forbids:
            return _no("invalid_grant", self.forbids)
        if not form.get("scope", "").endswith("/.default"):
            return _no("invalid_scope", "AADSTS1002012: The provided value for scope is not valid.")
        return Answer.of(self._granted("support@example.com", form["scope"], client))

    def _by_code(self, client: str, form: dict[str, str]) -> Answer:
        code = self._codes.pop(form.get("code", ""), None)
        if code is None or code.asked["redirect_uri"] != form.get("redirect_uri"):
            return _no("invalid_grant", "The code is unknown or belongs to another redirect URL.")
        seen = urlsafe_b64encode(sha256(form.get("code_verifier", "").encode()).digest()).rstrip(b"=").decode()
        if seen != code.asked.get("code_challenge"):
            return _no("invalid_grant", "The code verifier does not match the challenge.")
        answer = self._granted(code.user, code.asked["scope"], client)
        if self.wishes.lasting:
            answer["refresh_token"] = self._lasting(client, code.user, code.asked["scope"], secrets.token_hex(4))
        if self.wishes.names_person:
            answer["id_token"] = self._id_token(client, code)
        return Answer.of(answer)

    def _by_refresh(self, client: str, form: dict[str, str]) -> Answer:
        self.before_renewal()
        with self._lock:
            token = form.get("refresh_token", "")
            self.uses.append(token)
            known = self.refresh.get(token)
            if known is None or known.client != client:
                return _no("invalid_grant", "AADSTS700082: The refresh token has expired due to inactivity.")
            if known.used:
                family = [name for name, each in self.refresh.items() if each.family == known.family]
                for name in family:
                    del self.refresh[name]
                return _no("invalid_grant", "This refresh token was used before; the sign-in is over.")
            answer = self._granted(known.user, form.get("scope") or known.scope, client)
            if self.wishes.rotates:
                known.used = True
                answer["refresh_token"] = self._lasting(client, known.user, known.scope, known.family)
        self.after_renewal()
        return Answer.of(answer)

    def _granted(self, user: str, scope: str, client: str) -> dict[str, Any]:
        token = self.token(user, appid=client, jti=secrets.token_hex(8))
        return {"token_type": "Bearer", "access_token": token, "expires_in": self.wishes.life, "scope": scope}

    def _lasting(self, client: str, user: str, scope: str, family: str) -> str:
        token = f"RT.{secrets.token_urlsafe(24)}"
        self.issued.append(token)
        self.refresh[token] = Refresh(client, user, scope, family)
        return token

    def _id_token(self, client: str, code: Code) -> str:
        claims = {"aud": client, "preferred_username": code.user, "email": code.user, "nonce": code.asked.get("nonce")}
        return self._signed({**claims, "exp": int(time.time()) + 600, "iat": int(time.time()) - 5})

    def _signed(self, claims: dict[str, Any]) -> str:
        whole = {"iss": self.issuer, "aud": "mail", "sub": "x", "iat": int(time.time()) - 5, **claims}
        token = jwt.encode(whole, self._key, algorithm="RS256", headers={"kid": KEY_ID})
        self.issued.append(token)
        return token


def traces(issued: list[str]) -> set[str]:
    """What must be found nowhere: every secret as it is, and in base64."""
    return set(issued) | {b64encode(each.encode()).decode() for each in issued}


def _no(error: str, description: str, status: int = 400) -> Answer:
    return Answer.of({"error": error, "error_description": description}, status)
