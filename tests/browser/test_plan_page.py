"""The plan's sliders in a real browser: answered at once while they move, in full on release, on one set of random numbers."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.urls import reverse
from playwright.sync_api import Browser, Page, Response, expect

from tests.browser.conftest import Console
from tests.factories import Cast, make_team
from tests.webapp.datasets.live import live_server
from tests.webapp.planning.plans import make_plan
from webapp.planning.models import Plan, PlanVersion


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_team()


@pytest.fixture
def plan(cast: Cast) -> Plan:
    return make_plan(cast)


@pytest.fixture
def page(chromium: Browser, cast: Cast, tmp_path: Path, settings: Any) -> Iterator[Page]:
    settings.ISOCOST_FILES = tmp_path
    session = cast.client(cast.alice).cookies[django_settings.SESSION_COOKIE_NAME].value
    console = Console()
    with live_server() as base:
        context = chromium.new_context(base_url=base, viewport={"width": 1440, "height": 900})
        context.add_cookies([{"name": django_settings.SESSION_COOKIE_NAME, "value": session, "url": base}])
        context.add_init_script("localStorage.setItem('tour-seen:overview', '1')")
        page = context.new_page()
        console.watch(page)
        page.set_default_timeout(30_000)
        yield page
        context.close()
    assert console.complaints() == []


def moved(page: Page, field: str, share: float, *, released: bool = False) -> dict[str, Any]:
    """Drag a slider to a share of its way and return the server's answer: the quick one, or the full one on release."""
    slider = page.locator(f"[data-slider-for=id_{field}]")
    wanted = "1" if released else "0"

    def is_wanted(answer: Response) -> bool:
        return answer.url.endswith("/answer/") and f'name="full"\r\n\r\n{wanted}' in (answer.request.post_data or "")

    with page.expect_response(is_wanted) as answered:
        slider.evaluate(
            "(e, [share, names]) => { e.value = 1000 * share;"
            " for (const name of names) e.dispatchEvent(new Event(name, { bubbles: true })); }",
            [share, ["input", "change"] if released else ["input"]],
        )
    found: dict[str, Any] = json.loads(answered.value.body())
    shown = re.findall(r'data-option="[^"]*" data-value="[^"]*"', found["decision"])
    page.wait_for_function(
        "(rows) => rows.every((row) => document.getElementById('plan-decision').innerHTML.includes(row))", arg=shown
    )
    return found


def figures(page: Page) -> dict[str, float]:
    """Return the middle of every option and figure that the page shows."""
    found = page.evaluate(
        "[...document.querySelectorAll('#plan-decision [data-value], #plan-outputs [data-value]')]"
        ".map((e) => [e.dataset.option || e.dataset.figure, Number(e.dataset.value)])"
    )
    return dict(found)


def test_sliders_answer_at_once_and_release_in_full(page: Page, plan: Plan) -> None:
    page.goto(plan.get_absolute_url())
    expect(page.locator("[data-chart=surface] .contourlayer, [data-chart=surface] .scatterlayer").first).to_be_visible()
    assert page.locator("canvas").count() == 0
    before = figures(page)
    answer = moved(page, "budget_usd", 0.75)
    assert not answer["is_full"]
    expect(page.locator("#id_budget_usd")).to_have_value("562k")
    expect(page.locator("[data-live-state]")).to_have_text("1,000 paths")
    quick = figures(page)
    assert quick["training_usd"] > 2 * before["training_usd"]
    answer = moved(page, "budget_usd", 0.75, released=True)
    assert answer["is_full"]
    expect(page.locator("[data-live-state]")).to_have_text("")
    full = figures(page)
    for name in ("loss", "training_usd", "wall_seconds", "scratch", "fine-tune", "api", "minimum_raise"):
        assert quick[name] == pytest.approx(full[name], rel=0.10), name
    assert PlanVersion.objects.count() == 1


def test_a_dear_gpu_hour_turns_the_decision_and_the_page_says_so(page: Page, plan: Plan) -> None:
    page.goto(plan.get_absolute_url())
    cheap, dear = (moved(page, "gpu_usd_per_hour", share, released=True) and figures(page) for share in (0.05, 0.95))
    assert dear["fine-tune"] > 2 * cheap["fine-tune"]
    assert dear["api"] == pytest.approx(cheap["api"], rel=0.02), "an API does not care"


def test_the_overview_lets_one_drag_the_price(page: Page, plan: Plan) -> None:
    page.goto(reverse("project-overview", args=[plan.project.code]))
    expect(page.locator(".company")).to_contain_text("not your data")
    before = page.locator("[data-option=scratch]").get_attribute("data-value")
    answer = moved(page, "gpu_usd_per_hour", 0.9)
    assert not answer["is_full"]
    expect(page.locator("[data-option=scratch]")).not_to_have_attribute("data-value", before or "")
