"""Exchange and Microsoft Graph: mailboxes reached over the web."""

from __future__ import annotations

from typing import Final

from mailchannel.services.doctor.remedies.remedy import Remedy

WEB: Final = (
    Remedy(
        "token_refused",
        (r"does not accept our access token", r"no longer accepts our access"),
        "The access token is for something else, or was taken back.",
        "Sign in again on this page. If it stays, compare the scopes with the protocol, and have a Microsoft "
        "administrator grant the application what it asks for.",
    ),
    Remedy(
        "no_licence",
        (r"licence for Exchange Online is missing",),
        "Who signed in has no mailbox in the cloud.",
        "Have a licence with Exchange Online assigned in the Microsoft 365 admin center. To read a shared mailbox, "
        "enter its address under “Mailbox”. One on a server of your own is read by “Exchange (on-premises)”.",
    ),
    Remedy(
        "may_not",
        (r"we may not do this in",),
        "The sign-in is right, but not allowed to do this here.",
        "In Microsoft Entra, under API permissions, give the application Mail.ReadWrite and Mail.Send, and have an "
        "administrator grant them. For a shared mailbox whoever signs in needs full access to it, and the application "
        "Mail.ReadWrite.Shared; an application access policy may keep it out as well.",
    ),
    Remedy(
        "no_mailbox",
        (r"there is no mailbox", r"knows no mailbox"),
        "No mailbox has this address.",
        "Compare it letter by letter, and enter the mailbox's main address: an alias or a distribution list will not "
        "do.",
    ),
    Remedy(
        "not_the_service",
        (r"is not Microsoft Graph", r"not as Exchange Web Services do", r"is no connect URL"),
        "Something else answers there.",
        "Ask whoever runs the server for the address. On Exchange, Get-WebServicesVirtualDirectory shows it as "
        "ExternalUrl.",
    ),
    Remedy(
        "sent_elsewhere",
        (r"where we do not follow",),
        "The server wants us to go elsewhere.",
        "Ask whoever runs the server whether the other address is theirs. A page to sign in with a browser does not "
        "lead into the mailbox.",
    ),
    Remedy(
        "ews_switched_off",
        (r"Exchange Web Services may be switched off",),
        "Exchange keeps programs out of this mailbox.",
        "Have Exchange Web Services switched on for it (Set-CASMailbox … -EwsEnabled $true) and look whether "
        "EwsApplicationAccessPolicy lets this application in.",
    ),
    Remedy(
        "impersonation",
        (r"role ApplicationImpersonation", r"only (?:by|without) impersonation", r"cannot act for"),
        "Acting for somebody else is set up differently on both sides.",
        "Switch “Open it by impersonation” on for an application or a service account with the role "
        "ApplicationImpersonation, and off where the mailbox's own account or a delegate signs in.",
    ),
    Remedy(
        "full_access",
        (r"give full access to that mailbox",),
        "The account may not open this mailbox.",
        "On Exchange: Add-MailboxPermission … -AccessRights FullAccess. It may take an hour until it counts.",
    ),
    Remedy(
        "other_sign_in",
        (r"does not offer this way to sign in",),
        "The server signs in differently.",
        "Choose what it offers under “Sign-in”. If it offers neither NTLM nor Basic, have one of them switched on for "
        "the virtual directory of Exchange Web Services.",
    ),
    Remedy(
        "ntlm_broken",
        (r"broke off while we signed in by NTLM",),
        "NTLM needs one connection from beginning to end.",
        "A load balancer or proxy on the way that shares connections breaks it: have it pass them through, or use "
        "basic authentication.",
    ),
    Remedy(
        "left_alone",
        (r"is busy and ", r"asks for fewer requests"),
        "The server asks for patience.",
        "Wait: it is tried again by itself, no sooner than the server asks for.",
    ),
)
