"""What an identity provider gave us: tokens per mail server and purpose, and consents that are on their way."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mailchannel.models.secrets import Secrets, SecretsField
from mailchannel.models.server import MailServer


class SignIn(models.Model):
    """One row per mail server and purpose. Whoever renews the tokens holds its lock: providers may let a refresh token
    be used once only.
    """

    class Purpose(models.TextChoices):
        READING = "reading", "reading mail"
        SENDING = "sending", "sending answers"

    class State(models.TextChoices):
        CONNECTED = "connected", "Connected"
        NEEDS_CONSENT = "needs_consent", "Sign in again"

    server = models.ForeignKey(MailServer, models.CASCADE, related_name="sign_ins")
    purpose = models.CharField(max_length=10, choices=Purpose, default=Purpose.READING)
    state = models.CharField(max_length=15, choices=State, default=State.NEEDS_CONSENT)
    account = models.CharField(max_length=320, blank=True, help_text="Who signed in, as the provider says.")
    tokens = SecretsField(default=Secrets, blank=True, help_text="refresh and access token.")
    expires_at = models.DateTimeField(null=True, help_text="When the access token ends.")
    consented_at = models.DateTimeField(null=True, help_text="When a person last signed in or pasted a token.")
    renewed_at = models.DateTimeField(null=True, help_text="When the refresh token was last used.")
    error = models.TextField(blank=True, help_text="What the provider said last, when it refused.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["server", "purpose"], name="one_sign_in_per_purpose")]

    def __str__(self) -> str:
        return f"{self.server}: {self.get_purpose_display()}"


class Consent(models.Model):
    """A person was sent to the provider to sign in, and is expected back. Used once, and only by that person."""

    state_hash = models.CharField(max_length=64, unique=True, help_text="SHA-256 of what the provider sends back.")
    server = models.ForeignKey(MailServer, models.CASCADE, related_name="+")
    purpose = models.CharField(max_length=10, choices=SignIn.Purpose)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    flow = SecretsField(default=Secrets, help_text="The verifier (RFC 7636) and whatever else finishes the flow.")
    created = models.DateTimeField(auto_now_add=True, db_index=True)
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.user} for {self.server}"
