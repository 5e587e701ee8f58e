"""What an identity provider says when it refuses → words for an administrator, and the setting to look at."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mailchannel.network import https
from mailchannel.network.faults import quoted
from mailchannel.network.way import SignInFailed
from mailchannel.services.sign_in.application import Application

#: The field that stands for the sign-in itself rather than for a setting.
CONSENT = "consent"

#: Microsoft's own numbers, which say more than the code of the standard: number → (setting, what it means).
NUMBERS = {
    "7000215": ("client_secret", "The client secret is wrong. Enter the secret's value, not its ID."),
    "7000222": ("client_secret", "The client secret has expired. Make a new one at the provider and enter it."),
    "7000218": ("client_secret", "The application wants a client secret, and none was sent."),
    "700016": ("client_id", "The client ID is not known in this tenant."),
    "90002": ("tenant", "There is no such tenant in this cloud."),
    "900023": ("tenant", "There is no such tenant in this cloud."),
    "50011": (
        "redirect",
        "The redirect URL is not registered with the application. Copy it from this page.",
    ),
    "65001": (CONSENT, "Nobody has allowed the application what it asks for yet."),
    "70011": ("scopes", "A scope is not known."),
    "28000": ("scopes", "The scopes belong to several services; one sign-in can serve only one."),
    "1002012": ("scopes", "An application that signs in by itself asks for a scope that ends in /.default."),
}
#: Codes of the standard (RFC 6749, 4.1.2.1 and 5.2; OpenID Connect Core, 3.1.2.6).
CODES = {
    "invalid_client": ("client_secret", "The client ID or the client secret is wrong, or the secret has expired."),
    "unauthorized_client": ("client_id", "The application may not sign in this way; allow it at the provider."),
    "redirect_uri_mismatch": NUMBERS["50011"],
    "invalid_scope": ("scopes", "A scope is not known, or the application may not ask for it."),
    "invalid_grant": (CONSENT, "The sign-in is not valid any more."),
    "interaction_required": (CONSENT, "The provider wants a person to sign in again."),
    "login_required": (CONSENT, "The provider wants a person to sign in again."),
    "consent_required": NUMBERS["65001"],
    "access_denied": (CONSENT, "The sign-in was cancelled, or permission was refused."),
    "invalid_resource": ("scopes", "The service the scopes are about is not known in this tenant."),
    "unsupported_grant_type": ("token_url", "The token URL does not know this way of signing in."),
    "invalid_request": ("token_url", "The provider did not understand the request; check the URLs and the scope."),
}
PASSING = ("temporarily_unavailable", "server_error", "slow_down")
SIGN_IN_AGAIN = " Sign in again on the mail server's Connection page."
ALLOW_IT = " An administrator of the provider has to allow the application to sign in by itself; we keep trying."


def refused(answer: Mapping[str, Any], application: Application) -> SignInFailed:
    """From the provider's own words: `error` and `error_description`."""
    code = str(answer.get("error", ""))[:80]
    said = str(answer.get("error_description") or "")
    number = re.search(r"AADSTS(\d+)", said)
    field, meaning = NUMBERS.get(number[1] if number else "", CODES.get(code, ("", "")))
    words = quoted(f"{code}: {said}" if said else code, _secrets(application))
    if code in PASSING:
        return application.failed(f"{application.provider} cannot let anybody in right now ({words}).")
    text = f"{application.provider} refused the sign-in. {meaning} It says: {words}".replace(".  ", ". ")
    if field == CONSENT:
        text = f"{text.rstrip('.')}.{ALLOW_IT if application.by_itself else SIGN_IN_AGAIN}"
    return application.failed(text, field or CONSENT, permanent=True)


def unreadable(status: int, application: Application, *, retry_after: str = "") -> SignInFailed:
    """An answer that is not what token URLs answer with."""
    where = application.provider
    if status == 429:
        wait = f" It asks us to wait {retry_after} seconds." if retry_after.isdecimal() else ""
        return application.failed(f"{where} has had too many questions from us.{wait} We try again later.")
    if status >= 500:
        return application.failed(f"{where} is in trouble itself (status {status}). We try again later.")
    return application.failed(
        f"The token URL answered with something that is no token (status {status}), perhaps a web page. Check the "
        "authority, the tenant and the URLs.",
        "token_url",
    )


def unreachable(error: Exception, url: str, application: Application) -> SignInFailed:
    """Nothing came back at all. `error` is one of https.FAILURES."""
    fault = https.explain(error, url)
    text = f"No sign-in: {fault.text}"
    if fault.field == "proxy":  # a setting of the mail server, not of the application
        return SignInFailed(text, field=fault.field, permanent=fault.permanent)
    return application.failed(text, "token_url", permanent=fault.permanent)


def _secrets(application: Application) -> tuple[str, ...]:
    """Some providers repeat what they did not like."""
    return tuple(each for each in (application.client_secret, application.pasted) if each)
