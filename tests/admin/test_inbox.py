"""The page of a forwarding inbox: what to enter where, the secret shown once, and the first mail turning it green."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.test import Client, override_settings
from django.utils import timezone

from mailchannel.admin.inbox_steps import STEPS
from mailchannel.models import MailServer
from mailchannel.services import inbox, push, turned_away
from mailchannel.services.push import Brought
from mailchannel.transports.forwarding import DOORS
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.providers import Post

pytestmark = pytest.mark.slow

BASE = "/admin/mailchannel/mailserver"


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    made = new_server(protocol="forwarding", connection={"door": "raw"}, status="draft")
    made.folders.all().delete()
    return made


def seen(page: Any) -> str:
    found = re.search(r'name="seen" value="([0-9a-f]{32})"', page.content.decode())
    assert found is not None, page.content.decode()
    return found[1]


def shown(page: Any, box: str) -> str:
    found = re.search(rf'id="{box}"[^>]*?value="([^"]*)"', page.content.decode(), flags=re.DOTALL)
    return html.unescape(found[1]) if found else ""


def press(client: Client, server: MailServer, button: str, knew: str | None = None) -> Any:
    page = client.get(f"{BASE}/{server.pk}/inbox/")
    return client.post(f"{BASE}/{server.pk}/inbox/{button}/", {"seen": seen(page) if knew is None else knew})


def test_there_are_steps_for_everybody_who_brings_mail() -> None:
    assert set(STEPS) == set(DOORS)


@pytest.mark.req("S0-36", "S0-37", "S0-38", "S2-02")
def test_from_no_address_to_the_first_mail(administrator: Client, server: MailServer) -> None:
    before = administrator.get(f"{BASE}/{server.pk}/inbox/").content.decode()
    assert "No address yet" in before and "inbox-secret" not in before

    page = press(administrator, server, "open")
    server.refresh_from_db()
    secret, url = shown(page, "inbox-secret"), shown(page, "inbox-url")
    assert inbox.knows(server, secret)
    assert shown(page, "inbox-address") == inbox.address(server)
    assert url == inbox.url(server, secret)
    assert "no-store" in page["Cache-Control"] and page["Referrer-Policy"] == "same-origin"
    assert "Waiting for the first mail" in page.content.decode()

    where = url.partition("@testserver")[2]
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    assert client.post(where, letter(), content_type="message/rfc822").status_code == 503
    look = administrator.get(f"{BASE}/{server.pk}/inbox/look/").content.decode()
    assert "A mail arrived. Publish to process it" in look and "tag good" in look
    assert "hx-trigger" not in look  # it stops asking


def test_a_secret_is_shown_once(administrator: Client, server: MailServer) -> None:
    secret = shown(press(administrator, server, "open"), "inbox-secret")

    page = administrator.get(f"{BASE}/{server.pk}/inbox/")

    assert secret and secret not in page.content.decode()
    assert "hx-trigger" in page.content.decode()


def test_loading_the_answer_anew_changes_nothing(administrator: Client, server: MailServer) -> None:
    press(administrator, server, "open")
    knew = seen(administrator.get(f"{BASE}/{server.pk}/inbox/"))
    press(administrator, server, "rotate", knew)
    server.refresh_from_db()
    secrets = dict(server.secrets)

    again = press(administrator, server, "rotate", knew)

    server.refresh_from_db()
    assert again.status_code == 302
    assert dict(server.secrets) == secrets


def test_of_two_who_press_at_once_one_gets_a_secret(administrator: Client, server: MailServer) -> None:
    """Only two are valid at a time: with a third the one still entered at the provider would fall out."""
    first = shown(press(administrator, server, "open"), "inbox-secret")
    knew = {"seen": seen(administrator.get(f"{BASE}/{server.pk}/inbox/"))}
    others: list[str] = []

    def quicker(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        """Somebody else presses just before this one's transaction begins."""
        if sql.startswith("SAVEPOINT") and not others:
            others.append("")
            others.append(inbox.rotate(MailServer.objects.get(pk=server.pk), by=None))
        return execute(sql, *rest)

    with connection.execute_wrapper(quicker):
        answer = administrator.post(f"{BASE}/{server.pk}/inbox/rotate/", knew)

    server.refresh_from_db()
    assert answer.status_code == 302
    assert inbox.knows(server, first) and inbox.knows(server, others[1])


@pytest.mark.req("S0-52", "WB-08")
def test_secrets_are_changed_and_taken_back_by_buttons(administrator: Client, server: MailServer) -> None:
    first = shown(press(administrator, server, "open"), "inbox-secret")
    page = press(administrator, server, "rotate")
    second = shown(page, "inbox-secret")
    server.refresh_from_db()
    assert inbox.knows(server, first) and inbox.knows(server, second)
    assert "Two secrets are valid" in page.content.decode()

    assert administrator.post(f"{BASE}/{server.pk}/inbox/retire/").status_code == 302
    server.refresh_from_db()
    assert not inbox.knows(server, first) and inbox.knows(server, second)
    address = inbox.address(server)
    third = shown(press(administrator, server, "revoke"), "inbox-secret")

    server.refresh_from_db()
    assert inbox.address(server) != address
    assert inbox.knows(server, third) and not inbox.knows(server, second)
    lines = "\n".join(LogEntry.objects.values_list("change_message", flat=True))
    assert "Made a secret" in lines and "old secret" in lines and "Took back the inbox" in lines
    assert LogEntry.objects.filter(user__username="ada").count() >= 5
    assert not any(secret in lines for secret in (first, second, third))


