"""What administrators are told inside the program: the bell."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from mailchannel.models.server import MailServer


class Alert(models.Model):
    """Trouble that needs a person. One that ended by itself stays, with the time it ended."""

    class Kind(models.TextChoices):
        UNREACHABLE = "unreachable", "Mailbox not reachable"
        FAILED_MAIL = "failed_mail", "Mail could not be processed"
        STOPPED = "stopped", "Fetching stopped"
        SELF_TEST = "self_test", "Self-test failed"
        SECRET_AGE = "secret_age", "Password to be changed"
        SIGN_IN = "sign_in", "Somebody has to sign in"
        EXPIRY = "expiry", "Something ends soon"
        TURNED_AWAY = "turned_away", "Mail turned away"

    server = models.ForeignKey(MailServer, models.CASCADE, related_name="alerts")
    kind = models.CharField(max_length=20, choices=Kind)
    text = models.TextField(help_text="What happened and what to do.")
    created = models.DateTimeField(auto_now_add=True, db_index=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    read_by = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+")

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.server}: {self.get_kind_display()}"
