"""The main job in a real browser: sign in, upload, prepare, train, watch, stop, resume, generate, see what it cost.

The tests build on one another, as the steps of a user do.
"""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Console
from tests.stack.installation import eventually

NAME = "客服语料 and a rather long name for a dataset, as people give them"


@dataclass(slots=True)
class Found:
    """What the earlier steps made."""

    project: str = ""
    version: str = ""
    run: str = ""


@pytest.fixture(scope="module")
def found() -> Found:
    return Found()


def corpus(path: Path, *, num_documents: int = 1_500) -> Path:
    """Write JSONL in Chinese and English with words that repeat, so that a small model learns something in seconds."""
    rng = random.Random(7)
    words = [
        "the",
        "model",
        "reads",
        "a",
        "token",
        "and",
        "writes",
        "another",
        "one",
        "while",
        "the",
        "loss",
        "falls",
        "step",
        "by",
        "step",
    ]
    han = ["今天天气很好", "模型学习语言", "客服回答问题", "数据需要清洗", "训练需要时间"]
    with path.open("w", encoding="utf-8") as file:
        for number in range(num_documents):
            text = " ".join(rng.choices(words, k=40)) + f" {number}. " + "，".join(rng.choices(han, k=6)) + "。"
            file.write(json.dumps({"id": number, "text": text}, ensure_ascii=False) + "\n")
    return path


def test_upload_in_the_browser(page: Page, found: Found, tmp_path: Path) -> None:
    page.goto("/")
    page.get_by_role("link", name="New project").or_(page.get_by_role("link", name="Create the first")).first.click()
    page.get_by_label("Name").fill("Support assistant 客服助手")
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url(re.compile(r"/projects/\w+/$"))
    found.project = page.url
    page.get_by_role("link", name="Add data").first.click()
    page.get_by_label("Name").first.fill(NAME)
    page.get_by_role("button", name="Create and upload").first.click()
    page.wait_for_url(re.compile(r"/datasets/\w+/$"))
    page.wait_for_load_state("load")
    page.set_input_files("#upload-files", corpus(tmp_path / "问答.jsonl"))
    expect(page.get_by_text("问答.jsonl").first).to_be_visible()
    expect(page.locator("#prepare:not([aria-disabled])")).to_be_visible()


def test_prepare(page: Page, found: Found) -> None:
    page.locator("#prepare").click()
    vocabulary = page.locator("[name$=vocab_size]")
    vocabulary.evaluate("field => field.closest('details')?.setAttribute('open', '')")
    vocabulary.fill("512")
    page.get_by_role("button", name="Prepare", exact=True).click()
    page.wait_for_url(re.compile(r"/versions/\w+/$"))
    found.version = page.url
    expect(page.locator(".badge[data-state=ready], .badge[data-state=succeeded]").first).to_be_visible(timeout=90_000)
    expect(page.get_by_text("What each step did")).to_be_visible(timeout=15_000)


def start_run(page: Page, **fields: str) -> None:
    """Fill the run form: the smallest preset, and what is given."""
    page.get_by_role("link", name="Train on this").click()
    page.wait_for_url(re.compile(r"/runs/new/"))
    for name, value in fields.items():
        field = page.locator(f"[name='{name}']")
        field.evaluate(
            "f => { for (let d = f.closest('details'); d; d = d.parentElement.closest('details')) d.open = true }"
        )
        field.fill(value)
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/(?!new)\w+/$"))


def num_points(page: Page) -> int:
    """Return how many points the loss chart has drawn."""
    script = """() => {
      const chart = document.querySelector(".js-plotly-plot");
      return chart ? Math.max(0, ...chart.data.map((trace) => trace.x.length)) : 0;
    }"""
    return int(page.evaluate(script))


