"""A recommender end to end: tables uploaded, prepared, trained on, judged beside the baselines, asked why, kept, and paid for."""

from __future__ import annotations

import csv
import io
import os
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Console
from tests.trainer.recommend_data import made_up_tastes, table

SHOTS = os.environ.get("ISOCOST_TEST_SHOTS", "")


def test_a_recommender_from_upload_to_cost(page: Page, stack: Any, tmp_path: Path, console: Console) -> None:
    clicks, _, kind = made_up_tastes(tmp_path, num_users=200, num_items=60, num_tastes=3)
    items = [(f"商品{n}", f"好书 No. {n}", "文学|小说" if of == 0 else f"kind {of}") for n, of in enumerate(kind)]
    project = new_project(page)
    upload(page, [clicks, table(tmp_path / "商品.csv", ("item", "title", "genre"), items)])
    prepare(page)
    run = train(page)
    judged(page, run)
    profile(page, project)
    lists(page, project)
    registry(page, run)
    rows = stack.query(
        "SELECT j.kind, e.effective_usd FROM costs_ledgerentry e JOIN jobs_job j ON j.id = e.job_id "
        "JOIN projects_project p ON p.id = e.project_id WHERE p.code = %s",
        project.rstrip("/").rsplit("/", 1)[1],
    )
    assert {"prepare", "train", "recommend"} <= {row[0] for row in rows}
    assert console.complaints() == []


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=f"{SHOTS}/{name}.png", full_page=True)


def new_project(page: Page) -> str:
    page.goto("/")
    page.get_by_role("link", name="New project").or_(page.get_by_role("link", name="Create the first")).first.click()
    page.get_by_label("Name").fill("Shop 书店")
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url(re.compile(r"/projects/\w+/$"))
    return page.url


def upload(page: Page, files: list[Path]) -> None:
    page.goto(f"{page.url}data/new/")
    page.locator("[name=name]").fill("Clicks 点击")
    page.locator("[name=data_kind]").select_option("interactions")
    page.get_by_role("button", name="Create and upload").first.click()
    page.wait_for_url(re.compile(r"/datasets/\w+/$"))
    page.set_input_files("#upload-files", files)
    expect(page.locator("tr[data-file]")).to_have_count(2)
    expect(page.locator("#file-table, table").first).not_to_contain_text("reading…", timeout=60_000)
    page.locator("tr[data-file] a.file-name").filter(has_text="tastes").click()
    expect(page.locator("body")).to_contain_text("user: user, item: item, time: time")
    shot(page, "preview")


def prepare(page: Page) -> None:
    page.locator("#prepare").click()
    expect(page.locator("[name='read-user_column']")).to_be_visible()
    shot(page, "recipe")
    page.get_by_role("button", name="Prepare", exact=True).click()
    page.wait_for_url(re.compile(r"/versions/\w+/$"))
    expect(page.locator("[data-figure=num_users]")).to_have_text("200", timeout=90_000)
    expect(page.locator("[data-plot=popularity] .main-svg").first).to_be_visible()
    shot(page, "report")


def train(page: Page) -> str:
    page.get_by_role("link", name="Train on this").click()
    page.get_by_role("link", name="Two-tower recommender").click()
    page.get_by_role("button", name="tiny", exact=True).click()
    page.locator("[name='schedule.num_steps']").fill("200")
    page.locator("[name='evaluation.every_steps']").fill("50")
    page.locator("[name='optimizer.learning_rate']").fill("0.02")
    page.locator("[name='optimizer.learning_rate']").dispatch_event("input")
    expect(page.locator("[data-recommending]")).to_be_visible()
    expect(page.locator("[data-figure=table_bytes]")).to_have_text(re.compile("kB|KiB|B"))
    shot(page, "form")
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/(?!new)\w+/$"))
    expect(page.locator("[data-live=steps]")).to_contain_text("200 / 200", timeout=90_000)
    expect(page.locator(".badge[data-state=succeeded]").first).to_be_visible(timeout=90_000)
    page.reload()
    expect(page.locator("[data-recommending]")).to_be_visible()
    shot(page, "run")
    return page.url


def judged(page: Page, run: str) -> None:
    """The verdict stands in words, and the baselines beside the model."""
    page.goto(f"{run}?tab=evaluation")
    expect(page.locator("body")).to_contain_text(re.compile("This model (beats|does NOT beat|is not shown to beat)"))
    for name in ("most popular", "item-kNN", "Two-tower recommender"):
        expect(page.get_by_role("rowheader", name=name, exact=True).first).to_be_visible()
    shot(page, "evaluation")


def profile(page: Page, project: str) -> None:
    """A user's page: why an item came up, and what if one of the history were not there."""
    page.goto(f"{project}playground/")
    expect(page.locator("#profile")).to_be_visible()
    page.fill("#profile-user", "用户7")
    page.get_by_role("button", name="Show profile").click()
    expect(page.locator("#profile-items tr")).to_have_count(10)
    expect(page.locator("#profile-items")).to_contain_text("好书")
    expect(page.locator("#profile-history tr")).to_have_count(20)
    expect(page.locator("#profile-nearest tr")).to_have_count(8)
    expect(page.locator("#profile-map .main-svg").first).to_be_visible()
    shot(page, "profile")
    before = page.locator("#profile-items").inner_text()
    page.locator("#profile-history button").first.click()
    expect(page.locator("#profile-changed")).to_be_visible()
    expect(page.locator("#profile-history tr")).to_have_count(19)
    page.fill("#profile-item", "商品1")
    page.get_by_role("button", name="Add", exact=True).click()
    expect(page.locator("#profile-history tr")).to_have_count(20)
    assert page.locator("#profile-items").inner_text() != before
    page.get_by_role("button", name="As it was").click()
    expect(page.locator("#profile-changed")).to_be_hidden()
    expect(page.locator("#profile-history tr")).to_have_count(20)
    page.fill("#profile-user", "nobody")
    page.get_by_role("button", name="Show profile").click()
    expect(page.locator("#profile-error")).to_contain_text("there is no user 'nobody'")


def lists(page: Page, project: str) -> None:
    page.goto(f"{project}playground/")
    page.fill("#lists-places", "3")
    page.get_by_role("button", name="Recommend to everybody").click()
    page.wait_for_url(re.compile(r"/jobs/\w+/$"))
    link = page.get_by_role("link", name="Download recommendations.csv")
    for _ in range(30):
        page.reload()
        if link.count():
            break
        page.wait_for_timeout(1_000)
    with page.expect_download() as caught:
        link.click()
    rows = list(csv.DictReader(io.StringIO(Path(caught.value.path()).read_text(encoding="utf-8"))))
    assert len(rows) == 600
    assert rows[0]["title"].startswith("好书")


def registry(page: Page, run: str) -> None:
    """A kept model says what a thousand lists cost, and its card what it does not beat."""
    page.goto(run)
    page.get_by_role("link", name="Register a model").first.click()
    page.wait_for_url(re.compile("register"))
    page.locator("main form button[type=submit]").first.click()
    page.wait_for_url(lambda url: "register" not in url)
    expect(page.locator("[data-recommending]")).to_be_visible()
    shot(page, "registry")
