"""The page of a sweep in a real browser: its lines by keys, by ranges and in a narrow window, and what somebody fills in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings as django_settings
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Console
from tests.browser.test_accessibility import violations
from tests.factories import make_team
from tests.stack.installation import eventually
from tests.webapp.datasets.live import live_server
from tests.webapp.sweeps.rows import make_sweep


def test_lines_go_by_keys_by_ranges_and_in_narrow_windows(
    chromium: Browser, transactional_db: None, tmp_path: Path, settings: Any
) -> None:
    settings.ISOCOST_FILES = tmp_path
    cast = make_team()
    sweep = make_sweep(cast)
    session = cast.client(cast.bob).cookies[django_settings.SESSION_COOKIE_NAME].value
    console = Console()
    with live_server() as base:
        context = chromium.new_context(base_url=base, viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": base}])
        page = context.new_page()
        console.watch(page)
        page.set_default_timeout(30_000)
        assert violations(page, sweep.get_absolute_url()) == []
        by_keys(page)
        by_ranges(page)
        what_is_filled_in_stays(page, sweep.code)
        page.set_viewport_size({"width": 390, "height": 844})
        expect(page.locator("svg.parallel.is-narrow")).to_be_visible()
        expect(page.locator("svg.parallel.is-wide")).to_be_hidden()
        eventually(
            lambda: page.evaluate("document.documentElement.scrollWidth <= innerWidth"),
            what="nothing is wider than the window once the chart has followed",
        )
        context.close()
    assert console.complaints() == []


def by_keys(page: Page) -> None:
    """From the best run to the worst; the row in the table is marked with the line, and a reader hears the values."""
    lines = page.locator("svg.parallel.is-wide")
    lines.focus()
    page.keyboard.press("ArrowDown")
    expect(lines.locator("[aria-selected=true]")).to_have_attribute("data-trial", "3")
    expect(page.locator("#parallel-said")).to_contain_text("optimizer.learning_rate 0.003")
    page.keyboard.press("End")
    expect(page.locator("tr[data-trial='1']")).to_have_class("is-marked")


def by_ranges(page: Page) -> None:
    lines = page.locator("svg.parallel.is-wide")
    page.get_by_text("Keep only the lines between").click()
    rates = page.locator("fieldset.between").first
    rates.get_by_label("to").focus()
    page.keyboard.press("Home")  # from the least to the least
    expect(rates.locator("output")).to_have_text("0.0003 … 0.0003")
    expect(lines.locator("polyline.is-out")).to_have_count(3)
    page.get_by_role("button", name="Keep all").click()
    expect(lines.locator("polyline.is-out")).to_have_count(0)


def what_is_filled_in_stays(page: Page, code: str) -> None:
    """The moving part is asked for anew, and does not take the place of a number that somebody is typing."""
    page.get_by_label("More runs").fill("7")
    with page.expect_response(lambda answer: f"/sweeps/{code}/live/" in answer.url):
        page.evaluate("htmx.ajax('GET', document.getElementById('sweep-live').getAttribute('hx-get'), '#sweep-live')")
    expect(page.get_by_label("More runs")).to_have_value("7")
    expect(page.locator("#keep-only")).to_have_attribute("open", "")
