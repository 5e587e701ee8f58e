"""Settings as code: what a file does when it is applied, planned and exported."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from mailchannel.models import AllowedDomain, FieldMapping, FolderMapping, MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.services import drafts, publish
from tests.story.settings_file import EXAMPLE, PASSWORD, changed
from tickets.models import Offer, TemplateField, TicketTemplate, TicketType

pytestmark = pytest.mark.django_db

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `channel_config` on this text and returns what it printed; `ends` is its exit status."""
    monkeypatch.setenv("SUPPORT_PASSWORD", PASSWORD)

    def run(action: str, text: str = EXAMPLE, *, ends: int = 0) -> str:
        file = tmp_path / "channel.yaml"
        file.write_text(text, encoding="utf-8")
        out = StringIO()
        with pytest.raises(SystemExit) if ends else contextlib.nullcontext() as caught:
            call_command("channel_config", action, *([] if action == "export" else [str(file)]), stdout=out)
        assert not caught or caught.value.code == ends
        return out.getvalue()

    return run


def refused(run: Run, text: str) -> str:
    with pytest.raises(CommandError) as caught:
        run("apply", text)
    return str(caught.value)


@pytest.mark.req("S0-02", "S1-15", "S1-16", "S1-17", "S1-18", "S1-19", "S4-24")
def test_the_example_of_the_documentation_becomes_a_mail_server(run: Run) -> None:
    run("apply")

    server = MailServer.objects.get(name="Support")
    assert (server.protocol, server.auth, server.address) == ("imap", "password", "support@example.com")
    assert server.reply_to == "support@example.com"
    assert server.connection == {"host": "127.0.0.1", "port": 10143, "encryption": "none", "username": "support"}
    assert server.sending == {"host": "127.0.0.1", "port": 10025, "encryption": "none"}
    assert (server.timeout_ms, server.max_tries, server.cool_off_minutes) == (5000, 3, 5)
    assert (server.fetch_every_minutes, server.skip_times) == (1, ["02:00-04:00"])
    assert server.sync_start is not None
    assert server.sync_start.isoformat() == "2026-01-01T00:00:00+00:00"
    assert server.secrets == {"password": PASSWORD}


@pytest.mark.req("S0-22", "S0-23", "S0-24", "S0-25", "S0-28", "S0-43", "S0-49", "S2-19", "S2-20", "S2-23", "S4-27")
def test_the_example_of_the_documentation_says_what_is_read_and_accepted(run: Run) -> None:
    run("apply")

    server = MailServer.objects.get(name="Support")
    assert [alias.address for alias in server.aliases.all()] == ["helpdesk@example.com"]
    assert [domain.domain for domain in server.domains.all()] == ["example.com"]
    assert {(row.role, row.folder) for row in server.folders.all()} == {
        ("source", "INBOX"),
        ("success", "Processed"),
        ("fail", "Failed"),
        ("exclusion", "Ignored"),
        ("never_read", "Spam"),
    }
    assert server.acceptance["blocked_senders"] == ["spam@example.com", "*@ads.example"]
    assert server.acceptance["new_tickets_enabled"] is True
    assert server.acceptance["new_tickets_exceptions"] == ["*@example.org"]
    assert [each.name for each in server.whitelisted_types.all()] == ["Incident"]
    assert server.attach_email is True


@pytest.mark.req("S0-27", "S0-29", "S0-31", "S0-46", "S0-47", "S0-51")
def test_an_active_server_is_published_with_its_silent_offer(run: Run) -> None:
    run("apply")

    server = MailServer.objects.get(name="Support")
    assert (server.status, server.version) == ("active", 1)
    assert server.published_at is not None
    assert Offer.objects.get(pk=server.offer_id).silent
    assert server.template is not None
    assert server.template.name == "Standard incident"
    assert list(server.mappings.values_list("field", "property", "default", "restricted"))[-1] == (
        "affected_system",
        "",
        "unknown",
        False,
    )
    assert list(TemplateField.objects.values_list("key", "required")) == [
        ("affected_system", True),
        ("cost_centre", False),
    ]


def test_applying_twice_changes_nothing(run: Run) -> None:
    run("apply")
    rows = _rows()

    said = run("apply")

    assert said.strip() == "Nothing to change."
    assert _rows() == rows
    assert MailServer.objects.get().version == 1


def test_a_plan_of_what_is_applied_already_ends_with_0(run: Run) -> None:
    run("apply")

    assert run("plan").strip() == "Nothing would change."


def test_a_plan_shows_old_and_new_ends_with_2_and_changes_nothing(run: Run) -> None:
    run("apply")
    rows = _rows()
    text = changed("fetch_every_minutes: 1", "fetch_every_minutes: 15").replace("[Spam]", "[Spam, Promotions]")

    lines = run("plan", text, ends=2).splitlines()

    assert lines == [
        "mail_servers.Support.connection.fetch_every_minutes: 1 → 15",
        "mail_servers.Support.folders.never_read: [Spam] → [Spam, Promotions]",
    ]
    assert _rows() == rows


