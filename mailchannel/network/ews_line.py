"""The line to one Exchange server: its SOAP travels over our own guarded HTTPS and is looked at before it is read.

exchangelib keeps what it knows of servers, their connections and adapters for the whole process. Here nothing is shared
between two mail servers, or between two visits to the same one.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from exchangelib import UTC as UTC_AT_EXCHANGE
from exchangelib import Identity
from exchangelib.configuration import Configuration
from exchangelib.credentials import DELEGATE, IMPERSONATION
from exchangelib.protocol import BaseProtocol, FailFast
from exchangelib.transport import NOAUTH
from exchangelib.version import EXCHANGE_2013_SP1, Version
from requests import PreparedRequest, RequestException, Response
from requests.auth import HTTPBasicAuth
from requests_ntlm import HttpNtlmAuth
from spnego.exceptions import SpnegoError

from mailchannel.network.ews_account import EwsAccount
from mailchannel.network.faults import quoted
from mailchannel.network.https import Session
from mailchannel.network.retry_after import retry_after
from mailchannel.network.sights import Sight, Step, Watch, nobody
from mailchannel.network.way import SignInFailed, Way

HEADERS = {"Content-Type": "text/xml; charset=utf-8"}
PIECE = 32_768  # bytes; as many as the parser takes at once
SOAP = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]{0,200}\?>\s*)?<(?:\w+:)?Envelope[\s>]")
ENTITIES = re.compile(rb"<!(?:DOCTYPE|ENTITY)")

# Their debug logs have passwords and whole mails in them; what goes wrong is told by us.
for name in ("exchangelib", "spnego"):
    logging.getLogger(name).setLevel(logging.CRITICAL + 1)

#: “… must be present for this type of OAuth token”, or must not. Its code makes exchangelib try other versions.
IMPERSONATED = b"ExchangeImpersonation SOAP header must"

Auth = Callable[[PreparedRequest], PreparedRequest]


class WrongAccess(Exception):
    """This access token goes with impersonation, or without."""


class Refused(Exception):
    """A web server answered, and not as Exchange does. `wait`: seconds it asks for, 0 for none."""

    def __init__(self, response: Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.status = response.status_code
        self.wait = math.ceil(retry_after(response) or 0)
        self.offers = response.headers.get("WWW-Authenticate", "")
        self.location = response.headers.get("Location", "")


class Unsafe(Exception):
    """The answer declares entities, with which a few bytes become gigabytes or name files of ours."""


class BrokenOff(Exception):
    """Signing in by NTLM takes three turns, and the server did not take its own."""


class Line(BaseProtocol):  # type: ignore[misc]
    """What exchangelib sends its requests through."""

    def __init__(self, account: EwsAccount, way: Way) -> None:
        super().__init__(
            Configuration(
                service_endpoint=account.url,
                auth_type=NOAUTH,  # as far as exchangelib knows: it never gets to see a secret
                version=Version(EXCHANGE_2013_SP1),  # an older server says so, and is asked in its own version
                retry_policy=FailFast(),  # the other policy sleeps, for up to an hour
            )
        )
        self.session = SoapSession(account, way)

    @property
    def version(self) -> Version:
        return self.config.version

    def get_auth_type(self) -> str:
        return str(NOAUTH)

    def get_session(self) -> SoapSession:
        return self.session

    def release_session(self, session: SoapSession) -> None:
        """There is just the one."""

    def retire_session(self, session: SoapSession) -> None:
        session.close()

    def renew_session(self, session: SoapSession) -> SoapSession:
        session.close()
        return session

    def close(self) -> None:
        self.session.close()


class SoapSession(Session):
    """`expect_bytes` are given time on top, until somebody says otherwise."""

    session_id = 0  # exchangelib writes it into its log

    def __init__(self, account: EwsAccount, way: Way) -> None:
        super().__init__(way)
        self._account = account
        self._heard: Watch = nobody
        self._bearer = _Bearer(way) if way.token is not None else None
        self.auth: Auth = self._bearer or _password(account)
        self.headers.update(HEADERS)
        self.expect_bytes = 0

    def watch(self, seen: Watch) -> None:
        """Tells of every step up to the sign-in."""
        super().watch(seen)
        self._heard = seen

    def request(self, method: Any, url: Any, **options: Any) -> Response:  # type: ignore[override]
        """SOAP, or else one of https.FAILURES, Refused, Unsafe, WrongAccess, BrokenOff, SignInFailed."""
        answer = self._asked(method, url, options)
        if answer.status_code == 401 and self._bearer and self._bearer.renewed():
            answer = self._asked(method, url, options)
        self._tell_of(answer)
        if answer.status_code not in (200, 500) or not SOAP.match(answer.content):
            raise Refused(answer)
        if ENTITIES.search(answer.content):
            raise Unsafe
        if answer.status_code == 500 and IMPERSONATED in answer.content:
            raise WrongAccess
        # exchangelib asks for single bytes, and copies the rest of a longer piece over and over: minutes for a mail.
        answer.iter_content = lambda *_, **__: _pieces(answer.content)  # type: ignore[method-assign]
        return answer

    def _tell_of(self, answer: Response) -> None:
        """Of the first answer: whether it is Exchange's, and whether it knows us."""
        if self._heard is nobody:
            return
        if answer.status_code == 401:
            offers = quoted(answer.headers.get("WWW-Authenticate", "")) or "nothing"
            self._heard(Sight(Step.SERVICE, f"It wants a sign-in and offers: {offers}."))
        elif answer.status_code == 403 or SOAP.match(answer.content):
            self._heard(Sight(Step.SERVICE, f"{self._account.host} answered as Exchange Web Services do."))
            self._heard(Sight(Step.SIGN_IN, self._account.signed_in(token=self._bearer is not None)))
        self._heard = nobody

    def _asked(self, method: Any, url: Any, options: Mapping[str, Any]) -> Response:
        try:
            return super().request(method, url, expect_bytes=self.expect_bytes, **options)
        except RequestException:
            raise
        except (SpnegoError, KeyError, ValueError, PermissionError):  # NTLM, of an answer it did not expect
            raise BrokenOff from None


