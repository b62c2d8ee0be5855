"""From the trainer writing a block of metrics to the chart showing it in a real browser, with 20 more pages on the run.

    python -m benchmarks.chart_latency [--viewers 20] [--seconds 20]

Starts an installation of its own, trains a small model in it, opens the run's page in headless Chromium and as many
sockets besides, and compares the time at which the trainer wrote each block (its journal says) with the frame in which
the chart of the loss first had the block's last step. Prints one JSON line.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from playwright.sync_api import Page, sync_playwright
from websockets.exceptions import WebSocketException
from websockets.sync.client import connect

from tests.browser.conftest import FLAGS
from tests.stack.installation import Client, Installation, eventually
from tests.stack.jobs_watch import JobUnderTest, inside, start_run
from trainer.events import Metrics, read_journal

AIM_SECONDS = 0.3
"""Median, with 20 viewers."""
KEY = "train/loss"
RECORD = """() => {
  window.frames_drawn = [];
  const draw = Plotly.react;
  Plotly.react = function (place, data, ...rest) {
    const done = draw.call(this, place, data, ...rest);
    const isLoss = place.closest(".chart-card")?.classList.contains("is-lead");
    if (isLoss) requestAnimationFrame(() => requestAnimationFrame(() => {
      const last = Math.max(...place.data.filter((trace) => trace.x.length).map((trace) => trace.x.at(-1)));
      window.frames_drawn.push([last, Date.now() / 1000]);
    }));
    return done;
  };
}"""


class RunViewer(threading.Thread):
    """One more page on the run: its socket, read as it comes. Connects once; ends with the installation."""

    def __init__(self, client: Client, job: JobUnderTest) -> None:
        super().__init__(daemon=True)
        self.client, self.job = client, job
        self.num_news = 0
        self.start()

    def run(self) -> None:
        address = f"{self.client.url.replace('http', 'ws', 1)}/ws/runs/{self.job.run}/?job={self.job.code}&after=0"
        cookies = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.client.cookies)
        headers = {"Cookie": cookies}
        with (
            suppress(OSError, WebSocketException),
            connect(address, origin=self.client.url, additional_headers=headers, max_size=None) as socket,  # type: ignore[arg-type]
        ):
            for _text in socket:
                self.num_news += 1


@contextmanager
def opened_page(stack: Installation, job: JobUnderTest) -> Iterator[Page]:
    """The run's page, signed in, its chart drawn along the steps and every frame of it noted."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        page = browser.new_context(base_url=stack.url, viewport={"width": 1440, "height": 900}).new_page()
        page.goto(stack.login_link())
        page.wait_for_url(lambda url: "/login/" not in url)
        page.add_init_script("localStorage.setItem('tour-seen:run', '1')")
        page.goto(f"/runs/{job.run}/")
        page.wait_for_selector(".chart-card.is-lead .js-plotly-plot .scatterlayer .trace", timeout=60_000)
        page.evaluate(RECORD)
        yield page
        browser.close()


def delays_of(journal: Path, frames: list[tuple[float, float]]) -> list[float]:
    """Return for each block that was written while frames were noted how long it took until it was drawn."""
    found: list[float] = []
    if not frames:
        return found
    first, last = frames[0], frames[-1]
    for event, _offset in read_journal(journal):
        if isinstance(event, Metrics) and KEY in event.values and first[0] < event.steps[-1] <= last[0]:
            drawn_at = next(at for step, at in frames if step >= event.steps[-1])
            found.append(drawn_at - event.at)
    return found


def measure(*, num_viewers: int, seconds: float) -> dict[str, Any]:
    """Return the delays' quantiles."""
    stack = Installation()
    try:
        stack.start()
        job = start_run(stack, num_steps=1_000_000, every_steps=200)
        job.wait_for_step(50)
        client = stack.client()
        viewers = [RunViewer(client, job) for _ in range(num_viewers)]
        eventually(lambda: all(viewer.num_news for viewer in viewers), what="every viewer sees the run")
        with opened_page(stack, job) as page:
            page.wait_for_timeout(seconds * 1000)
            frames = [(float(step), float(at)) for step, at in page.evaluate("window.frames_drawn")]
        delays = delays_of(Path(job.folder) / "attempts" / "1" / "events.jsonl", frames)
        inside(stack, f"ask({job.code!r}, 'cancel')")
        job.wait_for_end(timeout_seconds=30)
    finally:
        stack.remove()
    cuts = quantiles(delays, n=100)
    return {
        "benchmark": "chart_latency",
        "viewers": num_viewers,
        "blocks_drawn": len(delays),
        "frames": len(frames),
        "median_seconds": round(median(delays), 4),
        "p95_seconds": round(cuts[94], 4),
        "max_seconds": round(max(delays), 4),
        "aim_median_seconds": AIM_SECONDS,
        "load_average": round(os.getloadavg()[0], 1),
        "num_cores": os.cpu_count(),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--viewers", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    print(json.dumps(measure(num_viewers=options.viewers, seconds=options.seconds)))


if __name__ == "__main__":
    main()
