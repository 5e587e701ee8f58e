"""Proxy and certificates of a mail server: nobody learns a stored password by changing them, and what is off is seen."""

from __future__ import annotations

from html import unescape
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client

from mailchannel.models import MailServer, Proxy
from mailchannel.models.secrets import Secrets
from mailchannel.services import authorities
from tests.admin.conftest import BASE
from tests.servers.certificates import Authority

pytestmark = pytest.mark.req("S4-56", "SS-05")

UNCHECKED = {"verify_certificate": "on"}  # the tick says: do not


@pytest.fixture
def proxies(db: None) -> dict[str, str]:
    """Name → what the form sends for it."""
    made = [Proxy.objects.create(name=name, host=f"{name.lower()}.example.com") for name in ("One", "Two")]
    return {"": "", **{proxy.name: str(proxy.pk) for proxy in made}}


@pytest.fixture
def ours(authority: Authority) -> str:
    return authorities.pem(authority.bundle.read_text())


@pytest.fixture
def encrypted(draft: MailServer, typed: dict[str, Any]) -> MailServer:
    """What is read and sent goes over TLS."""
    for column, prefix in (("connection", ""), ("sending", "sending-")):
        draft.update(**{column: {**getattr(draft, column), "encryption": "tls"}})
        typed[f"{prefix}encryption"] = "tls"
    return draft


def refused(client: Client, server: MailServer, typed: dict[str, Any], **changed: str) -> str:
    """What stands beside the password when nobody types it; nothing where the settings were stored without it."""
    url = f"{BASE}/{server.pk}/connection/"
    answer = client.post(url, {**typed, "password": "", **changed, "_save": "1"}, follow=True)
    form = answer.context_data.get("form") if answer.context_data else None
    return " ".join(form.errors.get("password", ())) if form is not None else ""


def test_a_stored_password_is_not_kept_when_nobody_is_checked_any_more(
    administrator: Client, encrypted: MailServer, typed: dict[str, Any]
) -> None:
    assert "others than before could read it" in refused(administrator, encrypted, typed, **UNCHECKED)
    encrypted.refresh_from_db()
    assert encrypted.verify_certificate

    assert refused(administrator, encrypted, typed, **UNCHECKED, password="typed again") == ""
    encrypted.refresh_from_db()
    assert not encrypted.verify_certificate
    assert refused(administrator, encrypted, typed) == "", "checking again puts nothing at risk"


def test_nor_when_one_more_authority_may_vouch(
    administrator: Client, encrypted: MailServer, typed: dict[str, Any], ours: str
) -> None:
    assert "others than before could read it" in refused(administrator, encrypted, typed, authorities=ours)

    encrypted.update(authorities=ours)
    assert refused(administrator, encrypted, typed, authorities=f"{ours}\n") == ""
    assert refused(administrator, encrypted, typed, authorities="") == ""


def test_another_proxy_sees_nothing_of_what_is_encrypted_and_checked(
    administrator: Client, encrypted: MailServer, typed: dict[str, Any], proxies: dict[str, str]
) -> None:
    assert refused(administrator, encrypted, typed, proxy=proxies["One"]) == ""
    assert refused(administrator, encrypted, typed, proxy=proxies["Two"]) == ""
    encrypted.refresh_from_db()
    assert encrypted.proxy is not None
    assert encrypted.proxy.name == "Two"


def test_it_sees_everything_where_nobody_is_checked(
    administrator: Client, encrypted: MailServer, typed: dict[str, Any], proxies: dict[str, str]
) -> None:
    encrypted.update(verify_certificate=False)

    assert refused(administrator, encrypted, typed, **UNCHECKED) == "", "as before"
    for name in ("One", "Two"):
        assert "could read it" in refused(administrator, encrypted, typed, **UNCHECKED, proxy=proxies[name])


def test_and_where_nothing_is_encrypted(
    administrator: Client, draft: MailServer, typed: dict[str, Any], proxies: dict[str, str]
) -> None:
    for column, prefix in (("connection", ""), ("sending", "sending-")):
        draft.update(**{column: {**getattr(draft, column), "encryption": "none"}})
        typed[f"{prefix}encryption"] = "none"

    assert "could read it" in refused(administrator, draft, typed, proxy=proxies["One"])
    assert refused(administrator, draft, typed) == ""


def test_secrets_for_sending_are_asked_for_as_well(
    administrator: Client, encrypted: MailServer, typed: dict[str, Any]
) -> None:
    encrypted.update(
        sending={**encrypted.sending, "username": "out"},
        secrets=Secrets({**encrypted.secrets, "sending.password": "out-secret"}),
    )
    account = {"sending-username": "out", "password": "typed again"}
    url = f"{BASE}/{encrypted.pk}/connection/"

    answer = administrator.post(url, {**typed, **account, **UNCHECKED, "_save": "1"})

    assert answer.context_data is not None
    assert "could read it" in str(answer.context_data["form"].errors["sending-password"])


def test_what_is_not_checked_is_seen_wherever_the_mail_server_is(administrator: Client, encrypted: MailServer) -> None:
    badge, remark = "Certificate not checked", "can pose as this server"
    pages = [f"{BASE}/", *(f"{BASE}/{encrypted.pk}/{page}/" for page in ("connection", "folders", "review"))]

    def seen() -> list[bool]:
        return [badge in administrator.get(page).content.decode() for page in pages]

    encrypted.update(reached=5)
    assert not any(seen())
    encrypted.update(verify_certificate=False)
    assert all(seen())
    assert remark in administrator.get(pages[-1]).content.decode()


def test_the_history_says_it_as_the_label_does(
    administrator: Client, encrypted: MailServer, typed: dict[str, Any], proxies: dict[str, str], ours: str
) -> None:
    changed = {**UNCHECKED, "proxy": proxies["One"], "authorities": ours}
    assert refused(administrator, encrypted, typed, **changed, password="typed again") == ""
    assert refused(administrator, encrypted, typed, **{**changed, "proxy": proxies["Two"]}, password="again") == ""

    first, second = (
        unescape(entry.change_message) for entry in LogEntry.objects.order_by("pk") if "proxy:" in entry.change_message
    )
    assert "do not check the server's certificate: no → yes" in first
    assert "proxy: nothing → One" in first
    assert "proxy: One → Two" in second
    assert "BEGIN CERTIFICATE" not in first
    assert "certificates to trust: nothing → 1 certificate is trusted besides the usual ones" in first
