"""Between us and the server: name, line, encryption."""

from __future__ import annotations

from typing import Final

from mailchannel.services.doctor.remedies.remedy import Remedy

WAY: Final = (
    Remedy(
        "name_unknown",
        (r"the name \S+ is unknown",),
        "No server has this name.",
        "Compare it letter by letter with what the provider writes. If it is right, this machine's name server does "
        "not know it.",
    ),
    Remedy(
        "name_wrong",
        (r"is not a host name",),
        "This is no name of a server.",
        "Enter just the name, without https://, a port or a path.",
    ),
    Remedy(
        "private_address",
        (r"inside a private or reserved network",),
        "The server lies in a network we do not connect to.",
        "Whoever operates this installation can allow it with HELPDESK_ALLOW_PRIVATE_HOSTS.",
    ),
    Remedy(
        "nobody_answers",
        (r"no \w+ server answered at",),
        "Refused, filtered, or something other than a mail server.",
        "If both are right, a firewall or a virus scanner on the way blocks the port: have it let us out to this "
        "server.",
    ),
    Remedy(
        "too_slow",
        (r"stopped answering", r"no answer within"),
        "The server began to answer and then fell silent.",
        "Try again in a few minutes. If it stays, allow more time under “Wait for an answer”, or ask the network's "
        "administrator whether a firewall cuts long connections.",
    ),
    Remedy(
        "cut_off",
        (r"closed the connection in the middle",),
        "The server hung up.",
        "Try again. If it stays, the server's log tells why; some hang up on addresses they do not know.",
    ),
    Remedy(
        "certificate_expired",
        (r"certificate of \S+ has expired",),
        "The certificate's time is over.",
        "Have it renewed on the mail server. Until then nobody can tell it from an impostor's.",
    ),
    Remedy(
        "certificate_early",
        (r"certificate of \S+ is not valid yet",),
        "The certificate's time has not begun.",
        "Set the clock of this machine; if it is right, the certificate was made with a wrong one.",
    ),
    Remedy(
        "certificate_self_signed",
        (r"certificate of \S+ is self-signed",),
        "The server vouches for itself.",
        "Install a certificate from a known authority on the mail server, or let us trust this one: paste it under "
        "“Certificates to trust”. For all mail servers at once, SSL_CERT_FILE names a file of authorities.",
    ),
    Remedy(
        "certificate_authority",
        (r"certificate of \S+ was issued by an authority this machine does not trust",),
        "The authority that signed it is not known here.",
        "If it is your company's own authority, paste its certificate under “Certificates to trust”, or put it into "
        "the file SSL_CERT_FILE names. If it is a public one, the mail server does not send the certificate in "
        "between: have its chain completed.",
    ),
    Remedy(
        "certificate_name",
        (r"certificate of \S+ belongs to another",),
        "The certificate is for another name.",
        "Enter the host name the certificate was issued for, or have one made for this name.",
    ),
    Remedy(
        "certificate_revoked",
        (r"certificate of \S+ has been revoked",),
        "The authority has called the certificate back.",
        "Have a new one made; do not go on with this one.",
    ),
    Remedy(
        "certificate_other",
        (r"certificate of \S+ cannot be trusted",),
        "The certificate is not in order.",
        "Have the server's administrator look at it.",
    ),
    Remedy(
        "tls_outdated",
        (r"encryption that is too old",),
        "The server speaks only old versions of TLS.",
        "Have TLS 1.2 or newer switched on there.",
    ),
    Remedy(
        "starttls_missing",
        (r"does not offer STARTTLS",),
        "The server does not go over to encryption on this port.",
        "Choose TLS and its port instead. If the server should offer it, somebody on the way may be cutting the "
        "offer out.",
    ),
    Remedy(
        "encrypt_first",
        (
            r"\b530\b.*\bSTARTTLS",
            r"\b538\b",
            r"\[PRIVACYREQUIRED\]",
            r"takes no password on this connection",
            r"plaintext authentication (?:disallowed|disabled)",
            r"encryption required",
        ),
        "The server wants encryption before a password.",
        "Choose STARTTLS or TLS.",
    ),
)
