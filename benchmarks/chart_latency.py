"""From the trainer writing a block of metrics to the chart showing it in a real browser, with 20 more pages on the run.

    python -m benchmarks.chart_latency [--viewers 20] [--seconds 20]

Starts an installation of its own, trains a small model in it, opens the run's page in headless Chromium and as many
sockets besides, and compares the time at which the trainer wrote each block (its journal says) with the frame in which
the chart of the loss first had the block's last step. `received` is the part of it until the page's socket had the
block. Prints one JSON line.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from benchmarks.live_run import (
    AIM_SECONDS,
    Viewers,
    latency_figures,
    latency_options,
    machine_figures,
    training_run,
)
from tests.browser.conftest import FLAGS
from tests.stack.installation import Installation, eventually
from tests.stack.jobs_watch import JobUnderTest
from trainer.events import Metrics, read_journal

KEY = "train/loss"
RECORD = """() => {
  window.points_received = [];
  window.frames_drawn = [];
  document.addEventListener("run-news", ({ detail }) => {
    const loss = detail.points["train/loss"];
    if (loss?.[0].length) window.points_received.push([loss[0].at(-1), Date.now() / 1000]);
  });
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
StepTimes = list[tuple[float, float]]
"""The last step of the loss that was there, and when."""


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


def delays_of(journal: Path, noted: StepTimes) -> list[float]:
    """Return for each block that was written while steps were noted how long it took until its last step was there."""
    found: list[float] = []
    if not noted:
        return found
    first, last = noted[0], noted[-1]
    for event, _offset in read_journal(journal):
        if isinstance(event, Metrics) and KEY in event.values and first[0] < event.steps[-1] <= last[0]:
            there_at = next(at for step, at in noted if step >= event.steps[-1])
            found.append(there_at - event.at)
    return found


def measure(*, num_viewers: int, seconds: float) -> dict[str, Any]:
    """Return the delays' quantiles."""
    with training_run() as (stack, job):
        heard: list[float] = []
        viewers = Viewers(
            stack.client(),
            f"/ws/runs/{job.run}/?job={job.code}&after=0",
            number=num_viewers,
            take=lambda _news, at: heard.append(at),
        )
        eventually(lambda: viewers.num_joined == num_viewers and heard, what="every viewer sees the run")
        with opened_page(stack, job) as page:
            page.wait_for_timeout(seconds * 1000)
            frames, received = (_pairs(page.evaluate(f"window.{name}")) for name in ("frames_drawn", "points_received"))
        viewers.close()
        journal = Path(job.folder) / "attempts" / "1" / "events.jsonl"
        drawn, arrived = delays_of(journal, frames), delays_of(journal, received)
    return {
        "benchmark": "chart_latency",
        "viewers": viewers.num_joined,
        "blocks_drawn": len(drawn),
        "frames": len(frames),
        **latency_figures(drawn),
        "received": latency_figures(arrived),
        "aim_median_seconds": AIM_SECONDS,
        **machine_figures(),
    }


def _pairs(noted: Sequence[Sequence[float]]) -> StepTimes:
    return [(float(step), float(at)) for step, at in noted]


def main() -> None:
    options = latency_options(__doc__)
    print(json.dumps(measure(num_viewers=options.viewers, seconds=options.seconds)))


if __name__ == "__main__":
    main()
