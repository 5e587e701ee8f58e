"""First step: which mailbox, how to reach it, when, and how to send from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from copy import copy
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError

from mailchannel.admin.accounts import TwoAccounts
from mailchannel.admin.fields import LinesField
from mailchannel.admin.step import Group, Section, Step
from mailchannel.models import Alias, MailServer
from mailchannel.senders import SENDERS
from mailchannel.services import check, validation, vault
from mailchannel.services.readiness import PERSONAL_ADDRESS
from mailchannel.transports import TRANSPORTS

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
        labels = {
            "timeout_ms": "Wait for an answer (milliseconds)",
            "max_tries": "Give up after (tries)",
            "cool_off_minutes": "Then rest (minutes)",
        }
        help_texts = {
            "reply_to": "Where customers' answers should go. Left empty: the mail address.",
            "timeout_ms": "1,000 to 120,000; 30,000 is half a minute.",
            "fetch_every_minutes": "1 is nearly at once.",
        }

    protocol = forms.ChoiceField(label="Protocol")
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
        if "username" in self.fields:
            self.fields["username"].required = False
            self.fields["username"].help_text = "Left empty: the mail address."
        for spec in self.sending().specs:
            self.fields[self.sending().name(spec)].label = f"Sending {spec.label.lower()}"
        self.add_same_account()
        self.fields["aliases"] = LinesField(
            label="Other addresses of this mailbox",
            required=False,
            commas=True,
            rows=2,
            initial=[row.address for row in self.instance.aliases.all()] if self.instance.pk else [],
            check=partial(validation.each, validation.address),
            help_text="Typed or pasted, with commas or one a line. Mail to them counts as mail to us.",
        )

    def save_rows(self) -> None:
        server = self.instance
        server.aliases.all().delete()
        Alias.objects.bulk_create(Alias(server=server, address=address) for address in self.cleaned_data["aliases"])

    def sections(self) -> Iterator[Section]:
        names = [self.reading().name(spec) for spec in self.reading().specs]
        where = [name for name in names if name in ("host", "port", "encryption")]
        yield Section("Which mailbox is it?", self.bound(("name", "address", "aliases", "reply_to", "protocol")))
        yield Section("How do we reach it?", self.bound(where))
        yield Section("Sign in", self.bound(name for name in names if name not in where))
        yield Section("How do we send answers?", self.bound(self._sending_names()))
        yield Section("When?", self.bound(WHEN))

    def clean(self) -> dict[str, Any]:
        self.check_with("name", self._own_name)
        self.check_with("address", _own_mailbox)
        self.check_with("reply_to", validation.address)
        self.check_with("skip_times", partial(validation.each, validation.skip_time))
        for name in ("host", "sending-host"):
            self.check_with(name, validation.host)
        return super().clean()

    def candidate(self) -> check.Candidate:
        """What "Test connection" tries; only for a valid form."""
        tried = copy(self.instance)
        self.store_groups(tried)
        return check.stored(tried)

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
