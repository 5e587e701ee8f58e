"""The pages of proxies as a browser shows them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User

from mailchannel.models import Proxy
from mailchannel.models.secrets import Secrets
from tests.browser.conftest import OpenPage, shot
from tests.browser.test_accessibility import WIDTHS, serious_in_any_light
from tests.fixtures import NewServer

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.mark.parametrize("width", WIDTHS)
def test_axe_finds_nothing_serious_on_the_pages_of_proxies(
    open_page: OpenPage, new_server: NewServer, width: int
) -> None:
    ada = User.objects.create_superuser("ada", "ada@corp.example")
    page = open_page(ada, "/admin/mailchannel/proxy/", viewport={"width": width, "height": 900})
    shot(page, f"proxies-none-{width}")
    complaints = serious_in_any_light(page)
    proxy = Proxy.objects.create(
        name="Edge", host="proxy.corp.example", username="ada", secrets=Secrets(password="secret")
    )
    new_server(name="Support", proxy=proxy, connection={"host": "mail.example.com", "port": 993})

    for path in ("", "add/", f"{proxy.pk}/change/", f"{proxy.pk}/history/"):
        answer = page.goto(f"/admin/mailchannel/proxy/{path}")
        assert answer is not None
        assert answer.status == 200, path
        complaints += serious_in_any_light(page)
        shot(page, f"proxies-{path.replace('/', '-')}{width}")
    page.goto(f"/admin/mailchannel/proxy/{proxy.pk}/change/")
    page.get_by_role("link", name="Delete").click()
    page.get_by_text("“Edge” is used by “Support”").wait_for()
    shot(page, f"proxies-used-{width}")
    complaints += serious_in_any_light(page)

    assert complaints == []
    assert page.complaints == []  # type: ignore[attr-defined]
