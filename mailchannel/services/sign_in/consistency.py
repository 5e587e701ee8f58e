"""Settings of one sign-in that contradict each other: found before the provider refuses them with a number."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from mailchannel.models import MailServer
from mailchannel.services.sign_in.clouds import WORLD, Cloud, clouds_of, host_of, kind_of
from mailchannel.services.sign_in.specs import APPLICATION, MICROSOFT, resource_of

#: Settings that name a place, by whatever transport or sender.
PLACES: Final = ("host", "url", "endpoint")
OF_APPLICATION: Final = ("authority", "authorization_url", "token_url", "scopes")
V1, V2 = "/oauth2/", "/oauth2/v2.0/"


@dataclass(frozen=True, slots=True)
class Contradiction:
    """`field` as in the form. `mendable`: `corrected` puts it right."""

    field: str
    text: str
    mendable: bool = True


@dataclass(frozen=True, slots=True)
class _Side:
    """One direction, with the application it signs in with. `prefix` is that of its fields."""

    prefix: str
    settings: str  # the columns
    oauth: str


_READING = _Side("", "connection", "oauth")
_SENDING = _Side("sending-", "sending", "sending_oauth")


def contradictions(server: MailServer) -> list[Contradiction]:
    """Saved or not: only the columns are looked at."""
    found = [each for side in _sides(server) for each in _of_clouds(server, side)]
    found += [each for side in _sides(server) for each in _of_versions(server, side)]
    return [*found, *_of_clients(server)]


def corrected(server: MailServer) -> dict[str, dict[str, Any]]:
    """Column → its settings put right; only the columns that change. Other hosts than Microsoft's stay as they are."""
    changed: dict[str, dict[str, Any]] = {}
    for side in _sides(server):
        cloud = _meant(server, side)
        for column, names in ((side.settings, PLACES), (side.oauth, OF_APPLICATION)):
            stored = getattr(server, column)
            mended = {name: _mended(stored[name], cloud) for name in names if stored.get(name)}
            if column == side.oauth:
                mended |= _second_version({**stored, **mended})
                if cloud is not WORLD and stored and not stored.get("authority"):
                    mended["authority"] = f"https://{cloud.login}"
            if any(stored.get(name) != value for name, value in mended.items()):
                changed[column] = {**stored, **mended}
    return changed


def _sides(server: MailServer) -> Iterator[_Side]:
    if server.auth == MICROSOFT:
        yield _READING
    if server.sending_auth == MICROSOFT:
        yield _SENDING


def _of_clouds(server: MailServer, side: _Side) -> Iterator[Contradiction]:
    """National clouds: each of the five places names the same one."""
    cloud = _meant(server, side)
    for field, place in _places(server, side):
        clouds = clouds_of(host_of(place))
        if clouds and cloud not in clouds:
            right = _mended(place, cloud)
            yield Contradiction(field, f"{place} belongs to {clouds[0].label}, the rest to {cloud.label}: {right}.")


def _meant(server: MailServer, side: _Side) -> Cloud:
    """Whoever wrote the name of a national cloud anywhere meant it: the world's is what stands there by default. Where
    two are named, the mailbox decides."""
    named = [clouds_of(host_of(place)) for _, place in _places(server, side)]
    national = [clouds for clouds in named if clouds and WORLD not in clouds]
    sure = [clouds for clouds in national if len(clouds) == 1]
    if sure:
        return sure[0][0]
    return national[0][0] if national else WORLD


def _places(server: MailServer, side: _Side) -> Iterator[tuple[str, str]]:
    settings, oauth = getattr(server, side.settings), getattr(server, side.oauth)
    for name in PLACES:
        if settings.get(name):
            yield f"{side.prefix}{name}", str(settings[name])
    if not oauth:
        return
    yield f"{side.prefix}oauth-authority", str(oauth.get("authority") or f"https://{WORLD.login}")
    for name in ("authorization_url", "token_url"):
        if oauth.get(name):
            yield f"{side.prefix}oauth-{name}", str(oauth[name])
    for scope in oauth.get("scopes") or ():
        if resource_of(str(scope)):
            yield f"{side.prefix}oauth-scopes", str(scope)


def _mended(value: Any, cloud: Cloud) -> Any:
    if isinstance(value, list):
        return [_mended(each, cloud) for each in value]
    host = host_of(str(value))
    clouds = clouds_of(host)
    if not clouds or cloud in clouds:
        return value
    right = cloud.host(kind_of(host, clouds[0]))
    return re.sub(re.escape(host), right, str(value).strip(), count=1, flags=re.IGNORECASE)


def _of_versions(server: MailServer, side: _Side) -> Iterator[Contradiction]:
    """The first version of the endpoints names a service, the second one scopes."""
    oauth = getattr(server, side.oauth)
    scopes = [str(scope) for scope in oauth.get("scopes") or ()]
    urls = {name: str(oauth.get(name) or "") for name in ("authorization_url", "token_url")}
    old = {name for name, url in urls.items() if _is_first(url)}
    if old and (any(resource_of(scope) for scope in scopes) or len(old) < len([url for url in urls.values() if url])):
        for name in sorted(old):
            yield Contradiction(
                f"{side.prefix}oauth-{name}",
                "This is the first version of the endpoint, which knows no scopes of this style. The second one does: "
                f"{urls[name].replace(V1, V2)}.",
            )
    if oauth.get("grant") == APPLICATION:
        for scope in scopes:
            if resource_of(scope) and not scope.endswith("/.default"):
                yield Contradiction(
                    f"{side.prefix}oauth-scopes",
                    f"An application that signs in by itself asks for {resource_of(scope)}/.default, not for {scope}.",
                )


def _second_version(oauth: Mapping[str, Any]) -> dict[str, Any]:
    """Endpoints and scopes that fit together."""
    scopes = [str(scope) for scope in oauth.get("scopes") or ()]
    mended: dict[str, Any] = {
        name: str(oauth[name]).replace(V1, V2)
        for name in ("authorization_url", "token_url")
        if _is_first(str(oauth.get(name) or ""))
    }
    if scopes and oauth.get("grant") == APPLICATION:
        own = [f"{resource_of(scope)}/.default" if resource_of(scope) else scope for scope in scopes]
        mended["scopes"] = list(dict.fromkeys(own))
    return mended


def _is_first(url: str) -> bool:
    return bool(clouds_of(host_of(url))) and V1 in url and V2 not in url


def _of_clients(server: MailServer) -> Iterator[Contradiction]:
    """Limits on how often may be asked count per application."""
    reading = str(server.oauth.get("client_id") or "").strip()
    sending = str(server.sending_oauth.get("client_id") or "").strip() or reading
    both = server.auth == server.sending_auth == MICROSOFT
    graph = "graph" in (server.protocol, server.sending_protocol) or "ews" in (server.protocol, server.sending_protocol)
    if both and graph and reading and reading == sending:
        yield Contradiction(
            "sending-oauth-client_id",
            "Reading and sending sign in with the same client ID. The provider counts them together and slows both "
            "down; register a second application for sending.",
            mendable=False,
        )
