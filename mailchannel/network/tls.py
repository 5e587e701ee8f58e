"""TLS the way we always do it, and its faults in plain words."""

from __future__ import annotations

import socket
import ssl
from functools import lru_cache
from pathlib import Path

#: X509_V_ERR_… codes of OpenSSL → what is wrong with the certificate.
CERTIFICATE_FAULTS = {
    9: "is not valid yet (check this machine's clock)",
    10: "has expired",
    18: "is self-signed, so anybody could have made it",
    19: "was issued by an authority this machine does not trust",
    20: "was issued by an authority this machine does not trust",
    21: "was issued by an authority this machine does not trust",
    23: "has been revoked",
    62: "belongs to another host name",
    64: "belongs to another address",
}
OUTDATED = {
    "UNSUPPORTED_PROTOCOL",
    "WRONG_SSL_VERSION",
    "NO_PROTOCOLS_AVAILABLE",
    "TLSV1_ALERT_PROTOCOL_VERSION",
    "TLSV1_ALERT_INSUFFICIENT_SECURITY",
    "SSLV3_ALERT_HANDSHAKE_FAILURE",
    "DH_KEY_TOO_SMALL",
    "EE_KEY_TOO_SMALL",
    "CA_MD_TOO_WEAK",
    "UNSAFE_LEGACY_RENEGOTIATION_DISABLED",
}


def context(more: str = "", *, verify: bool = True, web: bool = False) -> ssl.SSLContext:
    """Checks certificate and name against the machine's authorities; SSL_CERT_FILE names a file of other ones.

    `more` are certificates (PEM) of authorities trusted besides. Without `verify` anybody may pose as the server.
    `web`: it says that HTTP will be spoken (ALPN, RFC 7301), upon which servers for mail may hang up.
    """
    authorities = ssl.get_default_verify_paths().cafile
    return _made(authorities, Path(authorities).stat().st_mtime_ns if authorities else 0, more, verify, web)


@lru_cache(maxsize=64)
def _made(authorities: str | None, changed: int, more: str, verify: bool, web: bool) -> ssl.SSLContext:
    """Kept until the authorities change: reading them takes longer than polling an empty mailbox."""
    made = ssl.create_default_context()
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if more:
        made.load_verify_locations(cadata=more)
        # The server's own certificate will do as well, and so will that of an authority below the topmost one.
        made.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not verify:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if web:
        made.set_alpn_protocols(["http/1.1"])  # urllib3 would do so itself, in whatever context it is given
    return made


def fault(error: ssl.SSLError, host: str) -> str:
    """What is wrong and what to do, or an empty string when the far side did not speak TLS at all."""
    if isinstance(error, ssl.SSLCertVerificationError):
        wrong = CERTIFICATE_FAULTS.get(error.verify_code, f"cannot be trusted ({error.verify_message})")
        return (
            f"The certificate of {host} {wrong}. We did not send the password. "
            "Have the server's certificate put right, or check that the host name is the one it was issued for."
        )
    if error.reason in OUTDATED:
        return (
            f"{host} only offers encryption that is too old to be safe (TLS 1.2 or newer is needed). "
            "We did not send the password. Have TLS updated on the mail server."
        )
    return ""


def summary(sock: socket.socket | None) -> str:
    """What was agreed on, for "Test connection"."""
    if not isinstance(sock, ssl.SSLSocket):
        return "Not encrypted."
    checked = "was not checked" if sock.context.verify_mode == ssl.CERT_NONE else "is valid"
    return f"Encrypted with {sock.version()}; the certificate {checked}."
