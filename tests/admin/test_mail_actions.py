"""What a person can do with a mail, by the buttons of its page and by the list's actions."""

from __future__ import annotations

import html as markup
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone

from mailchannel.admin import mail_actions
from mailchannel.models import InboundMail, MailServer, SettingsVersion
from mailchannel.services.versions import document
from tests.fixtures import NewServer, Receive
from tests.letters import letter
from tickets.models import Ticket

LOG = "/admin/mailchannel/inboundmail"
JUDGES = ("view_inboundmail", "change_inboundmail")
DEEDS = ("judge", "accept", "allow", "block")


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    """Only people at example.org may write."""
    server = new_server(version=1, published_at=timezone.now())
    server.domains.create(domain="example.org")
    SettingsVersion.objects.create(server=server, number=1, document=document(server))
    return server


@pytest.fixture
def refused(server: MailServer, receive: Receive) -> InboundMail:
    return receive(letter())


def page(client: Client, url: str) -> str:
    response = client.get(url, follow=True)
    assert response.status_code == 200
    return markup.unescape(response.content.decode())


def press(client: Client, mail: InboundMail, deed: str, **typed: str) -> str:
    response = client.post(f"{LOG}/{mail.pk}/{deed}/", typed, follow=True)
    assert response.status_code == 200
    return markup.unescape(response.content.decode())


def test_the_page_offers_what_can_be_done(administrator: Client, refused: InboundMail) -> None:
    before = page(administrator, f"{LOG}/{refused.pk}/change/")
    after = press(administrator, refused, "accept")

    for button in ("Accept it", "Try again", "Allow this sender", "Block this sender"):
        assert button in before
    assert "Accept it" not in after and "Try again" not in after
    assert "Put back into the inbox" not in before


@pytest.mark.req("S4-32")
def test_a_failed_mail_can_be_put_back(administrator: Client, refused: InboundMail) -> None:
    InboundMail.objects.update(outcome="failed", reason="failed.rule")
    html = page(administrator, f"{LOG}/{refused.pk}/change/")

    assert "Put back into the inbox" in html
    assert f'action="/admin/mailchannel/mailserver/{refused.server_id}/failed/back/"' in html
    assert f'name="mail" value="{refused.pk}"' in html


@pytest.mark.req("S4-32")
def test_a_mail_put_back_can_be_put_back_once_more_only_when_no_fetch_found_it(
    administrator: Client, refused: InboundMail, server: MailServer
) -> None:
    now = timezone.now()
    InboundMail.objects.update(outcome="failed", reason="failed.rule", retry_at=now)
    url = f"{LOG}/{refused.pk}/change/"

    waiting = page(administrator, url)
    server.update(last_success_at=now + timedelta(minutes=1))
    gone = page(administrator, url)

    assert "Put back into the inbox" not in waiting and "Try again" not in waiting
    assert "Put back into the inbox" in gone and "Try again" in gone


def test_accepting_makes_the_ticket_and_says_who_did_it(administrator: Client, refused: InboundMail) -> None:
    html = press(administrator, refused, "accept")

    ticket = Ticket.objects.get()
    assert f"It became ticket {ticket.number}." in html
    assert "ada accepted it, although: rejected.domain" in html
    assert "How it was judged before" in html
    assert f'href="/tickets/{ticket.number}/"' in html


def test_trying_again_without_a_change_says_that_nothing_changed(administrator: Client, refused: InboundMail) -> None:
    html = press(administrator, refused, "judge")

    assert "Still no ticket: customer.example is none of example.org." in html
    assert not Ticket.objects.exists()


@pytest.mark.req("S0-25", "S0-41")
def test_the_confirmation_says_what_will_change_before_anything_does(
    administrator: Client, refused: InboundMail, server: MailServer
) -> None:
    html = page(administrator, f"{LOG}/{refused.pk}/allow/")

    assert "Only ann@customer.example" not in html  # a list of domains cannot name one person
    assert "Everybody there, *@customer.example" in html
    assert "approved domains: + customer.example" in html
    assert "everybody at customer.example may write" in html
    assert [row.domain for row in server.domains.all()] == ["example.org"]
    assert not LogEntry.objects.exists()


def test_one_person_or_everybody_there_can_be_blocked(administrator: Client, refused: InboundMail) -> None:
    html = page(administrator, f"{LOG}/{refused.pk}/block/")

    assert "Only ann@customer.example" in html
    assert "blocked senders: + ann@customer.example" in html
    assert "blocked senders: + *@customer.example" in html


