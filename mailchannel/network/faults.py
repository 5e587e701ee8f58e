"""What to tell people when a conversation with a server went wrong."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterable
from dataclasses import dataclass

from mailchannel.network import tls
from mailchannel.network.guard import GuardError
from mailchannel.network.proxy import ProxyError
from mailchannel.network.watchdog import Overdue

LONGEST_QUOTE = 200
#: What to do about a refused password when nothing more is known of the server.
ENTER_AGAIN = " Enter both again; some providers want a password made for programs instead of your own."


@dataclass(frozen=True, slots=True)
class Fault:
    """`field` names the setting to look at; `permanent`: trying again with the same settings cannot help."""

    text: str
    field: str = ""
    permanent: bool = False


def connecting(error: Exception, *, kind: str, host: str, port: int) -> Fault:
    """Before the greeting. Closed, filtered and not-a-mail-server read the same: the form is no port scanner."""
    if isinstance(error, GuardError):
        return Fault(str(error), "host", error.permanent)
    if halted := halted_by_proxy(error):
        return Fault(str(halted), halted.field or "host", halted.permanent)
    known = isinstance(error, ssl.SSLError) and tls.fault(error, host)
    if known:
        return Fault(known, "encryption")
    return Fault(
        f"No {kind} server answered at {host}, port {port}. Check host name and port, whether the encryption belongs "
        "to this port, and that no firewall is in between.",
        "host",
    )


def talking(error: Exception, *, host: str) -> Fault:
    """After the greeting: the line itself failed."""
    if isinstance(error, ssl.SSLError) and tls.fault(error, host):
        return Fault(tls.fault(error, host), "encryption")
    if isinstance(error, Overdue | TimeoutError):
        return Fault(
            f"{host} stopped answering, so we hung up. The next fetch tries again; if this stays, "
            "allow a longer connection timeout.",
            "timeout_ms",
        )
    return Fault(f"{host} closed the connection in the middle of the conversation. The next attempt starts afresh.")


def halted_by_proxy(error: BaseException | None) -> ProxyError | None:
    """The proxy's part in what went wrong, however deep the libraries and the watchdog have wrapped it."""
    while error is not None and not isinstance(error, ProxyError):
        inner = next((each for each in error.args if isinstance(each, BaseException)), None)
        error = inner or error.__cause__ or error.__context__
    return error


def quoted(words: object, unspeakable: Iterable[str] = ()) -> str:
    """The server's own words as one short line, without our password."""
    text = words.decode("utf-8", "replace") if isinstance(words, bytes) else str(words)
    for secret in unspeakable:
        text = text.replace(secret, "***")
    text = re.sub(r"[^\x20-\x7e\xa0-\uffff]+", " ", text).strip()
    return text[:LONGEST_QUOTE]