@pytest.mark.parametrize("door", DOORS)
def test_the_steps_name_what_has_to_be_entered(door: str, administrator: Client, server: MailServer) -> None:
    server.update(connection={"door": door})
    page = press(administrator, server, "open")
    text = html.unescape(page.content.decode())

    assert inbox.address(server) in text or door == "raw"
    assert "{" not in " ".join(re.findall(r"<li>(.*?)</li>", text, re.DOTALL)).replace('{"', "")
    if door == "smtp":
        assert "HELPDESK_LMTP_LISTEN" in text and "inbox-url" not in text
    else:
        assert f"/inbound/{door}/" in text
        assert shown(page, "inbox-secret") in shown(page, "inbox-url")
    assert "brought again for" in text


@pytest.mark.parametrize("button", ["open", "rotate", "retire", "revoke"])
def test_buttons_are_pressed_by_those_who_may_edit(
    button: str, signed_in: Callable[..., Client], server: MailServer
) -> None:
    client = signed_in("view_mailserver")

    page = client.get(f"{BASE}/{server.pk}/inbox/")
    assert page.status_code == 200 and "<form" not in page.content.decode().partition('<div class="wz-form')[2]
    assert client.post(f"{BASE}/{server.pk}/inbox/{button}/").status_code == 403
    assert client.get(f"{BASE}/{server.pk}/inbox/{button}/").status_code == 405
    assert client.get(f"{BASE}/{server.pk}/inbox/look/").status_code == 200


def test_strangers_see_nothing(client: Client, signed_in: Callable[..., Client], server: MailServer) -> None:
    assert client.get(f"{BASE}/{server.pk}/inbox/").status_code == 302
    assert signed_in("view_inboundmail").get(f"{BASE}/{server.pk}/inbox/").status_code == 403


def test_buttons_need_the_forms_token(administrator: Client, server: MailServer) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = administrator.cookies

    assert strict.post(f"{BASE}/{server.pk}/inbox/revoke/").status_code == 403


def test_a_mailbox_that_is_fetched_has_no_such_page(administrator: Client, new_server: NewServer) -> None:
    server = new_server()

    assert administrator.get(f"{BASE}/{server.pk}/inbox/").status_code == 404
    assert administrator.get(f"{BASE}/4711/inbox/").status_code == 404


def test_somebody_without_the_secret_is_mentioned(administrator: Client, server: MailServer) -> None:
    press(administrator, server, "open")
    turned_away.stranger(server, "the secret is missing or wrong", 10)

    page = administrator.get(f"{BASE}/{server.pk}/inbox/").content.decode()

    assert "because the secret is missing or wrong, 10 times" in page


@override_settings(PUBLIC_URL="https://testserver")
def test_plain_http_is_warned_of(administrator: Client, server: MailServer) -> None:
    assert "read by everybody" not in press(administrator, server, "open").content.decode()
    with override_settings(PUBLIC_URL="http://testserver"):
        assert "read by everybody" in administrator.get(f"{BASE}/{server.pk}/inbox/").content.decode()


@pytest.mark.parametrize(
    ("status", "said"), [("active", "Mail arrives"), ("paused", "waits with whoever"), ("draft", "Publish to process")]
)
def test_the_page_says_how_it_is_doing(status: str, said: str, administrator: Client, server: MailServer) -> None:
    press(administrator, server, "open")
    server.refresh_from_db()
    server.update(status="active")
    push.take(server, [Brought(Post(letter()).body)], transport="raw")
    server.update(status=status)

    assert said in administrator.get(f"{BASE}/{server.pk}/inbox/").content.decode()


def test_its_pages_speak_of_mail_that_is_brought(administrator: Client, server: MailServer) -> None:
    server.update(reached=5)
    review = administrator.get(f"{BASE}/{server.pk}/review/").content.decode()
    assert "Draft · takes no mail yet" in review and "Publish and start taking mail" in review
    assert "Whenever it is brought, by a program that posts mails as they are." in review
    assert "Until you publish none is taken: it is brought again later." in review
    trial = administrator.get(f"{BASE}/{server.pk}/trial/").content.decode()
    assert "Try these" in trial
    for of_mailboxes in ("Count the mails of the mailbox", "Try the mailbox", "oldest mail", "INBOX", "not fetching"):
        assert of_mailboxes not in review + trial

    server.update(status="active", published_at=timezone.now())
    paused = administrator.post(f"{BASE}/{server.pk}/pause/", follow=True).content.decode()
    assert "Mail stays with whoever brings it until you resume." in paused and "Paused · takes no mail" in paused
