"""Files that are left out: the mail goes on, its manifest says why, and people are told without ever flooding them."""

from __future__ import annotations

import json
from email.message import EmailMessage
from io import StringIO
from itertools import count
from pathlib import Path

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from mailchannel.models import MailDefaults, MailServer, OutboundMail
from mailchannel.models.secrets import Secrets
from mailchannel.services import notices, outbox
from mailchannel.services.config import freeze
from mailchannel.services.config_file import ConfigError, apply, export, plan, read
from mailchannel.services.file_settings import save_system_wide
from mailchannel.services.push import accept
from mailchannel.services.settle import StorageTrouble, settle
from tests.fixtures import NewServer, Receive
from tests.servers.fixtures import Failpoint
from tests.servers.smtp import SmtpSink
from tickets.models import Attachment, Ticket

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\x02\0\0\0\x90wS\xde"
_serial = count(1)


def mail_with(*files: tuple[str, bytes], sender: str = "Ann Weber <ann@customer.example>", **headers: str) -> bytes:
    mail = EmailMessage()
    number = next(_serial)
    mail["From"], mail["To"], mail["Subject"] = sender, "support@example.com", f"Printer {number} on fire"
    mail["Message-ID"] = f"<files-{number}@customer.example>"
    mail["Date"] = "Fri, 20 Nov 2026 10:00:00 +0000"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content("Help!")
    for name, content in files:
        mail.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return mail.as_bytes()


@pytest.fixture
def server(new_server: NewServer, smtp_sink: SmtpSink) -> MailServer:
    return new_server(sink=smtp_sink)


def send_all() -> None:
    for due in outbox.due_mails():
        outbox.send(due)


@pytest.mark.req("S4-46")
def test_an_offending_file_is_dropped_and_the_mail_becomes_a_ticket(receive: Receive) -> None:
    row = receive(mail_with(("Alter.txt", PNG), ("setup.exe", b"MZ"), ("log.txt", b"out of paper"), ("none.txt", b"")))

    assert row.outcome == "opened"
    assert list(Attachment.objects.values_list("filename", flat=True)) == ["log.txt"]
    told = {each["filename"]: (each["verdict"], each["reason"]) for each in row.manifest if each["filename"]}
    assert told == {
        "Alter.txt": ("stripped", "attachment.content_type"),
        "setup.exe": ("stripped", "attachment.extension"),
        "log.txt": ("kept", ""),
        "none.txt": ("stripped", "attachment.empty"),
    }
    assert {*row.manifest[0]} == {
        *("number", "filename", "content_type", "detected", "size", "sha256", "kind", "verdict", "reason", "because")
    }
    assert [each["kind"] for each in row.manifest] == ["body", "file", "file", "file", "file"]
    assert len([step for step in row.trace if step["stage"] == "file"]) == 3


@pytest.mark.req("S4-47", "S4-54")
def test_the_sender_is_told_once_by_a_mail_no_machine_answers(
    receive: Receive, server: MailServer, smtp_sink: SmtpSink
) -> None:
    row = receive(mail_with(("Alter.txt", PNG), ("log.txt", b"out of paper")))
    send_all()
    send_all()

    (sent,) = smtp_sink.sent
    notice = sent.message
    assert (sent.envelope_from, sent.recipients) == ("", ["ann@customer.example"])
    assert notice["Auto-Submitted"] == "auto-replied"
    assert notice["X-Auto-Response-Suppress"] == "All"
    assert notice["X-Helpdesk-Mailbox"] == "support@example.com"
    assert notice["In-Reply-To"] == f"<{row.message_id}>"
    assert Ticket.objects.get().number in notice["Subject"]
    text = notice.get_content()
    assert "Alter.txt" in text
    assert "Attachment files contain invalid content type" in text
    assert "Reason: The name ends in txt, but the content is image/png." in text
    assert "Solution: Give the file the ending" in text
    assert "log.txt" not in text
    assert {"stage": "notice", "code": "sender", "verdict": "queued"}.items() <= row.trace[-1].items()


@pytest.mark.req("S4-47")
def test_the_people_named_for_it_are_told_with_the_way_to_the_original(
    receive: Receive, server: MailServer, agent: User, smtp_sink: SmtpSink
) -> None:
    gone = User.objects.create(username="gone", email="gone@example.com", is_active=False)
    server.alert_to.add(agent, gone, User.objects.create(username="mute"))

    row = receive(mail_with(("Alter.txt", PNG)))
    send_all()

    alert = next(each for each in smtp_sink.sent if each.recipients == ["mara@example.com"])
    text = alert.message.get_content()
    assert alert.message["Auto-Submitted"] == "auto-replied"
    assert f"http://testserver/admin/mailchannel/inboundmail/{row.pk}/change/" in text
    assert "Attachment files contain invalid content type" in text
    assert "ann@customer.example" in text
    assert len(smtp_sink.sent) == 2


