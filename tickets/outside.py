"""Which web addresses lead to the internet, and not to this installation or to something else inside its network."""

from __future__ import annotations

import ipaddress
import re
import socket
from urllib.parse import unquote, urlsplit

import idna
from django.conf import settings

#: Last labels of names that only a network of its own knows (RFC 6761, 6762, 8375, and what routers hand out).
_INSIDE = frozenset("arpa corp home internal intranet lan local localdomain localhost private".split())
#: Browsers read a host as an IPv4 address when its last label is a number, in whatever notation (WHATWG URL 3.5).
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.ASCII)
_INTERNET = ipaddress.IPv6Network("2000::/3")


def is_outside(address: str) -> bool:
    """As far as the address tells: nobody is asked what a name stands for."""
    host, port = _place(address)
    return _is_public(host) and (host, port) != _place(settings.PUBLIC_URL)


def _place(address: str) -> tuple[str, int | None]:
    """Host and port; both usual ports count as one, for the first leads to the second."""
    try:
        parts = urlsplit(address)
        host, port = _as_browsers_read(parts.hostname or ""), parts.port
    except ValueError:
        return "", None
    return host.rstrip("."), None if port in (80, 443) else port


def _as_browsers_read(host: str) -> str:
    """Raises ValueError for letters no host name may have."""
    plain = unquote(host)
    return plain.lower() if plain.isascii() else idna.uts46_remap(plain, std3_rules=False)


def _is_public(host: str) -> bool:
    *_, domain, last = ["", *host.split(".")]
    if ":" in host or _NUMBER.fullmatch(last):
        return _is_public_address(host)
    return bool(domain) and last not in _INSIDE


def _is_public_address(host: str) -> bool:
    """No picture is fetched through the ranges that carry an IPv4 address inside an IPv6 one."""
    try:
        if ":" not in host:
            four = ipaddress.IPv4Address(socket.inet_aton(host))
            return four.is_global and not four.is_multicast
        six = ipaddress.IPv6Address(host)
    except (OSError, ValueError):
        return False
    return six.is_global and six in _INTERNET and not six.sixtofour
