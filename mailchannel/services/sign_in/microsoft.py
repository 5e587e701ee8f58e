"""Microsoft's identity platform, through its own library."""

from __future__ import annotations

import json
import logging
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msal
import requests
from msal.exceptions import MsalError

from mailchannel.network.https import FAILURES, Session
from mailchannel.network.way import SignInFailed, Way
from mailchannel.services.sign_in.application import Application
from mailchannel.services.sign_in.client import LARGEST_ANSWER
from mailchannel.services.sign_in.grants import Begun, Grant
from mailchannel.services.sign_in.refusals import refused, unreachable, unreadable
from mailchannel.services.sign_in.specs import is_https

T = TypeVar("T")

#: The library asks for these itself and refuses to be told.
RESERVED = frozenset({"openid", "profile", "offline_access"})

# The way back is a plain link: a form posted by the provider would come without the session's cookie (SameSite).
warnings.filterwarnings("ignore", message="response_mode=", category=UserWarning)
# It writes answers it cannot read into the log, and one cut off in the middle holds half a token.
logging.getLogger("msal").setLevel(logging.CRITICAL + 1)


class MicrosoftClient:
    def __init__(self, application: Application, way: Way) -> None:
        self._application = application
        self._way = way
        self._seen = (0, "", "")  # status, Retry-After and address of the last answer

    def begin(self, redirect_url: str) -> Begun:
        scopes = self._scopes()
        app = self._application
        flow = self._run(
            lambda library: library.initiate_auth_code_flow(
                scopes, redirect_uri=redirect_url, prompt="select_account", login_hint=app.account
            )
        )
        if "error" in flow:
            raise refused(flow, app)
        if not is_https(url := str(flow["auth_uri"])):  # the authority says where; anybody can run one
            text = "The authority sends people to an address that is not https://."
            raise app.failed(text, "authority", permanent=True)
        return Begun(url, str(flow["state"]), json.dumps(flow))

    def finish(self, kept: str, answer: Mapping[str, str]) -> Grant:
        flow = json.loads(kept)
        return self._granted(lambda library: library.acquire_token_by_auth_code_flow(flow, dict(answer)))

    def renew(self, refresh: str) -> Grant:
        scopes = self._scopes()
        return self._granted(lambda library: library.acquire_token_by_refresh_token(refresh, scopes))

    def by_itself(self) -> Grant:
        scopes = self._scopes()
        return self._granted(lambda library: library.acquire_token_for_client(scopes))

    def _granted(self, ask: Callable[[msal.ClientApplication], Mapping[str, Any] | None]) -> Grant:
        answer = self._run(ask) or {}
        if "error" in answer:
            raise self._refused(answer)
        if not isinstance(answer.get("access_token"), str):
            raise unreadable(200, self._application)
        return Grant.of(answer, answer.get("id_token_claims") or {})

    def _refused(self, answer: Mapping[str, Any]) -> SignInFailed:
        """Too many questions come as an ordinary refusal, whose status only the session saw."""
        status, after, _ = self._seen
        if status == 429:
            return unreadable(status, self._application, retry_after=after)
        return refused(answer, self._application)

    def _run(self, ask: Callable[[msal.ClientApplication], T]) -> T:
        """All the families of errors the library lets out. Not chained: its frames hold what was sent."""
        app = self._application
        self._seen = (0, "", "")
        if not is_https(app.authority):
            raise app.failed("The authority URL does not begin with https://.", "authority", permanent=True)
        try:
            with Session(self._way, largest=LARGEST_ANSWER) as session:
                session.hooks["response"].append(self._look)
                return ask(self._library(session))
        except requests.HTTPError as error:
            status = error.response.status_code if error.response is not None else 500
            raise unreadable(status, app) from None
        except FAILURES as error:
            if isinstance(error, requests.exceptions.JSONDecodeError):
                raise unreadable(self._seen[0], app) from None
            raise unreachable(error, app.authority, app) from None
        except (MsalError, ValueError, KeyError, TypeError, AttributeError, RuntimeError):
            raise self._unclear() from None

    def _unclear(self) -> SignInFailed:
        """The library only says that something was not as it should be; what the session saw last says more."""
        status, after, url = self._seen
        if status == 400 and url.endswith("/openid-configuration"):
            return self._application.failed(
                "The authority knows no such tenant. Check the tenant ID, and that the authority is your cloud's.",
                "tenant",
                permanent=True,
            )
        return unreadable(status, self._application, retry_after=after)

    def _look(self, response: requests.Response, *args: Any, **options: Any) -> None:
        url = urlsplit(response.url)._replace(query="").geturl()
        self._seen = (response.status_code, response.headers.get("Retry-After", ""), url)

    def _library(self, session: Session) -> msal.ClientApplication:
        app = self._application
        kind = msal.ConfidentialClientApplication if app.client_secret else msal.PublicClientApplication
        secret = {"client_credential": app.client_secret} if app.client_secret else {}
        # Discovery of the cloud would ask the world's cloud about every other one.
        return kind(app.client_id, authority=app.authority, http_client=session, instance_discovery=False, **secret)

    def _scopes(self) -> list[str]:
        return [scope for scope in self._application.scopes if scope not in RESERVED]
