"""Which addresses a host name stands for, and whether we may connect to them."""

from __future__ import annotations

import ipaddress
import re
import socket
import threading
from dataclasses import dataclass

from mailchannel.network.sights import Sight, Step

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

HOST_NAME = re.compile(r"[^\s/@\\\x00-\x1f\x7f]{1,253}")

#: Stricter, as it becomes part of what we say to a proxy.
PROXY_NAME = re.compile(r"[A-Za-z0-9._-]{1,253}")
#: Seconds for asking our own name server about a name that the proxy will look up.
GLANCE = 1.0

#: IPv6 ranges that carry an IPv4 address: NAT64 (RFC 6052), and NAT64 inside one site (RFC 8215).
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")


class GuardError(Exception):
    """Why we do not connect, for people. `permanent`: the same settings will never do."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Target:
    """A server as the administrator named it, pinned to the addresses that were checked.

    A second look-up could answer differently (DNS rebinding), so nobody asks again.
    """

    host: str
    port: int
    addresses: tuple[str, ...]

    @property
    def sight(self) -> Sight:
        if not self.addresses:
            return Sight(Step.NAME, f"{self.host} is looked up by the proxy.")
        first, *others = self.addresses
        more = f" and {len(others)} more" if others else ""
        return Sight(Step.NAME, f"{self.host} is {'an address' if first == self.host else first}{more}.")


def resolve(host: str, port: int, *, timeout: float, allow_private: bool) -> Target:
    """Looks the name up once. One forbidden address among several is enough to refuse. Raises GuardError."""
    host = _host_name(host)
    addresses = _look_up(host, port, timeout)
    if not addresses:
        raise GuardError(f"The name {host} is unknown. Check its spelling.")
    _refuse_forbidden(host, addresses, allow_private)
    return Target(host, port, addresses)


def behind_proxy(host: str, port: int, *, timeout: float, allow_private: bool) -> Target:
    """For a proxy to find: an address in whatever form is checked and pinned, a name is left to the proxy to look up.

    What this machine happens to know of the name is refused like without a proxy. That is no more than a second pair
    of eyes: what a name means to the proxy only the proxy knows, and only its own rules can forbid. Raises GuardError.
    """
    host = _host_name(host)
    numeric = _ask(host, port, numeric=True)
    if not numeric and not PROXY_NAME.fullmatch(_in_ascii(host)):
        raise _no_host_name(host)
    known = numeric or _look_up(host, port, min(timeout, GLANCE))
    _refuse_forbidden(host, known, allow_private)
    return Target(host, port, numeric)


def _host_name(given: str) -> str:
    host = given.strip().rstrip(".")
    if not HOST_NAME.fullmatch(host):
        raise _no_host_name(host)
    return host


def _no_host_name(host: str) -> GuardError:
    return GuardError(f"{host[:80]!r} is not a host name. Enter just the name, like mail.example.com.", permanent=True)


def _in_ascii(host: str) -> str:
    try:
        return host.encode("idna").decode("ascii")
    except UnicodeError:  # a label that is too long or empty
        raise _no_host_name(host) from None


def _refuse_forbidden(host: str, addresses: tuple[str, ...], allow_private: bool) -> None:
    if not all(_may_connect(ipaddress.ip_address(address), allow_private) for address in addresses):
        raise GuardError(
            f"{host} lies inside a private or reserved network, where we do not connect. "
            "Enter a public mail server, or have your operator set HELPDESK_ALLOW_PRIVATE_HOSTS.",
            permanent=True,
        )


def _look_up(host: str, port: int, timeout: float) -> tuple[str, ...]:
    """The system's resolver knows no deadline, so it runs in a thread that may be left behind."""
    found: list[tuple[str, ...]] = []
    asking = threading.Thread(target=lambda: found.append(_ask(host, port)), daemon=True)
    asking.start()
    asking.join(timeout)
    return found[0] if found else ()


def _ask(host: str, port: int, *, numeric: bool = False) -> tuple[str, ...]:
    """`numeric`: only what is an address already, in any of its forms; no name server is asked."""
    flags = socket.AI_NUMERICHOST if numeric else 0
    try:
        answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    except (OSError, UnicodeError):  # unknown name; a label that is too long or empty
        return ()
    return tuple(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers))


def _may_connect(address: Address, allow_private: bool) -> bool:
    """Link-local addresses (cloud metadata lives there) and multicast are never a mail server's."""
    address = _behind(address)
    if address.is_link_local or address.is_multicast:
        return False
    return allow_private or (address.is_global and not getattr(address, "is_site_local", False))


def _behind(address: Address) -> Address:
    """The IPv4 address an IPv6 one leads to (mapped, 6to4, Teredo, NAT64), or the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in LOCAL_NAT64:
        return ipaddress.IPv4Address(0)
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo or address
