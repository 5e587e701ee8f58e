"""What an administrator types into each step, as a browser would send it."""

from __future__ import annotations

from typing import Any

from tests.servers.mailbox import Mailbox
from tests.servers.smtp import SmtpSink
from tickets.models import TicketTemplate


def typed_connection(mailbox: Mailbox, sink: SmtpSink) -> dict[str, Any]:
    return {
        "name": "Support",
        "address": "support@example.com",
        "aliases": "",
        "reply_to": "",
        "protocol": "imap",
        "host": "127.0.0.1",
        "port": str(mailbox.port),
        "encryption": "none",
        "username": mailbox.username,
        "password": mailbox.password,
        "sending-host": "127.0.0.1",
        "sending-port": str(sink.port),
        "sending-encryption": "none",
        "sending-username": "",
        "sending-password": "",
        "fetch_every_minutes": "1",
        "skip_times": "",
        "timeout_ms": "5000",
        "max_tries": "3",
        "cool_off_minutes": "5",
    }


def typed_folders() -> dict[str, Any]:
    return {
        "source": "INBOX",
        "never_read": "",
        "after-processed": "move",
        "success": "Processed",
        "after-ignored": "move",
        "exclusion": "Ignored",
        "after-failed": "move",
        "fail": "Failed",
        "sync_start_0": "",
        "sync_start_1": "",
        "trouble-move_failed": "on",
        "trouble-stop_after": "50",
        "trouble-notify_failed": "on",
    }


def typed_senders() -> dict[str, Any]:
    return {
        "allowed_domains": "",
        "accept-approved_domains_only": "on",
        "accept-unknown_senders": "accept",
        "accept-new_tickets_enabled": "on",
        "accept-exclude_auto_replies": "on",
        "accept-duplicate_window_minutes": "60",
        "accept-largest_mail_mb": "50",
    }


def typed_ticket(template: TicketTemplate) -> dict[str, Any]:
    return {
        "template": str(template.pk),
        "route-module": "ticket",
        "route-priority_high": "high",
        "route-priority_normal": "normal",
        "route-priority_low": "low",
        "map-title-property": "subject",
        "map-description-property": "body",
        "map-requester-property": "sender",
        "map-priority-property": "importance",
        "map-attachments-property": "attachments",
        "map-affected_system-property": "",
        "map-affected_system-default": "unknown",
    }


def typed_answers() -> dict[str, Any]:
    return {"confirm-send_confirmation": "on", "confirm-confirmation_text": "Thank you, {name}: {number}."}