class _Bearer:
    """An access token, asked for once, and once more when it is refused: it may have ended in the middle of a run."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self._token = ""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        self._token = self._token or self._fresh()
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request

    def renewed(self) -> bool:
        """There is another one than before."""
        before, self._token = self._token, self._fresh()
        return self._token != before

    def _fresh(self) -> str:
        if self._way.token is None:
            raise SignInFailed("Nobody has signed in for this mailbox yet.", field="oauth-consent", permanent=True)
        return self._way.token()


class Visitor:
    """A mailbox as exchangelib's services want it. Its own `Account` keeps every server it met for the whole process,
    and fails for all of them once one cannot be closed.
    """

    def __init__(self, account: EwsAccount, line: Line) -> None:
        self.protocol = line
        self.primary_smtp_address = account.mailbox
        self.identity = Identity(primary_smtp_address=account.mailbox)
        self.access_type = IMPERSONATION if account.impersonate else DELEGATE
        self.default_timezone = UTC_AT_EXCHANGE
        self.version: Version = line.version.copy()  # corrected by the first answer


def _pieces(content: bytes) -> Iterator[bytes]:
    return (content[start : start + PIECE] for start in range(0, len(content), PIECE))


def _password(account: EwsAccount) -> Auth:
    if account.sign_in == "basic":
        return HTTPBasicAuth(account.username.encode(), account.password.encode())  # RFC 7617: UTF-8
    # An address is a name without a domain, and would be taken apart otherwise.
    name = f"\\{account.username}" if "@" in account.username else account.username
    made: Auth = HttpNtlmAuth(name, account.password)
    return made
