"""Connecting to addresses that were checked before."""

from __future__ import annotations

import socket
import time

from mailchannel.network.guard import Target

#: A read's own timeout only backs up the watchdog, which must be the first to act: it knows what to say.
GRACE = 3.0


def dial(target: Target, timeout: float) -> socket.socket:
    """Tries the addresses in turn, all within `timeout`; a dead one cannot use up the time of the next."""
    deadline = time.monotonic() + timeout
    problem: OSError = OSError(f"{target.host} has no address")
    for place, address in enumerate(target.addresses):
        share = max(deadline - time.monotonic(), 0.1) / (len(target.addresses) - place)
        try:
            sock = socket.create_connection((address, target.port), timeout=share)
        except OSError as error:
            problem = error
            continue
        sock.settimeout(timeout + GRACE)
        return sock
    raise problem
