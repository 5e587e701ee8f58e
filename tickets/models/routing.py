"""Where a ticket belongs besides its type: who works on it, which service it is about, which process it starts."""

from __future__ import annotations

from django.db import models


class Named(models.Model):
    name = models.CharField(max_length=120, unique=True)

    class Meta:
        abstract = True
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Department(Named):
    """A team tickets are routed to."""


class Service(Named):
    """An IT service a ticket is about, so that its impact can be seen."""


class Process(Named):
    """A process or workflow a ticket starts, such as the on-boarding of new employees."""

    class Meta(Named.Meta):
        verbose_name_plural = "processes"
