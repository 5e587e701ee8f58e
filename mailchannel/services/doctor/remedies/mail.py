"""Inside: folders, and mail that is handed over."""

from __future__ import annotations

from typing import Final

from mailchannel.services.doctor.remedies.remedy import Remedy

MAIL: Final = (
    Remedy(
        "folder_missing",
        (r"folder .{1,300} does not exist", r"\[NONEXISTENT\]", r"\[TRYCREATE\]"),
        "There is no such folder.",
        "Choose one of the folders the mailbox has; upper and lower case count.",
    ),
    Remedy(
        "mailbox_full",
        (
            r"\[OVERQUOTA\]",
            r"\b[45]\.2\.2\b",
            r"quota exceeded",
            r"mailbox (?:is )?full",
            r"the mailbox (?:\S{1,100}|of whoever signed in) is full",
        ),
        "The mailbox is full.",
        "Make room in it or have its limit raised: a full mailbox takes no new mail either.",
    ),
    Remedy(
        "no_permission",
        (r"\[NOPERM\]", r"permission denied", r"may only be read"),
        "The account may not do this there.",
        "Have it given the right to read, delete and insert mail in this folder.",
    ),
    Remedy(
        "relay_refused",
        (
            r"relay(?:ing)? (?:access )?(?:is )?(?:denied|not permitted|not allowed|prohibited)",
            r"unable to relay",
            r"we do not relay",
        ),
        "The server does not pass on mail for us.",
        "Sign in for sending, or have the server allow this machine to send through it.",
    ),
    Remedy(
        "sender_refused",
        (
            r"SendAsDenied",
            r"\b5\.7\.60\b",
            r"not owned by user",
            r"not allowed to send (?:as|from)",
            r"sender address rejected",
        ),
        "The account may not send under this address.",
        "Sign in with the mailbox's own account, or have it given the right to send as this address.",
    ),
    Remedy(
        "listed",
        (r"spamhaus", r"\bDNSBL\b", r"\bRBL\b", r"block ?list", r"blacklist", r"listed (?:at|in|by)"),
        "Our address is on a list of senders of unwanted mail.",
        "Send through your provider's server with a sign-in, or ask the list to take the address off.",
    ),
    Remedy(
        "too_large",
        (r"\b552\b", r"\b5\.3\.4\b", r"message size exceeds"),
        "The mail is larger than the server takes.",
        "Send fewer or smaller files, or a link to them.",
    ),
    Remedy(
        "busy",
        (r"\b421\b", r"\b45[0-2]\b", r"try again later"),
        "The server asks for patience.",
        "Wait: it is tried again by itself.",
    ),
    Remedy(
        "turned_away",
        (r"turned us away", r"\b554\b"),
        "The server does not talk to us.",
        "Ask its administrator whether this machine's address is blocked there.",
    ),
    Remedy(
        "unreadable",
        (r"answer nobody can read", r"answered something else than was asked", r"far more than it had announced"),
        "The server does not keep to the protocol.",
        "Try again. If it stays, another server or a proxy answers in its place: check host and port.",
    ),
)
