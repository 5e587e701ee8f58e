"""Chromium, driven by Playwright; preferably the one without a window, which costs a quarter less.

Skipped where there is none, unless REQUIRE_SERVICES=1 makes that a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser.stranger import Stranger, at_work
from tests.pages.conftest import new_ticket  # noqa: F401 - a fixture here, too

# Playwright's synchronous API runs an event loop in this thread; Django's safety net against that does not apply.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP *.example 127.0.0.1",
]
OpenPage = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    executable = os.environ.get("CHROMIUM") or shutil.which("chromium-headless-shell") or shutil.which("chromium")
    if not executable:
        if os.environ.get("REQUIRE_SERVICES") == "1":
            pytest.fail("Chromium is missing: install it or set CHROMIUM to its path.")
        pytest.skip("Chromium is not installed.")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture
def stranger() -> Iterator[Stranger]:
    with at_work() as server:
        yield server


@pytest.fixture
def open_page(browser: Browser, live_server: Any) -> Iterator[OpenPage]:
    """`open_page(user, "/", color_scheme="dark", viewport={…})`: a page of somebody who is logged in.

    `page.complaints` collects what must never happen: script errors, breaches of the content policy, requests to
    other servers.
    """
    contexts: list[BrowserContext] = []

    def make(user: User, path: str = "/", **options: Any) -> Page:
        context = browser.new_context(base_url=live_server.url, **options)
        contexts.append(context)
        client = Client()
        client.force_login(user)
        session = client.cookies["sessionid"].value
        context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
        page = context.new_page()
        page.complaints = _listen(page, live_server.url)  # type: ignore[attr-defined]
        page.goto(path)
        return page

    yield make
    for context in contexts:
        context.close()


def _listen(page: Page, home: str) -> list[str]:
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(f"script: {error}"))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("dialog", lambda dialog: (complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.on("request", lambda sent: None if sent.url.startswith((home, "data:")) else complaints.append(sent.url))
    return complaints


def shot(page: Page, name: str) -> None:
    """SCREENSHOTS names a folder to look at afterwards."""
    folder = os.environ.get("SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")
