"""Lines that go through an HTTP (CONNECT) or SOCKS5 proxy. The proxy looks the server's name up."""

from __future__ import annotations

import re
import socket
import time
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus

from mailchannel.network.dial import GRACE, dial
from mailchannel.network.guard import GuardError, Target, resolve

LONGEST_ANSWER = 16_384  # bytes of an HTTP answer's head
#: Of a name or a password in SOCKS5, where a single byte tells its length (RFC 1929).
LONGEST_CREDENTIAL = 255
STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: |\r?\n)")
OFFERED = re.compile(rb"^proxy-authenticate:[ \t]*([\w-]+)", re.I | re.M)
WHERE = "under “Proxies”"


class ProxyKind(StrEnum):
    HTTP = "http"
    SOCKS5 = "socks5"


@dataclass(frozen=True, slots=True)
class Proxy:
    kind: ProxyKind
    host: str
    port: int
    username: str = ""
    password: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.host} (port {self.port})"


class ProxyError(OSError):
    """We got no further than the proxy. Said in words an administrator understands, with nothing the proxy said in it.

    `field` is empty where the server we asked for is to blame, and not the proxy. `permanent`: the same settings will
    never do.
    """

    def __init__(self, message: str, *, field: str = "proxy", permanent: bool = False) -> None:
        super().__init__(message)
        self.field = field
        self.permanent = permanent


def through(proxy: Proxy, target: Target, timeout: float) -> socket.socket:
    """A line to the target, all within `timeout`. Raises ProxyError.

    The target goes to the proxy as the address that was checked, or by its name where it has none.
    """
    deadline = time.monotonic() + timeout
    sock = _reach(proxy, deadline)
    try:
        _Talk(sock, proxy, target, deadline).open()
        sock.settimeout(timeout + GRACE)
    except BaseException:
        sock.close()
        raise
    return sock


def _reach(proxy: Proxy, deadline: float) -> socket.socket:
    """Proxies stand inside the network more often than not, so a private address is allowed here: who may configure
    one is somebody else than who may choose one for a mail server.
    """
    try:
        found = resolve(proxy.host, proxy.port, timeout=_left(deadline), allow_private=True)
        return dial(found, _left(deadline))
    except GuardError as error:
        because = "has an address where we never connect" if error.permanent else "is not known here by this name"
        raise ProxyError(f"The proxy {proxy.host} {because}. Check its host {WHERE}.") from error
    except OSError as error:
        raise ProxyError(
            f"The proxy {proxy} cannot be reached. Check its host and port {WHERE}, and that it is running."
        ) from error


