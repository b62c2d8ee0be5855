"""Pictures with boxes end to end: uploaded, drawn, quoted, trained on, and shown.

Digits on small canvases; the run is too short to be good, and long enough to show something everywhere.
"""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect

from tests.trainer.models.detect.canvases import canvases

NUM_STEPS = 12
SLOW = 120_000


def test_a_detector_from_upload_to_evaluation(page: Page, tmp_path: Path) -> None:
    new_project(page)
    pictures = canvases(tmp_path / "digits 数字.zip", num=90, side=64, classes=(1, 7), most=2)
    upload(page, pictures)
    prepare(page)
    run = train(page)
    expect(page.locator(".badge[data-state=succeeded]").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".judged img").first).to_be_visible()  # what it said of some pictures, on the run's page
    page.goto(f"{run}?tab=evaluation")
    expect(page.get_by_role("row", name=re.compile("^map50 ", re.I)).first).to_be_visible()
    expect(page.locator(".judged img").first).to_be_visible()
    ask(page, pictures, tmp_path)


def new_project(page: Page) -> None:
    page.goto("/")
    page.get_by_role("link", name="New project").or_(page.get_by_role("link", name="Create the first")).first.click()
    page.get_by_label("Name").fill("Digits 数字")
    page.get_by_role("button", name="Create project").click()
    page.wait_for_url(re.compile(r"/projects/\w+/$"))


def upload(page: Page, file: Path) -> None:
    """Upload the zip; its preview has the boxes drawn."""
    page.get_by_role("link", name="Add data").first.click()
    page.get_by_label("Name").first.fill("Digits")
    page.get_by_label("Kind of data").select_option("boxes")
    page.get_by_role("button", name="Create and upload").first.click()
    page.wait_for_url(re.compile(r"/datasets/\w+/$"))
    page.set_input_files("#upload-files", file)
    expect(page.locator("tr[data-file]")).to_contain_text("PNG", timeout=SLOW)  # its row is drawn anew until then
    page.locator("tr[data-file] a.file-name").click()
    expect(page.locator("#file-panel")).to_contain_text(re.compile("[12] [17]"), timeout=SLOW)
    expect(page.locator("#file-panel img").first).to_be_visible()


def prepare(page: Page) -> None:
    page.locator("#prepare").click()
    page.locator("[name='resize-side']").fill("64")
    page.get_by_role("button", name="Prepare", exact=True).click()
    page.wait_for_url(re.compile(r"/versions/\w+/$"))
    expect(page.locator(".badge[data-state=ready], .badge[data-state=succeeded]").first).to_be_visible(timeout=SLOW)
    expect(page.locator(".thumbs img").first).to_be_visible()


def train(page: Page) -> str:
    """Start a short run of the smallest detector; return its address."""
    page.get_by_role("link", name="Train on this").click()
    expect(page.locator("body")).to_contain_text("Images per step")
    page.get_by_role("button", name="tiny", exact=True).click()
    page.locator("[name='schedule.num_steps']").fill(str(NUM_STEPS))
    page.locator("[name='schedule.num_steps']").dispatch_event("input")
    page.locator("[name='evaluation.every_steps']").fill("6")
    expect(page.locator("body")).to_contain_text("images seen", timeout=SLOW)
    page.get_by_role("button", name="Start the run").click()
    page.wait_for_url(re.compile(r"/runs/(?!new)\w+/$"))
    expect(page.locator("[data-live=steps]")).to_contain_text(f"{NUM_STEPS} / {NUM_STEPS}", timeout=SLOW)
    expect(page.locator("body")).to_contain_text("images per second")
    return page.url


def ask(page: Page, pictures: Path, tmp_path: Path) -> None:
    """Drop a picture in the playground: it comes back whole, with a drawing of boxes over it."""
    with zipfile.ZipFile(pictures) as archive:
        name = next(name for name in archive.namelist() if name.endswith(".png"))
        picture = Path(archive.extract(name, tmp_path))
    page.get_by_role("link", name="Playground", exact=True).click()
    expect(page.locator("#picture-drop")).to_be_visible()  # shown once the page listens
    page.set_input_files("#picture-file", picture)
    expect(page.locator(".picture-view.is-whole img")).to_be_visible(timeout=SLOW)
    expect(page.locator(".picture-view svg[role=img]")).to_be_attached()
    for side in (1_000, 2_000):  # 1 MB goes as it is, 4 MB are made smaller before
        photo = np.random.default_rng(1).integers(0, 255, (side, side, 3), dtype=np.uint8)
        Image.fromarray(photo).save(tmp_path / "photo.jpg", quality=90)
        page.reload()
        expect(page.locator("#picture-drop")).to_be_visible()
        page.set_input_files("#picture-file", tmp_path / "photo.jpg")
        expect(page.locator(".picture-view img")).to_be_visible(timeout=SLOW)
