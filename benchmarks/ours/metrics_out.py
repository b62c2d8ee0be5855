"""Ours: the chart of a long metric and a page of the table of runs, asked for as a browser does, without the network.

what "chart"   GET of a run's metrics, JSON as the page gets it: `points` of them are in the database
what "list"    GET of the table of `runs` runs, sorted by a metric, HTML as the page gets it
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from benchmarks.frame.child import Round, serve
from benchmarks.ours.installation import a_run, own_installation

APPENDED_AT_ONCE = 200_000


def prepare(arguments: dict[str, Any]) -> Round:
    from django.conf import settings
    from django.test import Client

    settings.ALLOWED_HOSTS = ["*"]
    cast, run = a_run()
    client = Client()
    client.force_login(cast.alice)
    if arguments["what"] == "chart":
        fill(run, arguments["points"])
        address = f"/runs/{run.code}/metrics/?keys=long/loss&points=1000{arguments.get('range', '')}"
    else:
        add_runs(cast.project, run.dataset_version, arguments["runs"])
        address = f"/projects/{cast.project.code}/runs/?sort=min:validation/loss"

    def one_round() -> tuple[float, dict[str, float]]:
        began = time.perf_counter()
        answer = client.get(address)
        seconds = time.perf_counter() - began
        assert answer.status_code == 200, answer.content[:500]
        return seconds * 1000, {"answer_bytes": len(answer.content)}

    one_round()
    return one_round


def fill(run: Any, num_points: int) -> None:
    from webapp.runs.metrics import metrics_append

    for first in range(0, num_points, APPENDED_AT_ONCE):
        steps = np.arange(first, min(num_points, first + APPENDED_AT_ONCE))
        metrics_append(run=run, steps=steps, values={"long/loss": 1 / (1 + steps / 1e4)})  # type: ignore[arg-type,dict-item]


def add_runs(project: Any, version: Any, num_runs: int) -> None:
    from django.utils import timezone

    from webapp.jobs.models import Job
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


if __name__ == "__main__":
    with own_installation():
        serve(prepare)
