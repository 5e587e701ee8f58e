"""A proxy through which mail servers are reached, configured once and chosen per mail server."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailchannel.models.secrets import Secrets, SecretsField


class Proxy(models.Model):
    class Kind(models.TextChoices):
        HTTP = "http", "HTTP (CONNECT)"
        SOCKS5 = "socks5", "SOCKS5"

    name = models.CharField(max_length=100, unique=True, help_text="What your team calls it.")
    kind = models.CharField(max_length=10, choices=Kind, default=Kind.HTTP)
    host = models.CharField(max_length=253, help_text="For example proxy.example.com.")
    port = models.PositiveIntegerField(default=3128, validators=[MinValueValidator(1), MaxValueValidator(65_535)])
    username = models.CharField("user name", max_length=200, blank=True, help_text="Left empty: it wants no sign-in.")
    secrets = SecretsField(default=Secrets, blank=True, editable=False)

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "proxies"

    def __str__(self) -> str:
        return self.name
