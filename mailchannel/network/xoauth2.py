"""Signing in to a mail server with an access token, whatever protocol carries it."""

from __future__ import annotations

import binascii
import json
from base64 import b64decode
from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from mailchannel.network.account import Account
from mailchannel.network.faults import Fault, quoted
from mailchannel.network.way import Way

T = TypeVar("T")


class TokenRefused(Exception):
    """The server did not take the access token. Its words, without the token."""


class NoTokenLogin(Exception):
    """The server offers no sign-in with access tokens on this line."""


def signed_in(account: Account, way: Way, attempt: Callable[[Account], T]) -> T:
    """`attempt` with a token where the way has one, and once more with a fresh one if the first was refused: it may
    have been taken back before its end. Raises SignInFailed.
    """
    if way.token is None:
        return attempt(account)
    token = way.token()  # before anything is connected: the provider may be slow
    try:
        return attempt(replace(account, token=token))
    except TokenRefused:
        fresh = way.token()
        if fresh == token:
            raise
        return attempt(replace(account, token=fresh))


def refusal(challenge: bytes | str, words: bytes | str, account: Account) -> TokenRefused:
    """`challenge`: the JSON in which servers say why; `words`: what they said besides."""
    said = quoted(words, account.unspeakable).rstrip(".")
    try:
        reasons = json.loads(challenge or "{}")
        told = [f"{name} {reasons[name]}" for name in ("status", "error", "scope") if reasons.get(name)]
    except (ValueError, AttributeError, TypeError):
        told = []
    because = quoted(", ".join(told), account.unspeakable)
    return TokenRefused(f"{said} ({because})" if because else said)


def decoded(line: bytes | str) -> bytes:
    """A challenge as it comes over SMTP and POP3."""
    try:
        return b64decode(line, validate=True)
    except (ValueError, binascii.Error):
        return b""


def explain(error: TokenRefused | NoTokenLogin, account: Account) -> Fault:
    if isinstance(error, NoTokenLogin):
        return Fault(
            f"{account.host} offers no sign-in with OAuth (XOAUTH2) on this connection. Choose TLS or STARTTLS; if one "
            "of them is set already, the server wants another way of signing in.",
            "encryption",
            permanent=True,
        )
    words = str(error)
    if "authenticated but not connected" in words.lower():
        return Fault(
            f"{account.host} let the account in, but not into the mailbox {account.username}: {words}. Check the user "
            "name, or have the mailbox opened for the account that signed in.",
            "username",
            permanent=True,
        )
    return Fault(
        f"{account.host} did not let {account.username} in with the sign-in we have: {words}. Check that the user name "
        "is that of the account that signed in and that the mailbox allows this protocol; then sign in again.",
        "oauth-consent",
        permanent=True,
    )