class _Talk:
    """What is said between us and a proxy until it lets us through, not a byte further."""

    def __init__(self, sock: socket.socket, proxy: Proxy, target: Target, deadline: float) -> None:
        self._sock = sock
        self._proxy = proxy
        self._target = target
        self._deadline = deadline
        self._asked = False  # for the target; from now on silence may be the target's

    def open(self) -> None:
        speak: Callable[[], None] = {ProxyKind.HTTP: self._connect, ProxyKind.SOCKS5: self._socks}[self._proxy.kind]
        try:
            speak()
        except ProxyError:
            raise
        except TimeoutError as error:
            raise (self._no_line() if self._asked else self._silent()) from error
        except OSError as error:
            raise self._hung_up() from error

    # --- HTTP: RFC 9110, 9.3.6 ---

    def _connect(self) -> None:
        self._asked = True
        where = f"[{self._name}]" if ":" in self._name else self._name
        lines = [f"CONNECT {where}:{self._target.port} HTTP/1.1", f"Host: {where}:{self._target.port}"]
        if self._proxy.username:
            login = f"{self._proxy.username}:{self._proxy.password}".encode()  # RFC 7617
            lines.append(f"Proxy-Authorization: Basic {b64encode(login).decode()}")
        self._say("\r\n".join([*lines, "", ""]).encode("ascii"))
        head = self._head()
        found = STATUS.match(head)
        if found is None:
            raise self._no_proxy("HTTP")
        self._judge(int(found[1]), head)

    def _head(self) -> bytes:
        """Byte by byte: behind it the mail server may be speaking already."""
        head = bytearray()
        while not head.endswith((b"\r\n\r\n", b"\n\n")):
            head += self._hear(1)
            if len(head) > LONGEST_ANSWER or not b"HTTP/".startswith(head[:5]):
                raise self._no_proxy("HTTP")
        return bytes(head)

    def _judge(self, status: int, head: bytes) -> None:
        if 200 <= status < 300:
            return
        if status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED:
            raise self._login_wanted({scheme.lower() for scheme in OFFERED.findall(head)})
        if status >= 500 and status != HTTPStatus.NOT_IMPLEMENTED:
            raise self._no_line()
        raise self._not_allowed(_named(status))

    # --- SOCKS5: RFC 1928 and 1929 ---

    def _socks(self) -> None:
        login = [self._credential(each) for each in (self._proxy.username, self._proxy.password)]
        methods = b"\0\2" if self._proxy.username else b"\0"
        self._say(bytes([5, len(methods)]) + methods)
        version, method = self._hear(2)
        if version != 5:
            raise self._no_proxy("SOCKS5")
        if method not in methods:
            raise self._login_wanted(set())
        if method == 2:
            self._say(b"\1" + login[0] + login[1])
            if self._hear(2)[1] != 0:
                raise self._login_wanted(set())
        self._asked = True
        self._say(b"\5\1\0" + self._socks_name() + self._target.port.to_bytes(2, "big"))
        self._socks_answer()

    def _socks_answer(self) -> None:
        version, reply, _, kind = self._hear(4)
        if version != 5:
            raise self._no_proxy("SOCKS5")
        if reply in (2, 7):
            raise self._not_allowed()
        if reply:
            raise self._no_line()
        sizes = {1: 4, 4: 16}
        if kind not in (*sizes, 3):
            raise self._no_proxy("SOCKS5")
        self._hear(2 + (sizes.get(kind) or self._hear(1)[0]))  # where the proxy connects from

    def _socks_name(self) -> bytes:
        for family, kind in ((socket.AF_INET, b"\1"), (socket.AF_INET6, b"\4")):
            try:
                return kind + socket.inet_pton(family, self._name)
            except OSError:
                continue
        return b"\3" + self._credential(self._name)

    def _credential(self, text: str) -> bytes:
        """With its length in front."""
        raw = text.encode()
        if len(raw) > LONGEST_CREDENTIAL:
            raise ProxyError(
                f"SOCKS5 has room for {LONGEST_CREDENTIAL} bytes of a user name or password. Shorten them, and enter "
                f"them again {WHERE}.",
                permanent=True,
            )
        return bytes([len(raw)]) + raw

    # --- The line ---

    @property
    def _name(self) -> str:
        return self._target.addresses[0] if self._target.addresses else self._target.host.encode("idna").decode()

    def _say(self, words: bytes) -> None:
        self._sock.settimeout(_left(self._deadline))
        self._sock.sendall(words)

    def _hear(self, count: int) -> bytes:
        """Exactly so many bytes: what follows them is not the proxy's."""
        heard = b""
        while len(heard) < count:
            if time.monotonic() >= self._deadline:  # a trickle
                raise TimeoutError
            self._sock.settimeout(_left(self._deadline))
            piece = self._sock.recv(count - len(heard))
            if not piece:
                raise ConnectionResetError
            heard += piece
        return heard

    # --- What went wrong ---

    def _silent(self) -> ProxyError:
        return ProxyError(
            f"The proxy {self._proxy} took our call and then said nothing. Check its kind and port {WHERE}."
        )

    def _hung_up(self) -> ProxyError:
        return ProxyError(
            f"The proxy {self._proxy} hung up on us. Check its kind and port {WHERE}; if they are right, have its "
            f"administrator look whether it allows {self._there}."
        )

    def _no_proxy(self, kind: str) -> ProxyError:
        return ProxyError(f"What answers at {self._proxy} is no {kind} proxy. Check the proxy's kind and port {WHERE}.")

    def _not_allowed(self, said: str = "") -> ProxyError:
        return ProxyError(
            f"The proxy {self._proxy} does not let us through to {self._there}{said}. Have its administrator allow "
            "connections to this server and port."
        )

    def _login_wanted(self, offered: set[bytes]) -> ProxyError:
        """Permanent: some proxies lock the account of whoever keeps trying."""
        if offered and b"basic" not in offered:
            text = "wants a way of signing in that we do not speak. Have its administrator allow Basic, or this machine"
            text += " without signing in."
        elif self._proxy.username:
            text = f"did not accept our user name and password. Enter both again {WHERE}."
        else:
            text = f"wants a user name and a password. Enter them {WHERE}."
        return ProxyError(f"The proxy {self._proxy} {text}", permanent=True)

    def _no_line(self) -> ProxyError:
        """Closed, filtered and unknown read the same, as they do without a proxy."""
        return ProxyError(
            f"The proxy {self._proxy} got no line to {self._there}. Check host name and port of the mail server; if "
            "they are right, ask the proxy's administrator whether it can reach this server.",
            field="",
        )

    @property
    def _there(self) -> str:
        return f"{self._target.host}, port {self._target.port}"


def _left(deadline: float) -> float:
    """A timeout of 0 would mean: do not wait at all."""
    return max(deadline - time.monotonic(), 0.05)


def _named(status: int) -> str:
    try:
        return f" ({status} {HTTPStatus(status).phrase})"
    except ValueError:
        return f" ({status})"
