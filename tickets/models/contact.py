"""People who write to us."""

from __future__ import annotations

from django.db import models


class Contact(models.Model):
    """A requester. An address in a mail never links to a login by itself: anybody can claim an address."""

    email = models.CharField(max_length=320, unique=True, help_text="Canonical: lower case, domain in ASCII.")
    name = models.CharField(max_length=200, blank=True)
    created = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name or self.email
