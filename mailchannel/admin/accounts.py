"""Which account a stored password was given for, and when it has to be typed again.

A password stays with the server and user name it was typed for: whoever could change these and keep the password
could have it sent to a server of their own.
"""

from __future__ import annotations

from typing import Any

from django import forms

from mailchannel.admin.fields import SecretField
from mailchannel.admin.step import Group, Step
from mailchannel.models.secrets import Secrets
from mailchannel.services import vault

TYPE_AGAIN = (
    "Type it again: server, port, encryption or user name changed, and a stored password is never sent somewhere else."
)
EXPOSED = (
    "Type it again: on the way that was chosen others than before could read it, and a stored password is never put at "
    "risk."
)
SENDING_PASSWORD = f"{vault.SENDING}password"


class TwoAccounts(Step):
    """A step with one account for reading and one for sending, which may be the same."""

    def add_login_name(self) -> None:
        """Many servers want the mail address, some a name of their own."""
        if "username" in self.fields:
            stored = self.instance.connection.get("username", "")
            self.fields["username"].required = False
            self.fields["username"].help_text = "Such as “support” or “CORP\\support”."
            self.fields["login_is_address"] = forms.BooleanField(
                label="The login name is the mail address",
                required=False,
                initial=stored in ("", self.instance.address),
                help_text="Untick this if the server knows the mailbox by another name.",
            )

    def add_same_account(self) -> None:
        if {"username", "password", "sending-username", "sending-password"} <= self.fields.keys():
            self.fields["same_account"] = forms.BooleanField(
                label="Sign in with the same user name and password as for reading",
                required=False,
                initial=self._is_same_account(),
            )
            if not self.is_bound or "same_account" in self.data:
                for name in ("sending-username", "sending-password"):
                    self.fields[name].required = False

    def reading(self) -> Group:
        raise NotImplementedError

    def sending(self) -> Group:
        raise NotImplementedError

    def clean(self) -> dict[str, Any]:
        super().clean()
        data = self.cleaned_data
        if "username" in self.fields and (data.get("login_is_address") or not data.get("username")):
            data["username"] = data.get("address", "")
        if data.get("same_account"):
            data["sending-username"] = data["username"]
            data["sending-password"] = data.get("password", "")
        self._ask_again()
        return data

    def secrets(self) -> Secrets:
        secrets = super().secrets()
        if self.cleaned_data.get("same_account"):
            secrets[SENDING_PASSWORD] = secrets.get("password", "")
        elif not self.cleaned_data.get("sending-username"):
            secrets.pop(SENDING_PASSWORD, None)  # signing in was given up
        return Secrets({name: value for name, value in secrets.items() if value})

    def moved(self, group: Group) -> bool:
        """The group points to another server or account than what is stored."""
        return vault.addressing(self.before[group.column]) != vault.addressing(self.collected(group))

    def exposed(self) -> bool:
        """On the way that was typed, others than before could read what is stored."""
        before = {name: getattr(self.instance, name) for name in vault.ON_THE_WAY}
        after = {name: self.cleaned_data.get(name, stored) for name, stored in before.items()}
        plain = "none" in (self.cleaned_data.get(f"{side}encryption") for side in ("", "sending-"))
        return vault.exposes(before, after, plain=plain)

    def _ask_again(self) -> None:
        same = bool(self.cleaned_data.get("same_account"))
        newly_same = same and not self["same_account"].initial
        if self.moved(self.reading()) or "protocol" in self.changed_data:
            self.require_typed(self.reading())
        if same and (newly_same or self.moved(self.sending())):
            self.require_typed(self.reading())
        elif self.cleaned_data.get("sending-username") and self.moved(self.sending()):
            self.require_typed(self.sending())
        if self.exposed():
            in_use = bool(self.cleaned_data.get("sending-username")) and not same
            for group in self.groups():
                if group.column != "sending" or in_use:
                    self.require_typed(group, EXPOSED)

    def require_typed(self, group: Group, text: str = TYPE_AGAIN) -> None:
        """Secrets of the group that are stored have to be given again."""
        for name in map(group.name, group.specs):
            field = self.fields[name]
            kept = isinstance(field, SecretField) and field.stored and not self.cleaned_data.get(name)
            if kept and name not in self.errors:
                self.add_error(name, text)

    def _is_same_account(self) -> bool:
        stored = self.instance
        if not stored.sending:
            return True
        username = stored.sending.get("username")
        same_password = stored.secrets.get(SENDING_PASSWORD) == stored.secrets.get("password")
        return bool(username) and username == stored.connection.get("username") and same_password
