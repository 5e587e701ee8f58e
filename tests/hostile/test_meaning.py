"""Mails that pretend to be orders, and odd but honest ones that must simply arrive (ML-47 to ML-50)."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest

from mailchannel.models import MailServer, OutboundMail
from mailchannel.pipeline.gates import acceptance_specs
from tests.hostile.bounded import bounded, in_time
from tests.hostile.conftest import Receive, take_in
from tests.hostile.mails import cases, file, from_header, html, mail, multipart, part, text
from tickets.models import Attachment, Ticket

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

#: Would keep a regular expression busy for ever.
CATASTROPHE = "^(a+)+$"


@pytest.mark.req("ML-47")
def test_ml_47_no_setting_is_a_regular_expression(server: MailServer) -> None:
    """Every list of words an administrator writes is compared as it stands."""
    lists = [spec.name for spec in acceptance_specs() if isinstance(spec.default, tuple)]
    server.acceptance = {name: [CATASTROPHE, "*@(a+)+.example", ".*"] for name in lists}
    server.save()
    bomb = mail(
        subject=b"Subject: " + b"a" * 50_000 + b"!", sender=b"From: " + b"a" * 60 + b"@" + b"a." * 90 + b"example"
    )

    with in_time(5):
        (row,) = take_in(server, bomb)

    assert lists and row.reason in ("ignored.subject", "rejected.sender_unreadable")


@pytest.mark.req("ML-47")
def test_ml_47_no_reader_of_a_mail_is_slow_on_it() -> None:
    raw = mail(
        subject=b"Subject: " + b"a" * 50_000 + b"!",
        body=(b"a" * 900 + b"!\r\n") * 1_000,
        sender=b'From: "' + b"a" * 10_000 + b'!" <ann@example.com>',
    )

    bounded(raw, seconds=3)


ORDERS = (
    *(b"X-Zammad-Ticket-Priority: 3 high", b"X-Zammad-Ticket-Owner: admin@example.com", b"X-Zammad-Ignore: true"),
    *(b"X-Zammad-Ticket-State: closed", b"X-Zammad-Customer-Email: boss@example.com", b"X-Zammad-Session-User-Id: 1"),
    *(b"X-OTRS-Priority: 5 very high", b"X-OTRS-Queue: Secret", b"X-OTRS-Ignore: yes", b"X-OTRS-CustomerUser: boss"),
    *(b"X-OTRS-State: closed", b"X-OTRS-Loop: true", b"X-OTRS-DynamicField-x: y", b"X-Znuny-Queue: Secret"),
    *(b"RT-Ticket: example.com #1", b"RT-Originator: root@example.com", b"X-RT-Command: Status: resolved"),
    *(b"RT-Squelch-Replies-To: ann@example.com", b"RT-Detected-Loops: 1", b"X-RT-Loop-Prevention: example.com"),
    *(b"X-FreeScout-Mail-Type: agent", b"X-Redmine-Project: secret", b"X-GitLab-Project: x", b"X-Jira-Fingerprint: x"),
    *(b"X-osTicket-Priority: 4", b"X-Ticket-ID: HD-1", b"X-Helpdesk-Priority: urgent", b"X-Helpdesk-Ticket: HD-1"),
    *(
        b"X-Helpdesk-Assignee: mara",
        b"X-Helpdesk-Status: solved",
        b"X-Helpdesk-Template: Secret",
        b"X-Helpdesk-Agent: 1",
    ),
    *(b"X-Helpdesk-Sender: boss@example.com", b"X-Helpdesk-Field-affected_system: everything", b"X-Spam-Flag: YES"),
    *(
        b"X-Original-To: other@example.com",
        b"X-Assigned-To: mara",
        b"X-Status: closed",
        b"Status: RO",
        b"Keywords: urgent",
    ),
    *(
        b"X-Discourse-Topic-Id: 1",
        b"X-Chatwoot-Conversation: 1",
        b"X-Freshdesk-Priority: 4",
        b"X-Zendesk-Priority: urgent",
    ),
)


@pytest.mark.req("ML-48")
@pytest.mark.parametrize("order", ORDERS, ids=lambda line: f"ML-48-{line.decode().partition(':')[0]}")
def test_a_header_gives_no_orders(order: bytes, receive: Receive) -> None:
    commands = b"#priority urgent\r\n#assign mara\r\nStatus: solved\r\nOwner: root\r\n/close\r\n"

    row = receive(mail(order, body=commands))

    ticket = Ticket.objects.get(pk=row.ticket_id)
    seen = (
        ticket.status,
        ticket.priority,
        ticket.assignee,
        ticket.requester.email,
        ticket.template.name,
        ticket.related,
    )
    assert seen == ("open", "normal", None, "ann@example.com", "Standard incident", None)
    assert ticket.fields == {"affected_system": "unknown"}
    assert "/close" in ticket.notes.get().text and not OutboundMail.objects.exists()


NONSENSE = (b"", b"urgent!!!", b"higher", b"9", b"-1", b"0", b"1e9", b"99999999999999999999", b"\xff\xfe",
            b"<script>", b"\x00", b"h i g h", b"{{high}}", b"' OR 1=1 --", b"highlow", b"true",
            "１".encode(), b"1" * 5_000, b"critical", b"null", b"high;low", b"%s")  # fmt: skip


@pytest.mark.req("ML-49")
@pytest.mark.parametrize("value", NONSENSE, ids=lambda value: f"ML-49-{value[:20]!r}")
def test_a_nonsensical_importance_is_the_normal_one(value: bytes, receive: Receive) -> None:
    for at, header in enumerate((b"Importance", b"X-Priority", b"Priority", b"X-MSMail-Priority")):
        row = receive(mail(header + b": " + value, message_id=b"Message-ID: <%d@example.com>" % at))

        assert row.outcome == "opened"
        assert Ticket.objects.get(pk=row.ticket_id).priority == "normal"


@pytest.mark.req("ML-49")
def test_ml_49_contradictions_are_settled_the_same_way_every_time(receive: Receive) -> None:
    contradicting = (b"Importance: high", b"X-Priority: 5", b"Importance: low", b"Priority: non-urgent")

    rows = [receive(mail(*contradicting, message_id=b"Message-ID: <%d@example.com>" % at)) for at in range(2)]

    assert len({Ticket.objects.get(pk=row.ticket_id).priority for row in rows}) == 1


@dataclass(frozen=True)
class Honest:
    """A mail as real programs write them, and what must come of it."""

    raw: bytes
    title: str = "Printer on fire"
    text: str = "Help!"
    files: tuple[str, ...] = ()
    name: str = "Ann Weber"


def words(charset: str, said: str) -> bytes:
    encoded = base64.encodebytes(said.encode(charset))
    return mail(
        b"Content-Type: text/plain; charset=" + charset.encode(),
        b"Content-Transfer-Encoding: base64",
        body=encoded,
        subject=b"Subject: =?" + charset.encode() + b"?B?" + base64.b64encode(said.encode(charset)) + b"?=",
    )


LONG_NAME = b"filename*0*=utf-8''%C3%9Cbersicht%20; filename*1*=%C3%BCber%20; filename*2=\"alles.pdf\""
CALENDAR = b"BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Visit\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
FLOWED = part(b"This is one \r\nlong line.\r\n\r\n-- \r\nAnn", b"Content-Type: text/plain; format=flowed")
SIGNED = multipart(text(b"Help!"), part(b"-----BEGIN PGP SIGNATURE-----", b"Content-Type: application/pgp-signature; name=s.asc"),
                   subtype=b"signed")  # fmt: skip
INLINE = multipart(
    text(b'<p>Help!</p><img src="cid:logo@example.com">', b"html"),
    part(base64.encodebytes(b"\x89PNG\r\n\x1a\n"), b"Content-Type: image/png; name=logo.png", b"Content-Id: <logo@example.com>",
         b"Content-Transfer-Encoding: base64", b"Content-Disposition: inline"),
    subtype=b"related",
)  # fmt: skip
HONEST = {
    "ML-50-folded-subject": Honest(mail(subject=b"Subject: Printer\r\n on\r\n\tfire")),
    "ML-50-folded-encoded-subject": Honest(mail(subject=b"Subject: =?utf-8?q?Printer_?=\r\n =?utf-8?b?b24gZmlyZQ==?=")),
    "ML-50-letter-split-between-words": Honest(
        mail(subject=b"Subject: =?utf-8?b?R3LDtsOfZcM=?=\r\n =?utf-8?b?pA==?="), title="Größeä"
    ),
    "ML-50-folded-sender": Honest(from_header(b"Ann\r\n Weber\r\n <ann@example.com>")),
    "ML-50-encoded-name": Honest(from_header(b"=?iso-8859-1?q?Ann_Gr=F6=DFe?= <ann@example.com>"), name="Ann Größe"),
    "ML-50-quoted-name-with-comma": Honest(from_header(b'"Weber, Ann" <ann@example.com>'), name="Weber, Ann"),
    "ML-50-old-style-name": Honest(from_header(b"ann@example.com (Ann Weber)")),
    "ML-50-rfc2231-name": Honest(multipart(text(b"Help!"), file(b"x", LONG_NAME)), files=("Übersicht über alles.pdf",)),
    "ML-50-encoded-file-name": Honest(
        multipart(text(b"Help!"), file(b"x", b'filename="=?utf-8?q?=C3=9Cbersicht?=.pdf"')), files=("Übersicht.pdf",)
    ),
    "ML-50-iso-2022-jp": Honest(words("iso-2022-jp", "プリンターが燃えています"), "プリンターが燃えています", "プリンターが燃えています"),
    "ML-50-gb18030": Honest(words("gb18030", "打印机着火了"), "打印机着火了", "打印机着火了"),
    "ML-50-gb2312": Honest(words("gb2312", "打印机着火了"), "打印机着火了", "打印机着火了"),
    "ML-50-big5": Honest(words("big5", "印表機著火了"), "印表機著火了", "印表機著火了"),
    "ML-50-euc-kr": Honest(words("euc-kr", "프린터에 불이 났어요"), "프린터에 불이 났어요", "프린터에 불이 났어요"),
    "ML-50-koi8-r": Honest(words("koi8-r", "Принтер горит"), "Принтер горит", "Принтер горит"),
    "ML-50-windows-1256": Honest(words("windows-1256", "الطابعة تحترق"), "الطابعة تحترق", "الطابعة تحترق"),
    "ML-50-shift-jis": Honest(words("shift_jis", "プリンター"), "プリンター", "プリンター"),
    "ML-50-calendar": Honest(
        multipart(text(b"Help!"), part(CALENDAR, b"Content-Type: text/calendar; method=REQUEST"), subtype=b"alternative"),
        files=("attachment-2.ics",),
    ),
    "ML-50-pgp-signed": Honest(SIGNED, files=("s.asc",)),
    "ML-50-inline-image": Honest(INLINE, files=("logo.png",)),
    "ML-50-flowed": Honest(multipart(FLOWED), text="This is one long line."),
    "ML-50-html-only": Honest(html(b"<div>Help!</div>")),
    "ML-50-quoted-printable": Honest(
        mail(b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: quoted-printable", body=b"Gr=C3=B6=\r\n=C3=9Fe"),
        text="Größe",
    ),
    "ML-50-no-mime-headers": Honest(mail()),
    "ML-50-alternative-in-mixed": Honest(
        multipart(part(multipart(text(b"Help!"), text(b"<p>Help!</p>", b"html"), subtype=b"alternative", boundary=b"inner")
                       .partition(b"\r\n\r\n")[2], b"Content-Type: multipart/alternative; boundary=inner"),
                  file(b"x", b"filename=a.txt")),
        files=("a.txt",),
    ),
    "ML-50-forwarded-mail": Honest(
        multipart(text(b"Help!"), part(mail(subject=b"Subject: Old"), b"Content-Type: message/rfc822")), files=("Old.eml",)
    ),
    "ML-50-trailing-text-of-a-list": Honest(
        multipart(text(b"Help!"), text(b"_____\r\nlist mailing list")), text="Help!\n\n_____\nlist mailing list"
    ),
}  # fmt: skip


@pytest.mark.req("ML-50")
@cases(HONEST)
def test_an_honest_mail_simply_arrives(case: Honest, receive: Receive) -> None:
    bounded(case.raw)

    row = receive(case.raw)

    ticket = Ticket.objects.get(pk=row.ticket_id)
    note = ticket.notes.get()
    assert (ticket.title, ticket.requester.email, ticket.requester.name) == (case.title, "ann@example.com", case.name)
    assert note.text.startswith(case.text)
    assert tuple(Attachment.objects.values_list("filename", flat=True)) == case.files
