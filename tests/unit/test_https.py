"""HTTPS leaves by the guarded way alone: what may be reached, trusted, followed and read."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from mailchannel.network.https import FAILURES, Session, explain
from tests.servers.certificates import Authority, Pair
from tests.servers.ways import way
from tests.servers.web import Answer, OneAnswer

Serve = Callable[..., OneAnswer]


@pytest.fixture
def serve(certificate: Pair) -> Iterator[Serve]:
    running: list[OneAnswer] = []

    def start(answer: Answer | None = None, pair: Pair = certificate) -> OneAnswer:
        running.append(OneAnswer(pair, lambda request: answer or Answer.of({"path": request.path})))
        running[-1].start()
        return running[-1]

    yield start
    for each in running:
        each.stop()


def failure(url: str, **how: object) -> str:
    with pytest.raises(FAILURES) as raised, Session(way(**how)) as session:  # type: ignore[arg-type]
        session.get(url)
    return explain(raised.value, url).text


def test_an_authority_of_our_own_is_enough(serve: Serve, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    web = serve()

    with Session(way(authorities=authority.bundle.read_text())) as session:
        answers = [session.get(f"{web.url}/{each}").json() for each in "ab"]

    assert answers == [{"path": "/a"}, {"path": "/b"}]


def test_a_certificate_is_checked(serve: Serve, authority: Authority) -> None:
    trusted = authority.bundle.read_text()

    assert "authority this machine does not trust" in failure(serve().url)
    assert "has expired" in failure(serve(pair=authority.issue("localhost", expired=True)).url, authorities=trusted)
    assert "another host name" in failure(serve(pair=authority.issue("other.example")).url, authorities=trusted)


def test_unless_somebody_said_otherwise(serve: Serve) -> None:
    with Session(way(verify=False)) as session:
        assert session.get(serve().url).ok


@pytest.mark.req("SS-03")
def test_a_redirect_is_an_answer_and_not_followed(serve: Serve, authority: Authority) -> None:
    web = serve(Answer(302, headers={"Location": "https://localhost:1/inside"}))

    with Session(way(authorities=authority.bundle.read_text())) as session:
        assert session.get(web.url).status_code == 302

    assert len(web.asked) == 1


def test_nothing_is_sent_without_encryption() -> None:
    assert "does not begin with https://" in failure("http://localhost:1/token")


@pytest.mark.parametrize("url", ["https://localhost:99999/", "https://[localhost/", "https://local host/"])
def test_what_is_no_address_is_said_to_be_none(url: str) -> None:
    assert failure(url).startswith(f"{url} is no web address.")


@pytest.mark.req("SS-01")
def test_a_private_address_is_refused(serve: Serve) -> None:
    web = serve()

    assert "private or reserved" in failure(web.url, allow_private=False)
    assert web.asked == []


def test_a_server_that_says_nothing_is_given_up(serve: Serve, authority: Authority) -> None:
    web = serve(Answer())
    web.spoil("/", Answer(stall=True))

    assert "stopped answering" in failure(f"{web.url}/", timeout=0.5, authorities=authority.bundle.read_text())


def test_more_than_anybody_asked_for_is_not_read(serve: Serve, authority: Authority) -> None:
    web = serve(Answer(body=b"x" * 200_000))
    trusted = way(authorities=authority.bundle.read_text())

    with pytest.raises(FAILURES) as raised, Session(trusted, largest=100_000) as session:
        session.get(web.url)

    assert "far more" in explain(raised.value, web.url).text


def test_nobody_there_is_said_with_host_and_port() -> None:
    assert failure("https://localhost:1/x").startswith("No web server answered at localhost, port 1.")
