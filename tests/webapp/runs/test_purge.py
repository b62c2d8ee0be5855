"""Deleted runs leave the disk after a week; what killed processes left is swept; what is needed or runs stays."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from tests.factories import Cast
from tests.webapp.runs.rows import make_run
from webapp.datasets.storage import storage_use
from webapp.jobs.models import Job
from webapp.runs import purge, services
from webapp.runs.checkpoints import register_holder
from webapp.runs.metrics import metrics_append
from webapp.runs.models import Checkpoint, MetricBlock, Run

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def files(tmp_path: Path, settings: Any) -> Path:
    settings.ISOCOST_FILES = tmp_path
    return tmp_path


def run_with_files(cast: Cast, **values: Any) -> Run:
    run = make_run(cast, state=values.pop("state", "stopped"), **values)
    path = f"jobs/{run.latest_job.code}/attempts/1/checkpoints/10"
    row = Checkpoint.objects.create(
        run=run, job=run.latest_job, fence=1, step=10, stored_path=path, sha256="a" * 64, size_bytes=5_000_000
    )
    row.path.mkdir(parents=True)
    metrics_append(run=run, steps=[1], values={"train/loss": [1.0]})
    return run


def delete(run: Run, *, days_ago: float) -> None:
    services.runs_delete(project=run.project, codes=[run.code])
    Run.objects.filter(pk=run.pk).update(deleted_at=timezone.now() - timedelta(days=days_ago))


def test_a_run_deleted_over_a_week_ago_leaves_the_disk_and_its_history_stays(
    cast: Cast, django_capture_on_commit_callbacks: Any
) -> None:
    old, recent, alive = (run_with_files(cast) for _ in range(3))
    delete(old, days_ago=8)
    delete(recent, days_ago=6)
    assert storage_use(cast.team).others_bytes == {"Checkpoints": 15_000_000}
    with django_capture_on_commit_callbacks(execute=True):
        assert purge.runs_purge() == 1
    assert not old.latest_job.folder.path.exists()
    assert recent.latest_job.folder.path.exists()
    assert set(Run.objects.all()) == {recent, alive}
    assert MetricBlock.objects.count() == 2
    assert Job.objects.filter(pk=old.latest_job_id).exists()
    assert storage_use(cast.team).others_bytes == {"Checkpoints": 10_000_000}


def test_a_run_stays_while_something_needs_it(cast: Cast, monkeypatch: pytest.MonkeyPatch) -> None:
    needed, trunk = run_with_files(cast), run_with_files(cast)
    make_run(cast, state="queued", parent=trunk)
    for run in (needed, trunk):
        delete(run, days_ago=30)
    monkeypatch.setattr("webapp.runs.checkpoints._holders", [])
    register_holder(lambda checkpoint: "A model is made of it." if checkpoint.run_id == needed.pk else "")
    assert purge.runs_purge() == 0


def test_half_checkpoints_and_old_downloads_are_swept_but_not_those_of_a_running_attempt(
    cast: Cast, files: Path
) -> None:
    ended, running = run_with_files(cast), run_with_files(cast, state="running")
    Job.objects.filter(pk=running.latest_job_id).update(fence=2)
    old, young = time.time() - 2 * purge.EXPORT_KEPT_SECONDS, time.time()
    places = {
        f"jobs/{ended.latest_job.code}/attempts/1/checkpoints/.writing-20": (old, False),
        f"jobs/{ended.latest_job.code}/attempts/1/checkpoints/.removing-5": (old, False),
        f"jobs/{ended.latest_job.code}/attempts/1/checkpoints/.writing-30": (young, True),
        f"jobs/{ended.latest_job.code}/attempts/1/checkpoints/10": (old, True),
        f"jobs/{running.latest_job.code}/attempts/1/checkpoints/.writing-9": (old, False),
        f"jobs/{running.latest_job.code}/attempts/2/checkpoints/.writing-40": (old, True),
        "exports/abc": (old, False),
        "exports/def": (young, True),
    }
    for place, (at, _stays) in places.items():
        (files / place).mkdir(parents=True, exist_ok=True)
        os.utime(files / place, (at, at))
    assert purge.leftovers_sweep() == 4
    assert {place: (files / place).exists() for place in places} == {p: stays for p, (_, stays) in places.items()}
