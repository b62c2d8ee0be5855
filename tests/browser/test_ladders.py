"""The pages of ladders in a real browser: SVG charts with tables behind them, a plan that follows its slider, WCAG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse
from playwright.sync_api import Browser, expect

from tests.browser.conftest import Console
from tests.browser.test_accessibility import violations
from tests.factories import make_team
from tests.webapp.datasets.live import live_server
from tests.webapp.ladders.rows import make_seal, measured_worker


@pytest.mark.parametrize(("theme", "width"), [("light", 1440), ("dark", 390)])
def test_charts_are_drawn_and_the_plan_follows_the_slider(
    chromium: Browser, transactional_db: None, tmp_path: Path, settings: Any, theme: Any, width: int
) -> None:
    settings.ISOCOST_FILES = tmp_path
    cast = make_team()
    measured_worker()
    seal = make_seal(cast)
    session = cast.client(cast.alice).cookies[django_settings.SESSION_COOKIE_NAME].value
    console = Console()
    with live_server() as base:
        context = chromium.new_context(base_url=base, color_scheme=theme, viewport={"width": width, "height": 900})
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": base}])
        page = context.new_page()
        console.watch(page)
        page.set_default_timeout(30_000)
        found = []
        project = [cast.project.code]
        for address in (
            reverse("ladder-list", args=project),
            reverse("ladder-create", args=project),
            seal.fit.ladder.get_absolute_url(),
            seal.fit.get_absolute_url(),
        ):
            found += violations(page, address)
            assert not page.evaluate("document.documentElement.scrollWidth > innerWidth"), f"{address} is too wide"
        surface = page.locator("figure[data-plot=surface]")
        expect(surface.locator(".scatterlayer .trace").first).to_be_visible()
        assert page.locator("canvas").count() == 0
        before = page.locator("[data-figure=band]").inner_text()
        page.locator("#budget_log").evaluate(
            "e => { e.value = Number(e.max); e.dispatchEvent(new Event('input', { bubbles: true })); }"
        )
        expect(page.locator("[data-figure=band]")).not_to_have_text(before)
        expect(surface.locator(".scatterlayer .trace").first).to_be_visible()
        surface.get_by_role("button", name="Table").click()
        expect(surface.locator("table tbody tr")).to_have_count(5)
        context.close()
    assert found == [], "\n".join(found)
    assert console.complaints() == []
