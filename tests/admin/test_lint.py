"""The review page says what looks like a mistake, with the way to the field, and lets it be published all the same."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from mailchannel.admin.promise import promises
from mailchannel.models import InboundMail, MailServer
from mailchannel.services.lint import lint
from mailchannel.services.readiness import problems
from tests.admin.conftest import BASE
from tests.broken_settings import BROKEN, IN_ORDER, put_in_order
from tests.fixtures import NewServer

pytestmark = pytest.mark.slow


@pytest.fixture
def server(new_server: NewServer) -> MailServer:
    return put_in_order(new_server(**IN_ORDER, published_at=timezone.now(), version=1))


@pytest.fixture
def page_of(administrator: Client, server: MailServer) -> dict[str, str]:
    """Step → its page, fetched once for a test."""
    found: dict[str, str] = {}

    class Pages(dict[str, str]):
        def __missing__(self, step: str) -> str:
            found[step] = administrator.get(f"{BASE}/{server.pk}/{step}/").content.decode()
            return found[step]

    return Pages()


@pytest.mark.parametrize("name", BROKEN)
def test_every_remark_leads_to_a_field_that_is_there(server: MailServer, page_of: dict[str, str], name: str) -> None:
    BROKEN[name].spoil(server)
    server = MailServer.objects.get(pk=server.pk)

    for each in (*problems(server), *lint(server)):
        assert f'id="id_{each.field}"' in page_of[each.step], (each.step, each.field)


@pytest.mark.req("S1-41")
def test_a_remark_is_shown_and_does_not_keep_from_publishing(administrator: Client, ready: MailServer) -> None:
    ready.update(acceptance={**ready.acceptance, "new_tickets_exceptions": ["bo@a.example"]})

    html = administrator.get(f"{BASE}/{ready.pk}/review/").content.decode()

    assert "may not be meant so" in html
    assert "“Except for these senders” has no effect" in html
    assert f'href="{BASE}/{ready.pk}/senders/#id_accept-new_tickets_exceptions"' in html
    administrator.post(f"{BASE}/{ready.pk}/publish/")
    ready.refresh_from_db()
    assert ready.status == "active"


def test_settings_in_order_have_no_such_section(administrator: Client, server: MailServer) -> None:
    assert "may not be meant so" not in administrator.get(f"{BASE}/{server.pk}/review/").content.decode()


def test_the_promises_have_the_numbers_of_the_last_days(administrator: Client, server: MailServer) -> None:
    ends = ["accepted.new"] * 3 + ["accepted.reply", "ignored.blocked", "ignored.auto_reply", "rejected.domain"]
    for place, reason in enumerate(ends):
        InboundMail.objects.create(
            server=server,
            remote_key=str(place),
            identity=str(place),
            size=1,
            received_at=timezone.now(),
            outcome="opened",
            reason=reason,
            remote="moved",
        )
    InboundMail.objects.filter(remote_key="0").update(kept_at=timezone.now() - timedelta(days=8))

    said = {each.question: each.lately for each in promises(server)}

    assert said["When do we look?"] == "Last 7 days: 6 mails came in."
    assert said["Who may write?"] == "Last 7 days: 1 blocked and 1 from other domains."
    assert said["What becomes of it?"] == "Last 7 days: 2 opened a ticket and 1 joined one."
    assert said["What is left out?"] == "Last 7 days: 1 automatic."
    assert said["Where does the mail go?"] == "Last 7 days: 6 moved."
    assert "Last 7 days: 2 opened a ticket" in administrator.get(f"{BASE}/{server.pk}/review/").content.decode()


def test_a_mail_server_nobody_wrote_to_has_no_numbers(server: MailServer, administrator: Client) -> None:
    assert {each.lately for each in promises(server)} == {""}