def test_train_and_watch_without_reload(page: Page, stack: Any, found: Found) -> None:
    page.goto(found.version)
    start_run(
        page,
        **{
            "schedule.num_steps": "100000",
            "schedule.warmup_steps": "20",
            "batch.sequences_per_step": "4",
            "evaluation.every_steps": "50",
            "checkpoint.every_steps": "50",
        },
    )
    found.run = page.url
    page.evaluate("window.notReloaded = true")
    eventually(lambda: num_points(page) >= 5, timeout_seconds=150, what="the chart gets its first points")
    before = num_points(page)
    eventually(lambda: num_points(page) > before + 5, timeout_seconds=90, what="the chart gains points")
    assert page.evaluate("window.notReloaded") is True


def test_watching_goes_on_after_the_web_server_was_killed(page: Page, stack: Any, found: Found) -> None:
    old = stack.kill("web")
    stack.wait_healed("web", old)
    before = num_points(page)
    eventually(lambda: num_points(page) > before + 5, timeout_seconds=120, what="the chart gains points again")
    assert page.evaluate("window.notReloaded") is True


def test_stop_saves_and_resume_goes_on(page: Page, found: Found) -> None:
    page.get_by_role("button", name="Stop and save").click()
    expect(page.locator(".badge[data-state=stopped]").first).to_be_visible(timeout=90_000)
    resume = page.get_by_role("button", name=re.compile(r"Resume from step"))
    expect(resume).to_be_visible()
    step = int(re.sub(r"\D", "", resume.inner_text()))
    assert step > 0
    resume.click()
    expect(page.locator(".badge[data-state=running]").first).to_be_visible(timeout=90_000)

    def current_step() -> int:
        text = page.locator("[data-live=steps]").inner_text()
        return int(re.sub(r"\D", "", text.split("/")[0]) or 0)

    eventually(lambda: current_step() > step, timeout_seconds=60, what="the run goes on behind the step it stopped at")
    page.get_by_role("button", name="Stop and save").click()
    expect(page.locator(".badge[data-state=stopped]").first).to_be_visible(timeout=90_000)


def test_generate_in_the_playground(page: Page, found: Found) -> None:
    page.goto(f"{found.project}playground/")
    page.fill("#prompt", "今天天气很好")
    page.fill("#num_tokens", "24")
    page.fill("#temperature", "0")  # drawn at random, so young a model writes halves of characters
    page.click("#generate")
    # a model this young may think that its text has ended before the 24 tokens are written
    expect(page.locator(".side .measure")).to_contain_text(re.compile(r"\d+ tokens · .*(length|end_of_text)"))
    assert len(page.locator(".side .output").inner_text()) > len("今天天气很好")
    assert "�" not in page.locator(".side .output").inner_text()
    written = page.locator(".side .output").inner_text()
    page.locator("#draft").select_option(page.locator(".side .checkpoint").input_value())  # its own guesses
    page.click("#generate")
    expect(page.locator(".side .measure")).to_contain_text(re.compile(r"[1-9]\d* % of the guesses right|· end_of_text"))
    assert page.locator(".side .output").inner_text() == written
    page.click("#inspect")
    expect(page.locator("#next tbody tr")).to_have_count(20)
    page.click("#attention")
    expect(page.locator("table.attention tbody tr").first).to_be_visible()
    expect(page.locator("#history details").first).to_contain_text("今天天气很好")


def test_the_cost_on_the_page_is_what_the_ledger_holds(page: Page, stack: Any, found: Found) -> None:
    page.goto(f"{found.project}costs/")
    shown = Decimal(page.locator("[data-figure=effective_usd]").get_attribute("data-value") or "0")
    code = found.project.rstrip("/").rsplit("/", 1)[1]
    rows = stack.query(
        "SELECT sum(e.effective_usd), count(*), count(DISTINCT (e.job_id, e.fence, e.kind)) FROM costs_ledgerentry e "
        "JOIN projects_project p ON p.id = e.project_id WHERE p.code = %s",
        code,
    )
    total, count, num_distinct = rows[0]
    assert count == num_distinct
    assert count >= 3  # one preparation, two attempts of the run
    assert shown == total
    assert shown > 0
    expect(page.locator("figure.plot .js-plotly-plot").first).to_be_visible()


def test_no_page_complained(console: Console) -> None:
    assert console.complaints() == []
