"""A mailbox we read, with its folders, the domains it accepts and its other names."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models

from mailchannel.models.secrets import Secrets, SecretsField


class Published(models.Manager["MailServer"]):
    """Without the copies in which the next settings of a published mail server are prepared."""

    def get_queryset(self) -> models.QuerySet[MailServer]:
        return super().get_queryset().filter(draft_of=None)


class MailServer(models.Model):
    """Columns every mail server has; what only one transport, gate or sender has lies in a JSON column."""

    class Status(models.TextChoices):
        DRAFT = "draft", "Draft"
        ACTIVE = "active", "Active"
        PAUSED = "paused", "Paused"
        FAILED = "failed", "Failed"

    class Auth(models.TextChoices):
        PASSWORD = "password", "Password"
        MICROSOFT = "oauth_microsoft", "OAuth with Microsoft"
        OAUTH = "oauth", "OAuth with another provider"

    name = models.CharField(max_length=100, help_text="What your team calls this mailbox.")
    draft_of = models.OneToOneField(
        "self",
        models.CASCADE,
        null=True,
        blank=True,
        editable=False,
        related_name="draft",
        help_text="The published mail server whose next settings these are.",
    )
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT, editable=False)
    reached = models.PositiveSmallIntegerField(default=0, editable=False, help_text="Wizard steps completed.")
    version = models.PositiveIntegerField(default=0, editable=False, help_text="Counts publications.")
    published_at = models.DateTimeField(null=True, blank=True, editable=False)

    protocol = models.CharField(max_length=30, default="imap")
    auth = models.CharField("authentication", max_length=20, choices=Auth, default=Auth.PASSWORD)
    address = models.CharField("mail address", max_length=320, help_text="Where customers write to.")
    reply_to = models.CharField("reply-to address", max_length=320, blank=True)
    connection = models.JSONField(default=dict, blank=True, help_text="The transport's own settings.")
    sending_protocol = models.CharField("answers leave by", max_length=30, default="smtp")
    sending_auth = models.CharField("authentication for sending", max_length=20, choices=Auth, default=Auth.PASSWORD)
    sending = models.JSONField(default=dict, blank=True, help_text="The sender's own settings.")
    oauth = models.JSONField(default=dict, blank=True, help_text="The application we sign in as, for reading.")
    sending_oauth = models.JSONField(
        default=dict, blank=True, help_text="The application we sign in as, for sending; empty for the same one."
    )
    secrets = SecretsField(default=Secrets, blank=True, editable=False)

    proxy = models.ForeignKey(
        "mailchannel.Proxy", models.PROTECT, null=True, blank=True, help_text="Left empty: we connect directly."
    )
    authorities = models.TextField(
        "certificates to trust",
        blank=True,
        help_text="Certificates (PEM) of authorities trusted besides the usual ones.",
    )
    verify_certificate = models.BooleanField("check the server's certificate", default=True)

    timeout_ms = models.PositiveIntegerField(
        "connection timeout (ms)", default=30_000, validators=[MinValueValidator(1_000), MaxValueValidator(120_000)]
    )
    max_tries = models.PositiveSmallIntegerField(
        "tries before the connection counts as failed",
        default=3,
        validators=[MinValueValidator(1), MaxValueValidator(20)],
    )
    cool_off_minutes = models.PositiveSmallIntegerField("rest after a failure (minutes)", default=5)
    fetch_every_minutes = models.PositiveSmallIntegerField(
        "fetch every (minutes)", default=1, validators=[MinValueValidator(1), MaxValueValidator(1440)]
    )
    skip_times = models.JSONField("never between", default=list, blank=True, help_text='["02:00-04:00"], local time')
    sync_start = models.DateTimeField(
        "ignore mail before", null=True, blank=True, help_text="Mail the server took in earlier stays untouched."
    )

    acceptance = models.JSONField(default=dict, blank=True, help_text="Options of the gates, by name.")
    template = models.ForeignKey("tickets.TicketTemplate", models.PROTECT, null=True, blank=True, related_name="+")
    offer = models.ForeignKey("tickets.Offer", models.PROTECT, null=True, blank=True, editable=False, related_name="+")
    whitelisted_types = models.ManyToManyField("tickets.TicketType", blank=True, related_name="+")
    attach_email = models.BooleanField("add the mail as an attachment", default=False)
    routing = models.JSONField(default=dict, blank=True, help_text="Where its tickets go, by name.")
    attachments = models.JSONField(default=dict, blank=True, help_text="Its own attachment rules, by name.")
    after = models.JSONField(default=dict, blank=True, help_text="What becomes of mail once it is processed, by name.")
    trouble = models.JSONField(default=dict, blank=True, help_text="What is done about mail that fails, by name.")
    confirmation = models.JSONField(default=dict, blank=True, help_text="What a customer is told at once, by name.")
    alert_to = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="+", help_text="Who is told of trouble with its mail."
    )

    # What people do besides the settings.
    debug_until = models.DateTimeField(null=True, editable=False, help_text="Until then every fetch is written down.")
    secrets_set_at = models.DateTimeField(null=True, editable=False, help_text="When a secret was last typed.")

    # A forwarding inbox: mail is brought to us.
    inbox_token = models.CharField(
        max_length=64, blank=True, default="", editable=False, help_text="The part of its address nobody can guess."
    )
    first_arrival_at = models.DateTimeField(null=True, editable=False, help_text="When mail was first brought to us.")

    # Mail servers that tell us of new mail, see the watcher.
    push_since = models.DateTimeField(null=True, editable=False, help_text="Connected for news since then.")
    push_error = models.TextField(blank=True, editable=False, help_text="Why the server does not tell us of new mail.")
    subscription = SecretsField(
        default=Secrets,
        blank=True,
        editable=False,
        help_text="What the server was asked to tell us of, and the word that proves it is the server.",
    )

    # What the worker knows; never edited by people.
    lease_owner = models.CharField(max_length=200, blank=True, editable=False)
    lease_until = models.DateTimeField(null=True, editable=False)
    next_fetch_at = models.DateTimeField(null=True, db_index=True, editable=False)
    failures = models.PositiveIntegerField(default=0, editable=False, help_text="Failed connections in a row.")
    unreachable = models.PositiveIntegerField(
        default=0, editable=False, help_text="Failed connections since people were last told."
    )
    told_unreachable = models.BooleanField(default=False, editable=False, help_text="They are told when it is back.")
    tested_at = models.DateTimeField(null=True, editable=False)
    test_findings = models.JSONField(default=list, editable=False, help_text="What the last test of itself saw.")
    last_success_at = models.DateTimeField(null=True, editable=False)
    last_error = models.TextField(blank=True, editable=False)
    last_error_field = models.CharField(max_length=60, blank=True, editable=False)
    last_error_at = models.DateTimeField(null=True, editable=False)

    #: Read by the worker. A failed one is tried again after its rest, and active again once that works.
    LIVE = (Status.ACTIVE, Status.FAILED)

    objects = Published()
    everything: models.Manager[MailServer] = models.Manager()

    class Meta:
        ordering = ["name"]
        base_manager_name = "everything"
        permissions = [
            ("publish_mailserver", "Can publish and pause mail servers"),
            ("view_raw_mail", "Can see and download original mails"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                condition=models.Q(draft_of=None),
                name="one_mail_server_per_name",
                violation_error_message="Another mail server has this name already. Choose another one.",
            ),
            models.UniqueConstraint(
                fields=["inbox_token"],
                condition=models.Q(draft_of=None) & ~models.Q(inbox_token=""),
                name="one_inbox_per_token",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self._refuse_other_template()
        super().save(*args, **kwargs)

    def clean(self) -> None:
        super().clean()
        self._refuse_other_template()

    @property
    def live(self) -> MailServer:
        """The mail server itself, also where this is the copy that holds its next settings."""
        return self.draft_of or self

    @property
    def template_is_locked(self) -> bool:
        """Tickets already carry the fields of this template; another one would make the mapping a guess."""
        return self.published_at is not None

    def _refuse_other_template(self) -> None:
        if self.pk and self.template_is_locked and "template_id" not in self.get_deferred_fields():
            stored = MailServer.everything.filter(pk=self.pk).values_list("template_id", flat=True).first()
            if stored is not None and stored != self.template_id:
                raise ValidationError(
                    {
                        "template": "The template was fixed when this mail server was first published. "
                        "Make a copy of the mail server to use another one."
                    }
                )

    def folder(self, role: FolderMapping.Role) -> str:
        """The folder's name, or an empty string."""
        return next((f.folder for f in self.folders.all() if f.role == role), "")

    def update(self, **columns: Any) -> None:
        """Writes these columns only, here and in the database: the worker never overwrites what a person edits."""
        for name, value in columns.items():
            setattr(self, name, value)
        type(self).everything.filter(pk=self.pk).update(**columns)


