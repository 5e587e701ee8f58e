"""What went wrong with a mail that was moved to the fail folder, for whoever has to find out why."""

from __future__ import annotations

from django.db import models

from mailchannel.models.inbound import InboundMail
from mailchannel.models.secrets import EncryptedTextField


class ErrorReport(models.Model):
    """Encrypted, because it repeats what a stranger wrote."""

    inbound = models.ForeignKey(InboundMail, models.CASCADE, related_name="error_reports")
    text = EncryptedTextField(help_text="Details of the mail, and the exception.")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"Mail {self.inbound_id}"