def test_allowing_and_judging_again_is_one_step(administrator: Client, refused: InboundMail) -> None:
    html = press(administrator, refused, "allow", width="address", again="1")

    assert "In force from now on. Approved domains: + customer.example." in html
    assert f"It became ticket {Ticket.objects.get().number}." in html
    assert MailServer.objects.get().version == 2
    assert 'versions/?page=1#version-2">version 2</a>' in html


@pytest.mark.req("S2-23")
def test_blocking_a_whole_domain(administrator: Client, refused: InboundMail) -> None:
    press(administrator, refused, "block", width="domain")

    assert MailServer.objects.get().acceptance["blocked_senders"] == ["*@customer.example"]
    entry = LogEntry.objects.get()
    assert (entry.user.username, entry.change_message) == ("ada", "Changed blocked senders: + *@customer.example.")


@pytest.mark.req("S2-01")
@pytest.mark.parametrize("deed", DEEDS)
def test_who_may_only_look_does_nothing(
    signed_in: Callable[..., Client], refused: InboundMail, server: MailServer, deed: str
) -> None:
    client = signed_in("view_inboundmail", "view_mailserver")

    assert client.post(f"{LOG}/{refused.pk}/{deed}/").status_code == 403
    html = page(client, f"{LOG}/{refused.pk}/change/")
    for button in ("Accept it", "Try again", "Allow this sender", "Block this sender", "Source"):
        assert button not in html
    assert (Ticket.objects.count(), MailServer.objects.get().version) == (0, 1)


def test_judging_is_not_changing_the_settings(signed_in: Callable[..., Client], refused: InboundMail) -> None:
    client = signed_in(*JUDGES)

    assert client.post(f"{LOG}/{refused.pk}/allow/").status_code == 403
    assert client.post(f"{LOG}/{refused.pk}/accept/").status_code == 302
    assert Ticket.objects.count() == 1


def test_a_link_judges_nothing(administrator: Client, refused: InboundMail) -> None:
    assert administrator.get(f"{LOG}/{refused.pk}/judge/").status_code == 405
    assert administrator.get(f"{LOG}/{refused.pk}/accept/").status_code == 405


def test_several_mails_are_judged_at_once(administrator: Client, server: MailServer, receive: Receive) -> None:
    mails = [receive(letter(subject=f"Mail {n}", body=f"Text {n}")) for n in range(3)]
    server.domains.all().delete()
    chosen = {"action": "try_again", "_selected_action": [mail.pk for mail in mails], "index": "0"}

    first = markup.unescape(administrator.post(f"{LOG}/", chosen, follow=True).content.decode())
    again = markup.unescape(administrator.post(f"{LOG}/", chosen, follow=True).content.decode())

    assert "3 opened." in first
    assert again.count("already.") == 3
    assert sorted(Ticket.objects.values_list("title", flat=True)) == ["Mail 0", "Mail 1", "Mail 2"]


def test_more_mails_than_are_judged_at_once_are_said_not_to_be_done(
    administrator: Client, server: MailServer, receive: Receive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pressing once more would judge the same ones: what is still refused stays in the list."""
    monkeypatch.setattr(mail_actions, "MOST_AT_ONCE", 2)
    mails = [receive(letter(subject=f"Mail {n}", body=f"Text {n}")) for n in range(3)]
    chosen = {"action": "try_again", "_selected_action": [mail.pk for mail in mails], "index": "0"}

    said = markup.unescape(administrator.post(f"{LOG}/", chosen, follow=True).content.decode())

    assert "2 rejected." in said
    assert "Only the oldest 2 were done. Narrow the list down to the others" in said
    judged = LogEntry.objects.filter(change_message__startswith="Judged again")
    assert set(judged.values_list("object_id", flat=True)) == {str(mail.pk) for mail in mails[:2]}


def test_the_list_offers_its_actions_only_to_those_who_may(
    signed_in: Callable[..., Client], refused: InboundMail
) -> None:
    client = signed_in("view_inboundmail")
    chosen = {"action": "accept_them", "_selected_action": [refused.pk], "index": "0"}

    assert "Accept although" not in page(client, f"{LOG}/")
    client.post(f"{LOG}/", chosen)
    assert not Ticket.objects.exists()


def test_a_sender_that_cannot_be_read_is_on_no_list(
    administrator: Client, server: MailServer, receive: Receive
) -> None:
    mail = receive(letter(sender="nobody in particular"))

    assert "Allow this sender" not in page(administrator, f"{LOG}/{mail.pk}/change/")
    assert "names no sender that can be read" in page(administrator, f"{LOG}/{mail.pk}/allow/")
