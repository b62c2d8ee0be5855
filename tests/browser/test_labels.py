"""The second family end to end: labelled data uploaded, prepared, trained on, evaluated, asked, and paid for.

Nothing but the form's choice of family differs from a GPT's way; that is what the test shows.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Console

WORDS = {
    "退款 refund": ["refund", "money", "return", "退款", "退货", "payment", "charged", "twice"],
    "登录 login": ["password", "login", "account", "登录", "密码", "locked", "reset", "code"],
}
COMMON = ["please", "help", "I", "the", "my", "请问", "today", "and", "it", "谢谢"]


def tickets(path: Path, *, num_documents: int = 400) -> Path:
    """Write support tickets of two kinds, told apart by their words."""
    rng = random.Random(3)
    with path.open("w", encoding="utf-8") as file:
        for number in range(num_documents):
            label = rng.choice(list(WORDS))
            words = rng.choices(WORDS[label], k=6) + rng.choices(COMMON, k=10)
            rng.shuffle(words)
            row = {"kind": label, "text": f"{' '.join(words)} {number} {rng.randrange(10**6)}"}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
    return path


def test_a_bag_of_words_from_upload_to_ledger(page: Page, stack: Any, tmp_path: Path, console: Console) -> None:
    project = new_project(page)
    upload(page, tickets(tmp_path / "tickets 工单.jsonl"))
    prepare(page)
    run = train(page)
    expect(page.locator(".badge[data-state=succeeded]").first).to_be_visible(timeout=90_000)
    page.goto(f"{run}?tab=evaluation")
    accuracy = page.get_by_role("row", name=re.compile("^accuracy", re.I)).locator("td").last
    assert float(accuracy.inner_text().rstrip(" %")) > 0.9  # a coin would be right half the time
    predict(page, project)
    rows = stack.query(
        "SELECT e.model_label, e.outcome, e.effective_usd FROM costs_ledgerentry e JOIN jobs_job j ON j.id = e.job_id "
        "JOIN projects_project p ON p.id = e.project_id WHERE p.code = %s AND j.kind = 'train'",
        project.rstrip("/").rsplit("/", 1)[1],
    )
    assert rows
    assert {row[1] for row in rows} == {"succeeded"}
    assert all(row[0].startswith("Bag of words") for row in rows)
    assert sum(row[2] for row in rows) > 0
    assert console.complaints() == []


def new_project(page: Page) -> str:
    page.goto("/")
    page.get_by_role("link", name="New project").or_(page.get_by_role("link", name="Create the first")).first.click()
    page.get_by_label("Name").fill("Tickets 工单分类")
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url(re.compile(r"/projects/\w+/$"))
    return page.url


def upload(page: Page, file: Path) -> None:
    """Upload the file and say which field is the label."""
    page.get_by_role("link", name="Add data").first.click()
    page.get_by_label("Name").first.fill("Tickets")
    page.get_by_role("button", name="Create and upload").first.click()
    page.wait_for_url(re.compile(r"/datasets/\w+/$"))
    page.set_input_files("#upload-files", file)
    expect(page.locator("tr[data-file]")).to_contain_text("detected")  # its columns are known by then
    page.locator("tr[data-file] a.file-name").click()
    page.locator("[name=label_column]").select_option("kind")
    page.get_by_role("button", name="Save and look again").click()
    expect(page.locator("th.is-label")).to_have_text("kind")


def prepare(page: Page) -> None:
    page.locator("#prepare").click()
    vocabulary = page.locator("[name$=vocab_size]")
    vocabulary.evaluate("field => field.closest('details')?.setAttribute('open', '')")
    vocabulary.fill("400")
    page.get_by_role("button", name="Prepare", exact=True).click()
    page.wait_for_url(re.compile(r"/versions/\w+/$"))
    expect(page.locator(".badge[data-state=ready], .badge[data-state=succeeded]").first).to_be_visible(timeout=90_000)
    expect(page.locator(".label-table")).to_contain_text("登录 login")


def train(page: Page) -> str:
    """Choose the family, start, and see the first figures come in without a reload; return the run's address."""
    page.get_by_role("link", name="Train on this").click()
    page.get_by_role("link", name="Bag of words").click()
    page.get_by_role("button", name="small", exact=True).click()
    page.locator("[name='schedule.num_steps']").fill("120")
    page.locator("[name='schedule.num_steps']").dispatch_event("input")
    page.locator("[name='evaluation.every_steps']").fill("30")
    rate = page.locator("[name='optimizer.learning_rate']")
    rate.fill("0.03")
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/(?!new)\w+/$"))
    page.evaluate("window.notReloaded = true")
    expect(page.locator("[data-live=steps]")).to_contain_text("120 / 120", timeout=90_000)
    assert page.evaluate("window.notReloaded") is True
    return page.url


def predict(page: Page, project: str) -> None:
    """Ask the model for a label; what only language models can do is not offered."""
    page.goto(f"{project}playground/")
    expect(page.locator("#generate")).to_be_hidden()
    expect(page.locator("#inspect")).to_be_hidden()
    page.fill("#prompt", "my payment was charged twice, 退款 please")
    page.click("#predict")
    first = page.locator(".side .output tr").first
    expect(first).to_contain_text("退款 refund")
    expect(page.locator("#history details").first).to_contain_text("charged twice")
