"""First step: which mailbox, how to reach it, when, and how to send from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from copy import copy
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.http import QueryDict

from mailchannel.admin import presets
from mailchannel.admin.accounts import TwoAccounts
from mailchannel.admin.fields import LinesField
from mailchannel.admin.presets import ProviderField
from mailchannel.admin.step import Group, Section, Step
from mailchannel.models import Alias, MailServer
from mailchannel.senders import SENDERS
from mailchannel.services import alert_settings, check, providers, validation, vault
from mailchannel.services.providers import Provider
from mailchannel.services.readiness import PERSONAL_ADDRESS
from mailchannel.transports import TRANSPORTS

OAUTH_IS_SAFER = (
    "Where the provider offers OAuth, prefer it to a password: no password is stored here then, and the right to read "
    "can be taken back at any time."
)
WHEN = ("fetch_every_minutes", "skip_times", "timeout_ms", "max_tries", "cool_off_minutes")


class ConnectionStep(TwoAccounts):
    slug = "connection"
    title = "Connection"
    refreshing = "protocol"

    class Meta(Step.Meta):
        fields = ("name", "address", "reply_to", "protocol", *WHEN)
        widgets = {
            "address": forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off", "spellcheck": "false"}),
            "reply_to": forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off", "spellcheck": "false"}),
        }
        help_texts = {"reply_to": "Where customers' answers should go. Left empty: the mail address."}

    protocol = forms.ChoiceField(label="Protocol")
    provider = ProviderField()
    fetch_every_minutes = forms.IntegerField(
        label="Fetch every (minutes)", min_value=1, max_value=1440, help_text="1 is nearly at once; 1,440 is a day."
    )
    timeout_ms = forms.IntegerField(
        label="Wait for an answer (milliseconds)",
        min_value=1_000,
        max_value=120_000,
        help_text="1,000 to 120,000; 30,000 is half a minute.",
    )
    max_tries = forms.IntegerField(
        label="Give up after (tries)",
        min_value=1,
        max_value=20,
        help_text="1 to 20. A refused password is tried only once in a fetch.",
    )
    cool_off_minutes = forms.IntegerField(
        label="Then rest (minutes)", min_value=0, max_value=1440, help_text="0 to 1,440; then the tries begin anew."
    )
    skip_times = LinesField(required=False, commas=True, rows=1, label="Not between")

    def groups(self) -> Sequence[Group]:
        return self.reading(), self.sending()

    def reading(self) -> Group:
        return Group("", "connection", TRANSPORTS[self._protocol()].fields)

    def sending(self) -> Group:
        return Group("sending-", "sending", SENDERS["smtp"].fields, vault.SENDING)

    def build(self) -> None:
        protocol = self.fields["protocol"]
        assert isinstance(protocol, forms.ChoiceField)  # noqa: S101 - declared above
        protocol.choices = [(each.key, each.label) for each in TRANSPORTS]
        self.fields["skip_times"].help_text = f"{settings.TIME_ZONE}. Several: 02:00-04:00, 23:30-00:30"
        for spec in self.sending().specs:
            self.fields[self.sending().name(spec)].label = f"Sending {spec.label.lower()}"
        self.add_login_name()
        self.add_same_account()
        self.add_provider()
        self.show_where_we_come_from()
        self.fields["aliases"] = LinesField(
            label="Other addresses of this mailbox",
            required=False,
            commas=True,
            rows=2,
            initial=[row.address for row in self.instance.aliases.all()] if self.instance.pk else [],
            check=partial(validation.each, validation.address),
            help_text="Typed or pasted, with commas or one a line. Mail to them counts as mail to us.",
        )

    def add_provider(self) -> None:
        """Also puts the defaults in, if it was their button that was pressed."""
        self.kept: list[forms.BoundField] = []
        protocols = {"": self._protocol(), self.sending().prefix: "smtp"}
        if isinstance(self.data, QueryDict):
            self.data, kept = presets.filled(self.data, protocols)
            self.kept = self.bound(kept)
        for prefix, protocol in protocols.items():
            if f"{prefix}encryption" in self.fields:
                ports = json.dumps(dict(providers.USUAL_PORTS.get(protocol, {})))
                attributes = {"data-ports": ports, "data-port-of": f"id_{prefix}port"}
                self.fields[f"{prefix}encryption"].widget.attrs.update(attributes)
        self.fields["provider"].initial = self._recognised().key

    @property
    def chosen_provider(self) -> Provider:
        """What the notes on the page are about: the provider whose server stands in the form, else the one chosen."""
        typed = providers.of_host(self.data.get("host", ""))
        return typed or providers.BY_KEY.get(self.data.get("provider", ""), self._recognised())

    def show_where_we_come_from(self) -> None:
        """A firewall in front of the mail server has to know (the address is one of the system defaults)."""
        if address := alert_settings.current()["egress_address"]:
            for name in ("host", "sending-host"):
                if name in self.fields:
                    self.fields[name].help_text += f" Its firewall has to let in {address}: we connect from there."

    def save_rows(self) -> None:
        server = self.instance
        server.aliases.all().delete()
        Alias.objects.bulk_create(Alias(server=server, address=address) for address in self.cleaned_data["aliases"])

    def sections(self) -> Iterator[Section]:
        names = [self.reading().name(spec) for spec in self.reading().specs]
        where = [name for name in names if name in ("host", "port", "encryption")]
        yield Section("Which mailbox is it?", self.bound(("name", "address", "aliases", "reply_to", "protocol")))
        yield Section("How do we reach it?", self.bound(where), partial="admin/mailchannel/_provider.html")
        account = ["login_is_address", *(name for name in names if name not in where)]
        yield Section("Sign in", self.bound(account), OAUTH_IS_SAFER)
        yield Section("How do we send answers?", self.bound(self._sending_names()))
        yield Section("When?", self.bound(WHEN))

    def clean(self) -> dict[str, Any]:
        self.check_with("name", self._own_name)
        self.check_with("address", _own_mailbox)
        self.check_with("reply_to", validation.address)
        self.check_with("skip_times", partial(validation.each, validation.skip_time))
        for name in ("host", "sending-host"):
            self.check_with(name, validation.host)
        for prefix, protocol in (("", self._protocol()), (self.sending().prefix, "smtp")):
            self._fill_port(prefix, protocol)
        self._keep_numbers()
        return super().clean()

    def candidate(self) -> check.Candidate:
        """What "Test connection" tries; only for a valid form."""
        tried = copy(self.instance)
        self.store_groups(tried)
        return check.stored(tried)

    def _fill_port(self, prefix: str, protocol: str) -> None:
        """A port left empty is the one that belongs to the encryption."""
        data, port = self.cleaned_data, f"{prefix}port"
        if port in data and data[port] is None:
            data[port] = providers.usual_port(protocol, data.get(f"{prefix}encryption", ""))

    def _keep_numbers(self) -> None:
        """A draft may be unfinished, its columns are not: a number left empty stays as it was."""
        for name in WHEN:
            if name in self.cleaned_data and self.cleaned_data[name] is None:
                self.cleaned_data[name] = getattr(self.instance, name)

    def _recognised(self) -> Provider:
        server = self.instance
        host, address = server.connection.get("host", ""), server.address
        found = providers.of_host(host) if host else providers.of_address(address)
        return found or providers.BY_KEY[providers.OTHER]

    def _own_name(self, name: str) -> str:
        if MailServer.objects.filter(name=name).exclude(pk=self.instance.live.pk).exists():
            raise ValidationError("Another mail server has this name already. Choose another one.")
        return name

    def _sending_names(self) -> list[str]:
        """Server first, then the account: the switch stands before the fields it makes needless."""
        names = [self.sending().name(spec) for spec in self.sending().specs]
        account = [name for name in names if name.endswith(("-username", "-password"))]
        return [*(name for name in names if name not in account), "same_account", *account]

    def _protocol(self) -> str:
        typed = self.data.get(self.add_prefix("protocol")) if self.is_bound else ""
        chosen = typed or self.instance.protocol
        return chosen if chosen in TRANSPORTS else MailServer._meta.get_field("protocol").default


def _own_mailbox(text: str) -> str:
    address = validation.address(text)
    if get_user_model().objects.filter(email__iexact=address).exists():
        raise ValidationError(PERSONAL_ADDRESS.format(address))
    return address
