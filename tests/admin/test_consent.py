"""Signing in at an identity provider from the mail server's page: the way there, back, and giving it up."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from mailchannel.admin.consent import summary
from mailchannel.models import Consent, MailServer, SignIn
from mailchannel.models.secrets import Secrets
from mailchannel.services import drafts
from mailchannel.services.sign_in import consents
from tests.admin.conftest import BASE
from tests.fixtures import NewServer
from tests.servers.certificates import Authority, Pair
from tests.servers.identity import SECRET, IdentityProvider, traces
from tests.servers.web import Answer

pytestmark = pytest.mark.slow

CALLBACK = "/oauth/callback/"


@pytest.fixture
def provider(certificate: Pair) -> Iterator[IdentityProvider]:
    running = IdentityProvider(certificate).start()
    running.wishes.redirect_urls = {"http://testserver/oauth/callback/"}
    yield running
    running.stop()


@pytest.fixture
def server(new_server: NewServer, provider: IdentityProvider, authority: Authority) -> MailServer:
    return new_server(
        auth="oauth",
        connection={"host": "mail.example.com", "username": "support@example.com"},
        oauth=provider.plain,
        secrets=Secrets({"oauth.client_secret": SECRET}),
        authorities=authority.bundle.read_text(),
    )


def led_to(client: Client, server: MailServer) -> str:
    """Presses the button; where the page leads on to."""
    page = client.post(f"{BASE}/{server.pk}/sign-in/reading/")
    assert page.status_code == 200, page.content
    found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.content.decode())
    assert found is not None
    return found[1].replace("&amp;", "&")


def back(client: Client, server: MailServer, provider: IdentityProvider, user: str = "", **more: str) -> Any:
    """Signs in and comes back."""
    where = urlsplit(provider.sign_in(led_to(client, server), user or "support@example.com"))
    return client.get(CALLBACK, {**dict(parse_qsl(where.query)), **more})


@pytest.mark.req("S0-18", "S1-08", "S4-13", "S4-15")
def test_there_and_back(administrator: Client, server: MailServer, provider: IdentityProvider) -> None:
    answer = back(administrator, server, provider)

    assert answer.status_code == 302 and answer["Location"] == f"{BASE}/{server.pk}/connection/"
    assert SignIn.objects.get().state == SignIn.State.CONNECTED
    [state] = summary(MailServer.objects.get())["sign_ins"]
    assert (state.text, state.account) == ("Connected", "support@example.com")
    lines = list(LogEntry.objects.values_list("change_message", flat=True))
    assert any("Signed in at" in line and "support@example.com" in line for line in lines)


def test_the_page_on_the_way_ends_at_the_provider_without_a_form(
    administrator: Client, server: MailServer, provider: IdentityProvider
) -> None:
    page = administrator.post(f"{BASE}/{server.pk}/sign-in/reading/")

    assert "no-store" in page["Cache-Control"]
    assert f"Go to {urlsplit(provider.url).hostname}" in page.content.decode()


@pytest.mark.req("S4-13")
def test_people_have_to_come_by_the_address_they_are_sent_back_to(administrator: Client, server: MailServer) -> None:
    answer = administrator.post(f"{BASE}/{server.pk}/sign-in/reading/", headers={"host": "localhost"}, follow=True)

    assert "Open this program as http://testserver first" in answer.content.decode()
    assert not Consent.objects.exists()


@pytest.mark.req("OA-01")
@pytest.mark.parametrize("state", [None, "", "forged"])
def test_a_callback_nobody_asked_for(administrator: Client, server: MailServer, state: str | None) -> None:
    answer = administrator.get(CALLBACK, {"code": "c", **({} if state is None else {"state": state})})

    assert answer.status_code == 403
    assert "does not belong to what you began here" in answer.content.decode()


@pytest.mark.req("OA-01")
def test_a_callback_of_another_person_and_a_second_time(
    administrator: Client, server: MailServer, provider: IdentityProvider
) -> None:
    where = dict(parse_qsl(urlsplit(provider.sign_in(led_to(administrator, server))).query))
    stranger = Client()
    stranger.force_login(User.objects.create_superuser("eve", "eve@corp.example"))
    assert stranger.get(CALLBACK, where).status_code == 403
    assert not SignIn.objects.exists()

    assert administrator.get(CALLBACK, where).status_code == 302
    assert administrator.get(CALLBACK, where).status_code == 403


@pytest.mark.req("OA-02", "S3-10", "S4-15")
def test_another_account_is_refused_with_both_names(
    administrator: Client, server: MailServer, provider: IdentityProvider
) -> None:
    answer = back(administrator, server, provider, "ada@corp.example")

    text = answer.content.decode()
    assert answer.status_code == 409
    assert "ada@corp.example" in text and "support@example.com" in text
    assert not SignIn.objects.exists()
    assert not [secret for secret in traces(provider.issued) if secret in text]


def test_unless_the_person_says_that_it_is_right(
    administrator: Client, server: MailServer, provider: IdentityProvider
) -> None:
    answer = back(administrator, server, provider, "ada@corp.example")
    found = re.search(r'action="([^"]+/sign-in-as/\d+/)"', answer.content.decode())
    assert found is not None

    assert administrator.get(found[1]).status_code == 405
    assert administrator.post(found[1]).status_code == 302
    assert SignIn.objects.get().account == "ada@corp.example"
    message = LogEntry.objects.order_by("-pk").values_list("change_message", flat=True)[0]
    assert "ada@corp.example" in message and "although" in message
    assert administrator.post(found[1]).status_code == 403


def test_a_provider_that_does_not_say_who_it_was(
    administrator: Client, server: MailServer, provider: IdentityProvider
) -> None:
    provider.wishes.names_person = False

    answer = back(administrator, server, provider)

    assert answer.status_code == 409 and "does not say who" in answer.content.decode()


@pytest.mark.req("OA-03")
def test_nobody_is_sent_to_another_site(administrator: Client, server: MailServer, provider: IdentityProvider) -> None:
    answer = back(administrator, server, provider, next="https://evil.example/", redirect="https://evil.example/")

    assert answer["Location"].startswith(f"{BASE}/{server.pk}/")


@pytest.mark.req("OA-04")
@pytest.mark.parametrize(
    ("spoilt", "words"),
    [
        (Answer(200, b"<html><script>alert(1)</script>", "text/html"), "no token"),
        (Answer(200, b"x" * 10_000_000), "far more"),
        (Answer.of({"error": "invalid_client"}, 401), "client secret"),
        (Answer.of({"error": "x", "error_description": "<script>alert(1)</script>"}, 400), "&lt;script&gt;"),
    ],
    ids=["html", "10 MB", "secret", "script"],
)
def test_what_goes_wrong_is_said_in_plain_words(
    administrator: Client, server: MailServer, provider: IdentityProvider, spoilt: Answer, words: str
) -> None:
    where = urlsplit(provider.sign_in(led_to(administrator, server)))
    provider.spoil("/token", spoilt)

    answer = administrator.get(CALLBACK, dict(parse_qsl(where.query)))

    text = answer.content.decode()
    assert answer.status_code == 400 and words in text
    assert "<script>alert" not in text and SECRET not in text


@pytest.mark.req("OA-04")
def test_a_person_who_cancels_at_the_provider(
    administrator: Client, server: MailServer, provider: IdentityProvider
) -> None:
    where = urlsplit(provider.sign_in(led_to(administrator, server), agree=False))

    answer = administrator.get(CALLBACK, dict(parse_qsl(where.query)))

    assert "cancelled" in answer.content.decode()


@pytest.mark.req("OA-07")
@pytest.mark.parametrize("route", ["sign-in/reading", "sign-out/reading", "put-right"])
def test_only_a_post_of_our_own_page_does_anything(
    administrator: Client, server: MailServer, provider: IdentityProvider, route: str
) -> None:
    back(administrator, server, provider)
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(username="ada"))

    assert administrator.get(f"{BASE}/{server.pk}/{route}/").status_code == 405
    assert strict.post(f"{BASE}/{server.pk}/{route}/").status_code == 403
    assert SignIn.objects.get().state == SignIn.State.CONNECTED


@pytest.mark.req("OA-07")
def test_disconnecting(administrator: Client, server: MailServer, provider: IdentityProvider) -> None:
    back(administrator, server, provider)

    administrator.post(f"{BASE}/{server.pk}/sign-out/reading/")

    row = SignIn.objects.get()
    assert row.state == SignIn.State.NEEDS_CONSENT and set(row.tokens) == {"application"}
    assert LogEntry.objects.filter(change_message="Disconnected the sign-in for reading mail.").exists()
    assert summary(MailServer.objects.get())["sign_ins"][0].text == "Sign in again"


def test_who_may_only_look_signs_nobody_in(
    signed_in: Callable[..., Client], server: MailServer, provider: IdentityProvider
) -> None:
    client = signed_in("view_mailserver")

    for route in ("sign-in/reading", "sign-out/reading", "put-right"):
        assert client.post(f"{BASE}/{server.pk}/{route}/").status_code == 403
    assert client.get(CALLBACK, {"state": "x"}).status_code == 403


def test_strangers_sign_in_first(client: Client, db: None) -> None:
    answer = client.get(CALLBACK, {"state": "x"})

    assert answer.status_code == 302 and "/login/" in answer["Location"]


@pytest.mark.req("S4-14", "W23")
def test_contradictions_are_put_right_by_one_click(administrator: Client, new_server: NewServer) -> None:
    server = new_server(
        auth="oauth_microsoft",
        connection={"host": "outlook.office365.us", "username": "support@example.com"},
        oauth={
            "tenant": "example.onmicrosoft.com",
            "client_id": "app",
            "authority": "https://login.microsoftonline.com",
        },
    )
    assert len(summary(server)["contradictions"]) == 1

    administrator.post(f"{BASE}/{server.pk}/put-right/")

    server.refresh_from_db()
    assert server.oauth["authority"] == "https://login.microsoftonline.us"
    assert summary(server)["contradictions"] == []
    said = LogEntry.objects.latest("pk").change_message
    assert "authority: https://login.microsoftonline.com → https://login.microsoftonline.us" in said


def test_where_nothing_contradicts_itself_nothing_waits_to_be_published(
    administrator: Client, server: MailServer
) -> None:
    server.update(published_at=timezone.now())

    administrator.post(f"{BASE}/{server.pk}/put-right/")

    assert drafts.draft_of(server) is None


@pytest.mark.req("S0-18", "S4-13")
def test_the_redirect_url_follows_from_the_public_address(server: MailServer) -> None:
    assert summary(server)["redirect_url"] == consents.redirect_url() == "http://testserver/oauth/callback/"


def test_the_part_of_the_page_shows_how_it_is(server: MailServer, rf: Any) -> None:
    from django.template.loader import render_to_string

    html = render_to_string(
        "admin/mailchannel/consent_state.html", {"server": server, "editable": True, **summary(server)}
    )

    assert "Not signed in yet" in html
    assert f"{BASE}/{server.pk}/sign-in/reading/" in html
