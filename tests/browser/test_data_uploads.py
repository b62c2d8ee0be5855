"""Uploads in a real browser: lost connections, reloads, pasted text, and names that want to be markup."""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from playwright.sync_api import Browser, Page

from tests.factories import Cast, make_team
from tests.webapp.datasets.live import live_server
from tests.webapp.datasets.relay import Relay
from webapp.datasets.models import Dataset, SourceFile, Upload

NUM_BYTES = 6_000_000
BYTES_PER_SECOND = 1_500_000


class Problems:
    """What must never happen on a page, gathered while it does."""

    def __init__(self, page: Page) -> None:
        self.found: list[str] = []
        page.on("pageerror", lambda error: self.found.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.found.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("console", self._console)

    def _console(self, message: Any) -> None:
        if "Content Security Policy" in message.text:
            self.found.append(message.text)


@pytest.fixture
def cast(transactional_db: None) -> Cast:
    return make_team()


@pytest.fixture
def dataset(cast: Cast) -> Dataset:
    return Dataset.objects.create(project=cast.project, name="Help articles", created_by=cast.bob)


@pytest.fixture
def relay() -> Iterator[Relay]:
    """The line between the browser and a live server."""
    with live_server() as address:
        line = Relay(address)
        yield line
        line.close()


@pytest.fixture
def page(chromium: Browser, relay: Relay, cast: Cast, dataset: Dataset) -> Iterator[Page]:
    session = cast.client(cast.bob).cookies[settings.SESSION_COOKIE_NAME].value
    context = chromium.new_context()
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": relay.address}])
    shown = context.new_page()
    shown.goto(f"{relay.address}/datasets/{dataset.code}/")
    yield shown
    context.close()


@pytest.fixture
def big_file(tmp_path: Path) -> Path:
    place = tmp_path / "big.txt"
    words = random.Random(1)
    place.write_text("".join(words.choice("abcdefgh \n") for _ in range(NUM_BYTES)))
    return place


def slow_down(page: Page) -> None:
    """Let bytes go up slowly, so that something can happen on the way."""
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": BYTES_PER_SECOND},
    )


def wait_until(condition: Any, *, seconds: float = 30) -> Any:
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return found


def arrived() -> int:
    upload = Upload.objects.first()
    return upload.path.stat().st_size if upload and upload.path.exists() else 0


