"""HTTPS on a guarded way: addresses that were checked, certificates always verified the same way, no redirects, nothing
read from the environment, bounded in time and size.
"""

from __future__ import annotations

import socket
import ssl
from typing import Any
from urllib.parse import SplitResult, urlsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPSConnection
from urllib3.connectionpool import HTTPSConnectionPool

from mailchannel.network import certificate, faults, tls
from mailchannel.network.faults import Fault
from mailchannel.network.guard import GuardError
from mailchannel.network.sights import Sight, Step, Watch, line_sight, nobody
from mailchannel.network.watchdog import Overdue, Watchdog
from mailchannel.network.way import Way

LARGEST_ANSWER = 128_000_000  # bytes; a mail of 50 MB in base64, and some room


class NotHttps(Exception):
    """The address does not begin with https://, so a secret sent there would be read by everybody on the way."""


class TooMuch(Exception):
    """The server sends far more than any answer of its kind needs."""


#: All that may come out of a Session.
FAILURES = (requests.RequestException, GuardError, NotHttps, TooMuch, OSError)


class GuardedAdapter(HTTPAdapter):
    """Every connection leaves by `way`. A new one is told to `watchdog`, which can cut it; `seen` hears how it went."""

    def __init__(self, way: Way, watchdog: Watchdog | None = None, seen: Watch = nobody) -> None:
        self._way = way
        self._watchdog = watchdog
        self._seen = seen
        super().__init__()

    def init_poolmanager(self, *args: Any, **options: Any) -> None:
        super().init_poolmanager(*args, **{**options, "ssl_context": self._way.context(web=True)})
        self.poolmanager.pool_classes_by_scheme = {"https": _pool(self._way, self._watchdog, self._seen)}

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        """Without the certificates requests would bring along: those of `way` alone count."""
        where = urlsplit(request.url)
        return {"scheme": where.scheme, "host": where.hostname, "port": where.port}, {}

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """The context does it."""


class Session(requests.Session):
    """One conversation with one server; each request ends within the timeout of its way."""

    def __init__(self, way: Way, *, largest: int = LARGEST_ANSWER) -> None:
        super().__init__()
        self.trust_env = False  # no proxy, certificate bundle or .netrc from around us
        self._way = way
        self._largest = largest
        self._watchdog = Watchdog()
        self._seen: Watch = nobody
        self.mount("https://", GuardedAdapter(way, self._watchdog, self._tell))

    def watch(self, seen: Watch) -> None:
        """Tells how the next connection comes about, up to its encryption. That somebody listens is told only once TLS
        was heard there: what else does is nobody's business.
        """
        self._seen = seen

    def request(  # type: ignore[override]
        self, method: Any, url: Any, *, expect_bytes: int = 0, **options: Any
    ) -> requests.Response:
        """With the whole body read; `expect_bytes` of it are given time on top.

        Raises one of FAILURES; a refusal by the server is an answer like any other.
        """
        if _split(str(url)).scheme != "https":
            raise NotHttps(str(url)[:200])
        wanted = {**options, "allow_redirects": False, "stream": True, "timeout": self._way.timeout}
        with self._watchdog.limit(self._way.timeout, size=expect_bytes):
            response = super().request(method, url, **wanted)
            response._content = self._body(response)
        return response

    def close(self) -> None:
        super().close()
        self._watchdog.release()

    def _tell(self, sight: Sight) -> None:
        self._seen(sight)
        if sight.step == Step.TLS:
            self._seen = nobody

    def _body(self, response: requests.Response) -> bytes:
        pieces: list[bytes] = []
        room = self._largest
        for piece in response.iter_content(65_536):
            room -= len(piece)
            if room < 0:
                response.close()
                raise TooMuch(f"more than {self._largest} bytes")
            pieces.append(piece)
        return b"".join(pieces)


def explain(error: Exception, url: str) -> Fault:
    """What to tell people when a request came to nothing."""
    if isinstance(error, requests.exceptions.InvalidURL):
        return Fault(f"{url[:80]} is no web address. Check the host name and the port in it.", "url", permanent=True)
    where = urlsplit(url)
    host, port = where.hostname or "", where.port or 443
    cause = _cause(error)
    if halted := faults.halted_by_proxy(error):
        return Fault(str(halted), halted.field or "url", halted.permanent)
    if isinstance(error, NotHttps):
        return Fault(f"{url[:80]} does not begin with https://, so nothing was sent there.", "url", permanent=True)
    if isinstance(error, TooMuch):
        return Fault(f"{host} wanted to send far more than anybody asked for, so we hung up.")
    if isinstance(cause, Overdue | TimeoutError | requests.Timeout):
        return faults.talking(TimeoutError(), host=host)
    if isinstance(cause, ssl.SSLError) and tls.fault(cause, host):
        return Fault(tls.fault(cause, host), "url")
    if isinstance(cause, GuardError):
        return Fault(str(cause), "url", cause.permanent)
    return Fault(
        f"No web server answered at {host}, port {port}. Check the address and that no firewall is in between.", "url"
    )


def _split(url: str) -> SplitResult:
    """Raises InvalidURL."""
    try:
        where = urlsplit(url)
        _ = where.port
    except ValueError as error:
        raise requests.exceptions.InvalidURL(str(error)) from None
    return where


def _cause(error: BaseException) -> BaseException:
    """The libraries wrap what happened on the line several times."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError | GuardError | Overdue):
            return seen
        inner = next((each for each in seen.args if isinstance(each, BaseException)), None)
        seen = inner or getattr(seen, "reason", None) or seen.__cause__ or seen.__context__
        if not isinstance(seen, BaseException):
            return error
    return error


def _pool(way: Way, watchdog: Watchdog | None, seen: Watch) -> type[HTTPSConnectionPool]:
    class Connection(HTTPSConnection):
        def connect(self) -> None:
            try:
                super().connect()
            except ssl.SSLError as error:
                if tls.fault(error, self.host):
                    seen(self._reached)
                raise
            seen(self._reached)
            seen(certificate.sight(self.sock))

        def _new_conn(self) -> socket.socket:
            port = self.port or 443
            target = way.resolve(self.host, port)
            seen(target.sight)
            line = way.dial(target, way.timeout)
            self._reached = line_sight(line, port, way.proxy)
            if watchdog is not None:
                watchdog.release()
                watchdog.watch(line)
            return line

    class Pool(HTTPSConnectionPool):
        ConnectionCls = Connection

    return Pool
