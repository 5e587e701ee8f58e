"""Settings of every mail server that says nothing of its own."""

from __future__ import annotations

from typing import Any

from django.db import models


class MailDefaults(models.Model):
    """One row at most. What it does not say either has the default of the program."""

    attachments = models.JSONField(default=dict, blank=True, help_text="Attachment rules, by name.")
    alerts = models.JSONField(default=dict, blank=True, help_text="When people are told of trouble, by name.")

    class Meta:
        verbose_name = "system defaults"
        verbose_name_plural = "system defaults"
        constraints = [models.CheckConstraint(condition=models.Q(pk=1), name="only_one_row_of_defaults")]

    def __str__(self) -> str:
        return "System defaults"

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.pk = 1
        super().save(*args, **kwargs)

    @classmethod
    def current(cls) -> MailDefaults:
        """The row, or one that is not stored yet."""
        return cls.objects.first() or cls(pk=1)
