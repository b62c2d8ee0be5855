"""A quote is made with every job, learns from those that ended, and says nothing where nothing is known."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.db import DatabaseError, transaction

from tests.factories import Cast, make_checkpoint, make_ended_job
from tests.webapp.quotes.rows import CALIBRATION, end_job, make_worker
from tests.webapp.runs.rows import make_run, make_spec, make_version
from webapp.datasets.kinds import prepare_work
from webapp.jobs.kinds import WorkFacts
from webapp.jobs.models import Job, State
from webapp.quotes.models import Quote, QuoteOutcome
from webapp.quotes.services import quote_made, quote_of, quote_work
from webapp.runs.models import Run
from webapp.runs.services import run_create, run_resume
from webapp.runs.work import work_of_job
from webapp.teams.models import Team

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def every_job_starts_alike(settings: Any) -> None:
    settings.ISOCOST_WARM_SECONDS = 0


def start(cast: Cast, *, num_steps: int = 200, name: str = "") -> Job:
    version = (cast.project.datasets.first() and cast.project.datasets.first().versions.first()) or make_version(cast)
    spec = make_spec(version, num_steps=num_steps)
    return run_create(project=cast.project, created_by=cast.bob, version=version, spec=spec, name=name).latest_job


def test_every_quantity_of_a_calibrated_machine_is_an_interval(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    quote = Quote.objects.get(job=start(cast))
    assert quote.basis == "calibration"
    for name in ("seconds", "device_hours", "usd", "kwh", "co2e_kg", "memory_bytes"):
        found = quote.interval(name)
        assert found is not None, name
        assert 0 < found.p10 < found.p50 < found.p90
    assert quote.fits is True
    assert sum(quote.memory_by_part.values()) == pytest.approx(quote.interval("memory_bytes").p50, rel=0.01)  # type: ignore[union-attr]


def test_before_a_calibration_there_is_no_number_but_memory(cast: Cast) -> None:
    make_worker()
    job = start(cast)
    assert quote_of(job) is None
    quote = Quote.objects.get(job=job)
    assert quote.basis == "none"
    assert set(quote.intervals) == {"memory_bytes"}


def test_no_worker_no_number(cast: Cast) -> None:
    assert quote_of(start(cast)) is None


def test_quote_equals_the_command_line_on_the_same_file(cast: Cast, tmp_path: Path) -> None:
    worker = make_worker(calibration=CALIBRATION)
    end_job(cast, start(cast), worker, seconds=90)
    quote = Quote.objects.get(job=start(cast))
    assert quote.num_own_jobs == 1
    file = tmp_path / "quote.json"
    file.write_text(json.dumps(quote.file))
    command = [sys.executable, "-m", "economics", "quote", str(file), "--json"]
    said = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert said["seconds"] == quote.intervals["seconds"]
    assert said["cost_usd"] == quote.intervals["usd"]
    assert said["energy_kwh"] == quote.intervals["kwh"]
    assert said["memory_bytes"] == quote.intervals["memory_bytes"]


def test_own_jobs_move_the_quote_and_narrow_it(cast: Cast) -> None:
    worker = make_worker(calibration=CALIBRATION)
    first = quote_of(job := start(cast))
    assert first is not None
    assert first.seconds is not None
    slow = 1.5 * first.seconds.p50
    end_job(cast, job, worker, seconds=slow)
    for _ in range(9):
        end_job(cast, start(cast), worker, seconds=slow)
    last = quote_of(start(cast))
    assert last is not None
    assert last.seconds is not None
    assert last.num_own_jobs == 10
    assert last.seconds.p50 == pytest.approx(slow, rel=0.05)
    assert last.seconds.width_ratio < first.seconds.width_ratio


def test_a_surprise_widens_the_next_quotes_and_fades(cast: Cast) -> None:
    worker = make_worker(calibration=CALIBRATION)
    first = quote_of(job := start(cast))
    end_job(cast, job, worker, seconds=4 * first.seconds.p50)  # type: ignore[union-attr]
    after = quote_of(start(cast))
    assert after.seconds.width_ratio > 2 * first.seconds.width_ratio  # type: ignore[union-attr]
    for _ in range(12):
        job = start(cast)
        end_job(cast, job, worker, seconds=Quote.objects.get(job=job).intervals["seconds"]["p50"])
    assert quote_of(start(cast)).seconds.width_ratio < after.seconds.width_ratio  # type: ignore[union-attr]


def test_failed_jobs_are_censored(cast: Cast) -> None:
    """A job that broke off early does not make the next quote shorter."""
    worker = make_worker(calibration=CALIBRATION)
    first = quote_of(job := start(cast))
    end_job(cast, job, worker, seconds=0.5 * first.seconds.p50, state=State.FAILED)  # type: ignore[union-attr]
    assert QuoteOutcome.objects.get().is_censored
    again = quote_of(start(cast))
    assert again.seconds.p50 >= first.seconds.p50  # type: ignore[union-attr]


def test_outcome_equals_the_ledger(cast: Cast) -> None:
    worker = make_worker(calibration=CALIBRATION)
    job = start(cast)
    end_job(cast, job, worker, seconds=30)
    outcome, entries = QuoteOutcome.objects.get(quote__job=job), list(job.ledger.all())
    assert outcome.seconds == pytest.approx(30, abs=1e-3)
    assert outcome.usd == sum(entry.effective_usd for entry in entries)
    assert outcome.kwh == pytest.approx(sum(entry.energy_kwh for entry in entries))
    assert outcome.co2e_kg == pytest.approx(sum(entry.co2e_kg for entry in entries))


def test_neither_quote_nor_outcome_can_be_changed(cast: Cast) -> None:
    worker = make_worker(calibration=CALIBRATION)
    job = start(cast)
    end_job(cast, job, worker, seconds=30)
    for rows in (Quote.objects.filter(job=job), QuoteOutcome.objects.filter(quote__job=job)):
        with pytest.raises(DatabaseError, match="neither is changed"), transaction.atomic():
            rows.update(device="elsewhere")
        with pytest.raises(DatabaseError), transaction.atomic():
            rows._raw_delete("default")


def test_another_teams_jobs_say_nothing(cast: Cast) -> None:
    worker = make_worker(calibration=CALIBRATION)
    end_job(cast, start(cast), worker, seconds=500)
    other = Team.objects.exclude(pk=cast.team.pk).get()
    work = WorkFacts(group="train gpt", amount=1e6, unit="token", flop_per_unit=6e6, units_per_second=1e3)
    assert quote_work(work, team=other, kind="train", queue="cpu").num_own_jobs == 0
    assert quote_work(work, team=cast.team, kind="train", queue="cpu").num_own_jobs == 1


def test_preparation_is_told_by_own_preparations_alone(cast: Cast) -> None:
    """The middle rate of what was done here; before that nothing."""
    worker = make_worker(calibration=CALIBRATION)
    work = prepare_work(num_bytes=1e8)
    assert not quote_work(work, team=cast.team, kind="prepare", queue="cpu").has_basis
    for seconds in (11, 12, 13):
        job = make_ended_job(cast, kind="prepare", state=State.QUEUED, spec={"sources": [{"path": __file__}]})
        quote_made(job)
        Job.objects.filter(pk=job.pk).update(state=State.RUNNING)
        end_job(cast, job, worker, seconds=seconds)
    found = quote_work(work, team=cast.team, kind="prepare", queue="cpu")
    size = Path(__file__).stat().st_size
    assert found.basis == "own jobs"
    assert found.seconds.p50 == pytest.approx(2 + 1e8 / (size / 10), rel=0.05)  # type: ignore[union-attr]
    assert found.seconds.p90 / found.seconds.p10 > 1.8, "three that happened to agree"  # type: ignore[union-attr]


def test_a_resumed_run_is_quoted_for_what_is_left(cast: Cast) -> None:
    make_worker(calibration=CALIBRATION)
    run = make_run(cast, state="stopped")
    make_checkpoint(cast, run, step=50)
    Run.objects.filter(pk=run.pk).update(spec=run.latest_job.spec)
    whole = work_of_job(run.latest_job)
    rest = run_resume(run=run, by=cast.bob).latest_job
    assert Quote.objects.get(job=rest).amount < 0.6 * whole.amount  # type: ignore[union-attr]
