"""How the mailbox is read and how answers leave: the protocol and the way of signing in decide which fields follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import QueryDict

from mailchannel.admin import presets
from mailchannel.admin.accounts import TwoAccounts
from mailchannel.admin.step import Group
from mailchannel.kernel.specs import Kind, asked_for
from mailchannel.models import MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.senders import SENDERS
from mailchannel.services import providers, vault
from mailchannel.services.sign_in import specs as sign_in
from mailchannel.services.sign_in.clouds import host_of
from mailchannel.services.sign_in.consistency import PLACES
from mailchannel.transports import TRANSPORTS

READING, SENDING = "", "sending-"
OAUTH = "oauth-"
CHOICES = ("protocol", "auth", "sending_protocol", "sending_auth", "own_application")
#: Ports nobody has to have typed.
USUAL = {str(port) for ports in providers.USUAL_PORTS.values() for port in ports.values()}
#: Settings that mean the same for reading and for sending.
SHARED = ("url", "mailbox")
APPLICATION_CHANGED = (
    "Give it again: the application, who signs in or where changed, and a stored secret is never sent somewhere else."
)
TOKENS_STRAY = (
    "Give it again: what it brings would be shown to another server or for another account than before, and a stored "
    "secret is never sent somewhere else."
)


class DecidingField(forms.ChoiceField):
    """Sent empty it stays as it is."""

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(data) and super().has_changed(initial, data)


class TwoWays(TwoAccounts):
    """Its groups are those of the protocols and ways of signing in that stand in the form."""

    refreshing = CHOICES

    def __init__(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        self.kept: list[str] = []  # fields the defaults were not put over
        if isinstance(data, QueryDict):
            data, self.kept = presets.filled(_sending_follows(data))
        super().__init__(data, *args, **kwargs)

    def groups(self) -> Sequence[Group]:
        return (self.reading(), self.sending(), *self.applications())

    def reading(self) -> Group:
        specs = asked_for(TRANSPORTS[self.chosen("protocol")].fields, self.chosen("auth"))
        return Group(READING, "connection", specs)

    def sending(self) -> Group:
        specs = asked_for(SENDERS[self.chosen("sending_protocol")].fields, self.chosen("sending_auth"))
        return Group(SENDING, "sending", specs, vault.SENDING)

    def applications(self) -> list[Group]:
        """What signs in for us: one application for both ways, or one for each."""
        found = []
        if specs := sign_in.specs_of(self.chosen("auth")):
            found.append(Group(OAUTH, "oauth", specs, sign_in.READING_VAULT))
        if (specs := sign_in.specs_of(self.chosen("sending_auth"))) and self.has_own_application:
            found.append(Group(f"{SENDING}{OAUTH}", "sending_oauth", specs, sign_in.SENDING_VAULT))
        return found

    @property
    def is_brought(self) -> bool:
        """There is no mailbox to sign in to."""
        return getattr(TRANSPORTS[self.chosen("protocol")], "is_brought", False)

    @property
    def can_share(self) -> bool:
        """The application for reading can sign in for sending, too."""
        return self.chosen("auth") == self.chosen("sending_auth") != MailServer.Auth.PASSWORD

    @property
    def has_own_application(self) -> bool:
        if not self.can_share:
            return True
        return "own_application" in self.data if self.is_bound else bool(self.instance.sending_oauth)

    @property
    def way_in(self) -> set[str]:
        """Names of the fields that decide whether the mailbox opens. Not `username`: it follows the address."""
        secret = {self.reading().name(spec) for spec in self.reading().specs if spec.kind is Kind.SECRET}
        application = {
            group.name(spec) for group in self.applications() if group.prefix == OAUTH for spec in group.specs
        }
        return {"protocol", "auth", "proxy", "authorities", "verify_certificate"} | secret | application

    def chosen(self, name: str) -> str:
        """What is chosen in one of the fields that decide about others; of what is offered there the first, if that is
        offered no more."""
        typed = self.data.get(name) if self.is_bound else ""
        offered = [key for key, _ in self._offered(name)]
        stored = str(getattr(self.instance, name))
        return next((each for each in (typed, stored) if each in offered), offered[0])

    def add_choices(self) -> None:
        labels = {
            "protocol": "Protocol",
            "auth": "How do we sign in?",
            "sending_protocol": "Answers leave by",
            "sending_auth": "How do we sign in for sending?",
        }
        for name, label in labels.items():
            offered = self._offered(name)
            self.fields[name] = DecidingField(
                label=label, choices=offered, initial=self.chosen(name), required=name == "protocol"
            )
        if self.can_share:
            self.fields["own_application"] = forms.BooleanField(
                label="Send with another application than the one for reading",
                required=False,
                initial=self.has_own_application,
                help_text="Providers limit how often each application may ask; with two, sending is not slowed down.",
            )

    def add_defaults(self) -> None:
        """A choice has brought fields nobody has seen: they show their defaults, and a port goes with its protocol."""
        if not isinstance(self.data, QueryDict) or "_refresh" not in self.data:
            return
        data = self.data.copy()
        for group in self.groups():
            missing = [spec for spec in group.specs if group.name(spec) not in data]
            # A switch that is off is not posted: where another way of signing in was chosen, somebody switched it off.
            is_new = any(spec.kind is not Kind.SWITCH and not spec.auths for spec in missing)
            for spec in missing:
                if spec.kind is Kind.SWITCH and is_new and spec.default:
                    data[group.name(spec)] = "on"
                elif spec.kind not in (Kind.SECRET, Kind.SWITCH):
                    data[group.name(spec)] = "\n".join(spec.default) if spec.kind is Kind.LINES else str(spec.default)
        for prefix, name in ((READING, "protocol"), (SENDING, "sending_protocol")):
            usual = providers.usual_port(self.chosen(name), data.get(f"{prefix}encryption", ""))
            if data["_refresh"] == name and usual and data.get(f"{prefix}port", "") in USUAL:
                data[f"{prefix}port"] = str(usual)
        self.data = data

    def share_places(self) -> None:
        """Sent by the same protocol, answers leave where mail comes in unless something else is said."""
        if self.chosen("protocol") == self.chosen("sending_protocol"):
            for name in SHARED:
                if field := self.fields.get(f"{SENDING}{name}"):
                    field.required = False
                    field.help_text = "Left empty: as for reading."

    def show_what_is_asked_for(self) -> None:
        """What an application's settings mean where they are left empty."""
        for group in self.applications():
            sending = group.prefix.startswith(SENDING)
            host = self._host(SENDING if sending else READING)
            auth, protocol = (
                self.chosen(f"{group.prefix.removesuffix(OAUTH).replace('-', '_')}{name}")
                for name in ("auth", "protocol")
            )
            known = sign_in.endpoints_for(host)
            scopes = sign_in.scopes_for(auth, protocol, host, sending=sending)
            meant = {
                "authorization_url": known.authorization_url if known else "",
                "token_url": known.token_url if known else "",
                "scopes": "\n".join(scopes),
            }
            for name, value in meant.items():
                if value:
                    self.fields[group.prefix + name].widget.attrs["placeholder"] = value

    def clean(self) -> dict[str, Any]:
        """What is left open stands for something else: that is what counts when it is asked what has moved."""
        data = self.cleaned_data
        data |= {name: self.chosen(name) for name in CHOICES[:4]}
        if self.chosen("protocol") == self.chosen("sending_protocol"):
            for name in SHARED:
                if f"{SENDING}{name}" in self.fields and not data.get(f"{SENDING}{name}"):
                    data[f"{SENDING}{name}"] = data.get(name, "")
        if "sending-username" in self.fields and data["sending_auth"] != MailServer.Auth.PASSWORD:
            data["sending-username"] = data.get("sending-username") or data.get("address", "")
        super().clean()
        for group in self.applications():
            self._check_application(group)
        return data

    def store_groups(self, server: MailServer) -> list[str]:
        columns = super().store_groups(server)
        if server.sending_oauth and not self._uses("sending_oauth"):
            server.sending_oauth = {}
            columns.append("sending_oauth")
        return columns

    def secrets(self) -> Secrets:
        """Without those of ways that are used no more."""
        used = {group.vault + spec.name for group in self.groups() for spec in group.specs if spec.kind is Kind.SECRET}
        stored = super().secrets().items()
        return Secrets({name: value for name, value in stored if name in used or name.startswith(vault.INBOX)})

    def _host(self, prefix: str) -> str:
        names = (f"{prefix}{name}" for name in PLACES)
        places = (self[name].value() for name in names if name in self.fields)
        return next((host_of(str(place)) for place in places if place), "")

    def _uses(self, column: str) -> bool:
        return any(group.column == column for group in self.groups())

    def _offered(self, name: str) -> Sequence[tuple[str, str]]:
        if name == "protocol":
            return [(each.key, each.label) for each in TRANSPORTS]
        if name == "sending_protocol":
            return [(each.key, each.label) for each in SENDERS]
        plug_in = TRANSPORTS[self.chosen("protocol")] if name == "auth" else SENDERS[self.chosen("sending_protocol")]
        return [(key, MailServer.Auth(key).label) for key in plug_in.auths]

    def _check_application(self, group: Group) -> None:
        typed = self.collected(group)
        auth = self.chosen("sending_auth" if group.prefix.startswith(SENDING) else "auth")
        for name, text in sign_in.problems(auth, typed):
            if group.prefix + name in self.fields:
                self.add_error(group.prefix + name, text)
        before = self.before[group.column]
        moved = any(before.get(name) != typed.get(name) for name in sign_in.ADDRESSING if name in typed)
        if moved:
            self.require_typed(group, APPLICATION_CHANGED)
        elif self._strays(group):
            self.require_typed(group, TOKENS_STRAY)

    def _strays(self, group: Group) -> bool:
        stored = self.instance
        before = {
            "auth": stored.auth,
            "sending_auth": stored.sending_auth,
            "sending_oauth": stored.sending_oauth,
            **{each.column: self.before[each.column] for each in (self.reading(), self.sending())},
        }
        after = {
            "auth": self.chosen("auth"),
            "sending_auth": self.chosen("sending_auth"),
            "sending_oauth": {},
            **{each.column: self.collected(each) for each in self.groups()},
        }
        pasted = bool(stored.secrets.get(f"{group.vault}refresh_token"))
        return vault.strays(before, after, group.column, pasted=pasted)


def _sending_follows(data: QueryDict) -> QueryDict:
    """Whoever has just chosen how mail is read wants answers to leave the same way, where that goes."""
    if data.get("_refresh") not in ("protocol", "auth"):
        return data
    protocol, auth = data.get("protocol", ""), data.get("auth", "")
    if data["_refresh"] == "protocol":
        data = data.copy()
        data["sending_protocol"] = protocol if protocol in SENDERS else "smtp"
    sender = data.get("sending_protocol", "")
    if sender in SENDERS and auth in SENDERS[sender].auths:
        data = data.copy()
        data["sending_auth"] = auth
    return data
