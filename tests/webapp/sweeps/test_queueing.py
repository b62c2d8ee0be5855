"""A sweep goes on by itself: run after run, within its budget, and what falls behind is stopped."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from tests.factories import Cast
from tests.webapp.ladders.rows import measured_worker
from tests.webapp.runs.rows import make_spec, make_version
from tests.webapp.runs.test_kinds import Attempt
from trainer import events as ev
from trainer.families import get_family
from trainer.sweep.space import SweepRefused, read_setting
from webapp.costs.models import LedgerEntry
from webapp.jobs.models import Job, Worker
from webapp.sweeps import services
from webapp.sweeps.models import Sweep, Trial
from webapp.sweeps.queueing import SWEEPS, sweep_continue
from webapp.sweeps.services import Plan

pytestmark = pytest.mark.django_db
RATE = "optimizer.learning_rate"


@pytest.fixture(autouse=True)
def files(tmp_path: Path, settings: Any) -> Path:
    settings.ISOCOST_FILES = tmp_path
    return tmp_path


@pytest.fixture
def worker(db: None) -> Worker:
    return measured_worker()


def plan(cast: Cast, *rows: tuple[str, str], **changes: Any) -> Plan:
    version = make_version(cast)
    space = [read_setting(get_family("gpt"), name, text) for name, text in rows or ((RATE, "1e-4 .. 1e-1 log 4"),)]
    values: dict[str, Any] = {
        "version": version, "spec": make_spec(version), "space": space, "method": "grid", "metric": "validation/loss",
        "budget_hours": 10.0, **changes,
    }  # fmt: skip
    return Plan(**values)


def make(cast: Cast, capture: Any, made: Plan) -> Sweep:
    with capture(execute=True):
        return services.sweep_create(project=cast.project, created_by=cast.bob, name="rates", plan=made)


def loss_of(trial: Trial) -> float:
    return 2 + (math.log10(trial.values[RATE]) + 2) ** 2


def measured(step: int, trial: Trial) -> ev.Metrics:
    return ev.Metrics(steps=[step], values={"validation/loss": [loss_of(trial)]})


def begin(worker: Worker) -> tuple[Attempt, Trial]:
    attempt = Attempt(worker)
    attempt.say(ev.Started(pid=1, device="cpu"))
    return attempt, Trial.objects.get(run__latest_job=attempt.claim.job_id)


def do_one(worker: Worker, capture: Any, *, outcome: str = "succeeded") -> None:
    """Do the next run in the queue as a worker would."""
    attempt, trial = begin(worker)
    if outcome == "succeeded":
        attempt.say(measured(90, trial), ev.Finished(result={}))
    with capture(execute=True):
        attempt.end(outcome, "done" if outcome == "succeeded" else "nan")


def test_a_grid_is_made_run_after_run(cast: Cast, worker: Worker, django_capture_on_commit_callbacks: Any) -> None:
    sweep = make(cast, django_capture_on_commit_callbacks, plan(cast))
    for number in range(1, 5):
        assert sweep.trials.count() == number
        assert sweep.trials.filter(ended_at=None).count() == 1
        do_one(worker, django_capture_on_commit_callbacks)
    sweep.refresh_from_db()
    assert (sweep.state, sweep.problem) == ("done", "All 4 runs are made.")
    best = min(sweep.trials.all(), key=lambda trial: trial.value or 9)
    assert (best.values[RATE], best.value) == (0.01, 2.0)
    assert {trial.run.spec["optimizer"]["learning_rate"] for trial in sweep.trials.all() if trial.run} == {
        1e-4, 1e-3, 1e-2, 1e-1,
    }  # fmt: skip
    assert set(LedgerEntry.objects.values_list("purpose", flat=True)) == {"sweep"}
    assert SWEEPS.all() == 0  # nothing is left to look after


def test_the_budget_ends_it(cast: Cast, worker: Worker, django_capture_on_commit_callbacks: Any) -> None:
    sweep = make(cast, django_capture_on_commit_callbacks, plan(cast, budget_hours=None, budget_usd=1e-9))
    assert sweep.trials.count() == 1  # the first is made whatever it is quoted at
    do_one(worker, django_capture_on_commit_callbacks)
    sweep.refresh_from_db()
    assert sweep.state == "done"
    assert "budget" in sweep.problem
    assert sweep.trials.count() == 1
    with django_capture_on_commit_callbacks(execute=True):
        services.sweep_go_on(sweep=sweep, more_budget=100)
    sweep.refresh_from_db()
    assert sweep.state == "running"
    assert sweep.budget_usd == pytest.approx(100)
    assert sweep.trials.count() == 2


def test_what_falls_behind_is_stopped_and_counts(
    cast: Cast, worker: Worker, django_capture_on_commit_callbacks: Any
) -> None:
    made = plan(cast, num_at_once=4, first_rung=10, halving_factor=4)
    sweep = make(cast, django_capture_on_commit_callbacks, made)
    assert sweep.spec["evaluation"]["every_steps"] == 10
    assert sweep.rungs == [10, 40]
    attempts = [begin(worker) for _ in range(4)]
    for attempt, trial in attempts:
        attempt.say(measured(10, trial))
    sweep_continue(sweep.pk)
    stopped = sweep.trials.filter(stopped_at_step=10)
    assert {trial.values[RATE] for trial in stopped} == {1e-4, 1e-3, 1e-1}
    for attempt, trial in attempts:
        trial.refresh_from_db()
        job = Job.objects.get(pk=attempt.claim.job_id)
        assert bool(job.stop_request) == (trial.stopped_at_step is not None)
        with django_capture_on_commit_callbacks(execute=True):
            attempt.end("stopped" if trial.stopped_at_step else "succeeded", "done")
    sweep.refresh_from_db()
    assert sweep.state == "done"
    assert all(trial.value is not None and not trial.problem for trial in sweep.trials.all())


def test_values_that_do_not_go_together_are_passed_over(
    cast: Cast, worker: Worker, django_capture_on_commit_callbacks: Any
) -> None:
    """Seven heads divide no width of the usual sizes: the trial has no run, and says why."""
    rows = (("model.num_heads", "2 .. 4"), ("model.model_width", "64 .. 96"))
    with pytest.raises(SweepRefused, match="must divide"):
        services.checked(plan(cast, *rows))
    sweep = make(cast, django_capture_on_commit_callbacks, plan(cast))
    bad = {**sweep.spec, "model": {**sweep.spec["model"], "num_heads": 7}}
    Sweep.objects.filter(pk=sweep.pk).update(spec=bad)
    do_one(worker, django_capture_on_commit_callbacks)
    sweep.refresh_from_db()
    assert sweep.state == "blocked"
    refused = sweep.trials.filter(run=None)
    assert refused.count() == 3
    assert all("num_heads" in trial.problem for trial in refused)


def test_three_failures_in_a_row_need_a_person(
    cast: Cast, worker: Worker, django_capture_on_commit_callbacks: Any
) -> None:
    sweep = make(cast, django_capture_on_commit_callbacks, plan(cast))
    for _ in range(3):
        do_one(worker, django_capture_on_commit_callbacks, outcome="failed")
    sweep.refresh_from_db()
    assert sweep.state == "blocked"
    assert "without a result" in sweep.problem


def test_a_stop_ends_what_is_at_work(cast: Cast, worker: Worker, django_capture_on_commit_callbacks: Any) -> None:
    sweep = make(cast, django_capture_on_commit_callbacks, plan(cast))
    attempt, _ = begin(worker)
    services.sweep_stop(sweep=sweep, by=cast.bob)
    assert Job.objects.get(pk=attempt.claim.job_id).stop_request
    with django_capture_on_commit_callbacks(execute=True):
        attempt.end("stopped", "stop")
    sweep.refresh_from_db()
    assert sweep.state == "stopped"
    assert sweep.trials.count() == 1
