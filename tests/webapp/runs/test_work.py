"""What a training is going to do, part by part: the parts are named, and each comes from what was measured."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.factories import Cast, make_ended_job
from tests.webapp.quotes.rows import CALIBRATION, make_worker
from tests.webapp.runs.rows import make_spec, make_version
from webapp.costs.models import Machine
from webapp.jobs.models import Attempt, JobEvent, Worker
from webapp.quotes.devices import device_of_worker
from webapp.runs.start_seconds import USUAL_COLD_SECONDS, USUAL_WARM_SECONDS, start_seconds
from webapp.runs.work import train_work

pytestmark = pytest.mark.django_db
MEASURING_SECONDS = 2e-3


def timed(**facts: Any) -> dict[str, Any]:
    return {**CALIBRATION, "steps": [{**step, **facts} for step in CALIBRATION["steps"]]}


def parts_of(cast: Cast, worker: Worker, **evaluation: Any) -> dict[str, float]:
    version = cast.project.datasets.first().versions.first() if cast.project.datasets.exists() else make_version(cast)  # type: ignore[union-attr]
    spec = make_spec(version, num_steps=400)
    spec = replace(spec, evaluation=replace(spec.evaluation, **evaluation))
    work = train_work(spec, version, device_of_worker(worker))
    assert work.units_per_second
    rows = {row["name"]: row["value"] for row in work.assumptions}
    parts = {name: rows[name] for name in ("start", "trial", "checkpoints", "measuring", "training")}
    assert parts["training"] + parts["measuring"] == pytest.approx(work.amount / work.units_per_second)
    assert work.fixed_seconds == pytest.approx(
        sum(rows.get(name, 0.0) for name in ("start", "trial", "checkpoints", "samples"))
    )
    return parts


def test_the_parts_add_up_and_a_test_that_is_not_wanted_is_not_quoted(cast: Cast) -> None:
    worker = make_worker(calibration=timed(measuring_seconds_per_example=MEASURING_SECONDS))
    whole, without = (parts_of(cast, worker, test=test, every_steps=400) for test in (True, False))
    examples = 50_000 / 128  # of the test split
    saved = whole["measuring"] - without["measuring"]
    assert saved == pytest.approx(
        examples * MEASURING_SECONDS, rel=0.2
    )  # the preset is between the sizes that were timed
    assert whole["training"] == without["training"]
    assert whole["trial"] == pytest.approx(2 * whole["training"] / 400)


def test_fewer_validations_are_quoted_shorter_and_a_report_longer(cast: Cast) -> None:
    worker = make_worker(calibration=timed(measuring_seconds_per_example=MEASURING_SECONDS))
    often, seldom = (parts_of(cast, worker, every_steps=every) for every in (20, 400))
    assert often["measuring"] > 2 * seldom["measuring"]
    assert often["checkpoints"] > 4 * seldom["checkpoints"]
    calibration = timed(
        measuring_seconds_per_example=MEASURING_SECONDS, reporting_seconds_per_example=MEASURING_SECONDS
    )
    Machine.objects.update(hardware={"calibration": calibration})
    assert parts_of(cast, worker, every_steps=400)["measuring"] == pytest.approx(1.5 * seldom["measuring"])


def began(cast: Cast, worker: Worker, *, at: float, start: float) -> Attempt:
    """A training of a minute that was claimed so many seconds ago, and took its first step `start` seconds later."""
    job, claimed = make_ended_job(cast, kind="train"), timezone.now() - timedelta(seconds=at)
    attempt = Attempt.objects.create(
        job=job,
        fence=1,
        worker=worker,
        started_at=claimed,
        ended_at=claimed + timedelta(seconds=60),
        outcome="succeeded",
    )
    JobEvent.objects.create(
        job=job, seq=1, fence=1, line=1, at=claimed + timedelta(seconds=start), type="started", payload={}
    )
    return attempt


def test_a_start_right_after_another_job_is_told_by_those_that_began_so(cast: Cast, settings: Any) -> None:
    settings.ISOCOST_WARM_SECONDS = 120
    worker = make_worker(calibration=CALIBRATION)
    machine = Machine.objects.get()
    assert start_seconds(machine.pk) == USUAL_COLD_SECONDS
    began(cast, worker, at=5_000, start=3.0)
    assert start_seconds(machine.pk) == 3.0
    began(cast, worker, at=4_900, start=0.2)
    assert start_seconds(machine.pk) == 3.0, "a process with PyTorch in memory has gone by now"
    began(cast, worker, at=100, start=4.0)
    assert start_seconds(machine.pk) == 0.2
    settings.ISOCOST_WARM_SECONDS = 0
    assert start_seconds(machine.pk) == 3.0
    assert USUAL_WARM_SECONDS < USUAL_COLD_SECONDS


def test_a_step_of_few_examples_takes_what_every_step_takes(cast: Cast) -> None:
    version = make_version(cast)
    whole = make_spec(version, num_steps=100)
    whole = replace(whole, batch=replace(whole.batch, sequences_per_step=8))
    few = replace(whole, batch=replace(whole.batch, sequences_per_step=1))

    def seconds_of_training(calibration: dict[str, Any], *specs: Any) -> list[float]:
        worker = make_worker(calibration=calibration, host=f"host-{len(calibration['steps'][0])}")
        works = [train_work(spec, version, device_of_worker(worker)) for spec in specs]
        return [next(row["value"] for row in work.assumptions if row["name"] == "training") for work in works]

    half = {**CALIBRATION, "steps": [
        {**step, "few_examples": 1, "seconds_per_step_of_few": step["seconds_per_step"] / 2} for step in CALIBRATION["steps"]
    ]}  # fmt: skip
    plain, through_two = (seconds_of_training(calibration, whole, few) for calibration in (CALIBRATION, half))
    assert through_two[0] == pytest.approx(plain[0], rel=0.1), "of the batch that was timed both say the same"
    assert through_two[1] > 3 * plain[1]
