"""The page of a run when there is much of everything, or nothing: a million steps, 100,000 lines of log, no step at all."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page, expect

from tests.factories import Cast, make_team
from tests.webapp.datasets.live import live_server
from tests.webapp.runs.rows import make_run
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Run

NUM_STEPS = 1_000_000
NUM_LINES = 100_000
NAME = "百万步的训练，名字很长很长很长，像人们会写的那样 – and longer still"


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_team()


@pytest.fixture
def page(chromium: Browser, cast: Cast) -> Iterator[Page]:
    session = cast.client(cast.bob).cookies[settings.SESSION_COOKIE_NAME].value
    with live_server() as address:
        context = chromium.new_context(base_url=address, viewport={"width": 1440, "height": 900})
        context.add_init_script("localStorage.setItem('tour-seen:run', '1')")
        context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": address}])
        shown = context.new_page()
        shown.set_default_timeout(30_000)
        yield shown
        context.close()


@pytest.fixture
def files(tmp_path: Path, settings: Any) -> Path:
    settings.ISOCOST_FILES = tmp_path
    return tmp_path


def curve(page: Page, card: int = 0) -> list[float]:
    """Return the heights of the smoothed curve of a card: the last trace that is wide."""
    script = "n => { const t = document.querySelectorAll('.js-plotly-plot')[n].data; return t[t.length - 1].y; }"
    return list(page.evaluate(script, card))


def test_a_million_steps_are_drawn_with_one_crosshair_over_all_charts(page: Page, cast: Cast) -> None:
    run = make_run(cast, name=NAME, num_steps=NUM_STEPS)
    steps = np.arange(NUM_STEPS)
    losses = 1 + 10 / (1 + steps / 1e4) + 0.3 * np.sin(steps / 300)
    values = {"train/loss": losses, "train/learning_rate": 1e-3 * (1 - steps / NUM_STEPS)}
    metrics_append(run=run, steps=steps, values=values)
    page.goto(run.get_absolute_url())
    expect(page.get_by_role("heading", name=NAME)).to_be_visible()
    expect(page.locator(".js-plotly-plot .scatterlayer path.js-line").nth(4)).to_be_attached()
    expect(page.locator(".chart-note").first).to_contain_text("of 1,000,000 points")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    gentle = curve(page)
    page.select_option("[data-chart-setting=smoothingKind]", "gaussian")
    page.wait_for_function(
        "before => document.querySelector('.js-plotly-plot').data.at(-1).y.some((height, i) => height !== before[i])",
        arg=gentle,
    )
    assert np.std(np.diff(curve(page)[50:])) < np.std(np.diff(gentle[50:]))  # it looks to both sides: smoother still
    page.locator(".js-plotly-plot .nsewdrag").first.hover()
    expect(
        page.locator(".js-plotly-plot").nth(1).locator(".hoverlayer .legend, .hoverlayer .hovertext").first
    ).to_be_attached()


def test_a_log_of_100_000_lines_opens_at_its_end_and_is_searched_followed_and_downloaded(
    page: Page, cast: Cast, files: Path
) -> None:
    run = make_run(cast, name=NAME)
    log = log_of(run)
    log.write_text("".join(f"line {i} 步骤 of the training\n" for i in range(1, NUM_LINES + 1)), encoding="utf-8")
    began = time.monotonic()
    page.goto(f"{run.get_absolute_url()}?tab=logs")
    text = page.locator("[data-log-text]")
    expect(text).to_contain_text(f"line {NUM_LINES} 步骤")
    assert time.monotonic() - began < 10  # under a second on a quiet machine
    assert "line 1 步骤" not in text.inner_text()  # the end comes first, not the whole
    with log.open("a", encoding="utf-8") as file:
        file.write("and one more\n")
    expect(text).to_contain_text("and one more")
    page.fill("[data-log-search]", "line 4321 ")
    page.locator("[data-log-matches] button").first.click()
    expect(text).to_contain_text(re.compile("^line 4321 步骤"))
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert Path(download.value.path()).read_bytes() == log.read_bytes()


def log_of(run: Run) -> Path:
    """Return the place of the log of the run's first attempt, with the rows of a worker that is on it."""
    from django.utils import timezone

    from webapp.jobs.models import Attempt, Worker

    worker = Worker.objects.create(name="worker", host="here", queue="cpu")
    attempt = Attempt.objects.create(job=run.latest_job, fence=1, worker=worker, started_at=timezone.now())
    attempt.folder.path.mkdir(parents=True)
    return attempt.folder.log


def test_a_run_of_no_steps_says_that_there_is_nothing_to_draw(page: Page, cast: Cast) -> None:
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    run = make_run(cast, name="空的训练", num_steps=0, state="succeeded")
    page.goto(run.get_absolute_url())
    expect(page.locator("[data-no-charts]")).to_be_visible()
    for tab in ("System", "Samples", "Logs", "Checkpoints", "Evaluation"):
        page.get_by_role("link", name=tab, exact=True).click()
        expect(page.locator(".tabs [aria-current], .tabs [aria-selected=true]").first).to_have_text(tab)
    assert problems == []
