"""From the trainer writing an event to a browser's socket receiving it: a real run, a real installation, 20 viewers.

    python -m benchmarks.event_latency [--viewers 20] [--seconds 20]

Starts an installation of its own, trains a small model in it, opens the sockets, and compares the time at which the
trainer wrote each line of its journal with the time at which each viewer had it. Prints one JSON line.
"""

from __future__ import annotations

import json
import time
from datetime import datetime
from typing import Any

from benchmarks.live_run import (
    AIM_SECONDS,
    Viewers,
    latency_figures,
    latency_options,
    machine_figures,
    training_run,
)
from tests.stack.installation import Installation
from tests.stack.jobs_watch import JobUnderTest


def measure(*, num_viewers: int, seconds: float) -> dict[str, Any]:
    """Return the quantiles of the delays of events in an installation of its own."""
    with training_run() as (stack, job):
        return measure_in(stack, job, num_viewers=num_viewers, seconds=seconds)


def measure_in(stack: Installation, job: JobUnderTest, *, num_viewers: int, seconds: float) -> dict[str, Any]:
    """Return the quantiles of the delays of a training's events that were written while all viewers watched."""
    delays: list[float] = []
    counts_from = float("inf")

    def take(news: dict[str, Any], received_at: float) -> None:
        for event in news["events"]:
            written_at = datetime.fromisoformat(event["at"]).timestamp()
            if event["line"] and written_at > counts_from:
                delays.append(received_at - written_at)

    path = f"/ws/jobs/{job.code}/?after={job.row('last_seq')}"
    viewers = Viewers(stack.client(), path, number=num_viewers, take=take)
    time.sleep(1.0)
    counts_from = time.time()
    time.sleep(seconds)
    viewers.close()
    return {
        "benchmark": "event_latency",
        "viewers": viewers.num_joined,
        "events_received": len(delays),
        **latency_figures(delays),
        "aim_median_seconds": AIM_SECONDS,
        **machine_figures(),
    }


def main() -> None:
    options = latency_options(__doc__)
    print(json.dumps(measure(num_viewers=options.viewers, seconds=options.seconds)))


if __name__ == "__main__":
    main()
