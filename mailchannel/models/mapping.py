"""Which mail property fills which ticket field."""

from __future__ import annotations

from django.db import models

from mailchannel.models.server import MailServer


class FieldMapping(models.Model):
    server = models.ForeignKey(MailServer, models.CASCADE, related_name="mappings")
    field = models.CharField(max_length=60, help_text="Key of the ticket field.")
    property = models.CharField(max_length=60, blank=True, help_text="Mail property; empty: only the default.")
    default = models.CharField(max_length=500, blank=True)
    restricted = models.BooleanField(default=False, help_text="Only some agents may see and edit the field.")
    position = models.PositiveSmallIntegerField(default=0)

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["server", "field"], name="one_rule_per_field")]

    def __str__(self) -> str:
        return f"{self.field} ← {self.property or 'default'}"
