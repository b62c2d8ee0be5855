"""Metrics in and out: points a second into PostgreSQL, and the time of a chart of a long run and of the table of runs.

    python benchmarks/metrics_ingest.py [--points 10000000] [--runs 10000]

Starts an embedded PostgreSQL of its own in a temporary home, with its usual durability, and prints one JSON line a
figure. Peers of the same rows: MLflow and others, as `make bench` runs them.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
BATCH_POINTS = 1_000
NUM_KEYS = 10


@contextmanager
def own_installation() -> Iterator[None]:
    """An empty installation in a temporary home, gone afterwards."""
    sys.path.insert(0, str(ROOT))
    with tempfile.TemporaryDirectory(prefix="isocost-bench-") as home_path:
        os.environ |= {"ISOCOST_HOME": home_path, "DJANGO_SETTINGS_MODULE": "webapp.settings", "ISOCOST_TESTING": "1"}
        from webapp.ops.home import Home
        from webapp.ops.postgres import EmbeddedPostgres

        postgres = EmbeddedPostgres(home=Home.from_environ().ensure())
        postgres.start()
        try:
            postgres.create_database()
            import django

            django.setup()
            from django.core.management import call_command

            call_command("migrate", verbosity=0)
            yield
        finally:
            postgres.stop()


def tell(bench: str, value: float, unit: str, *, shape: str, spread: float | None = None) -> None:
    line = {"bench": bench, "contender": "isocost", "shape": shape, "value": value, "unit": unit, "spread": spread}
    print(json.dumps(line), flush=True)


def timed(function: Callable[[], Any], *, repeat: int) -> tuple[float, float]:
    """Return median and spread (half the distance of the quartiles) of the seconds, after one call to warm up."""
    function()
    seconds = []
    for _ in range(repeat):
        begin = time.perf_counter()
        function()
        seconds.append(time.perf_counter() - begin)
    return median(seconds), float(np.subtract(*np.percentile(seconds, [75, 25])) / 2)


def ingest(run: Any) -> None:
    """Batches of 1,000 points of one key and of ten keys, and single points, each a transaction of its own."""
    from webapp.runs.metrics import metrics_append

    for num_keys, num_batches in ((1, 100), (NUM_KEYS, 50)):
        keys = [f"bench{num_keys}/{k}" for k in range(num_keys)]
        values = {key: np.random.default_rng(1).normal(size=BATCH_POINTS).tolist() for key in keys}
        begin = time.perf_counter()
        for batch in range(num_batches):
            metrics_append(run=run, steps=range(batch * BATCH_POINTS, (batch + 1) * BATCH_POINTS), values=values)
        rate = num_keys * num_batches * BATCH_POINTS / (time.perf_counter() - begin)
        tell("metrics_in", rate, "points/s", shape=f"batches of 1,000 steps x {num_keys} keys")
    begin = time.perf_counter()
    for step in range(200):
        metrics_append(run=run, steps=[step], values={"single/loss": [1.0]})
    tell("metrics_in", 200 / (time.perf_counter() - begin), "points/s", shape="single points, one key")


def chart(run: Any, num_points: int) -> None:
    """The chart of a long metric: whole, and a stretch from its middle."""
    from webapp.runs.metric_queries import metric_series
    from webapp.runs.metrics import metrics_append

    begin, size = time.perf_counter(), 200_000
    for first in range(0, num_points, size):
        steps = np.arange(first, min(num_points, first + size))
        metrics_append(run=run, steps=steps, values={"long/loss": 1 / (1 + steps / 1e4)})
    tell("metrics_in", num_points / (time.perf_counter() - begin), "points/s", shape="batches of 200,000 steps x 1 key")

    def whole() -> None:
        metric_series(run, "long/loss", max_points=1_000).as_json()

    def stretch() -> None:
        metric_series(
            run, "long/loss", max_points=1_000, first_step=num_points // 2, last_step=num_points // 2 + 300_000
        ).as_json()

    for name, function in (("whole", whole), ("a stretch of 300,000 steps", stretch)):
        seconds, spread = timed(function, repeat=15)
        tell("chart", seconds * 1000, "ms", shape=f"{num_points:,} points, {name}", spread=spread * 1000)


def run_table(project: Any, version: Any, num_runs: int) -> None:
    """A page of the table of runs, by date and by a metric."""
    from django.http import QueryDict
    from django.utils import timezone

    from webapp.jobs.models import Job
    from webapp.runs import table
    from webapp.runs.models import Run

    jobs = Job.objects.bulk_create(
        Job(project=project, team=project.team, kind="train", spec={}, state="succeeded", ended_at=timezone.now())
        for _ in range(num_runs)
    )
    losses = np.random.default_rng(1).normal(2, 0.3, num_runs).tolist()
    Run.objects.bulk_create(
        Run(
            project=project, name=f"run-{i}", family="gpt", dataset_version=version, spec={"optimizer": {"name": "adamw"}},
            num_steps=100, latest_job=job, summary={"validation/loss": {"last": loss, "min": loss, "max": loss, "step": 100}},
        )
        for i, (job, loss) in enumerate(zip(jobs, losses, strict=True))
    )  # fmt: skip

    def page(query: str) -> Callable[[], Any]:
        view = table.View.of(QueryDict(query))
        return lambda: table.rows_of(table.ids_of(project, view)[: table.PAGE_SIZE])

    for name, query in (
        ("by date", ""),
        ("by a metric", "sort=min:validation/loss"),
        ("by name, searched", "q=run-99"),
    ):
        seconds, spread = timed(page(query), repeat=15)
        tell("run_list", seconds * 1000, "ms", shape=f"{num_runs:,} runs, {name}", spread=spread * 1000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=10_000_000)
    parser.add_argument("--runs", type=int, default=10_000)
    arguments = parser.parse_args()
    with own_installation():
        from tests.factories import make_team
        from tests.webapp.runs.rows import make_run

        cast = make_team()
        run = make_run(cast)
        ingest(run)
        chart(run, arguments.points)
        run_table(cast.project, run.dataset_version, arguments.runs)


if __name__ == "__main__":
    main()