@pytest.mark.req("S4-48")
def test_notices_can_be_switched_off_for_one_mail_server_or_for_all(receive: Receive, server: MailServer) -> None:
    MailDefaults(attachments={"notify_stripped": False}).save()
    row = receive(mail_with(("Alter.txt", PNG)))
    assert OutboundMail.objects.count() == 0
    assert "switched off" in row.trace[-1]["because"]

    MailServer.objects.update(attachments={"notify_stripped": True})
    server.refresh_from_db()
    receive(mail_with(("Alter.txt", PNG)))
    assert OutboundMail.objects.count() == 1


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-generated"},
        {"List_Id": "<staff.customer.example>"},
        {"Return_Path": "<>"},
        {"sender": "noreply@customer.example"},
        {"X_Auto_Response_Suppress": "All"},
    ],
    ids=lambda headers: next(iter(headers)),
)
def test_machines_and_lists_are_never_told_but_the_team_is(
    headers: dict[str, str], receive: Receive, server: MailServer, agent: User
) -> None:
    MailServer.objects.update(acceptance={"exclude_auto_replies": False})
    server.refresh_from_db()
    server.alert_to.add(agent)

    row = receive(mail_with(("Alter.txt", PNG), **headers))

    assert row.outcome == "opened"
    assert [each.kind for each in OutboundMail.objects.all()] == [OutboundMail.Kind.ALERT]
    assert any(step["because"].startswith("the sender is not told") for step in row.trace)


def test_nobody_is_told_of_files_in_a_mail_that_was_turned_away(receive: Receive) -> None:
    row = receive(mail_with(("Alter.txt", PNG), Auto_Submitted="auto-replied"))

    assert row.outcome == "ignored"
    assert [each["verdict"] for each in row.manifest] == ["shown", "stripped"]
    assert OutboundMail.objects.count() == 0


def test_one_sender_gets_a_few_notices_an_hour(receive: Receive, server: MailServer) -> None:
    rows = [receive(mail_with(("Alter.txt", PNG))) for _ in range(notices.MOST_PER_SENDER + 1)]

    assert OutboundMail.objects.count() == notices.MOST_PER_SENDER
    assert "automatic mails within an hour" in rows[-1].trace[-1]["because"]
    receive(mail_with(("Alter.txt", PNG), sender="bob@customer.example"))
    assert OutboundMail.objects.count() == notices.MOST_PER_SENDER + 1


def test_one_mail_server_sends_only_so_many_notices_an_hour(receive: Receive, server: MailServer) -> None:
    first = receive(mail_with(("Alter.txt", PNG)))
    columns = OutboundMail.objects.values("server_id", "ticket_id", "kind", "recipients", "raw", "next_try_at").get()
    OutboundMail.objects.bulk_create(
        OutboundMail(**columns, cause=f"{number}", message_id=f"{number}@example.com")
        for number in range(notices.MOST_PER_SERVER)
    )

    row = receive(mail_with(("Alter.txt", PNG), sender="bob@customer.example"))

    assert first.trace[-1]["verdict"] == "queued"
    assert "Support sent 60 automatic mails" in row.trace[-1]["because"]


def test_settling_again_after_a_crash_tells_nobody_twice(server: MailServer, failpoint: Failpoint) -> None:
    row = accept(server, mail_with(("Alter.txt", PNG)), transport="forwarding").row
    failpoint("settle.ticket_written:1:enospc")

    with pytest.raises(StorageTrouble):
        settle(server)
    assert not OutboundMail.objects.exists()
    settle(server)
    settle(server)

    assert OutboundMail.objects.get().cause == f"files of mail {row.pk}"


def test_a_sender_with_letters_beyond_ascii_is_told_like_everybody(receive: Receive) -> None:
    raw = mail_with(("Alter.txt", PNG), sender="jurgen@customer.example")

    row = receive(raw.replace(b"jurgen@", "jürgen@".encode()))

    assert row.outcome == "opened"
    assert OutboundMail.objects.get().recipients == ["jürgen@customer.example"]


def test_a_notice_does_not_carry_what_a_stranger_wrote_at_length(receive: Receive) -> None:
    raw = mail_with(("Alter.txt", PNG)).replace(b"on fire", b"buy this\r\n " * 1_000)

    receive(raw)

    assert 1 < bytes(OutboundMail.objects.get().raw).count(b"buy") < 200


def test_without_an_outgoing_server_nothing_piles_up(new_server: NewServer) -> None:
    server = new_server()
    row = accept(server, mail_with(("Alter.txt", PNG)), transport="forwarding").row
    settle(server)

    row.refresh_from_db()
    assert OutboundMail.objects.count() == 0
    assert "no outgoing server" in row.trace[-1]["because"]


def test_explain_mail_lists_every_file_with_what_becomes_of_it(server: MailServer, tmp_path: Path) -> None:
    (tmp_path / "mail.eml").write_bytes(mail_with(("Alter.txt", PNG), ("log.txt", b"out of paper")))
    out = StringIO()

    call_command("explain_mail", str(tmp_path / "mail.eml"), server="Support", json=True, stdout=out)

    files = json.loads(out.getvalue())["draft"]["attachments"]
    assert [(each["filename"], each["verdict"], each["reason"]) for each in files] == [
        ("Alter.txt", "stripped", "attachment.content_type"),
        ("log.txt", "kept", ""),
    ]
    assert files[0]["detected"] == "image/png"


