"""Settings people get wrong, each as a change to a mail server that is in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from mailchannel.models import InboundMail, MailServer
from tickets.models import TemplateField, TicketTemplate, TicketType

Break = Callable[[MailServer], object]

IN_ORDER: dict[str, Any] = {
    "address": "support@example.com",
    "connection": {"host": "imap.example.com", "port": 993, "encryption": "tls", "username": "support"},
    "sending": {"host": "smtp.example.com", "port": 587, "encryption": "starttls", "username": "support"},
    "confirmation": {"send_confirmation": True},
}


@dataclass(frozen=True)
class Broken:
    """`field` is the input at fault, `words` what a sentence about it has to contain."""

    field: str
    words: str
    spoil: Break


def put_in_order(server: MailServer) -> MailServer:
    server.update(secrets=type(server.secrets)({"password": "secret", "sending.password": "secret"}))
    server.alert_to.set([User.objects.create_user("mara", email="mara@corp.example")])
    return server


def _columns(**columns: Any) -> Break:
    return lambda server: server.update(**columns)


def _accept(**options: Any) -> Break:
    return lambda server: server.update(acceptance=options)


def _route(**options: Any) -> Break:
    return lambda server: server.update(routing=options)


def _files(**options: Any) -> Break:
    return lambda server: server.update(attachments=options)


def _connection(**options: Any) -> Break:
    return lambda server: server.update(connection={**server.connection, **options})


def _folder(role: str, folder: str) -> Break:
    def spoil(server: MailServer) -> None:
        server.folders.filter(role=role).delete()
        server.folders.create(role=role, folder=folder)

    return spoil


def _mapped(field: str, **columns: Any) -> Break:
    return lambda server: server.mappings.update_or_create(field=field, defaults=columns)


def _field(kind: str, *, required: bool = False, **mapping: Any) -> Break:
    """A field of the template, and how it is filled."""

    def spoil(server: MailServer) -> None:
        TemplateField.objects.create(
            template=server.template, key="extra", label="Extra", kind=kind, required=required, choices=["a", "b"] * (kind == "choice")
        )  # fmt: skip
        server.mappings.create(field="extra", **mapping)

    return spoil


def _both(*breaks: Break) -> Break:
    return lambda server: [spoil(server) for spoil in breaks]


def _domains(*domains: str) -> Break:
    return lambda server: [server.domains.create(domain=domain) for domain in domains]


def _wrote(sender: str, *subjects: str) -> Break:
    """Mails of this sender that became tickets."""

    def spoil(server: MailServer) -> None:
        for place, subject in enumerate(subjects):
            InboundMail.objects.create(
                server=server, remote_key=f"{sender}{place}", identity=f"{sender}{place}"[:64], sender=sender, subject=subject,
                size=1, received_at=timezone.now(), outcome="opened", reason="accepted.new",
            )  # fmt: skip

    return spoil


def _another(server: MailServer, **columns: Any) -> MailServer:
    return MailServer.objects.create(**{"name": "Sales", "address": "sales@example.com", **columns})


def _other_alias(server: MailServer) -> None:
    _another(server)
    server.aliases.create(address="sales@example.com")


def _same_account(server: MailServer) -> None:
    other = _another(server, connection={"host": "IMAP.example.com", "username": "support"})
    other.folders.create(role="source", folder="INBOX")


def _other_type(server: MailServer) -> None:
    server.whitelisted_types.add(TicketType.objects.create(name="Change"))


def _unpublished_template(server: MailServer) -> None:
    TicketTemplate.objects.update(status="draft")


BLOCKED, EXCEPTIONS = "accept-blocked_senders", "accept-new_tickets_exceptions"
AUTO, SUBJECTS = "accept-auto_reply_words", "accept-subject_must_match"

BROKEN: dict[str, Broken] = {
    # How the mailbox is reached
    "address missing": Broken("address", "Mail address", _columns(address="")),
    "alias is the address": Broken("aliases", "Aliases", lambda s: s.aliases.create(address="support@example.com")),
    "alias of another mail server": Broken("aliases", "sales@example.com", _other_alias),
    "address of another mail server": Broken(
        "address", "Mail address", lambda s: _another(s, address="support@example.com")
    ),
    "same account twice": Broken("username", "User name", _same_account),
    "answers go elsewhere": Broken("reply_to", "Reply-to address", _columns(reply_to="me@elsewhere.example")),
    "no encryption": Broken("encryption", "Encryption", _connection(encryption="none")),
    "port of another encryption": Broken("port", "Port", _connection(port=143)),
    "port out of range": Broken("port", "Port", _connection(port=70_000)),
    "never looked": Broken("skip_times", "Never between", _columns(skip_times=["00:00-12:00", "12:00-00:00"])),
    "looked too rarely": Broken(
        "fetch_every_minutes", "Fetch every", _columns(skip_times=["08:00-07:30"], fetch_every_minutes=60)
    ),
    "rest that changes nothing": Broken("cool_off_minutes", "Rest", _columns(fetch_every_minutes=30)),
    # Folders
    "source is target": Broken("success", "INBOX", _folder("success", "INBOX")),
    "never read what is read": Broken("never_read", "INBOX", lambda s: s.folders.create(role="never_read", folder="INBOX")),
    "all mail of Gmail": Broken("source", "Read mail from", _folder("source", "[Gmail]/All Mail")),
    "own sent mail": Broken("source", "Read mail from", _folder("source", "INBOX.Sent")),
    "processed into the bin": Broken("success", "Trash", _folder("success", "Trash")),
    "failed among processed": Broken("fail", "failed", _folder("fail", "Processed")),
    "no fail folder": Broken("fail", "fail", lambda s: s.folders.filter(role="fail").delete()),
    "start in the future": Broken(
        "sync_start_0", "Ignore mail before", lambda s: s.update(sync_start=timezone.now() + timedelta(days=2))
    ),
    "years of old mail": Broken("sync_start_0", "Ignore mail before", _columns(sync_start=datetime(2011, 1, 1, tzinfo=UTC))),
    "moved without a folder": Broken(
        "after-ignored",
        "no folder is chosen",
        _both(_columns(after={"ignored": "move"}), lambda s: s.folders.filter(role="exclusion").delete()),
    ),
    "folder nothing goes to": Broken("after-processed", "Processed", _columns(after={"processed": "mark_read"})),
    "deleted for good": Broken("after-processed", "the only original", _columns(after={"processed": "delete"})),
    "failed mail deleted": Broken("after-failed", "Failed and refused mail", _columns(after={"failed": "delete"})),
    "limit of a folder nothing goes to": Broken(
        "trouble-stop_after", "Stop fetching", _columns(after={"failed": "leave"}, trouble={"stop_after": 5})
    ),
    "limit that never counts": Broken(
        "trouble-stop_after", "Stop fetching", _columns(trouble={"move_failed": False, "stop_after": 5})
    ),
    "failures nobody hears of": Broken(
        "trouble-notify_failed", "Mail the team", _columns(trouble={"notify_failed": False, "stop_after": 0})
    ),
    # Senders
    "blocked and allowed": Broken(
        BLOCKED, "Blocked senders", _both(_accept(blocked_senders=["*@a.example"]), _domains("a.example"))
    ),
    "blocked and excepted": Broken(
        EXCEPTIONS, "Except for these", _accept(blocked_senders=["*@a.example"], new_tickets_enabled=False, new_tickets_exceptions=["bo@a.example"])
    ),
    "blocked twice": Broken(BLOCKED, "Blocked senders", _accept(blocked_senders=["*@a.example", "bo@a.example"])),
    "blocked though not allowed": Broken(
        BLOCKED, "Blocked senders", _both(_accept(blocked_senders=["bo@b.example"]), _domains("a.example"))
    ),
    "exceptions of nothing": Broken(EXCEPTIONS, "Except for these", _accept(new_tickets_exceptions=["bo@a.example"])),
    "excepted though not allowed": Broken(
        EXCEPTIONS,
        "Except for these",
        _both(_accept(new_tickets_enabled=False, new_tickets_exceptions=["bo@b.example"]), _domains("a.example")),
    ),
    "nobody may open tickets": Broken(
        "accept-new_tickets_enabled", "Mail may open new tickets", _accept(new_tickets_enabled=False)
    ),
    "colleagues blocked": Broken(BLOCKED, "Blocked senders", _accept(blocked_senders=["*@example.com"])),
    "only below a domain": Broken("allowed_domains", "Approved domains", _domains("*.a.example")),
    "allow-list without customers": Broken(
        "allowed_domains", "2 customers who wrote 3 mails in the last 30 days: bo@b.example, cy@c.example",
        _both(_wrote("bo@b.example", "x", "y"), _wrote("cy@c.example", "z"), _domains("a.example")),
    ),
    "customer blocked": Broken(
        BLOCKED, "1 customer who wrote 1 mail", _both(_wrote("bo@b.example", "x"), _accept(blocked_senders=["*@b.example"]))
    ),
    "misspelt domain": Broken(
        "allowed_domains", "did you mean customer.example", _both(_wrote("bo@customer.example", *"abc"), _domains("custmoer.example"))
    ),
    "forged mail nobody checks": Broken(
        "accept-hold_failed_authentication", "Hold forged mail", _accept(hold_failed_authentication=True)
    ),
    "exceptions must be known": Broken(
        "accept-unknown_senders",
        "Mail from people we do not know yet",
        _accept(unknown_senders="refuse", new_tickets_enabled=False, new_tickets_exceptions=["bo@a.example"]),
    ),
    "word of one letter": Broken(AUTO, "Also leave out", _accept(auto_reply_words=["a"])),
    "word in most mails": Broken(
        AUTO, "10 of the 20 mails", _both(_wrote("bo@b.example", *["Printer"] * 10, *["Screen"] * 10), _accept(auto_reply_words=["printer"]))
    ),
    "allowed domain left out": Broken(
        AUTO, "Also leave out", _both(_accept(auto_reply_words=["*@a.example"]), _domains("a.example"))
    ),
    "left out and blocked": Broken(
        AUTO, "Also leave out", _accept(auto_reply_words=["bo@a.example"], blocked_senders=["*@a.example"])
    ),
    "wanted subject left out": Broken(
        SUBJECTS, "Only these subjects", _accept(subject_must_match=["Out of paper"], auto_reply_words=["paper"])
    ),
    "subject of an answer": Broken(SUBJECTS, "Only these subjects", _accept(subject_must_match=["Re: Help"])),
    "two narrow rules": Broken(SUBJECTS, "Only these subjects", _accept(subject_must_match=["Help"], only_if_in_to=True)),
    "subject nobody writes": Broken(
        SUBJECTS, "Only these subjects", _both(_wrote("bo@b.example", *["Printer"] * 20), _accept(subject_must_match=["Help"]))
    ),
    # The ticket
    "no template": Broken("template", "template", _columns(template=None)),
    "template not published": Broken("template", "not published", _unpublished_template),
    "field the template lost": Broken("template", "cost_centre", _both(
        _mapped("cost_centre", property="cc"), lambda s: TemplateField.objects.filter(key="cost_centre").delete())),
    "required field empty": Broken("map-affected_system", "Affected system", _mapped("affected_system", default="")),
    "default that is no number": Broken("map-extra-default", "Extra", _field("number", default="a few")),
    "default that is no choice": Broken("map-extra-default", "Extra", _field("choice", default="c")),
    "required but often empty": Broken("map-extra-property", "Extra", _field("text", required=True, property="cc")),
    "number from a subject": Broken("map-extra-property", "Extra", _field("number", property="subject")),
    "one line from a body": Broken("map-extra-property", "Extra", _field("text", property="body")),
    "words nowhere": Broken("map-description-property", "Description", _mapped("description", property="subject")),
    "answers to the wrong person": Broken("map-requester-property", "Requester", _mapped("requester", property="cc")),
    "files nowhere": Broken("map-attachments-property", "Attachments", lambda s: s.mappings.filter(field="attachments").delete()),
    "own type not listed": Broken("whitelisted_types", "Whitelisted ticket types", _other_type),
    "files larger than mails": Broken("files-attachment_max_mb", "Maximum attachment size", _accept(largest_mail_mb=10)),
    "programs let in": Broken("files-attachment_extensions", "Listed file types", _files(attachment_extension_rule="allow", attachment_extensions=["pdf", "exe"])),
    "everything let in": Broken("files-attachment_extensions", "Listed file types", _files(attachment_extension_rule="allow")),
    "own list forgets programs": Broken("files-attachment_extensions", "Listed file types", _files(attachment_extension_rule="restrict", attachment_extensions=["zip"])),
    "services without words": Broken("route-service_words", "Words and their services", _route(classify_services=True)),
    "whole subject of nothing": Broken("route-full_subject_match", "Only a whole subject counts", _route(full_subject_match=True)),
    "importance changes nothing": Broken("route-priority_high", "Mail of high importance", _route(priority_high="normal", priority_low="normal")),
    "importance not mapped": Broken("route-priority_high", "Mail of high importance", _both(
        _mapped("priority", property="", default="high"), _route(priority_high="urgent"))),
    # Answers
    "nothing can be sent": Broken("confirm-send_confirmation", "Confirm every new ticket", _columns(sending={})),
    "no number in the confirmation": Broken("confirm-confirmation_text", "Words of the confirmation", _columns(confirmation={"confirmation_text": "Thanks"})),
    "unknown placeholder": Broken("confirm-confirmation_text", "{ticket}", _columns(confirmation={"confirmation_text": "{number} {ticket}"})),
    "machines confirmed": Broken("accept-exclude_auto_replies", "Leave automatic mail out", _accept(exclude_auto_replies=False)),
    "nobody to tell": Broken("alert_to", "The team to tell", lambda s: s.alert_to.clear()),
}  # fmt: skip
