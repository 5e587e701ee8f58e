"""Stored secrets under the newest key, so that the older ones can be taken out of the environment."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import transaction

from mailchannel.models import MailServer
from mailchannel.models.secrets import SecretUnreadable


class Command(BaseCommand):
    help = "Encrypts every stored secret again, with the first of FIELD_ENCRYPTION_KEYS. All of them or none."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        written = 0
        for pk, name in list(MailServer.objects.values_list("pk", "name")):
            try:
                server = MailServer.objects.select_for_update().only("secrets").get(pk=pk)
                server.update(secrets=server.secrets)
            except SecretUnreadable as error:
                raise CommandError(f"{name}: {error} Nothing was changed.") from error
            written += 1
        self.stdout.write(f"The secrets of {written} mail server(s) are encrypted with the newest key.")
