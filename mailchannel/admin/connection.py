"""First step: which mailbox, how to reach it, when, and how to send from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from copy import copy
from functools import partial
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import ValidationError
from django.utils import timezone

from mailchannel.admin.fields import LinesField, UnlessField
from mailchannel.admin.presets import ProviderField
from mailchannel.admin.step import Section, Step
from mailchannel.admin.two_ways import OAUTH, READING, SENDING, TwoWays
from mailchannel.kernel.specs import FieldSpec, Kind
from mailchannel.models import Alias, MailServer, Proxy
from mailchannel.services import alert_settings, audit, authorities, check, providers, validation
from mailchannel.services.lint import cloud
from mailchannel.services.providers import Provider
from mailchannel.services.readiness import PERSONAL_ADDRESS
from mailchannel.services.sign_in import consents
from mailchannel.services.vault import ON_THE_WAY

OAUTH_IS_SAFER = (
    "Where the provider offers OAuth, prefer it to a password: no password is stored here then, and the right to read "
    "can be taken back at any time."
)
#: Settings of a protocol that say where its server is; the others say who signs in.
PLACES = ("host", "port", "encryption", "url", "endpoint", "mailbox", "impersonate")
#: Of an application, what hardly anybody has to change.
RARE = ("authorization_url", "token_url", "scopes", "refresh_token")
WHEN = ("fetch_every_minutes", "skip_times", "timeout_ms", "max_tries", "cool_off_minutes")
OF_FETCHING = ("fetch_every_minutes", "skip_times", "max_tries", "cool_off_minutes")


class ConnectionStep(TwoWays):
    slug = "connection"
    title = "Connection"

    class Meta(Step.Meta):
        ways = ("protocol", "auth", "sending_protocol", "sending_auth")
        fields = ("name", "address", "reply_to", *ways, *WHEN, *ON_THE_WAY)
        widgets = {
            "address": forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off", "spellcheck": "false"}),
            "reply_to": forms.TextInput(attrs={"inputmode": "email", "autocomplete": "off", "spellcheck": "false"}),
        }
        help_texts = {
            "reply_to": "Where customers' answers should go. Left empty: the mail address.",
            "authorities": "Certificates (PEM) of authorities trusted for this mail server besides the usual ones.",
        }

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
    verify_certificate = UnlessField(
        label="Do not check the server's certificate",
        help_text="Whoever is on the way can then read the password and all mail. Trust its authority instead.",
    )
    skip_times = LinesField(required=False, commas=True, rows=1, label="Not between")

    def build(self) -> None:
        self.add_choices()
        self.add_defaults()
        self.fields["skip_times"].help_text = f"{settings.TIME_ZONE}. Several: 02:00-04:00, 23:30-00:30"
        for group in self.groups():
            if group.prefix.startswith(SENDING):
                for spec in group.specs:
                    self.fields[group.name(spec)].label = self._sending_label(spec)
        for name in ("oauth-secret_expires", "sending-oauth-secret_expires"):
            if name in self.fields:
                self.fields[name].widget = forms.DateInput(attrs={"type": "date"})
        for name in OF_FETCHING if self.is_brought else ():
            del self.fields[name]
        self.add_on_the_way()
        self.show_what_is_asked_for()
        self.share_places()
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
        for prefix, name in ((READING, "protocol"), (SENDING, "sending_protocol")):
            if f"{prefix}encryption" in self.fields:
                ports = json.dumps(dict(providers.USUAL_PORTS.get(self.chosen(name), {})))
                attributes = {"data-ports": ports, "data-port-of": f"id_{prefix}port"}
                self.fields[f"{prefix}encryption"].widget.attrs.update(attributes)
        if not {"host", "sending-host"} & self.fields.keys():
            del self.fields["provider"]
            return
        self.fields["provider"].initial = self._recognised().key

    @property
    def typed_over(self) -> list[forms.BoundField]:
        """What the defaults were not put over, because a person had typed it."""
        return self.bound(self.kept)

    @property
    def warnings(self) -> list[str]:
        """About the way in that was chosen."""
        urls = {name: str(self[name].value() or "") for name in ("url", "sending-url") if name in self.fields}
        found = [cloud.warning(url, timezone.localdate()) for url in urls.values()]
        return [text for text in dict.fromkeys(found) if text]

    @property
    def redirect_url(self) -> str:
        return consents.redirect_url()

    def add_on_the_way(self) -> None:
        proxies = self.fields["proxy"]
        assert isinstance(proxies, forms.ModelChoiceField)  # noqa: S101 - what Django makes of a foreign key
        proxies.empty_label = "None: we connect directly"
        if not Proxy.objects.exists():
            del self.fields["proxy"]

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
        where, account = self._names(READING)
        sending, sender = self._names(SENDING)
        yield Section("Which mailbox is it?", self.bound(("name", "address", "aliases", "reply_to", "protocol")))
        if where:
            yield Section("How do we reach it?", self.bound(where), partial="admin/mailchannel/_provider.html")
        if not self.is_brought:
            with_password = self.chosen("auth") == MailServer.Auth.PASSWORD
            yield Section(
                "Sign in",
                self.bound(("auth", "login_is_address", *account, *self._application(READING))),
                OAUTH_IS_SAFER if with_password else "",
                partial="" if with_password else "admin/mailchannel/_application.html",
                rare=self.bound(self._application(READING, rare=True)),
            )
        else:
            yield Section("How does mail get here?", self.bound(account))
        own = ("own_application", *self._application(SENDING))
        yield Section(
            "How do we send answers?",
            # The switch stands before the fields it makes needless.
            self.bound(("sending_protocol", *sending, "sending_auth", "same_account", *sender, *own)),
            rare=self.bound(self._application(SENDING, rare=True)),
        )
        yield Section("How long do we wait?" if self.is_brought else "When?", self.bound(WHEN))
        yield Section("On the way there", self.bound(ON_THE_WAY))

    def clean(self) -> dict[str, Any]:
        self.check_with("name", self._own_name)
        self.check_with("address", _own_mailbox)
        self.check_with("reply_to", validation.address)
        self.check_with("authorities", authorities.pem)
        self.check_with("skip_times", partial(validation.each, validation.skip_time))
        for name in ("host", "sending-host"):
            self.check_with(name, validation.host)
        for prefix, name in ((READING, "protocol"), (SENDING, "sending_protocol")):
            self._fill_port(prefix, self.chosen(name))
        self._keep_numbers()
        return super().clean()

    def candidate(self) -> check.Candidate:
        """What "Test connection" tries; only for a valid form."""
        return check.stored(self.as_typed())

    def as_typed(self) -> MailServer:
        """The mail server with what stands in the form, not saved."""
        tried = copy(self.instance)
        self.store_groups(tried)
        return tried

    def _change(self, name: str) -> str:
        """Nobody reads certificates as they are stored."""
        if name != "authorities":
            return super()._change(name)
        before, after = (authorities.sentence(text) for text in (self[name].initial, self.cleaned_data[name]))
        return f"certificates to trust: {audit.brief(before)} → {audit.brief(after)}"

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

    def _sending_label(self, spec: FieldSpec) -> str:
        """Told apart from that of the same setting for reading."""
        if spec.kind is not Kind.SWITCH and spec.name != "grant":
            return f"Sending {spec.label[:1].lower()}{spec.label[1:]}"
        return f"{spec.label} (for sending)" if spec.name in self.fields or spec.name == "grant" else spec.label

    def _names(self, prefix: str) -> tuple[list[str], list[str]]:
        """Fields that say where the server is, and those that say who signs in and how."""
        group = self.sending() if prefix else self.reading()
        places = [group.name(spec) for spec in group.specs if spec.name in PLACES]
        return places, [group.name(spec) for spec in group.specs if spec.name not in PLACES]

    def _application(self, prefix: str, *, rare: bool = False) -> list[str]:
        groups = (group for group in self.applications() if group.prefix == f"{prefix}{OAUTH}")
        return [group.name(spec) for group in groups for spec in group.specs if (spec.name in RARE) is rare]


def _own_mailbox(text: str) -> str:
    address = validation.address(text)
    if get_user_model().objects.filter(email__iexact=address).exists():
        raise ValidationError(PERSONAL_ADDRESS.format(address))
    return address
