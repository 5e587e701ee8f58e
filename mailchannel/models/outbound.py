"""The outbox: every mail we send, queued in the transaction of its cause."""

from __future__ import annotations

from django.db import models

from mailchannel.models.server import MailServer


class OutboundMail(models.Model):
    class Kind(models.TextChoices):
        REPLY = "reply", "Answer"
        ACKNOWLEDGEMENT = "acknowledgement", "Confirmation"
        NOTICE = "notice", "Notice to the sender"
        ALERT = "alert", "Notice to the team"

    class State(models.TextChoices):
        QUEUED = "queued", "Waiting to be sent"
        SENDING = "sending", "Being sent"
        SENT = "sent", "Sent"
        FAILED = "failed", "Failed"
        RETURNED = "returned", "Came back"

    server = models.ForeignKey(MailServer, models.PROTECT, related_name="outbound")
    ticket = models.ForeignKey(
        "tickets.Ticket", models.CASCADE, null=True, blank=True, related_name="+", help_text="None: about no ticket."
    )
    note = models.OneToOneField("tickets.Note", models.CASCADE, null=True, blank=True, related_name="+")
    kind = models.CharField(max_length=16, choices=Kind)
    cause = models.CharField(max_length=60, help_text="What made us write; with ticket and kind it is unique.")
    message_id = models.CharField(max_length=998, unique=True)
    envelope_from = models.CharField(max_length=320, blank=True)
    recipients = models.JSONField()
    subject = models.CharField(max_length=255, blank=True)
    raw = models.BinaryField()

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField()
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name = "sent mail"
        constraints = [models.UniqueConstraint(fields=["ticket", "kind", "cause"], name="one_mail_per_cause")]
        indexes = [
            models.Index(fields=["state", "next_try_at"], name="outbound_due"),
            models.Index(fields=["kind", "created"], name="outbound_by_kind"),
        ]

    def __str__(self) -> str:
        return self.subject