def test_a_plan_of_an_empty_installation_creates_nothing(run: Run) -> None:
    lines = run("plan", ends=2).splitlines()

    assert "mail_servers.Support.connection.port: not set → 10143" in lines
    assert "mail_servers.Support.secrets.password: set" in lines
    assert not MailServer.objects.exists()
    assert not TicketType.objects.exists()


def test_apply_says_what_it_changed(run: Run) -> None:
    run("apply")

    said = run("apply", changed("reply_to: support@example.com", "reply_to: answers@example.com"))

    assert said.strip() == "mail_servers.Support.reply_to: support@example.com → answers@example.com"


def test_a_change_of_a_live_server_is_a_new_version_of_its_settings(run: Run) -> None:
    run("apply")

    run("apply", changed("only_if_in_to: false", "only_if_in_to: true"))

    server = MailServer.objects.get()
    assert (server.version, server.status) == (2, "active")


# --- A draft waits to be published ---------------------------------------------------------------


def waiting() -> MailServer:
    """The next settings of the mail server, as somebody began to change them in the wizard."""
    draft = drafts.begin(MailServer.objects.get())
    draft.update(max_tries=7, acceptance={**draft.acceptance, "only_if_in_to": True})
    return draft


def test_what_a_file_changed_is_not_taken_back_by_publishing_a_draft(run: Run) -> None:
    run("apply")
    waiting()

    run("apply", changed("timeout_ms: 5000", "timeout_ms: 9000").replace("[spam@example.com,", "[other@example.com,"))
    publish.publish(MailServer.objects.get(), by=None)

    server = MailServer.objects.get()
    assert (server.timeout_ms, server.max_tries) == (9000, 7)
    assert server.acceptance["blocked_senders"] == ["other@example.com", "*@ads.example"]
    assert server.acceptance["only_if_in_to"] is True


def test_a_file_that_changes_nothing_leaves_a_draft_alone(run: Run) -> None:
    run("apply")
    draft = waiting()

    run("apply")

    draft.refresh_from_db()
    assert (draft.max_tries, draft.acceptance["only_if_in_to"]) == (7, True)


def test_a_new_password_reaches_a_draft_of_the_same_account(run: Run) -> None:
    run("apply")
    draft = waiting()

    run("apply", changed("{env: SUPPORT_PASSWORD}", "{value: rotated}"))

    draft.refresh_from_db()
    assert draft.secrets == {"password": "rotated"}


@pytest.mark.req("S1-14")
def test_a_password_is_not_given_to_a_draft_with_another_account(run: Run) -> None:
    run("apply")
    draft = waiting()
    draft.update(connection={**draft.connection, "host": "imap.example.net"}, secrets=Secrets(password="theirs"))

    said = refused(run, changed("{env: SUPPORT_PASSWORD}", "{value: rotated}"))

    assert "another account, which keeps its own password. Publish or discard them first." in said
    draft.refresh_from_db()
    assert draft.secrets == {"password": "theirs"}
    assert MailServer.objects.get().secrets == {"password": PASSWORD}


def test_what_does_not_go_with_a_draft_is_refused_and_says_so(run: Run) -> None:
    run("apply")
    waiting().folders.filter(role="success").update(folder="Orders")

    said = refused(run, changed("source: [INBOX]", "source: [INBOX, Orders]"))

    assert "Changes of it wait to be published, and this does not go with them: Mail is read from “Orders”" in said
    assert [row.folder for row in MailServer.objects.get().folders.filter(role="source")] == ["INBOX"]


def test_what_a_file_does_not_mention_stays(run: Run) -> None:
    run("apply")
    TicketType.objects.create(name="Problem")

    run(
        "apply", "mail_servers:\n  - name: Support\n    connection: {max_tries: 9}\n    accept: {only_if_in_to: true}\n"
    )

    server = MailServer.objects.get(name="Support")
    assert (server.max_tries, server.timeout_ms, server.connection["port"]) == (9, 5000, 10143)
    assert server.acceptance["only_if_in_to"] is True
    assert server.acceptance["blocked_senders"] == ["spam@example.com", "*@ads.example"]
    assert server.secrets == {"password": PASSWORD}
    assert TicketType.objects.filter(name="Problem").exists()
    assert TemplateField.objects.count() == 2


def test_a_list_is_replaced_as_a_whole(run: Run) -> None:
    run("apply")

    run(
        "apply",
        changed('[spam@example.com, "*@ads.example"]', "[]").replace(
            "[example.com] ", "[example.org, '*.example.net'] "
        ),
    )

    server = MailServer.objects.get()
    assert server.acceptance["blocked_senders"] == []
    assert [row.domain for row in server.domains.all()] == ["*.example.net", "example.org"]


def test_null_takes_an_option_back_to_its_default(run: Run) -> None:
    run("apply")

    run("apply", changed("port: 10025", "port: null").replace("timeout_ms: 5000", "timeout_ms: null"))

    assert "port" not in MailServer.objects.get().sending
    assert "port: 587" in run("export")
    assert MailServer.objects.get().timeout_ms == 30_000


