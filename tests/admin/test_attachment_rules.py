"""Attachment rules in the wizard, as system defaults, and on the page of a mail."""

from __future__ import annotations

import html
from collections.abc import Callable
from datetime import UTC, datetime
from email.message import EmailMessage
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client

from mailchannel.models import InboundMail, MailDefaults, MailServer
from mailchannel.services.file_settings import in_force
from mailchannel.services.push import accept
from mailchannel.services.readiness import problems
from mailchannel.services.settle import settle
from tests.admin.typing import typed_answers, typed_ticket
from tests.fixtures import NewServer
from tickets.blobs import open_blob
from tickets.models import Attachment

pytestmark = pytest.mark.slow

DEFAULTS = "/admin/mailchannel/maildefaults/1/change/"
HOSTILE = '<script>alert("x")</script>.txt'


def typed_defaults(**changed: str) -> dict[str, str]:
    return {
        "attachment_names": "keep",
        "attachment_extension_rule": "restrict",
        "attachment_extensions": "",
        "attachment_content_check": "on",
        "attachment_drop_empty": "on",
        "attachment_max_mb": "25",
        "notify_stripped": "on",
        **changed,
    }


def page(client: Client, url: str) -> str:
    response = client.get(url, follow=True)
    assert response.status_code == 200
    return response.content.decode()


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    return new_server(status=MailServer.Status.DRAFT, reached=5)


def type_into(client: Client, server: MailServer, **changed: Any) -> MailServer:
    assert server.template is not None
    step, typed = ("answers", typed_answers()) if "alert_to" in changed else ("ticket", typed_ticket(server.template))
    response = client.post(f"/admin/mailchannel/mailserver/{server.pk}/{step}/", {**typed, **changed})
    assert response.status_code == 302, response.context["form"].errors
    return MailServer.objects.get(pk=server.pk)


@pytest.mark.req("S4-51", "S4-53")
def test_system_defaults_are_one_page(administrator: Client, server: MailServer) -> None:
    assert "Maximum attachment size (MB)" in page(administrator, "/admin/mailchannel/maildefaults/")

    administrator.post(DEFAULTS, typed_defaults(attachment_max_mb="10", attachment_extensions=".PDF\nexe"))

    assert in_force(server)["attachment_max_mb"] == 10
    assert in_force(server)["attachment_extensions"] == ["pdf", "exe"]
    assert 'value="10"' in page(administrator, DEFAULTS)
    lines = LogEntry.objects.values_list("change_message", flat=True)
    assert "Changed listed file types: nothing → pdf, exe;\nmaximum attachment size (mb): 25 → 10." in lines


def test_a_mistake_in_the_defaults_is_shown_beside_its_field(administrator: Client) -> None:
    html = administrator.post(
        DEFAULTS, typed_defaults(attachment_extensions="a b", attachment_max_mb="0")
    ).content.decode()

    assert "“a b” is not the ending of a file name" in html
    assert "greater than or equal to 1" in html
    assert not MailDefaults.objects.exists()


@pytest.mark.parametrize(
    ("permissions", "status"), [((), 403), (("view_maildefaults",), 403), (("change_maildefaults",), 302)]
)
def test_defaults_need_a_permission(
    permissions: tuple[str, ...], status: int, signed_in: Callable[..., Client], db: None
) -> None:
    client = signed_in(*permissions)

    assert client.post(DEFAULTS, typed_defaults(attachment_max_mb="10")).status_code == status
    assert MailDefaults.objects.exists() == (status == 302)


@pytest.mark.req("S4-48")
def test_a_mail_server_has_rules_of_its_own_or_the_systems(administrator: Client, server: MailServer) -> None:
    MailDefaults(attachments={"attachment_max_mb": 10}).save()

    server = type_into(administrator, server, **{"files-notify_stripped": "False", "files-attachment_names": "drop"})

    assert server.attachments == {"notify_stripped": False, "attachment_names": "drop"}
    assert in_force(server)["attachment_max_mb"] == 10
    html = page(administrator, f"/admin/mailchannel/mailserver/{server.pk}/ticket/")
    assert "As the system defaults say (yes)" in html
    assert "as the system defaults say (10)" in html
    assert '<option value="False" selected>No</option>' in html

    server = type_into(administrator, server)
    assert server.attachments == {}


def test_a_list_of_the_system_does_not_disturb_the_page_of_a_mail_server(
    administrator: Client, server: MailServer
) -> None:
    MailDefaults(attachments={"attachment_extensions": ["exe"], "attachment_max_mb": 1}).save()

    html = page(administrator, f"/admin/mailchannel/mailserver/{server.pk}/ticket/")

    assert "As the system defaults say (all but the listed ones)" in html
    assert "as the system defaults say (1)" in html


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({"attachment_max_mb": "many"}, "Maximum attachment size (MB): this must be a whole number."),
        ({"attachment_max_mb": 151}, "Maximum attachment size (MB): the largest allowed value is 150."),
        ({"attachment_extension_rule": "some"}, "File types: this must be one of restrict, allow, off."),
        ({"attachment_extensions": "exe"}, "Listed file types: this must be a list of texts."),
        ({"notify_stripped": "yes"}, "this must be yes or no"),
    ],
)
@pytest.mark.parametrize("whose", ["own", "system"])
def test_a_broken_rule_keeps_a_mail_server_from_being_published(
    whose: str, rules: dict[str, Any], said: str, administrator: Client, server: MailServer
) -> None:
    if whose == "own":
        MailServer.objects.update(attachments=rules)
    else:
        MailDefaults(attachments=rules).save()
    server.refresh_from_db()

    (problem,) = (each for each in problems(server) if each.step == "ticket")

    assert said in problem.text
    assert problem.field == f"files-{next(iter(rules))}"
    review = page(administrator, f"/admin/mailchannel/mailserver/{server.pk}/review/")
    assert said in html.unescape(review)
    assert f"/ticket/#id_{problem.field}" in review