def test_goes_on_by_itself_after_a_lost_connection(page: Page, relay: Relay, big_file: Path) -> None:
    slow_down(page)
    page.set_input_files("#upload-files", big_file)
    wait_until(lambda: arrived() > NUM_BYTES // 4)
    relay.cut()
    page.wait_for_selector('.upload-row[data-state="lost"]')
    kept = arrived()
    assert 0 < kept < NUM_BYTES
    relay.mend()
    file = wait_until(SourceFile.objects.first)
    assert file.sha256 == hashlib.sha256(big_file.read_bytes()).hexdigest()
    assert Upload.objects.count() == 1  # the same upload went on; it did not begin anew
    page.wait_for_selector(f'tr[data-file="{file.code}"]')


def test_goes_on_after_a_reload_where_it_was(page: Page, big_file: Path) -> None:
    slow_down(page)
    page.set_input_files("#upload-files", big_file)
    wait_until(lambda: arrived() > NUM_BYTES // 4)
    page.on("dialog", lambda dialog: dialog.accept())
    page.reload()
    page.wait_for_selector('.upload-row[data-state="interrupted"]')
    kept = arrived()
    page.set_input_files("#upload-files", big_file)
    file = wait_until(SourceFile.objects.first)
    assert Upload.objects.count() == 1
    assert kept >= NUM_BYTES // 4
    assert file.sha256 == hashlib.sha256(big_file.read_bytes()).hexdigest()


def test_pause_holds_and_resume_goes_on(page: Page, big_file: Path) -> None:
    slow_down(page)
    page.set_input_files("#upload-files", big_file)
    wait_until(lambda: arrived() > NUM_BYTES // 5)
    page.click("text=Pause")
    page.wait_for_selector('.upload-row[data-state="paused"]')
    held = wait_until(arrived)
    page.wait_for_timeout(500)
    assert arrived() - held < 300_000  # what was on the line may still come in
    page.click("text=Resume")
    assert wait_until(SourceFile.objects.first).size_bytes == NUM_BYTES


def test_several_files_pasted_text_and_a_duplicate(page: Page, tmp_path: Path, dataset: Dataset) -> None:
    for name, text in (
        ("one.txt", "text of the first"),
        ("客服.txt", "text of the second"),
        ("same.txt", "text of the first"),
    ):
        (tmp_path / name).write_text(text)
    page.set_input_files("#upload-files", [tmp_path / "one.txt", tmp_path / "客服.txt"])
    wait_until(lambda: SourceFile.objects.count() == 2)
    page.set_input_files("#upload-files", tmp_path / "same.txt")
    page.wait_for_selector('.upload-row[data-state="duplicate"] >> text=already here as “one.txt”')
    page.click("text=Paste text")
    page.fill("#paste-body", "pasted words 粘贴")
    page.click("dialog >> text=Add")
    pasted = wait_until(lambda: SourceFile.objects.filter(name__startswith="Pasted text").first())
    assert pasted.path.read_text() == "pasted words 粘贴"


def test_names_and_cells_that_want_to_be_markup_stay_text(page: Page, tmp_path: Path, dataset: Dataset) -> None:
    problems = Problems(page)
    evil = "<img src=x onerror=alert(1)>"
    (tmp_path / f"{evil}.csv").write_text(f'text,"{evil}"\n"<script>alert(2)</script> in a cell","{evil}"\n' * 3)
    page.set_input_files("#upload-files", tmp_path / f"{evil}.csv")
    page.wait_for_selector("tr[data-file] >> text=detected", timeout=30_000)
    page.click("a.file-name")
    page.wait_for_selector("[data-file-panel] .preview >> text=in a cell")
    assert page.locator("img").count() == 0
    page.goto(urlsplit(page.url)._replace(path=f"/datasets/{dataset.code}/prepare/").geturl())
    page.click("text=Try on 1,000 documents")
    page.wait_for_selector("[data-trial] >> text=Documents", timeout=60_000)
    assert problems.found == []


def drop(page: Page, *paths: Path) -> None:
    """Drop files and folders of this machine on the card, as a hand would."""
    box = page.locator("#upload .drop").bounding_box()
    assert box is not None
    at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    session = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": kind, **at, "data": data})


def some_folder(place: Path) -> Path:
    for name, text in (("读我.txt", "read me"), ("src/main.py", "print('hello')"), (".git/config", "hidden")):
        (place / "corpus" / name).parent.mkdir(parents=True, exist_ok=True)
        (place / "corpus" / name).write_text(text)
    return place / "corpus"


def test_files_and_folders_are_dropped(page: Page, tmp_path: Path, dataset: Dataset) -> None:
    (tmp_path / "alone.txt").write_text("a file by itself")
    drop(page, tmp_path / "alone.txt", some_folder(tmp_path))
    wait_until(lambda: SourceFile.objects.count() == 3)
    # names keep the path inside the folder; hidden files stay out
    assert set(SourceFile.objects.values_list("name", flat=True)) == {
        "alone.txt",
        "corpus/读我.txt",
        "corpus/src/main.py",
    }
    page.wait_for_selector("tr[data-file] >> text=corpus/src/main.py")


def test_a_folder_is_chosen(page: Page, tmp_path: Path, dataset: Dataset) -> None:
    with page.expect_file_chooser() as chooser:
        page.click("[data-upload-folder]")
    chooser.value.set_files(some_folder(tmp_path))
    wait_until(lambda: SourceFile.objects.count() == 2)
    assert set(SourceFile.objects.values_list("name", flat=True)) == {"corpus/读我.txt", "corpus/src/main.py"}
