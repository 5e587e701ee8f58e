"""The line to Microsoft Graph: requests with patience and a fresh access token, lists page by page."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from requests import Response

from mailchannel.network import graph_faults, https
from mailchannel.network.faults import Fault, quoted
from mailchannel.network.graph_faults import (
    EXISTS,
    NO_MAILBOX,
    NOT_A_KEY,
    NOT_IN_THE_CLOUD,
    THROTTLED,
    Exists,
    Gone,
    GraphFault,
    complaint,
    refused,
)
from mailchannel.network.retry_after import retry_after
from mailchannel.network.sights import Sight, Step, Watch, nobody
from mailchannel.network.way import SignInFailed, Way
from mailchannel.network.web_address import host_of

VERSION = "/v1.0"
#: Or every mail would get another name when it is moved.
IMMUTABLE = 'IdType="ImmutableId"'
MOST_PAGES = 5_000
MOST_WAITS = 5
#: Nothing was done, or it may be done again.
PASSING = frozenset({THROTTLED, 503, 504})


class GraphLine:
    """`mailbox` is the one words of refusal are about: an address, or empty for whoever signed in. Raises GraphFault,
    and Gone and Exists where it says so.
    """

    def __init__(self, endpoint: str, mailbox: str, way: Way) -> None:
        self.base = base_url(endpoint)
        self.host = host_of(self.base)
        self._mailbox = mailbox
        self._way = way
        self._token = ""
        self._seen: Watch = nobody
        self._session: https.Session | None = None

    @property
    def answered(self) -> str:
        """For "Test connection", once it is open."""
        checked = "is valid" if self._way.verify else "was not checked"
        return f"{self.host} answered, encrypted; the certificate {checked}."

    def watch(self, seen: Watch) -> None:
        """Tells of every step up to the sign-in."""
        self._seen = seen

    def open(self) -> None:
        self._session = https.Session(self._way)
        self._session.watch(self._seen)
        self._token = self._fresh_token()

    def close(self) -> None:
        """Never raises."""
        if self._session is not None:
            self._session.close()
            self._session = None

    def ask(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        patient_with: frozenset[int] = PASSING,
        **options: Any,
    ) -> Response:
        """Waits when it is asked to and there is time, and asks for another access token once. Raises Gone, Exists."""
        deadline = time.monotonic() + self._way.timeout
        renewed = False
        for waits in range(MOST_WAITS + 1):
            answer = self._send(method, url, headers or {}, options)
            if answer.status_code == 401 and not renewed:
                renewed, old = True, self._token
                self._token = self._fresh_token()
                if self._token != old:
                    answer = self._send(method, url, headers or {}, options)
            if answer.status_code not in patient_with:
                break
            asked, otherwise = retry_after(answer), 2.0**waits
            seconds = otherwise if asked is None else asked
            if waits == MOST_WAITS or time.monotonic() + seconds > deadline:
                raise graph_faults.busy(answer, self.host, asked, otherwise=otherwise)
            time.sleep(seconds)
        self._tell(answer)
        self._check(answer)
        return answer

    def ask_object(self, method: str, url: str, **options: Any) -> dict[str, Any]:
        """As `ask`, of what answers with an object."""
        answer = self.ask(method, url, **options)
        found = _read(answer)
        if found is None:
            raise graph_faults.elsewhere(answer, self.host)
        return found

    def ask_list(self, url: str, query: Mapping[str, str | int]) -> Iterator[list[dict[str, Any]]]:
        """A long list, page by page. The address of the next page is taken from nobody but the host it came from:
        whoever is asked for a page gets the access token.
        """
        seen = set[str]()
        while url:
            page = self.ask_object("GET", url, params=query)
            yield self._items(page)
            seen.add(url)
            url, query = str(page.get("@odata.nextLink") or ""), {}
            if url and not self._is_ours(url):
                text = (
                    f"{self.host} sent us on to {quoted(url.partition('?')[0])} in the middle of a list. We did not go "
                    "there, because it would have been given our access token."
                )
                raise GraphFault(Fault(text, "endpoint"))
            if url in seen or len(seen) > MOST_PAGES:
                raise GraphFault(Fault(f"{self.host} sends a list that does not end, so we hung up."))

    def ask_beginning(self, url: str) -> Response:
        """A GET of which is read up to the first blank line, at least."""
        whole, self._session = self._session, _Heads(self._way)
        try:
            return self.ask("GET", url)
        finally:
            self.close()
            self._session = whole

    def _items(self, page: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What cannot be read is never taken for an empty folder."""
        items = page.get("value")
        if isinstance(items, list) and all(
            isinstance(each, dict) and isinstance(each.get("id"), str) for each in items
        ):
            return items
        text = f"{self.host} sent a list that is none of Microsoft Graph's. Check the endpoint, and what is in between."
        raise GraphFault(Fault(text, "endpoint"))

    def _is_ours(self, url: str) -> bool:
        """The same host and port, encrypted. Addresses with a user name in them fool those who read them."""
        try:
            ours, theirs = urlsplit(self.base), urlsplit(url)
        except ValueError:
            return False
        return (theirs.scheme, theirs.netloc.lower()) == (ours.scheme, ours.netloc.lower())

    def _send(self, method: str, url: str, headers: Mapping[str, str], options: Mapping[str, Any]) -> Response:
        if self._session is None:
            self.open()
        assert self._session is not None  # noqa: S101 - opened just now
        all_headers = {"Prefer": IMMUTABLE, **headers, "Authorization": f"Bearer {self._token}"}
        try:
            return self._session.request(method, url, headers=all_headers, **options)
        except https.FAILURES as error:
            fault = https.explain(error, url)
            field = "endpoint" if fault.field in ("url", "encryption") else fault.field
        # Not chained: tracebacks of the library hold the token in their frames.
        raise GraphFault(Fault(fault.text, field, fault.permanent)) from None

    def _fresh_token(self) -> str:
        if self._way.token is None:
            text = "Nobody has signed in to Microsoft for this mailbox yet."
            raise GraphFault(Fault(text, "oauth-consent", permanent=True))
        try:
            return self._way.token()
        except SignInFailed as error:
            fault = Fault(str(error), error.field or "oauth-consent", error.permanent)
        raise GraphFault(fault) from None

    def _tell(self, answer: Response) -> None:
        """Of the first answer: whether it is Graph's, and whether it knows us."""
        if self._seen is nobody or not _is_graphs(answer):
            return
        self._seen(Sight(Step.SERVICE, f"{self.host} answered as Microsoft Graph does."))
        if answer.status_code != 401:
            self._seen(Sight(Step.SIGN_IN, "Microsoft accepts our access token."))
        self._seen = nobody

    def _check(self, answer: Response) -> None:
        """Raises what the answer says unless it says yes."""
        status = answer.status_code
        if status < 300:
            return
        code, words = complaint(answer)
        if code == EXISTS:
            raise Exists
        if (status == 404 and code and code not in NO_MAILBOX | NOT_IN_THE_CLOUD) or code in NOT_A_KEY:
            raise Gone
        raise refused(answer, code, quoted(words, (self._token,)), host=self.host, mailbox=self._mailbox)


class _Heads(https.Session):
    """Reads no further than the end of a mail's headers."""

    def _body(self, response: Response) -> bytes:
        if response.status_code != 200:
            return super()._body(response)
        head = b""
        for piece in response.iter_content(65_536):
            head += piece
            if b"\n\r\n" in head or b"\n\n" in head or len(head) > self._largest:
                break
        response.close()
        return head


def base_url(endpoint: str) -> str:
    """As people write it: with or without https:// and the version."""
    url = endpoint.strip().rstrip("/")
    url = url if "://" in url else f"https://{url}"
    return url if url.endswith(VERSION) else f"{url}{VERSION}"


def _read(answer: Response) -> dict[str, Any] | None:
    try:
        found = json.loads(answer.content)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _is_graphs(answer: Response) -> bool:
    return _read(answer) is not None if answer.status_code < 300 else complaint(answer)[0] != ""
