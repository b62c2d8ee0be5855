"""Delay from a trainer's event to its viewers over their number."""

from __future__ import annotations

from benchmarks.event_latency import measure_in
from benchmarks.growth.fit import grow
from benchmarks.live_run import training_run

SECONDS = 8.0


def main() -> None:
    with training_run() as (stack, job):
        grow(
            "delay_viewers",
            over="viewers of a run",
            unit="s, median",
            sizes=[5, 20, 80],
            cost=lambda num: float(measure_in(stack, job, num_viewers=num, seconds=SECONDS)["median_seconds"]),
        )


if __name__ == "__main__":
    main()
