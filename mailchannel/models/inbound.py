"""The ledger of received mails, and their original bytes."""

from __future__ import annotations

import zlib

from django.db import models

from mailchannel.kernel.decisions import Outcome
from mailchannel.models.server import MailServer

SAMPLE = 8192  # bytes

OUTCOMES = [(outcome.value, outcome.value.capitalize()) for outcome in Outcome]


class InboundMail(models.Model):
    """One received mail: kept first, then settled (outcome, reason, trace), then filed on the server.

    The unique keys are the promise "one message, one ticket entry": (server, folder, epoch, remote_key) names the
    message on its server, (server, identity) the message whatever way it came, note ties the row to what it became.
    """

    class Remote(models.TextChoices):
        PENDING = "pending", "Still to be filed"
        MOVED = "moved", "Moved"
        DELETED = "deleted", "Deleted there"
        KEPT = "kept", "Left in place"
        EPOCH_LOST = "epoch_lost", "Server renumbered the folder"

    server = models.ForeignKey(MailServer, models.PROTECT, related_name="inbound")
    transport = models.CharField(max_length=30)
    folder = models.CharField(max_length=255, blank=True)
    epoch = models.CharField(max_length=40, blank=True)
    remote_key = models.CharField(max_length=255)

    identity = models.CharField(max_length=64, db_index=True)
    duplicate_of = models.ForeignKey("self", models.SET_NULL, null=True, blank=True, related_name="copies")
    message_id = models.CharField(max_length=998, blank=True, db_index=True)
    sender = models.CharField(max_length=320, blank=True, db_index=True)
    subject = models.CharField(max_length=255, blank=True)
    size = models.PositiveBigIntegerField()
    headers_only = models.BooleanField(default=False, help_text="Too large or too old: the body was never fetched.")
    received_at = models.DateTimeField(help_text="When the mail server took it in.")
    kept_at = models.DateTimeField(auto_now_add=True, db_index=True)

    attempts = models.PositiveSmallIntegerField(default=0)
    outcome = models.CharField(max_length=10, choices=OUTCOMES, default=Outcome.RECEIVED, db_index=True)
    reason = models.CharField(max_length=60, blank=True, db_index=True)
    because = models.TextField(blank=True)
    trace = models.JSONField(default=list)
    manifest = models.JSONField(default=list, help_text="Every part of the mail, and what became of it.")
    remarks = models.JSONField(default=list, help_text="What to know before reading its text.")
    version = models.PositiveIntegerField(default=0, help_text="Version of the settings that judged it.")
    settled_at = models.DateTimeField(null=True, blank=True)
    ticket = models.ForeignKey("tickets.Ticket", models.SET_NULL, null=True, blank=True, related_name="+")
    note = models.OneToOneField("tickets.Note", models.SET_NULL, null=True, blank=True, related_name="+")

    retry_at = models.DateTimeField(
        null=True, blank=True, help_text="When a person put it back into the inbox; the next fetch judges it anew."
    )

    remote = models.CharField(max_length=10, choices=Remote, default=Remote.PENDING)
    filed_to = models.CharField(max_length=255, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "received mail"
        permissions = [("restore_files", "Can restore files that were left out of mails")]
        constraints = [
            models.UniqueConstraint(
                fields=["server", "folder", "epoch", "remote_key"], name="one_row_per_remote_message"
            ),
            models.UniqueConstraint(
                fields=["server", "identity"], condition=models.Q(duplicate_of=None), name="one_original_per_identity"
            ),
        ]
        indexes = [
            models.Index(fields=["received_at"], name="inbound_by_arrival"),
            models.Index(fields=["server", "outcome"], name="inbound_by_outcome"),
            models.Index(fields=["server", "-id"], name="inbound_by_server"),
            models.Index(
                fields=["server", "folder"],
                condition=models.Q(remote="pending"),
                name="inbound_unfiled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.sender or 'unreadable sender'}: {self.subject}"


class RawMail(models.Model):
    """The bytes as received, compressed; in a table of their own so that no list ever loads them."""

    inbound = models.OneToOneField(InboundMail, models.CASCADE, primary_key=True, related_name="raw")
    sha256 = models.CharField(max_length=64, db_index=True)
    data = models.BinaryField()

    def __str__(self) -> str:
        return self.sha256

    @staticmethod
    def pack(raw: bytes) -> bytes:
        """Files in mails are mostly compressed already: what a sample shows not to shrink is stored as it is."""
        middle = raw[len(raw) // 2 :][:SAMPLE]
        shrinks = len(zlib.compress(middle, level=1)) < len(middle) * 0.7
        return zlib.compress(raw, level=1 if shrinks else 0)

    @property
    def content(self) -> bytes:
        return zlib.decompress(self.data)
