"""A real ladder of nine runs and the run beyond it, end to end: what its pages say is what the command line and ledger say.

One ladder serves all tests here; they look at it from different pages.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.stack.installation import Installation, eventually
from webapp.ladders.fits import NUM_RESAMPLES

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@dataclass(frozen=True, slots=True)
class RealLadder:
    """What was made, by the addresses of its pages."""

    ladder: str
    fit: str
    project: str
    run: str


def inside(stack: Installation, call: str) -> Any:
    name = call.partition("(")[0]
    said = stack.manage("shell", "-v", "0", "-c", f"from tests.stack.ladder_seed import tell, {name}; tell({call})")
    return json.loads(said.rpartition("@@")[2])


@pytest.fixture(scope="module")
def made(stack: Installation) -> RealLadder:
    measured = inside(stack, "measure()")
    wait_for_job(stack, measured)
    codes = inside(stack, "make_ladder()")
    eventually(
        lambda: stack.query("SELECT 1 FROM ladders_ladder WHERE state = 'done'"), timeout_seconds=600,
        what=lambda: f"the ladder is done: {stack.query('SELECT state, problem FROM ladders_ladder')}",
    )  # fmt: skip
    fit = stack.query("SELECT code FROM ladders_scalingfit WHERE has_law ORDER BY number DESC LIMIT 1")[0][0]
    run = inside(stack, "beyond()")
    job = stack.query("SELECT j.code FROM jobs_job j JOIN runs_run r ON r.latest_job_id = j.id WHERE r.code = %s", run)
    wait_for_job(stack, job[0][0])
    return RealLadder(
        f"/ladders/{codes['ladder']}/", f"/fits/{fit}/", f"/projects/{codes['project']}/", f"/runs/{run}/"
    )


def wait_for_job(stack: Installation, code: str) -> None:
    eventually(
        lambda: stack.query("SELECT 1 FROM jobs_job WHERE code = %s AND state = 'succeeded'", code),
        timeout_seconds=120, what=lambda: str(stack.query("SELECT state, reason FROM jobs_job WHERE code = %s", code)),
    )  # fmt: skip


def value_of(page: Page, selector: str) -> float:
    return float(page.locator(selector).first.get_attribute("data-value") or "nan")


def test_every_rung_landed_with_its_quote_and_its_cost(made: RealLadder, stack: Installation, page: Page) -> None:
    page.goto(made.ladder)
    expect(page.locator("tr[data-point]")).to_have_count(9)
    expect(page.locator("tr[data-point] .badge[data-state=succeeded]")).to_have_count(9)
    shown = [float(cell.get_attribute("data-value") or 0) for cell in page.locator("[data-figure=loss]").all()]
    stored = [row[0] for row in stack.query("SELECT loss FROM ladders_ladderpoint ORDER BY position")]
    assert shown == pytest.approx(stored)
    assert page.locator("tr[data-point] .mark").count() == 9, "a tick or a cross for each quote"
    expect(page.locator(".js-plotly-plot .scatterlayer .trace").first).to_be_visible()
    page.get_by_role("button", name="Table").first.click()
    expect(page.locator("figure table tbody tr").first).to_be_visible()


def test_the_law_on_the_page_is_the_command_lines(made: RealLadder, page: Page, tmp_path: Path) -> None:
    page.goto(made.fit)
    with page.expect_download() as download:
        page.get_by_role("link", name="Points as CSV").click()
    file = tmp_path / "points.csv"
    download.value.save_as(file)
    said = subprocess.run(
        [sys.executable, "-m", "economics", "fit", str(file), "--json", "--bootstrap", str(NUM_RESAMPLES)],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = json.loads(said.stdout)["intervals"]
    for name in ("E", "A", "alpha", "B", "beta"):
        shown = value_of(page, f"[data-coefficient={name}] [data-value]")
        assert shown == pytest.approx(expected[name]["p50"], rel=1e-6), name
    expect(page.locator("[data-method=parametric]")).to_have_class("is-here")
    expect(page.locator("figure[data-plot=surface] .scatterlayer .trace").first).to_be_visible()


def test_the_run_beyond_was_sealed_before_and_is_compared(made: RealLadder, page: Page, stack: Installation) -> None:
    page.goto(made.run)
    panel = page.locator("#sealed-prediction")
    expect(panel.locator("[data-outcome=loss] [data-figure=landed-loss]")).to_be_visible()
    code, kept, at = stack.query("SELECT code, sha256, at FROM ladders_sealedprediction s ORDER BY at DESC LIMIT 1")[0]
    began = stack.query("SELECT min(a.started_at) FROM jobs_attempt a JOIN jobs_job j ON j.id = a.job_id JOIN runs_run r"
                        " ON r.latest_job_id = j.id WHERE r.name = 'beyond'")[0][0]  # fmt: skip
    assert at < began
    answer = page.request.get(f"/predictions/{code}/sealed.json")
    assert hashlib.sha256(answer.body()).hexdigest() == kept


def test_the_last_page_adds_up_to_the_ledger(made: RealLadder, page: Page, stack: Installation) -> None:
    page.goto(made.project + "summary/")
    rungs_and_run = stack.query(
        "SELECT sum(l.effective_usd) FROM costs_ledgerentry l JOIN runs_trainjob t ON t.job_id = l.job_id"
        " JOIN runs_run r ON r.id = t.run_id JOIN ladders_ladder a ON a.dataset_version_id = r.dataset_version_id"
    )[0][0]
    assert value_of(page, "[data-figure=true_cost]") == pytest.approx(float(rungs_and_run), rel=1e-6)
    for chapter in ("machine", "data", "ladder", "sealed", "landed"):
        expect(page.locator(f"[data-chapter={chapter}]")).to_have_attribute("data-state", "done")
    expect(page.locator("#next button[value=add]")).to_be_visible()
    loss = value_of(page, "#sealed-prediction [data-figure=landed-loss]")
    assert loss == pytest.approx(stack.query(
        "SELECT (e.payload->'metrics'->>'loss')::float FROM jobs_jobevent e JOIN runs_run r ON r.latest_job_id = e.job_id"
        " WHERE r.name = 'beyond' AND e.type = 'evaluation' AND e.payload->>'split' = 'validation' ORDER BY e.seq DESC LIMIT 1"
    )[0][0])  # fmt: skip


def test_a_plan_by_the_own_law_carries_its_badge(made: RealLadder, page: Page) -> None:
    page.goto(made.project + "plans/new/")
    page.fill("#plan-name", "By our own law")
    law = page.locator("[name=law]")
    law.evaluate("field => field.closest('details').setAttribute('open', '')")
    law.select_option(f"fit:{made.fit.strip('/').rpartition('/')[2]}")
    page.get_by_role("button", name="Work it out").click()
    page.wait_for_url(re.compile(r"/plans/(?!new/)\w+/$"), timeout=60_000)
    expect(page.locator(".chip", has_text="law:").first).to_contain_text("ladder")
    expect(page.locator("[data-chart=surface] .js-plotly-plot, [data-chart=surface] .main-svg").first).to_be_visible()
