"""What the standard library's clients of IMAP, POP3 and SMTP talk on, instead of a line they would open themselves."""

from __future__ import annotations

import socket
from dataclasses import KW_ONLY, dataclass

from mailchannel.network.guard import Target
from mailchannel.network.watchdog import Watchdog
from mailchannel.network.way import Way


@dataclass(frozen=True, slots=True)
class Dialler:
    """Gives lines to addresses that were checked, which `watchdog` can cut. `secure`: encrypted from the start, the
    name on the certificate being checked against the host as the administrator wrote it.
    """

    target: Target
    way: Way
    watchdog: Watchdog
    _: KW_ONLY
    secure: bool

    def dial(self, timeout: float) -> socket.socket:
        sock = self.way.dial(self.target, timeout)
        self.watchdog.watch(sock)
        return self.way.context().wrap_socket(sock, server_hostname=self.target.host) if self.secure else sock
