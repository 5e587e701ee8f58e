"""Exchange Online takes Exchange Web Services away: whoever enters its address is told, by the day."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

from mailchannel.models import MailServer
from mailchannel.services.lint import cloud
from mailchannel.services.lint.cloud import online, warning
from mailchannel.services.lint.remark import Draft
from tests.fixtures import NewServer

ONLINE = "https://outlook.office365.com/EWS/Exchange.asmx"
OWN = "https://mail.example.com/EWS/Exchange.asmx"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (ONLINE, True),
        ("https://Outlook.Office.com/EWS/Exchange.asmx", True),
        (" https://outlook.office365.us./EWS/Exchange.asmx", True),
        ("https://webmail.apps.mil.office365.us/EWS/Exchange.asmx", True),
        ("https://partner.outlook.cn/EWS/Exchange.asmx", True),
        (OWN, False),
        ("https://myoffice365.com/EWS/Exchange.asmx", False),
        ("https://outlook.office365.com.example.com/EWS/Exchange.asmx", False),
        ("https://[x/", False),
        ("", False),
    ],
)
def test_exchange_online_is_told_from_a_server_of_ones_own(url: str, *, expected: bool) -> None:
    assert online(url) is expected


@pytest.mark.parametrize(
    ("today", "words"),
    [
        (date(2026, 9, 30), "blocks Exchange Web Services from 2026-10-01 on"),
        (date(2026, 10, 1), "blocks Exchange Web Services since 2026-10-01 unless"),
        (date(2027, 3, 31), "removes them for good on 2027-04-01"),
        (date(2027, 4, 1), "has removed Exchange Web Services from Exchange Online on 2027-04-01"),
    ],
)
def test_the_warning_says_what_holds_that_day_and_what_to_use_instead(today: date, words: str) -> None:
    said = warning(ONLINE, today)

    assert words in said
    assert "Microsoft Graph, or IMAP with OAuth" in said
    assert warning(OWN, today) == ""


@pytest.mark.req("S4-16")
@pytest.mark.parametrize(
    ("protocol", "url", "sending_protocol", "sending_url", "fields"),
    [
        ("ews", ONLINE, "ews", ONLINE, ["url", "sending-url"]),
        ("ews", OWN, "ews", ONLINE, ["sending-url"]),
        ("imap", ONLINE, "smtp", ONLINE, []),
    ],
)
def test_a_mail_server_is_remarked_on_at_its_field(
    new_server: NewServer, protocol: str, url: str, sending_protocol: str, sending_url: str, fields: list[str]
) -> None:
    server: MailServer = new_server(
        protocol=protocol, connection={"url": url}, sending_protocol=sending_protocol, sending={"url": sending_url}
    )
    draft = Draft(server, *[None] * 7)  # type: ignore[arg-type]

    with time_machine.travel(datetime(2026, 11, 21, tzinfo=ZoneInfo("UTC"))):
        remarks = list(cloud.retired(draft))

    assert [(each.field, each.step) for each in remarks] == [(field, "connection") for field in fields]
    assert all("since 2026-10-01" in each.text for each in remarks)
