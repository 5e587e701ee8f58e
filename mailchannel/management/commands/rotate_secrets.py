"""Stored secrets and reports under the newest key, so that the older ones can be taken out of the environment."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import transaction
from django.db.models.functions import Length

from mailchannel.models import ErrorReport, FetchRun, MailServer
from mailchannel.models.secrets import SecretUnreadable


class Command(BaseCommand):
    help = "Encrypts every stored secret, report and log again, with the first of FIELD_ENCRYPTION_KEYS. All or none."

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        servers = [self._server(pk, name) for pk, name in list(MailServer.everything.values_list("pk", "name"))]
        reports = [self._report(pk) for pk in list(ErrorReport.objects.values_list("pk", flat=True))]
        logged = FetchRun.objects.annotate(written=Length("log")).filter(written__gt=0)
        logs = [self._log(pk) for pk in list(logged.values_list("pk", flat=True))]
        self.stdout.write(
            f"The secrets of {len(servers)} mail server(s), {len(reports)} report(s) and {len(logs)} log(s) "
            "are encrypted with the newest key."
        )

    def _server(self, pk: int, name: str) -> int:
        """Drafts hold secrets as well."""
        try:
            server = MailServer.everything.select_for_update().only("secrets").get(pk=pk)
            server.update(secrets=server.secrets)
        except SecretUnreadable as error:
            raise CommandError(f"{name}: {error} Nothing was changed.") from error
        return pk

    def _report(self, pk: int) -> int:
        try:
            report = ErrorReport.objects.get(pk=pk)
        except SecretUnreadable as error:
            raise CommandError(f"Report {pk}: {error} Nothing was changed.") from error
        ErrorReport.objects.filter(pk=pk).update(text=report.text)
        return pk

    def _log(self, pk: int) -> int:
        try:
            run = FetchRun.objects.only("log").get(pk=pk)
        except SecretUnreadable as error:
            raise CommandError(f"The log of fetch {pk}: {error} Nothing was changed.") from error
        FetchRun.objects.filter(pk=pk).update(log=run.log)
        return pk
