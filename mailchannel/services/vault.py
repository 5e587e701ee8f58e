"""The only place where stored secrets meet the settings they belong to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from mailchannel.models import MailServer
from mailchannel.services import authorities
from mailchannel.services.sign_in.specs import APPLICATION, READING_VAULT, SENDING_VAULT, specs_of

#: Names of secrets used for sending carry this prefix in the encrypted column.
SENDING = "sending."
#: Those whoever brings mail to a forwarding inbox has to know.
INBOX = "inbox."
#: A stored secret was given for one server and one account: when any of these changes it has to be given again.
ADDRESSING: Final = ("host", "port", "encryption", "url", "endpoint", "username")
#: How its server is reached.
ON_THE_WAY: Final = ("proxy", "authorities", "verify_certificate")
#: Secrets of the applications that sign in for us go to the identity provider, never to a mail server.
_NOT_FOR_READING: Final = (SENDING, READING_VAULT, SENDING_VAULT, INBOX)


def exposes(before: Mapping[str, Any], after: Mapping[str, Any], *, plain: bool) -> bool:
    """Whether others than before may read a stored secret on its way, as `ON_THE_WAY` says: the certificate is checked
    no more, one more authority may vouch for whoever answers, or another proxy sees what is not encrypted, or encrypted
    for just anybody. `plain`: nothing is encrypted. Whoever could bring that about and keep the secret would learn it.
    """
    unchecked = not after["verify_certificate"]
    newly = unchecked and before["verify_certificate"]
    rerouted = before["proxy"] != after["proxy"] and (plain or unchecked)
    return newly or rerouted or authorities.added(before["authorities"] or "", after["authorities"] or "")


def strays(before: Mapping[str, Any], after: Mapping[str, Any], column: str, *, pasted: bool) -> bool:
    """Whether tokens that an application gets without a person would be shown to another server than before, or for
    another account. Whoever could bring that about and keep its secrets would get such tokens. `column` is that of the
    application; `pasted`: a refresh token is stored. The sign-in of a person is bound to these settings by itself.
    """
    if not (pasted or after[column].get("grant") == APPLICATION):
        return False
    known = _shown_to(before, column)
    return any(each not in known for each in _shown_to(after, column))


def addressing(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: settings[name] for name in ADDRESSING if name in settings}


def _shown_to(settings: Mapping[str, Any], column: str) -> list[tuple[str, dict[str, Any]]]:
    """The ways an application signs in for, with where each of them leads."""
    own = bool(settings["sending_oauth"].get("client_id"))
    ways = {"connection": ("auth", column == "oauth"), "sending": ("sending_auth", own == (column == "sending_oauth"))}
    return [(way, addressing(settings[way])) for way, (auth, its) in ways.items() if its and specs_of(settings[auth])]


def connection_settings(server: MailServer) -> dict[str, Any]:
    """What the transport wants, secrets in clear: hand it over, never store, log or show it."""
    secrets = {name: value for name, value in server.secrets.items() if not name.startswith(_NOT_FOR_READING)}
    return {**server.connection, **secrets}


def sending_settings(server: MailServer) -> dict[str, Any]:
    """What the sender wants, secrets in clear."""
    secrets = {name.removeprefix(SENDING): v for name, v in server.secrets.items() if name.startswith(SENDING)}
    return {**server.sending, **secrets}
