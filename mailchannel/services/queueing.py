"""Mail of ours is queued in the transaction of its cause, and sent by the outbox once that is committed."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction
from django.utils import timezone

from mailchannel.compose.headers import message_id
from mailchannel.compose.reply import Letter, compose_reply
from mailchannel.kernel.types import Part
from mailchannel.models import InboundMail, MailServer, OutboundMail
from mailchannel.pipeline.addressing import is_ours
from mailchannel.services.config import own_addresses
from mailchannel.services.schedule import send_soon
from tickets.api import AgentReply, note_files, signature


def queue_reply(reply: AgentReply) -> OutboundMail | None:
    """Inside the transaction that wrote the note. None when the ticket did not come by mail, or nobody is left to write
    to once our own addresses are taken out.
    """
    conversation = list(InboundMail.objects.filter(ticket_id=reply.ticket_id).order_by("pk").select_related("server"))
    if not conversation:
        return None
    server = conversation[-1].server
    ours = own_addresses(server)
    recipients = [address for address in reply.recipients if not is_ours(address, ours)]
    if not recipients:
        return None
    letter = _letter(reply, server, recipients, conversation)
    return queue(
        OutboundMail(
            server=server,
            ticket_id=reply.ticket_id,
            note_id=reply.note_id,
            kind=OutboundMail.Kind.REPLY,
            cause=f"note {reply.note_id}",
            message_id=letter.message_id,
            envelope_from=server.address,
            recipients=recipients,
            subject=reply.title[:255],
            raw=compose_reply(letter),
        )
    )


def queue(mail: OutboundMail) -> OutboundMail:
    """Stores a new mail inside the transaction of its cause, and has it sent once that is committed."""
    mail.next_try_at = timezone.now()
    mail.save(force_insert=True)
    transaction.on_commit(lambda: send_soon(mail.pk))
    return mail


def _letter(
    reply: AgentReply, server: MailServer, recipients: Sequence[str], conversation: Sequence[InboundMail]
) -> Letter:
    mail = f"n{reply.note_id}"
    domain = server.address.rpartition("@")[2]
    return Letter(
        message_id=message_id(reply.number, mail, signature(reply.ticket_id, mail), domain),
        number=reply.number,
        subject=reply.title,
        text=reply.text,
        mailbox=server.address,
        mailbox_name=server.name,
        reply_to=server.reply_to,
        to=recipients[0],
        cc=recipients[1:],
        references=_references(reply.ticket_id, conversation),
        date=reply.written_at,
        files=[Part(f.filename, f.content_type, f.content) for f in note_files(reply.note_id)],
    )


def _references(ticket_id: int, conversation: Sequence[InboundMail]) -> list[str]:
    """All mails of the conversation in order, the customer's newest last: that one is answered."""
    public = OutboundMail.objects.filter(ticket_id=ticket_id).exclude(kind=OutboundMail.Kind.ALERT)
    ours = public.values_list("created", "message_id")
    mails = sorted([*ours, *((row.kept_at, row.message_id) for row in conversation)])
    answered = conversation[-1].message_id
    return [each for _, each in mails if each and each != answered] + ([answered] if answered else [])
