"""A real Chromium on a running installation. What the page's console says against it fails the test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect, sync_playwright

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
expect.set_options(timeout=15_000)  # a busy machine may take more than the five seconds of the default
NETWORK = ("WebSocket", "net::ERR", "Failed to load resource")
"""What the console says when the server is away; tests that end the server expect it."""


@pytest.fixture(scope="session", autouse=True)
def _database_beside_playwright() -> Iterator[None]:
    """Playwright's loop lives in the tests' own thread, where Django would refuse to ask the database."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    path = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@dataclass  # no slots: Playwright hangs something on the object whose method it calls
class Console:
    """What pages complained about: errors, and whatever the content policy blocked."""

    lines: list[str] = field(default_factory=list)

    def watch(self, page: Page) -> None:
        page.on("console", self._said)
        page.on("pageerror", lambda error: self.lines.append(str(error)))

    def _said(self, message: ConsoleMessage) -> None:
        if message.type == "error" or "Content Security Policy" in message.text:
            self.lines.append(message.text)

    def complaints(self) -> list[str]:
        return [line for line in self.lines if not line.startswith(NETWORK)]


@pytest.fixture(scope="module")
def console() -> Console:
    return Console()


@pytest.fixture(scope="module")
def context(chromium: Browser, stack: Any) -> Iterator[BrowserContext]:
    """A browser in which the owner has opened the login link."""
    context = chromium.new_context(base_url=stack.url, viewport={"width": 1440, "height": 900})
    # The tours lie over the page; they have a test of their own.
    context.add_init_script("for (const name of ['overview', 'run']) localStorage.setItem(`tour-seen:${name}`, '1')")
    page = context.new_page()
    page.goto(stack.login_link())
    page.wait_for_url(lambda url: "/login/" not in url)  # the page sends its form by itself
    page.close()
    yield context
    context.close()


@pytest.fixture(scope="module")
def page(context: BrowserContext, console: Console) -> Page:
    page = context.new_page()
    console.watch(page)
    page.set_default_timeout(30_000)
    return page
