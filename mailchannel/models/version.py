"""The published settings of a mail server, one row for each publication."""

from __future__ import annotations

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import models

from mailchannel.models.server import MailServer


class SettingsVersion(models.Model):
    """`document` has the shape of a mail server in a settings file, without secrets. Never changed once written."""

    server = models.ForeignKey(MailServer, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    document = models.JSONField(default=dict, encoder=DjangoJSONEncoder)
    remark = models.CharField(max_length=200, blank=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="+")
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [models.UniqueConstraint(fields=["server", "number"], name="one_row_per_settings_version")]

    def __str__(self) -> str:
        return f"{self.server}, version {self.number}"
