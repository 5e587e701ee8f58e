"""One fetch of one mail server: when, what came of it, what went wrong."""

from __future__ import annotations

from django.db import models

from mailchannel.models.secrets import EncryptedTextField
from mailchannel.models.server import MailServer


class FetchRun(models.Model):
    server = models.ForeignKey(MailServer, models.CASCADE, related_name="runs")
    started = models.DateTimeField(auto_now_add=True)
    ended = models.DateTimeField(null=True, blank=True)
    fetched = models.PositiveIntegerField(default=0)
    counts = models.JSONField(default=dict, help_text="Outcome → number of mails.")
    filed = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    error_field = models.CharField(max_length=60, blank=True)
    log = EncryptedTextField(blank=True, help_text="What was seen and done, written down while debugging is on.")

    class Meta:
        ordering = ["-pk"]
        indexes = [models.Index(fields=["server", "-id"], name="run_by_server")]

    def __str__(self) -> str:
        return f"{self.server} {self.started:%Y-%m-%d %H:%M}"
