"""At the door: the server hears us, and does not let us in."""

from __future__ import annotations

from typing import Final

from mailchannel.services.doctor.remedies.remedy import Remedy

SIGN_IN: Final = (
    Remedy(
        "app_password",
        (
            r"application[- ]specific password",
            r"app[- ]specific password",
            r"app password",
            r"\b5\.7\.9\b.*password",
            r"InvalidSecondFactor",
        ),
        "The provider wants a password made for programs.",
        "Make an app password in the account's security settings and enter it here instead of the account's own.",
    ),
    Remedy(
        "browser_first",
        (r"log ?in via your web browser", r"web login required", r"WEBALERT", r"\b5\.7\.14\b"),
        "The provider thinks somebody else is signing in.",
        "Sign in to this mailbox once with a browser and confirm that it was you, then test again. An app password "
        "usually ends it for good.",
    ),
    Remedy(
        "smtp_auth_disabled",
        (r"SmtpClientAuthentication is disabled",),
        "Microsoft 365 does not let programs send for this mailbox.",
        "Have “Authenticated SMTP” allowed for this mailbox in the Microsoft 365 admin center.",
    ),
    Remedy(
        "basic_auth_disabled",
        (
            r"basic ?auth(?:entication)?(?: is)? ?(?:disabled|blocked|not supported)",
            r"BasicAuthBlocked",
            r"\b5\.7\.139\b",
        ),
        "The provider takes no passwords any more.",
        "Sign in with OAuth. No password will do, not even a new one.",
    ),
    Remedy(
        "imap_disabled",
        (
            r"IMAP (?:access |use )?(?:is |has been )?(?:disabled|not enabled)",
            r"not enabled for IMAP",
            r"IMAP4? (?:protocol )?(?:is )?disabled",
            r"enable IMAP",
        ),
        "Reading by IMAP is switched off for this mailbox.",
        "Switch IMAP access on in the mailbox's settings, or have its administrator do it.",
    ),
    Remedy(
        "pop3_disabled",
        (
            r"POP3? (?:access |use )?(?:is |has been )?(?:disabled|not enabled)",
            r"not enabled for POP",
            r"POP3? (?:protocol )?(?:is )?disabled",
            r"enable POP",
        ),
        "Reading by POP3 is switched off for this mailbox.",
        "Switch POP access on in the mailbox's settings, or have its administrator do it.",
    ),
    Remedy(
        "password_expired",
        (r"\[EXPIRED\]", r"password (?:has )?expired"),
        "The password is too old.",
        "Set a new one with the provider and enter it here.",
    ),
    Remedy(
        "account_locked",
        (r"account (?:is |has been )?(?:temporarily )?(?:locked|disabled|suspended|blocked)", r"user (?:is )?disabled"),
        "The provider has locked the account.",
        "Have it unlocked. Test only once with each password: every wrong one may lock it again.",
    ),
    Remedy(
        "not_allowed",
        (r"\[AUTHORIZATIONFAILED\]",),
        "The password is right, but this account may not open this mailbox.",
        "Have the account given access, or sign in as the mailbox itself.",
    ),
    Remedy(
        "too_many_tries",
        (
            r"too many (?:failed )?(?:log ?in|authentication|auth) (?:attempts|failures)",
            r"log ?in rate",
            r"authentication rate",
        ),
        "The provider has counted too many attempts.",
        "Wait a quarter of an hour before you test again.",
    ),
    Remedy(
        "too_many_connections",
        (r"\[LIMIT\]", r"too many (?:simultaneous |concurrent )?connections", r"maximum number of connections"),
        "More programs are connected than the provider allows.",
        "Close mail programs that are open on this mailbox, or fetch less often. It is tried again by itself.",
    ),
    Remedy(
        "unavailable",
        (
            r"\[UNAVAILABLE\]",
            r"\[SERVERBUG\]",
            r"\[SYS/TEMP\]",
            r"\b4\.3\.[0-9]\b",
            r"temporary authentication failure",
            r"internal (?:server )?error",
        ),
        "The server has a trouble of its own.",
        "Wait: it is tried again by itself. The password is probably right.",
    ),
    Remedy(
        "in_use",
        (r"\[IN-?USE\]",),
        "Another program holds the mailbox.",
        "Wait: it is tried again by itself. If it stays, find the program that keeps it open.",
    ),
    Remedy(
        "too_often",
        (r"\[LOGIN-DELAY\]",),
        "The server lets nobody in so often.",
        "Fetch less often. It is tried again by itself.",
    ),
    Remedy(
        "contact_admin",
        (r"\[CONTACTADMIN\]",),
        "The server will not say more to us.",
        "Ask its administrator; its log names the reason.",
    ),
    Remedy(
        "mechanism_too_weak",
        (r"\b534\b", r"mechanism is too weak"),
        "The server wants a stronger way of signing in.",
        "Use an app password or OAuth, and TLS or STARTTLS.",
    ),
    Remedy(
        "sign_in_needed",
        (r"\b530\b", r"authentication (?:is )?required"),
        "The server wants a user name and a password.",
        "Enter them under “How do we send answers?”.",
    ),
    Remedy(
        "no_sign_in_offered",
        (r"does not ask for a password",),
        "The server offers no way of signing in here.",
        "Port 25 is for mail servers among each other: use port 587 with STARTTLS or 465 with TLS, or leave the user "
        "name empty.",
    ),
    Remedy(
        "credentials",
        (r"\[AUTHENTICATIONFAILED\]", r"\[AUTH\]", r"did not accept user name and password", r"\b535\b"),
        "User name or password is wrong.",
        "Enter user name and password again. If they are right, look whether the provider wants an app password.",
    ),
)
