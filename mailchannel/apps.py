from __future__ import annotations

from django.apps import AppConfig


class MailChannelConfig(AppConfig):
    name = "mailchannel"
    verbose_name = "Mail channel"

    def ready(self) -> None:
        from mailchannel import receivers

        receivers.connect()