def test_one_mistake_keeps_the_whole_file_out(run: Run) -> None:
    text = EXAMPLE + "  - {name: Sales, ticket: {template: No such template}}\n"

    said = refused(run, text)

    assert "there is no template “No such template”" in said
    assert not MailServer.objects.exists()
    assert not TicketTemplate.objects.exists()


def test_a_draft_may_be_unfinished(run: Run) -> None:
    run("apply", "mail_servers: [{name: Later}]")

    server = MailServer.objects.get()
    assert (server.status, server.address, server.published_at) == ("draft", "", None)


@pytest.mark.req("S0-51")
def test_an_active_server_must_be_complete_and_each_gap_is_named(run: Run) -> None:
    said = refused(run, "mail_servers:\n  - name: Later\n    status: active\n")

    for part in ("mail_servers[0].address", "connection.host", "secrets.password", "folders.source", "ticket.template"):
        assert part in said
    assert "line 2" in said
    assert not MailServer.objects.exists()


def test_a_live_server_cannot_be_made_incomplete(run: Run) -> None:
    run("apply")

    said = refused(run, changed("source: [INBOX]", "source: []"))

    assert "line 23, mail_servers[0].folders.source: No folder to read mail from is chosen." in said
    assert FolderMapping.objects.filter(role="source").exists()


def test_paused_and_active_again(run: Run) -> None:
    run("apply")

    run("apply", changed("status: active ", "status: paused "))
    assert MailServer.objects.get().status == "paused"

    run("apply")
    assert MailServer.objects.get().status == "active"


def test_a_server_may_start_paused_when_it_is_complete(run: Run) -> None:
    run("apply", changed("status: active ", "status: paused "))

    server = MailServer.objects.get()
    assert (server.status, server.version) == ("paused", 1)
    assert "Mail address is missing." in refused(run, "mail_servers: [{name: Later, status: paused}]")


def test_a_published_server_does_not_become_a_draft_again(run: Run) -> None:
    run("apply")

    said = refused(run, changed("status: active ", "status: draft "))

    assert "mail_servers[0].status: It was published and cannot become a draft again. Use “paused”." in said


@pytest.mark.req("S0-33")
def test_the_template_of_a_published_server_is_fixed(run: Run) -> None:
    run("apply")
    more = EXAMPLE.replace(
        "mail_servers:", "  - {name: Other, ticket_type: Incident, status: published}\nmail_servers:"
    )

    said = refused(run, more.replace("template: Standard incident", "template: Other"))

    assert "mail_servers[0].ticket.template: The template was fixed when this mail server was first published." in said


def test_a_template_stays_usable_for_live_servers_the_file_does_not_mention(run: Run) -> None:
    run("apply")

    said = refused(run, "templates:\n  - {name: Standard incident, status: draft}\n")

    assert "line 2, templates[0]: the active mail server “Support” uses this template." in said
    assert TicketTemplate.objects.get().status == "published"


def test_mail_that_was_there_before_is_not_fetched_when_the_start_is_left_open(run: Run) -> None:
    text = changed("sync_start: 2026-01-01T00:00:00Z", "sync_start: null")
    run("apply", text)
    first = MailServer.objects.get().sync_start

    run("apply", text.replace("max_tries: 3", "max_tries: 4"))

    assert first is not None
    assert MailServer.objects.get().sync_start == first


def test_what_the_worker_knows_survives(run: Run) -> None:
    run("apply")
    now = timezone.now()
    MailServer.objects.update(lease_owner="worker 1", failures=2, last_success_at=now, last_error="Connection refused.")

    run("apply", changed("max_tries: 3", "max_tries: 4"))

    server = MailServer.objects.get()
    assert (server.lease_owner, server.failures, server.last_success_at) == ("worker 1", 2, now)
    assert server.last_error == "Connection refused."


def test_the_mail_address_is_the_user_name_unless_the_file_says_another(run: Run) -> None:
    run("apply", changed("username: support, ", ""))

    assert MailServer.objects.get().connection["username"] == "support@example.com"


def test_an_export_can_be_written_to_a_file_and_applied_from_standard_input(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("apply")
    file = tmp_path / "exported.yaml"
    call_command("channel_config", "export", str(file), stderr=StringIO())
    out = StringIO()

    with file.open(encoding="utf-8") as standard_input:
        monkeypatch.setattr("sys.stdin", standard_input)
        call_command("channel_config", "apply", "-", stdout=out)

    assert out.getvalue().strip() == "Nothing to change."


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("apply",), "Name the file to read, or - for standard input."),
        (("apply", "missing.yaml"), "missing.yaml cannot be read: No such file or directory."),
        (("export", "no/such/folder.yaml"), "no/such/folder.yaml cannot be written: No such file or directory."),
    ],
)
def test_a_file_that_cannot_be_used_is_named(arguments: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(CommandError, match=sentence):
        call_command("channel_config", *arguments)


def _rows() -> list[object]:
    """Every row with its key: nothing may be written anew without need."""
    models = (MailServer, FolderMapping, AllowedDomain, FieldMapping, TicketType, TicketTemplate, TemplateField, Offer)
    return [list(model._default_manager.order_by("pk").values()) for model in models]
