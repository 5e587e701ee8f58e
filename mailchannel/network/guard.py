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
        first, *others = self.addresses
        more = f" and {len(others)} more" if others else ""
        return Sight(Step.NAME, f"{self.host} is {'an address' if first == self.host else first}{more}.")


def resolve(host: str, port: int, *, timeout: float, allow_private: bool) -> Target:
    """Looks the name up once. One forbidden address among several is enough to refuse. Raises GuardError."""
    host = host.strip().rstrip(".")
    if not HOST_NAME.fullmatch(host):
        raise GuardError(
            f"{host[:80]!r} is not a host name. Enter just the name, like mail.example.com.", permanent=True
        )
    addresses = _look_up(host, port, timeout)
    for address in addresses:
        if not _may_connect(ipaddress.ip_address(address), allow_private):
            raise GuardError(
                f"{host} lies inside a private or reserved network, where we do not connect. "
                "Enter a public mail server, or have your operator set HELPDESK_ALLOW_PRIVATE_HOSTS.",
                permanent=True,
            )
    return Target(host, port, addresses)


def _look_up(host: str, port: int, timeout: float) -> tuple[str, ...]:
    """The system's resolver knows no deadline, so it runs in a thread that may be left behind."""
    found: list[tuple[str, ...]] = []

    def ask() -> None:
        try:
            answers = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):  # unknown name; a label that is too long or empty
            return
        found.append(tuple(dict.fromkeys(str(answer[4][0]).partition("%")[0] for answer in answers)))

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(timeout)
    if not found:
        raise GuardError(f"The name {host} is unknown. Check its spelling.")
    return found[0]


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
