"""Both clients against an identity provider over real HTTPS: what they ask for, and every way it goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest

from mailchannel.models import MailServer
from mailchannel.models.secrets import Secrets
from mailchannel.network.way import SignInFailed, Way
from mailchannel.services.sign_in.application import Application
from mailchannel.services.sign_in.clients import client_of
from mailchannel.services.sign_in.grants import Client, Grant
from tests.servers.certificates import Authority, Pair
from tests.servers.identity import SECRET, IdentityProvider, traces
from tests.servers.ways import way
from tests.servers.web import Answer

pytestmark = pytest.mark.slow

BACK = "https://helpdesk.example.com/oauth/callback/"
KINDS = ("oauth_microsoft", "oauth")
Make = Callable[..., Client]


@pytest.fixture
def provider(certificate: Pair) -> Iterator[IdentityProvider]:
    running = IdentityProvider(certificate).start()
    yield running
    running.stop()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def trusting(authority: Authority) -> Way:
    return way(authorities=authority.bundle.read_text())


@pytest.fixture
def make(provider: IdentityProvider, kind: str, trusting: Way) -> Make:
    """`make(timeout=1, secret="…", grant="application")`: a client with these settings changed."""

    def build(how: Way = trusting, secret: str = SECRET, **changed: Any) -> Client:
        return client_of(application(provider, kind, secret, **changed), how)

    return build


def application(provider: IdentityProvider, kind: str, secret: str = SECRET, **changed: Any) -> Application:
    settings = provider.microsoft if kind == "oauth_microsoft" else provider.plain
    server = MailServer(
        address="support@example.com",
        auth=kind,
        connection={"host": "outlook.office365.com" if kind == "oauth_microsoft" else "mail.example.com"},
        oauth={**settings, **changed},
        secrets=Secrets({"oauth.client_secret": secret}),
    )
    return Application.of(server, "reading")


def came_back(client: Client, provider: IdentityProvider, user: str = "support@example.com") -> Grant:
    begun = client.begin(BACK)
    where = urlsplit(provider.sign_in(begun.url, user))
    answer = dict(parse_qsl(where.query))
    assert answer["state"] == begun.state
    return client.finish(begun.kept, answer)


def failure(act: Callable[[], object]) -> SignInFailed:
    with pytest.raises(SignInFailed) as raised:
        act()
    assert raised.value.__cause__ is None  # its frames hold secrets
    return raised.value


@pytest.mark.req("OA-05", "S1-08", "S4-13")
def test_a_person_signs_in(make: Make, provider: IdentityProvider) -> None:
    client = make()

    grant = came_back(client, provider)

    assert grant.names[0] == "support@example.com"
    assert grant.refresh in provider.refresh and grant.life == 3600
    [asked] = [dict(request.query) for request in provider.asked if request.path.endswith("/authorize")][:1]
    assert asked["code_challenge_method"] == "S256" and asked["redirect_uri"] == BACK
    assert asked["login_hint"] == "support@example.com"
    assert provider.asked_for("authorization_code")[0]["redirect_uri"] == BACK


@pytest.mark.req("S3-10")
def test_the_account_is_chosen_and_not_taken_silently(make: Make) -> None:
    assert dict(parse_qsl(urlsplit(make().begin(BACK).url).query))["prompt"] == "select_account"


def test_google_is_asked_for_lasting_access(trusting: Way) -> None:
    google = MailServer(
        address="support@example.com", auth="oauth", connection={"host": "imap.gmail.com"}, oauth={"client_id": "app"}
    )

    asked = dict(parse_qsl(urlsplit(client_of(Application.of(google, "reading"), trusting).begin(BACK).url).query))

    assert (asked["access_type"], asked["prompt"]) == ("offline", "consent select_account")


@pytest.mark.req("OA-05")
def test_a_stolen_code_is_worth_nothing_without_the_verifier(make: Make, provider: IdentityProvider) -> None:
    client = make()
    mine, theirs = client.begin(BACK), client.begin(BACK)
    stolen = dict(parse_qsl(urlsplit(provider.sign_in(theirs.url)).query))

    error = failure(lambda: client.finish(mine.kept, {**stolen, "state": mine.state}))

    assert error.field == "oauth-consent"


def test_renewing_brings_the_next_refresh_token(make: Make, provider: IdentityProvider) -> None:
    client = make()

    first = came_back(client, provider)
    second = client.renew(first.refresh)

    assert second.access not in ("", first.access)
    assert second.refresh not in ("", first.refresh)


def test_a_refresh_token_may_stay_the_same(make: Make, provider: IdentityProvider) -> None:
    provider.wishes.rotates = False

    assert make().renew(provider.lasting_token()).refresh == ""


def test_an_application_by_itself(make: Make, provider: IdentityProvider) -> None:
    grant = make(grant="application", scopes=["https://outlook.office365.com/.default"]).by_itself()

    assert grant.access and grant.refresh == ""
    assert provider.asked_for("client_credentials")[0]["scope"] == "https://outlook.office365.com/.default"


@pytest.mark.req("S1-13")
def test_the_first_version_of_microsofts_endpoint_is_asked_in_its_own_way(
    provider: IdentityProvider, trusting: Way
) -> None:
    old = application(provider, "oauth_microsoft", token_url=f"{provider.url}/t/oauth2/token")

    client_of(old, trusting).renew(provider.lasting_token())

    assert provider.asked_for("refresh_token")[0]["resource"] == "https://outlook.office365.com"


# --- What goes wrong ----------------------------------------------------------------------------


def test_a_wrong_secret_names_its_field(make: Make, provider: IdentityProvider) -> None:
    error = failure(lambda: make(secret="nonsense").renew(provider.lasting_token()))

    assert (error.field, error.permanent) == ("oauth-client_secret", True)
    assert "AADSTS7000215" in str(error) and "nonsense" not in str(error)


@pytest.mark.req("FT-37")
def test_a_revoked_sign_in_wants_a_person(make: Make, provider: IdentityProvider) -> None:
    error = failure(lambda: make().renew("RT.gone"))

    assert (error.field, error.permanent) == ("oauth-consent", True)
    assert "Sign in again" in str(error)


@pytest.mark.req("OA-04")
def test_a_person_who_cancels(make: Make, provider: IdentityProvider) -> None:
    client = make()
    begun = client.begin(BACK)
    answer = dict(parse_qsl(urlsplit(provider.sign_in(begun.url, agree=False)).query))

    assert "cancelled" in str(failure(lambda: client.finish(begun.kept, answer)))


@pytest.mark.parametrize(
    ("answer", "field", "permanent", "words"),
    [
        (Answer(200, b"<html>Welcome</html>", "text/html"), "oauth-token_url", False, "web page"),
        (Answer(200, b"[1]"), "oauth-token_url", False, "no token"),
        (Answer(200, b'{"token_type": "Bearer"}'), "oauth-token_url", False, "no token"),
        (Answer(503, b"<html>", "text/html"), "", False, "in trouble"),
        (Answer.of({"error": "temporarily_unavailable"}, 503), "", False, ""),
        (Answer.of({"error": "throttled"}, 429, Retry_After="17"), "", False, "17 seconds"),
        (Answer.of({"error": "invalid_scope"}, 400), "oauth-scopes", True, "scope"),
        (Answer.of({"error": "redirect_uri_mismatch"}, 400), "oauth-redirect", True, "redirect URL"),
        (Answer.of({"error": "x", "error_description": "AADSTS50011: no"}, 400), "oauth-redirect", True, "redirect"),
        (
            Answer.of({"error": "invalid_grant", "error_description": "AADSTS65001"}, 400),
            "oauth-consent",
            True,
            "allow",
        ),
        (Answer(302, headers={"Location": "https://127.0.0.1/x"}), "oauth-token_url", False, ""),
        (Answer(200, b"x" * 2_000_000), "oauth-token_url", False, "far more"),
        (Answer(200, stall=True), "oauth-token_url", False, "stopped answering"),
    ],
    ids=[
        "html",
        "list",
        "empty",
        "503 html",
        "503",
        "429",
        "scope",
        "redirect",
        "50011",
        "65001",
        "moved",
        "flood",
        "slow",
    ],
)
@pytest.mark.req("OA-04", "SS-03")
def test_whatever_the_token_url_answers(
    make: Make,
    provider: IdentityProvider,
    kind: str,
    trusting: Way,
    answer: Answer,
    field: str,
    permanent: bool,
    words: str,
) -> None:
    client = make(trusting.within(0.6))
    token = provider.lasting_token()
    path = token_path(provider) if kind == "oauth_microsoft" else "/token"
    provider.spoil(path, answer)

    error = failure(lambda: client.renew(token))

    assert words in str(error)
    assert error.permanent is permanent
    assert error.field == field


def token_path(provider: IdentityProvider) -> str:
    return f"/{provider.microsoft['tenant']}/oauth2/v2.0/token"


def test_nobody_there(provider: IdentityProvider, kind: str, trusting: Way) -> None:
    gone = application(provider, kind)
    provider.stop()

    error = failure(lambda: client_of(gone, trusting).renew("RT.x"))

    assert "No web server answered" in str(error) and not error.permanent


@pytest.mark.req("OA-06")
def test_a_private_address_is_refused(make: Make, authority: Authority) -> None:
    strict = Way(timeout=5, authorities=authority.bundle.read_text())

    error = failure(lambda: make(strict).renew("RT.x"))

    assert "private" in str(error) and error.permanent


@pytest.mark.req("OA-06")
def test_http_is_refused(trusting: Way, provider: IdentityProvider, kind: str) -> None:
    name = "authority" if kind == "oauth_microsoft" else "token_url"
    plain = application(provider, kind, **{name: "http://login.example"})

    error = failure(lambda: client_of(plain, trusting).renew("RT.x"))

    assert "https://" in str(error) and error.permanent


@pytest.mark.parametrize("url", ["javascript:alert(1)//?", "http://login.example.com/authorize"])
def test_nobody_is_sent_wherever_an_authority_likes(
    provider: IdentityProvider, trusting: Way, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    known = {**provider._metadata(), "authorization_endpoint": url}
    monkeypatch.setattr(provider, "_metadata", lambda: known)

    with pytest.raises(SignInFailed, match="not https://") as raised:
        client_of(application(provider, "oauth_microsoft"), trusting).begin(BACK)

    assert raised.value.field == "oauth-authority"


def test_an_unknown_tenant_is_named(provider: IdentityProvider, trusting: Way) -> None:
    client = client_of(application(provider, "oauth_microsoft"), trusting)
    provider.spoil("/contoso", Answer.of({"error": "invalid_tenant", "error_description": "AADSTS90002"}, 400))

    assert failure(lambda: client.renew("RT.x")).field == "oauth-tenant"


@pytest.mark.req("SE-02")
def test_no_secret_is_written_anywhere(
    make: Make, provider: IdentityProvider, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = make()
    grant = came_back(client, provider)
    begun = client.begin(BACK)
    provider.spoil("/token", Answer(200, f'{{"access_token": "{grant.access}", '.encode()))
    provider.spoil(token_path(provider), Answer(200, f'{{"access_token": "{grant.access}", '.encode()))
    error = failure(lambda: client.renew(grant.refresh))

    said = f"{error!s}{error!r}{grant!r}{begun!r}{client!r}{caplog.text}"

    assert not [secret for secret in (*traces(provider.issued), SECRET) if secret in said]
