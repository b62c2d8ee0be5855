"""Time of the pages that grow with use: the table over its runs, a chart and its intake over the points of a metric."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

from benchmarks.growth.fit import best_seconds, grow
from benchmarks.ours.installation import a_run, own_installation
from benchmarks.ours.metrics_out import add_runs, fill

best_wall_seconds = partial(best_seconds, clock=time.perf_counter)


def main() -> None:
    from django.conf import settings
    from django.test import Client

    settings.ALLOWED_HOSTS = ["*"]
    cast, run = a_run()
    client = Client()
    client.force_login(cast.alice)

    def page(address: str) -> None:
        assert client.get(address).status_code == 200

    def table_seconds(num_runs: int) -> float:
        add_runs(cast.project, run.dataset_version, num_runs - cast.project.runs.count())
        return best_wall_seconds(lambda: page(f"/projects/{cast.project.code}/runs/?sort=min:validation/loss"))

    def chart_seconds(num_points: int) -> float:
        other = another(run)
        fill(other, num_points)
        return best_wall_seconds(lambda: page(f"/runs/{other.code}/metrics/?keys=long/loss&points=1000"))

    def intake_seconds(num_points: int) -> float:
        return best_wall_seconds(lambda: fill(another(run), num_points))

    points = [10_000, 100_000, 1_000_000]
    grow("chart_points", over="points of the metric", unit="s a chart", sizes=points, cost=chart_seconds)
    grow("intake_points", over="points of the metric", unit="s", sizes=points, cost=intake_seconds)
    grow(
        "table_runs",
        over="runs in the table",
        unit="s a page",
        sizes=[1_000, 3_000, 10_000, 30_000],
        cost=table_seconds,
    )


def another(run: Any) -> Any:
    """Return one more run, without points."""
    from webapp.runs.models import Run

    return Run.objects.create(
        project=run.project, name="another", family="gpt", dataset_version=run.dataset_version, spec=run.spec,
        num_steps=run.num_steps, latest_job=run.latest_job,
    )  # fmt: skip


if __name__ == "__main__":
    with own_installation():
        main()
