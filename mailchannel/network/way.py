"""How one mail server is reached, whatever protocol is spoken there: deadlines, proxy, certificates, access token."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Self

from mailchannel.network import tls
from mailchannel.network.dial import dial
from mailchannel.network.guard import Target, behind_proxy, resolve
from mailchannel.network.proxy import Proxy, through


class SignInFailed(Exception):
    """There is no access token to sign in with. Said in words an administrator understands.

    `permanent`: a person has to sign in again or to change the settings; `field` names the one to look at.
    """

    def __init__(self, message: str, *, field: str = "", permanent: bool = False) -> None:
        super().__init__(message)
        self.field = field
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Way:
    """`timeout` in seconds. `authorities` are certificates (PEM) trusted besides the machine's own.

    `token`: asked for an access token at every sign-in; None where a password is used. Raises SignInFailed.
    """

    timeout: float
    allow_private: bool = False
    proxy: Proxy | None = None
    authorities: str = ""
    verify: bool = True
    token: Callable[[], str] | None = field(default=None, repr=False)

    def within(self, seconds: float) -> Self:
        """The same, with so much patience at most."""
        return replace(self, timeout=min(self.timeout, seconds))

    def resolve(self, host: str, port: int) -> Target:
        """Looks the name up and checks where it leads. Behind a proxy, the proxy looks names up. Raises GuardError."""
        find = behind_proxy if self.proxy else resolve
        return find(host, port, timeout=self.timeout, allow_private=self.allow_private)

    def dial(self, target: Target, timeout: float) -> socket.socket:
        """A line to one of the addresses that were checked. Raises OSError."""
        return through(self.proxy, target, timeout) if self.proxy else dial(target, timeout)

    def context(self, *, web: bool = False) -> ssl.SSLContext:
        return tls.context(self.authorities, verify=self.verify, web=web)
