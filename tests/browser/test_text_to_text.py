"""From text to text in the browser: conversations uploaded and recognised, learnt, and talked to; what is guarded is refused."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from tests.browser.conftest import Console
from tests.browser.test_labels import new_project

WORDS = ["apple", "river", "stone", "cloud", "tiger", "lemon", "paper", "sugar", "河流", "石头"]


def conversations(path: Path, *, count: int = 300) -> Path:
    """Write chat JSONL: the answer is both words of the question in brackets, in the other order."""
    chance = random.Random(2)
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            a, b = chance.sample(WORDS, 2)
            said = [
                {"role": "user", "content": f"{a} {b} {chance.randrange(10**6)}"},
                {"role": "assistant", "content": f"[{b}|{a}]"},
            ]
            file.write(json.dumps({"messages": said}, ensure_ascii=False) + "\n")
    return path


def test_conversations_from_upload_to_chat(page: Page, stack: Any, tmp_path: Path, console: Console) -> None:
    project = new_project(page)
    upload(page, conversations(tmp_path / "chats 对话.jsonl"), kind="chats", form="OpenAI messages")
    prepare(page)
    train(page, steps=30)
    expect(page.locator(".badge[data-state=succeeded]").first).to_be_visible(timeout=120_000)
    refuse(page, project, "forbidden*")
    talk(page, project)
    rows = stack.query(
        "SELECT g.prompt, g.ended_because FROM serving_generation g JOIN projects_project p ON p.id = g.project_id "
        "WHERE p.code = %s ORDER BY g.created_at",
        project.rstrip("/").rsplit("/", 1)[1],
    )
    assert ("something forbidden here", "refused") in [tuple(row) for row in rows]
    assert console.complaints() == []


def upload(page: Page, file: Path, *, kind: str, form: str) -> None:
    page.get_by_role("link", name="Add data").first.click()
    page.get_by_label("Name").first.fill("Talks")
    page.get_by_label("Kind of data").first.select_option(kind)
    page.get_by_role("button", name="Create and upload").first.click()
    page.wait_for_url(re.compile(r"/datasets/\w+/$"))
    page.set_input_files("#upload-files", file)
    expect(page.locator("tr[data-file]")).to_contain_text(form)
    page.locator("tr[data-file] a.file-name").click()
    expect(page.locator("#file-panel")).to_contain_text(f"Recognised: {form}")


def prepare(page: Page) -> None:
    page.locator("#prepare").click()
    page.locator("[name$=vocab_size]").fill("320")
    page.get_by_role("button", name="Prepare", exact=True).click()
    page.wait_for_url(re.compile(r"/versions/\w+/$"))
    expect(page.locator(".badge[data-state=ready], .badge[data-state=succeeded]").first).to_be_visible(timeout=90_000)


def train(page: Page, *, steps: int) -> None:
    """Start a run on the version; what it is trained for follows from the data."""
    page.get_by_role("link", name="Train on this").click()
    expect(page.locator("[name='model.objective']")).to_have_value("answer")
    page.locator("[name='schedule.num_steps']").fill(str(steps))
    page.locator("[name='batch.sequences_per_step']").fill("4")
    page.locator("[name='evaluation.every_steps']").fill(str(steps))
    page.locator("[name='schedule.num_steps']").dispatch_event("input")
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/(?!new)\w+/$"))


def refuse(page: Page, project: str, word: str) -> None:
    page.goto(f"{project}playground/guards/")
    page.get_by_label("name").fill("No such talk")
    page.get_by_label("words and phrases").fill(word)
    page.get_by_label("answer given instead").fill("Let us talk of something else.")
    page.get_by_role("button", name="Add").click()
    expect(page.locator("table").first).to_contain_text("No such talk")


def talk(page: Page, project: str) -> None:
    """Ask, edit, try again; and ask what a guard refuses."""
    page.goto(f"{project}playground/")
    page.fill("#num_tokens", "16")
    say(page, "apple river 7")
    answers = page.locator(".message.from-assistant")
    expect(answers.last.locator(".measure")).to_contain_text("tokens")
    page.get_by_role("button", name="Try again").click()
    expect(answers).to_have_count(1)
    expect(answers.last.locator(".measure")).to_contain_text("tokens")
    page.get_by_role("button", name="Edit").click()
    expect(page.locator("#chat-question")).to_have_value("apple river 7")
    expect(page.locator(".message")).to_have_count(0)
    say(page, "stone cloud 8")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    say(page, "something forbidden here")
    expect(answers.last).to_contain_text("Let us talk of something else.")
    expect(page.locator(".message")).to_have_count(4)
    page.goto(f"{project}playground/guards/")
    expect(page.locator("table").last).to_contain_text("words: forbidden")


def say(page: Page, words: str) -> None:
    page.fill("#chat-question", words)
    page.locator("#chat-send").click()
