"""Rows that tests of jobs begin with."""

from __future__ import annotations

from typing import Any

from trainer.families import families
from trainer.sections import DataSpec
from trainer.spec import TrainSpec, spec_to_dict
from webapp.jobs.claim import Claim, job_claim
from webapp.jobs.models import Job, Worker
from webapp.jobs.services import job_create
from webapp.projects.models import Project
from webapp.teams.models import User


def train_spec() -> dict[str, Any]:
    """Return a real spec of training, as the database keeps it."""
    spec = TrainSpec(family="gpt", model=families()["gpt"].presets["nano"], data=DataSpec(path="/nowhere"))
    return spec_to_dict("train", spec)


def make_job(project: Project, *, created_by: User | None = None, **changes: Any) -> Job:
    """Return a job that waits in the queue `cpu`."""
    values: dict[str, Any] = {"kind": "train", "spec": train_spec(), "title": "nano run", "queue": "cpu"}
    return job_create(project=project, created_by=created_by, **{**values, **changes})


def make_worker(name: str = "cpu@here/cpu", *, queue: str = "cpu", **changes: Any) -> Worker:
    return Worker.objects.create(name=name, host="here", queue=queue, **changes)


def claim(worker: Worker | None = None) -> Claim:
    """Let a worker claim the next job."""
    found = job_claim(worker=worker or Worker.objects.first() or make_worker())
    assert found is not None
    return found