def test_saving_what_is_stored_changes_nothing(administrator: Client, server: MailServer) -> None:
    own = {
        "files-notify_stripped": "True",
        "files-attachment_max_mb": "5",
        "files-attachment_extension_rule": "allow",
        "files-attachment_extensions": "pdf",
    }
    type_into(administrator, server, **own)
    said = LogEntry.objects.count()

    type_into(administrator, server, **own)

    assert LogEntry.objects.count() == said


@pytest.mark.req("S4-47")
def test_people_with_an_address_can_be_named(administrator: Client, server: MailServer) -> None:
    sam = User.objects.create(username="sam", email="sam@example.com")
    mute = User.objects.create(username="mute")

    html = page(administrator, f"/admin/mailchannel/mailserver/{server.pk}/answers/")
    server = type_into(administrator, server, alert_to=[str(sam.pk)])

    assert list(server.alert_to.all()) == [sam]
    assert f'value="{sam.pk}"' in html
    assert f'value="{mute.pk}"' not in html


def test_the_review_says_which_files_are_kept(administrator: Client, server: MailServer) -> None:
    html = page(administrator, f"/admin/mailchannel/mailserver/{server.pk}/review/")

    assert "All but programs and scripts, up to 25 MB each." in html


@pytest.mark.req("S4-54")
def test_the_page_of_a_mail_shows_what_became_of_each_part(administrator: Client, server: MailServer) -> None:
    row = {
        "number": "2",
        "filename": HOSTILE,
        "content_type": "text/plain",
        "detected": "image/png",
        "size": 120,
        "sha256": "ab" * 32,
        "kind": "file",
        "verdict": "stripped",
        "reason": "attachment.content_type",
        "because": "Attachment files contain invalid content type: the name ends in txt. Give the file another ending.",
    }
    mail = InboundMail.objects.create(
        server=server,
        transport="imap",
        remote_key="1",
        size=200,
        received_at=datetime(2026, 11, 20, tzinfo=UTC),
        outcome="opened",
        manifest=[{**row, "filename": "", "kind": "body", "verdict": "shown", "reason": "", "because": ""}, row],
    )

    html = page(administrator, f"/admin/mailchannel/inboundmail/{mail.pk}/change/")

    assert "Attachment files contain invalid content type: the name ends in txt." in html
    assert "looks like image/png" in html
    assert "left out" in html
    assert ">Became</th>" in html
    assert "<script>alert" not in html

    InboundMail.objects.update(outcome="ignored")
    assert ">Would have become</th>" in page(administrator, f"/admin/mailchannel/inboundmail/{mail.pk}/change/")


# --- Restoring --------------------------------------------------------------------------------------

PROGRAM = b"MZ\x90\0" + bytes(range(256)) * 40


@pytest.fixture
def stripped(server: MailServer) -> InboundMail:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Message-ID"] = "ann@customer.example", "support@example.com", "<p@customer.example>"
    mail.set_content("Here is the tool.")
    mail.add_attachment(PROGRAM, maintype="application", subtype="octet-stream", filename="tool.exe")
    row = accept(server, mail.as_bytes(), transport="forwarding").row
    settle(server)
    row.refresh_from_db()
    return row


def restoring(client: Client, row: InboundMail, **changed: str) -> Any:
    typed = {"number": row.manifest[1]["number"], "sha256": row.manifest[1]["sha256"], **changed}
    return client.post(f"/admin/mailchannel/inboundmail/{row.pk}/restore/", typed, follow=True)


@pytest.mark.req("S4-46")
def test_a_file_is_restored_to_the_byte_once_and_audited(administrator: Client, stripped: InboundMail) -> None:
    assert ">Restore</button>" in page(administrator, f"/admin/mailchannel/inboundmail/{stripped.pk}/change/")
    assert not Attachment.objects.exists()

    first, second = restoring(administrator, stripped), restoring(administrator, stripped)

    attachment = Attachment.objects.get()
    assert (attachment.filename, attachment.note_id) == ("tool.exe", stripped.note_id)
    assert open_blob(attachment.sha256).read() == PROGRAM
    for answer in (first, second):
        assert "“tool.exe” is on the ticket now." in answer.content.decode()
    stripped.refresh_from_db()
    assert stripped.manifest[1]["verdict"] == "kept"
    assert stripped.manifest[1]["because"].startswith("Restored by ada on ")
    assert LogEntry.objects.filter(change_message__startswith="Restored the file tool.exe").count() == 1


@pytest.mark.parametrize("changed", [{"number": "9"}, {"sha256": "0" * 64}])
def test_only_a_part_of_this_mail_can_be_restored(
    changed: dict[str, str], administrator: Client, stripped: InboundMail
) -> None:
    assert "This mail has no such part." in restoring(administrator, stripped, **changed).content.decode()
    assert not Attachment.objects.exists()


def test_without_the_original_the_page_says_so(administrator: Client, stripped: InboundMail) -> None:
    stripped.raw.delete()

    assert "is not kept any more" in restoring(administrator, stripped).content.decode()


def test_restoring_needs_a_permission_and_a_post(signed_in: Callable[..., Client], stripped: InboundMail) -> None:
    client = signed_in("view_inboundmail", "view_raw_mail")

    assert "Restore</button>" not in page(client, f"/admin/mailchannel/inboundmail/{stripped.pk}/change/")
    assert restoring(client, stripped).status_code == 403
    assert client.get(f"/admin/mailchannel/inboundmail/{stripped.pk}/restore/").status_code == 405
    assert not Attachment.objects.exists()
