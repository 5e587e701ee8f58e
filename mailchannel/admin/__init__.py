"""What administrators see: mail servers and their wizard, proxies, the mail log, the outbox."""

from __future__ import annotations

from mailchannel.admin import bell, defaults, inbound, outbound, proxies, queue, server

queue.hide()

__all__ = ["bell", "defaults", "inbound", "outbound", "proxies", "queue", "server"]