class FolderMapping(models.Model):
    class Role(models.TextChoices):
        SOURCE = "source", "Read mail from"
        SUCCESS = "success", "Move processed mail to"
        FAIL = "fail", "Move failed and refused mail to"
        EXCLUSION = "exclusion", "Move ignored mail to"
        NEVER_READ = "never_read", "Never read"

    server = models.ForeignKey(MailServer, models.CASCADE, related_name="folders")
    role = models.CharField(max_length=12, choices=Role)
    folder = models.CharField(max_length=255)

    class Meta:
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["server", "role", "folder"], name="one_folder_per_role")]

    def __str__(self) -> str:
        return f"{self.get_role_display()} {self.folder}"


class AllowedDomain(models.Model):
    server = models.ForeignKey(MailServer, models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253)

    class Meta:
        ordering = ["domain"]
        constraints = [models.UniqueConstraint(fields=["server", "domain"], name="one_row_per_domain")]

    def __str__(self) -> str:
        return self.domain


class Alias(models.Model):
    """Another address of the same mailbox."""

    server = models.ForeignKey(MailServer, models.CASCADE, related_name="aliases")
    address = models.CharField(max_length=320)

    class Meta:
        ordering = ["address"]
        verbose_name_plural = "aliases"
        constraints = [models.UniqueConstraint(fields=["server", "address"], name="one_row_per_alias")]

    def __str__(self) -> str:
        return self.address
