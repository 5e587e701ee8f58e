"""From the consent to the ticket: tokens of a mail server are kept, renewed once at a time, lost and found."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Barrier, Thread
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from mailchannel.models import Alert, Consent, InboundMail, MailServer, OutboundMail, Proxy, SignIn
from mailchannel.models.secrets import Secrets
from mailchannel.network.way import SignInFailed
from mailchannel.services import drafts
from mailchannel.services.fetch import fetch
from mailchannel.services.sign_in import consents, forecast, rows, telling
from mailchannel.services.sign_in.consents import ConsentRefused
from mailchannel.services.ways import asked_now, provider_way, reading_way, sending_way
from tests.fixtures import NewServer
from tests.letters import letter
from tests.servers.certificates import Authority, Pair
from tests.servers.dovecot import Options
from tests.servers.fixtures import NewMailbox
from tests.servers.identity import SECRET, IdentityProvider, traces
from tests.servers.mailbox import Mailbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]

State = SignIn.State
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def provider(certificate: Pair) -> Iterator[IdentityProvider]:
    running = IdentityProvider(certificate).start()
    yield running
    running.stop()


@pytest.fixture(params=["oauth_microsoft", "oauth"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


Make = Callable[..., MailServer]


@pytest.fixture
def make(new_server: NewServer, provider: IdentityProvider, authority: Authority) -> Make:
    """`make(mailbox, kind, grant=…)`: a mail server that signs in at `provider`."""

    def build(mailbox: Mailbox | None = None, kind: str = "oauth", pasted: str = "", **oauth: Any) -> MailServer:
        settings = provider.microsoft if kind == "oauth_microsoft" else provider.plain
        secrets = {"oauth.client_secret": SECRET, **({"oauth.refresh_token": pasted} if pasted else {})}
        server = new_server(
            mailbox,
            auth=kind,
            oauth={**settings, **oauth},
            secrets=Secrets(secrets),
            authorities=authority.bundle.read_text(),
        )
        if mailbox is None:
            server.update(connection={"host": "mail.example.com"})
        return server

    return build


def consent(
    server: MailServer, provider: IdentityProvider, person: User, user: str = "", purpose: str = "reading"
) -> consents.Outcome:
    """All the person does."""
    way = provider_way(server)
    url = consents.begin(server, purpose, way, by=person, session="s")
    answer = dict(parse_qsl(urlsplit(provider.sign_in(url, user or str(server.connection.get("username") or server.address))).query))  # fmt: skip
    return consents.finish(consents.claim(answer, by=person, session="s"), answer, way)


def token(server: MailServer) -> str:
    """Asked for by a worker that has just started."""
    ask = reading_way(MailServer.everything.get(pk=server.pk)).token
    assert ask is not None
    return ask()


def outdated(server: MailServer) -> SignIn:
    """The access token is about to end."""
    row = SignIn.objects.get(server=server)
    row.tokens = Secrets({**row.tokens, rows.RENEW_AFTER: timezone.now().isoformat()})
    row.expires_at = timezone.now()
    row.save()
    return row


def no_token(server: MailServer) -> SignInFailed:
    with pytest.raises(SignInFailed) as raised:
        token(server)
    return raised.value


@pytest.mark.req("S0-16", "S0-19", "S0-20", "S1-09", "S4-04")
def test_from_consent_to_ticket(
    make: Make, kind: str, provider: IdentityProvider, new_mailbox: NewMailbox, agent: User
) -> None:
    mailbox = new_mailbox(Options(token_key=provider.public_key))
    server = make(mailbox, kind)
    mailbox.deliver(letter())

    assert consent(server, provider, agent).agreed
    report = fetch(server)

    assert (report.error, report.opened) == ("", 1)
    assert provider.asked_for("refresh_token") == []
    row = SignIn.objects.get()
    assert (row.state, row.account, row.server) == (State.CONNECTED, mailbox.username, server)


def test_nobody_has_signed_in_yet(make: Make, kind: str) -> None:
    error = no_token(make(kind=kind))

    assert (error.field, error.permanent) == ("oauth-consent", True)
    assert "support@example.com" in str(error)


@pytest.mark.req("S1-09")
def test_a_pasted_refresh_token_is_taken_up(make: Make, kind: str, provider: IdentityProvider) -> None:
    pasted = provider.lasting_token()
    server = make(kind=kind, pasted=pasted)

    first = token(server)

    assert token(server) == first
    assert provider.uses == [pasted]
    outdated(server)
    assert token(server) != first
    assert len(set(provider.uses)) == 2


def test_an_application_needs_nobody(make: Make, kind: str, provider: IdentityProvider) -> None:
    server = make(kind=kind, grant="application", scopes=["https://outlook.office365.com/.default"])

    assert token(server) == token(server)
    assert len(provider.asked_for("client_credentials")) == 1


# --- Renewal ------------------------------------------------------------------------------------


@pytest.mark.req("S0-52")
def test_a_rotated_token_is_kept_before_it_is_used(
    make: Make, kind: str, provider: IdentityProvider, agent: User
) -> None:
    server = make(kind=kind)
    consent(server, provider, agent)

    for _ in range(3):
        outdated(server)
        token(server)

    assert len(provider.uses) == len(set(provider.uses)) == 3
    assert SignIn.objects.get().tokens[rows.REFRESH] in provider.refresh


def test_two_at_once_use_each_refresh_token_once(make: Make, provider: IdentityProvider, agent: User) -> None:
    server = make()
    consent(server, provider, agent)
    outdated(server)
    together = Barrier(4)
    got: list[str] = []

    def ask() -> None:
        together.wait(10)
        try:
            got.append(token(server))
        finally:
            connection.close()

    threads = [Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)

    assert len(got) == 4 and len(set(got)) == 1
    assert len(provider.uses) == 1


def test_nothing_is_locked_while_the_provider_thinks(make: Make, provider: IdentityProvider, agent: User) -> None:
    server = make()
    consent(server, provider, agent)
    outdated(server)
    seen: list[int] = []

    def write() -> None:
        seen.append(MailServer.objects.filter(pk=server.pk).update(failures=7))
        connection.close()

    provider.before_renewal = write
    token(server)

    assert seen == [1]


def test_the_old_token_serves_the_others_meanwhile(make: Make, provider: IdentityProvider, agent: User) -> None:
    server = make()
    consent(server, provider, agent)
    row = SignIn.objects.get()
    row.tokens = Secrets({**row.tokens, rows.RENEW_AFTER: timezone.now().isoformat()})
    row.save()
    others: list[str] = []

    def ask() -> None:
        others.append(token(server))
        connection.close()

    provider.before_renewal = ask
    renewed = token(server)

    assert others == [row.tokens[rows.ACCESS]] != [renewed]


def test_a_short_lived_token_is_used_for_half_its_life(make: Make, provider: IdentityProvider, agent: User) -> None:
    provider.wishes.life = 200
    server = make()
    consent(server, provider, agent)

    assert token(server) == token(server)
    assert provider.uses == []


def test_a_refused_token_is_renewed_once(make: Make, provider: IdentityProvider, agent: User) -> None:
    server = make()
    consent(server, provider, agent)
    ask = reading_way(server).token
    assert ask is not None

    first, second, third = ask(), ask(), ask()

    assert first != second == third
    assert len(provider.uses) == 1


WORKER = (
    "import django; django.setup();"
    "from mailchannel.models import MailServer;"
    "from mailchannel.services.ways import reading_way;"
    "reading_way(MailServer.objects.get()).token()"
)


@pytest.mark.slow
def test_a_worker_killed_before_it_could_keep_the_tokens(
    make: Make, provider: IdentityProvider, agent: User, command_environment: dict[str, str]
) -> None:
    """The provider has changed the token, and nobody knows the new one. People are told, once."""
    server = make()
    server.update(timeout_ms=1000)
    consent(server, provider, agent)
    outdated(server)
    environment = {**command_environment, "DJANGO_SETTINGS_MODULE": "helpdesk.settings"}
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=ROOT, env=environment)
    provider.after_renewal = lambda: os.kill(worker.pid, signal.SIGKILL)
    assert worker.wait(60) == -signal.SIGKILL
    provider.after_renewal = lambda: None
    row = SignIn.objects.get()
    row.tokens = Secrets({**row.tokens, rows.CLAIMED_UNTIL: timezone.now().isoformat()})  # its time has run out
    row.save()

    assert no_token(server).field == "oauth-consent"
    assert no_token(server).permanent
    assert len(provider.uses) == 2
    assert SignIn.objects.get().state == State.NEEDS_CONSENT


@pytest.mark.slow
@pytest.mark.req("FT-36")
def test_a_worker_killed_between_renewal_and_use_leaves_the_new_tokens(
    make: Make, provider: IdentityProvider, agent: User, new_mailbox: NewMailbox, command_environment: dict[str, str]
) -> None:
    mailbox = new_mailbox(Options(token_key=provider.public_key))
    server = make(mailbox)
    consent(server, provider, agent)
    outdated(server)
    killed = {**command_environment, "HELPDESK_FAILPOINT": "imap.connected:1:kill"}
    command = [sys.executable, "manage.py", "fetch_mail"]
    done = subprocess.run(command, cwd=ROOT, env=killed, capture_output=True, timeout=60)
    assert done.returncode == -signal.SIGKILL, done.stderr

    mailbox.deliver(letter())
    MailServer.objects.update(lease_owner="", lease_until=None)
    report = fetch(MailServer.objects.get())

    assert (report.error, report.opened, len(provider.uses)) == ("", 1, 1)


# --- Lost and found -----------------------------------------------------------------------------


@pytest.mark.req("FT-37")
def test_a_revoked_sign_in_is_told_once_and_not_tried_again(
    make: Make, kind: str, provider: IdentityProvider, agent: User
) -> None:
    server = make(kind=kind)
    server.alert_to.add(agent)
    consent(server, provider, agent)
    outdated(server)
    provider.revoke()

    for _ in range(3):
        assert no_token(server).permanent

    assert len(provider.uses) == 1
    assert SignIn.objects.get().state == State.NEEDS_CONSENT
    assert Alert.objects.filter(kind=telling.SIGN_IN, ended_at=None).count() == 1
    assert OutboundMail.objects.filter(kind=OutboundMail.Kind.ALERT).count() == 1

    consent(server, provider, agent)

    assert token(server)
    assert not Alert.objects.filter(ended_at=None).exists()


def test_signing_in_for_one_purpose_leaves_the_loss_of_the_other_at_the_bell(
    make: Make, provider: IdentityProvider, agent: User
) -> None:
    server = make()
    own = {"sending_protocol": "smtp", "sending_auth": "oauth", "sending": {"host": "smtp.example.com"}}
    secrets = Secrets({**server.secrets, "sending-oauth.client_secret": SECRET})
    server.update(**own, sending_oauth=server.oauth, secrets=secrets)
    for purpose in ("sending", "reading"):
        consent(server, provider, agent, purpose=purpose)
    for row in SignIn.objects.all():
        row.state, row.error = State.NEEDS_CONSENT, "It was taken back."
        row.save()
        telling.lost(row)

    consent(server, provider, agent)

    assert "for sending" in Alert.objects.get(kind=telling.SIGN_IN, ended_at=None).text

    consent(server, provider, agent, purpose="sending")

    assert not Alert.objects.filter(ended_at=None).exists()


def test_a_sign_in_that_is_used_no_more_keeps_no_alert_open(
    make: Make, provider: IdentityProvider, agent: User
) -> None:
    server = make()
    consent(server, provider, agent)
    row = SignIn.objects.create(server=server, purpose="sending", state=State.NEEDS_CONSENT, error="It was taken back.")
    telling.lost(row)

    consent(server, provider, agent)

    assert not Alert.objects.filter(ended_at=None).exists()


def test_an_alert_ends_with_the_sign_in_it_is_about(make: Make, provider: IdentityProvider, agent: User) -> None:
    server = make()
    consent(server, provider, agent)
    row = SignIn.objects.get()
    row.state, row.error = State.NEEDS_CONSENT, "It was taken back."
    row.save()
    telling.lost(row)

    drafts.begin(server).update(max_tries=7)
    drafts.adopt(server)
    assert Alert.objects.filter(ended_at=None).exists()

    drafts.begin(server).update(auth="password")
    drafts.adopt(server)
    assert not Alert.objects.filter(ended_at=None).exists()


def test_an_application_nobody_allows_yet_is_tried_again_and_told_once(
    make: Make, provider: IdentityProvider, agent: User
) -> None:
    """There is nobody who could sign in again: it works as soon as the provider allows it."""
    server = make(grant="application", scopes=["https://outlook.office365.com/.default"])
    server.alert_to.add(agent)
    provider.forbids = "AADSTS65001: The administrator has not consented."

    for _ in range(3):
        refusal = no_token(server)
        assert refusal.field == "oauth-consent" and "administrator of the provider" in str(refusal)
        assert "Sign in again" not in str(refusal)
    assert OutboundMail.objects.filter(kind=OutboundMail.Kind.ALERT).count() == 1
    assert Alert.objects.filter(kind=telling.SIGN_IN, ended_at=None).count() == 1

    provider.forbids = ""

    assert token(server)
    assert not Alert.objects.filter(ended_at=None).exists()


def test_a_provider_in_trouble_costs_nobody_the_sign_in(make: Make, provider: IdentityProvider, agent: User) -> None:
    server = make()
    consent(server, provider, agent)
    outdated(server)
    provider.stop()

    assert not no_token(server).permanent
    assert SignIn.objects.get().state == State.CONNECTED
    assert rows.CLAIM not in SignIn.objects.get().tokens


@pytest.mark.req("SS-05")
def test_tokens_are_never_sent_to_where_new_settings_point(make: Make, provider: IdentityProvider, agent: User) -> None:
    server = make()
    consent(server, provider, agent)
    outdated(server)
    server.update(oauth={**server.oauth, "token_url": f"{provider.url}/elsewhere/token"})

    assert no_token(server).field == "oauth-consent"
    assert provider.uses == []


@pytest.mark.req("SE-02")
def test_no_token_lies_around(
    make: Make, provider: IdentityProvider, agent: User, caplog: pytest.LogCaptureFixture
) -> None:
    server = make()
    consent(server, provider, agent)
    outdated(server)
    token(server)
    row = SignIn.objects.get()
    with connection.cursor() as cursor:
        cursor.execute("select * from mailchannel_signin")
        stored = str(cursor.fetchall())
        cursor.execute("select * from mailchannel_consent")
        stored += str(cursor.fetchall())
        cursor.execute("select change_message from django_admin_log")
        stored += str(cursor.fetchall())

    said = f"{row!r}{row}{row.tokens!r}{reading_way(server)!r}{stored}{caplog.text}"

    assert not [secret for secret in (*traces(provider.issued), SECRET) if secret in said]


# --- Next settings ------------------------------------------------------------------------------


def test_a_draft_goes_on_with_the_sign_in_of_the_settings_in_force(
    make: Make, provider: IdentityProvider, agent: User
) -> None:
    server = make()
    consent(server, provider, agent)
    draft = drafts.begin(server)

    assert token(draft) == token(server)
    assert SignIn.objects.count() == 1


@pytest.mark.parametrize(
    "worse",
    [
        {"verify_certificate": False},
        {"authorities": "other ones"},
        {"connection": {"host": "mail.example.com", "encryption": "none"}},
        {"connection": {"host": "mail.example.com", "port": 8993}},
    ],
    ids=["unchecked", "authorities", "plain", "port"],
)
def test_a_sign_in_is_not_used_where_others_could_read_along(
    make: Make, provider: IdentityProvider, agent: User, worse: dict[str, Any]
) -> None:
    server = make()
    consent(server, provider, agent)
    draft = drafts.begin(server)
    assert rows.find(draft, "reading") is not None

    draft.update(**worse)

    assert rows.find(draft, "reading") is None
    assert rows.find(server, "reading") is not None


@pytest.mark.req("SS-05")
@pytest.mark.parametrize("elsewhere", ["2001:db8::2", "localhost"])
def test_nor_on_another_server_however_that_is_written(
    make: Make, provider: IdentityProvider, agent: User, elsewhere: str
) -> None:
    server = make()
    server.update(connection={"host": "2001:db8::1"})
    consent(server, provider, agent)
    draft = drafts.begin(server)

    draft.update(connection={"host": elsewhere})

    assert rows.find(draft, "reading") is None
    assert rows.find(server, "reading") is not None


@pytest.mark.req("SS-05")
def test_nor_by_a_proxy_that_hears_all_because_nothing_is_encrypted(
    make: Make, provider: IdentityProvider, agent: User
) -> None:
    server = make()
    server.update(connection={"host": "mail.example.com", "encryption": "none"})
    consent(server, provider, agent)
    draft = drafts.begin(server)

    draft.update(proxy_id=Proxy.objects.create(name="Edge", host="proxy.example.com", port=3128).pk)

    assert rows.find(draft, "reading") is None


def test_a_draft_with_another_application_signs_in_by_itself_and_takes_over(
    make: Make, provider: IdentityProvider, agent: User
) -> None:
    provider.secrets["other"] = SECRET
    server = make()
    consent(server, provider, agent)
    draft = drafts.begin(server)
    draft.update(oauth={**draft.oauth, "client_id": "other"})
    assert no_token(draft).field == "oauth-consent"

    consent(draft, provider, agent)
    assert token(draft) != token(server)
    new = token(draft)
    rows.take_over(draft, server)
    draft.refresh_from_db()
    server.update(oauth=draft.oauth)

    assert token(server) == new
    assert SignIn.objects.get().server == server


def test_settings_in_a_form_are_not_tried_with_a_persons_token(
    make: Make, provider: IdentityProvider, agent: User
) -> None:
    server = make(pasted=provider.lasting_token())
    server.address = "other@example.com"  # typed, not saved
    server.connection = {"host": "mail.example.com", "username": "other@example.com"}
    ask = reading_way(server).token
    assert ask is not None

    with pytest.raises(SignInFailed, match="Save first"):
        ask()

    assert provider.uses == [] and not SignIn.objects.exists()


def test_a_job_in_a_thread_finds_its_token_ready(make: Make, provider: IdentityProvider, agent: User) -> None:
    server = make()

    with pytest.raises(SignInFailed, match="Nobody has signed in"):
        (asked_now(reading_way(server)).token or str)()
    consent(server, provider, agent)
    ready = asked_now(reading_way(server))
    SignIn.objects.all().delete()

    assert ready.token is not None and ready.token().count(".") == 2
    assert asked_now(sending_way(server)).token is None  # its sending wants a password


# --- Consent ------------------------------------------------------------------------------------


@pytest.mark.req("OA-01")
def test_a_state_is_good_once_for_one_person_in_one_browser(
    make: Make, provider: IdentityProvider, agent: User
) -> None:
    server = make()
    other = User.objects.create_user("sam")
    url = consents.begin(server, "reading", provider_way(server), by=agent, session="s")
    answer = dict(parse_qsl(urlsplit(provider.sign_in(url)).query))

    for wrong in ({"by": other}, {"session": "another"}, {"answer": {"state": "x"}}, {"answer": {}}):
        with pytest.raises(ConsentRefused):
            consents.claim(**{"answer": answer, "by": agent, "session": "s", **wrong})
    consents.claim(answer, by=agent, session="s")
    with pytest.raises(ConsentRefused):
        consents.claim(answer, by=agent, session="s")


@pytest.mark.req("OA-01")
def test_a_state_is_good_for_ten_minutes(make: Make, provider: IdentityProvider, agent: User) -> None:
    server = make()
    url = consents.begin(server, "reading", provider_way(server), by=agent, session="s")
    answer = dict(parse_qsl(urlsplit(provider.sign_in(url)).query))
    Consent.objects.update(created=timezone.now() - timedelta(minutes=10, seconds=1))

    with pytest.raises(ConsentRefused):
        consents.claim(answer, by=agent, session="s")


def test_without_lasting_access_nothing_is_stored(make: Make, provider: IdentityProvider, agent: User) -> None:
    provider.wishes.lasting = False
    server = make()

    with pytest.raises(SignInFailed) as raised:
        consent(server, provider, agent)

    assert raised.value.field == "oauth-scopes"
    assert not SignIn.objects.exists()


# --- What ends one day --------------------------------------------------------------------------


def ending_in(days: int) -> str:
    return (timezone.localdate() + timedelta(days=days)).isoformat()


@pytest.mark.parametrize(("days", "rings"), [(31, 0), (30, 1), (7, 1), (1, 1), (0, 1), (-3, 1)])
@pytest.mark.req("W7")
def test_people_are_told_before_a_client_secret_ends(make: Make, agent: User, days: int, rings: int) -> None:
    server = make(secret_expires=ending_in(days))
    server.update(authorities="")
    server.alert_to.add(agent)

    assert [forecast.remind(), forecast.remind()] == [rings, 0]
    assert OutboundMail.objects.count() == rings


@pytest.mark.req("W7")
def test_they_are_told_again_as_the_day_comes_and_not_any_more_once_it_is_seen_to(make: Make, agent: User) -> None:
    server = make(secret_expires=ending_in(60))
    server.update(authorities="")
    server.alert_to.add(agent)
    now = timezone.now()

    told = [day for day in range(62) if forecast.remind(now + timedelta(days=day))]

    assert told == [30, 53, 59, 60, 61]
    server.update(oauth={**server.oauth, "secret_expires": ending_in(400)})
    forecast.remind()
    assert not Alert.objects.filter(ended_at=None).exists()


@pytest.mark.req("W7", "S0-52")
def test_an_unused_sign_in_and_a_certificate_end_as_well(
    make: Make, provider: IdentityProvider, agent: User, authority: Authority
) -> None:
    server = make(kind="oauth_microsoft", secret_expires=ending_in(300))
    consent(server, provider, agent)
    trusted = timezone.localdate(authority.ends) - timezone.localdate()

    assert [(end.what, end.days) for end in forecast.ends(server)] == [
        ("trusted certificate", trusted.days),
        ("unused sign-in", 90),
        ("client secret", 300),
    ]


def test_mail_that_waits_is_untouched(make: Make, provider: IdentityProvider, new_mailbox: NewMailbox) -> None:
    mailbox = new_mailbox(Options(token_key=provider.public_key))
    server = make(mailbox)
    mailbox.deliver(letter())

    assert "Nobody has signed in" in fetch(server).error

    server.refresh_from_db()
    assert server.last_error_field == "oauth-consent"
    assert len(mailbox.mails()) == 1 and not InboundMail.objects.exists()
