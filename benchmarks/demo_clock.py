"""The six-minute demo by the clock: a first start, and when each chapter of its story was told.

    python -m benchmarks.demo_clock [--screenshots DIR] [--url URL --login LINK]

Starts an installation of its own with the demo, as a newcomer does, and looks at the project's overview every half
second, without a hand on the mouse, until the run beyond the ladder has landed against its sealed prediction. Then it
moves the price of a GPU-hour on the decision card and asks the playground to go on from `def `. Prints one JSON line:
seconds from the first page until each chapter was done, and what it said. With `--screenshots` it keeps a picture of
the pages that README.md and docs/deciding.md show. `--url` and `--login` (a link of `make login`) look at an
installation that runs, instead of starting one.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.conftest import FLAGS
from tests.stack.installation import Installation

AIM_SECONDS = 360.0
LIMIT_SECONDS = 1_500.0
POLL_SECONDS = 0.5
LIVE_FROM = 0.4
"""Part of a run's steps after which its picture is worth taking."""

SIZE = {"width": 1280, "height": 860}


class Watch:
    """The overview in a browser, and the moment at which each chapter was first seen done."""

    def __init__(self, browser: Browser, url: str, link: str, pictures: Path | None) -> None:
        self.context = browser.new_context(base_url=url, viewport=SIZE, device_scale_factor=1)  # type: ignore[arg-type]
        self.context.add_init_script(
            "for (const name of ['overview', 'run', 'plan']) localStorage.setItem(`tour-seen:${name}`, '1')"
        )
        self.pictures = pictures
        self.page = self.context.new_page()
        self.page.set_default_timeout(60_000)
        self.page.goto(link)
        self.page.wait_for_url(lambda url: "/login/" not in url)
        self.page.goto("/")
        if "/projects/" not in self.page.url:  # where there is one project, it is opened by itself
            self.page.goto(str(self.page.locator("main a[href^='/projects/']").first.get_attribute("href")))
        self.page.wait_for_selector("[data-chapter]")
        self.began = time.monotonic()
        self.project = self.page.url
        self.seen: dict[str, dict[str, Any]] = {}
        self.is_live_kept = pictures is None

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.began

    def follow(self) -> None:
        """Look until every chapter is done."""
        while "landed" not in self.seen:
            assert self.elapsed < LIMIT_SECONDS, f"not done after {LIMIT_SECONDS:.0f} s: {self.seen}"
            self.note()
            if "sealed" in self.seen and not self.is_live_kept:
                self.keep_live(self.link_of("sealed"))
            time.sleep(POLL_SECONDS)

    def note(self) -> None:
        told = self.page.evaluate(
            "[...document.querySelectorAll('[data-chapter]')].map((c) => [c.dataset.chapter, c.dataset.state,"
            " c.querySelector('.chapter-text').textContent])"
        )
        for name, state, sentence in told:
            if state == "done" and name not in self.seen:
                self.seen[name] = {"seconds": round(self.elapsed, 1), "said": sentence}

    def open(self, address: str, picture: str) -> Page:
        self.page.goto(address)
        self.page.wait_for_timeout(1_500)
        self.keep(picture)
        return self.page

    def link_of(self, chapter: str) -> str:
        return str(self.page.locator(f"[data-chapter={chapter}] a").get_attribute("href"))

    def keep_live(self, address: str) -> None:
        """Keep what a browser's window shows of the run beyond the ladder while it trains, once it has drawn something."""
        page = self.context.new_page()
        page.goto(address)
        if page.locator("progress").evaluate("bar => bar.value / bar.max") >= LIVE_FROM:
            page.wait_for_timeout(1_500)
            self.keep("live", page)
            self.is_live_kept = True
        page.close()

    def keep(self, name: str, page: Page | None = None) -> None:
        """Keep a picture of the whole page, or of the window of another one."""
        if self.pictures is None:
            return
        path = self.pictures / f"{name}.png"
        (page or self.page).screenshot(path=path, full_page=page is None)
        colours = Image.Quantize.FASTOCTREE
        Image.open(path).convert("RGB").quantize(256, method=colours, dither=Image.Dither.NONE).save(
            path, optimize=True
        )


def price_moved(watch: Watch) -> float:
    """Drag the price of a GPU-hour on the decision card; return the seconds until the card answered."""
    watch.page.goto(watch.project)
    slider = watch.page.locator("[data-slider-for=id_gpu_usd_per_hour]")
    with watch.page.expect_response(lambda answer: answer.url.endswith("/answer/")):
        began = time.monotonic()
        slider.evaluate("e => { e.value = 850; e.dispatchEvent(new Event('input', { bubbles: true })); }")
    answered = time.monotonic() - began
    watch.page.wait_for_timeout(500)
    watch.keep("price-dragged")
    return answered


def completed(watch: Watch) -> str:
    """Ask the playground to go on from `def `, and return what it wrote."""
    watch.page.goto(watch.project + "playground/")
    watch.page.fill("#prompt", "def ")
    watch.page.click("#generate")
    output = watch.page.locator("[data-side=a] .output").first
    watch.page.wait_for_function("e => e.textContent.trim().length > 40", arg=output.element_handle(), timeout=60_000)
    watch.page.wait_for_timeout(2_000)
    watch.keep("playground")
    return output.inner_text().strip()[:200]


def told(url: str, link: str, pictures: Path | None) -> dict[str, Any]:
    """Follow the demo of a running installation to its end, then look at each of its pages."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        watch = Watch(browser, url, link, pictures)
        watch.follow()
        landed_seconds = watch.elapsed
        watch.keep("overview")
        links = {name: watch.link_of(name) for name in ("question", "data", "ladder", "sealed")}
        watch.open(watch.project + "summary/", "summary")
        watch.open(links["ladder"], "ladder")
        watch.open(str(watch.page.locator("a.button.primary[href^='/fits/']").get_attribute("href")), "fit")
        watch.open(links["sealed"], "run")
        watch.open(links["data"], "data")
        for tab in ("", "business/", "advantage/"):
            watch.open(links["question"] + tab, f"plan-{tab.strip('/') or 'decision'}")
        answer_seconds, written = price_moved(watch), completed(watch)
        browser.close()
    return {
        "chapters": watch.seen,
        "landed_seconds": round(landed_seconds, 1),
        "price_answer_seconds": round(answer_seconds, 3),
        "playground": written,
    }


def measure(pictures: Path | None) -> dict[str, Any]:
    """Run the demo of a fresh installation and return its clock."""
    stack = Installation(environment={"ISOCOST_DEMO": "1"})
    try:
        started = time.monotonic()
        stack.start()
        start_seconds = time.monotonic() - started
        found = told(stack.url, stack.login_link(), pictures)
    finally:
        stack.remove()
    return {
        "benchmark": "demo_clock",
        "first_start_seconds": round(start_seconds, 1),
        **found,
        "aim_seconds": AIM_SECONDS,
        "load_average": round(os.getloadavg()[0], 1),
        "num_cores": os.cpu_count(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--screenshots", type=Path, metavar="DIR", help="keep pictures of the pages there")
    parser.add_argument("--url", help="address of an installation that runs")
    parser.add_argument("--login", metavar="LINK", help="its login link")
    options = parser.parse_args()
    if options.screenshots:
        options.screenshots.mkdir(parents=True, exist_ok=True)
    found = told(options.url, options.login, options.screenshots) if options.url else measure(options.screenshots)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
