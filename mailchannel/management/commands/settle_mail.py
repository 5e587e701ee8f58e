"""The sweeper by hand."""

from __future__ import annotations

from typing import Any

from django.core.management import BaseCommand, CommandError

from mailchannel.models import InboundMail, MailServer
from mailchannel.services.fetch import fetch
from mailchannel.services.settle import StorageTrouble, settle_all


class Command(BaseCommand):
    help = "Settles mail that was kept but not finished, and files what still lies in its source folder."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            counts = settle_all()
        except StorageTrouble as trouble:
            raise CommandError(str(trouble)) from trouble
        done = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) or "nothing to settle"
        self.stdout.write(f"Settled: {done}.")
        for server in self._with_unfiled_mail():
            report = fetch(server)
            self.stdout.write(f"{server}: {report.filed} filed. {report.error}".rstrip())

    def _with_unfiled_mail(self) -> list[MailServer]:
        unfiled = MailServer.objects.filter(inbound__remote=InboundMail.Remote.PENDING)
        return list(unfiled.filter(status__in=MailServer.LIVE).distinct())