# --- Whose rule counts ------------------------------------------------------------------------------


@pytest.mark.req("S4-51", "S4-53")
def test_a_mail_server_goes_by_its_own_rules_else_by_the_systems_else_by_the_programs(server: MailServer) -> None:
    assert freeze(server).files["attachment_max_mb"] == 25

    MailDefaults(attachments={"attachment_max_mb": 10, "attachment_names": "drop"}).save()
    assert freeze(server).files["attachment_max_mb"] == 10

    server.attachments = {"attachment_max_mb": 5}
    assert freeze(server).files["attachment_max_mb"] == 5
    assert freeze(server).files["attachment_names"] == "drop"


def test_a_list_belongs_to_the_rule_it_was_written_for(server: MailServer) -> None:
    MailDefaults(attachments={"attachment_extensions": ["exe"]}).save()
    server.attachments = {"attachment_extension_rule": "allow"}

    assert freeze(server).files["attachment_extensions"] == ()


def test_there_is_one_row_of_defaults() -> None:
    MailDefaults(attachments={"attachment_max_mb": 10}).save()
    MailDefaults(attachments={"attachment_max_mb": 11}).save()

    assert MailDefaults.objects.count() == 1
    assert MailDefaults.current().attachments == {"attachment_max_mb": 11}


@pytest.fixture
def draft(server: MailServer) -> None:
    """Without a stored password, which a file would have to give again."""
    MailServer.objects.update(status="draft", secrets=Secrets(), connection={"username": "support"})


SETTINGS = """\
defaults:
  attachment_max_mb: 10
mail_servers:
  - name: Support
    attachments: {attachment_extension_rule: allow, attachment_extensions: [.PDF, tar.gz], notify_stripped: false}
    alert_to: [mara@example.com]
"""


def test_settings_come_from_a_file_and_go_back_into_one(draft: None, agent: User, tmp_path: Path) -> None:
    before = MailServer.objects.get().version

    apply(read(SETTINGS, folder=tmp_path))

    stored = MailServer.objects.get()
    assert MailDefaults.current().attachments == {"attachment_max_mb": 10}
    assert stored.attachments["attachment_extensions"] == ["pdf", "tar.gz"]
    assert list(stored.alert_to.all()) == [agent]
    assert plan(read(SETTINGS, folder=tmp_path)) == []
    exported = export()
    assert plan(read(exported, folder=tmp_path)) == []
    assert "attachment_names: null" in exported
    assert "alert_to:\n      - mara" in exported
    assert stored.version == before  # it was never published


def test_who_left_is_in_no_file(draft: None, agent: User, tmp_path: Path) -> None:
    apply(read(SETTINGS, folder=tmp_path))
    User.objects.update(is_active=False)

    exported = export()

    assert "alert_to: []" in exported
    assert plan(read(exported, folder=tmp_path)) == []


def test_a_broken_rule_is_named_by_its_key(draft: None, agent: User, tmp_path: Path) -> None:
    MailServer.objects.update(attachments={"attachment_max_mb": "many"}, status="draft")

    with pytest.raises(ConfigError, match=r"\.attachments\.attachment_max_mb: Maximum attachment size"):
        apply(read("mail_servers: [{name: Support, status: active}]", folder=tmp_path))


def test_null_takes_a_rule_back(draft: None, agent: User, tmp_path: Path) -> None:
    apply(read(SETTINGS, folder=tmp_path))

    back = SETTINGS.replace("attachment_max_mb: 10", "attachment_max_mb: null").replace(
        "notify_stripped: false", "notify_stripped: null"
    )
    apply(read(back, folder=tmp_path))

    assert MailDefaults.current().attachments == {}
    assert "notify_stripped" not in MailServer.objects.get().attachments


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("[.PDF, tar.gz]", "['a b']", "“a b” is not the ending of a file name"),
        ("[mara@example.com]", "[nobody]", "nobody active with a mail address is called “nobody”"),
        ("attachment_max_mb: 10", "attachment_max_mb: 151", "from 1 to 150"),
        ("attachment_max_mb: 10", "attachment_size: 10", "unknown key “attachment_size”"),
    ],
)
def test_what_is_wrong_in_the_file_is_said(
    old: str, new: str, said: str, draft: None, agent: User, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match=said):
        apply(read(SETTINGS.replace(old, new), folder=tmp_path))


def test_new_system_defaults_are_a_new_version_of_every_published_mail_server(server: MailServer, agent: User) -> None:
    """A fetch under way judges by the version it began with, and stops."""
    MailServer.objects.update(published_at=timezone.now())

    save_system_wide({"attachment_max_mb": 10}, by=agent)

    assert MailServer.objects.get().version == server.version + 1
    assert LogEntry.objects.get().change_message == "Changed maximum attachment size (mb): 25 → 10."
