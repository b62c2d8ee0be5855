"""Rows that tests of runs begin with: a ready dataset version, and a run with its job."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from tests.factories import Cast
from trainer.families import families
from trainer.sections import BatchSpec, DataSpec, ScheduleSpec
from trainer.spec import TrainSpec, spec_to_dict
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.jobs.models import Job
from webapp.runs.models import Run, TrainJob


def make_version(cast: Cast, **changes: Any) -> DatasetVersion:
    """Return a prepared version of 1 M tokens, as the database knows it (its files do not exist)."""
    dataset, _ = Dataset.objects.get_or_create(project=cast.project, name="标准库 stdlib")
    number = dataset.versions.count() + 1
    job = Job.objects.create(
        project=cast.project, team=cast.team, kind="prepare", spec={}, state="succeeded", ended_at=timezone.now()
    )
    values: dict[str, Any] = {
        "content_hash": "c" * 64,
        "stored_path": f"versions/test-{number}",
        "num_documents": 1_000,
        "num_tokens": 1_100_000,
        "num_bytes": 4_000_000,
        "vocab_size": 4_096,
        "ready_at": timezone.now(),
        "splits": {
            "train": {"num_tokens": 1_000_000, "num_documents": 900, "num_bytes": 3_600_000},
            "validation": {"num_tokens": 50_000, "num_documents": 50, "num_bytes": 200_000},
            "test": {"num_tokens": 50_000, "num_documents": 50, "num_bytes": 200_000},
        },
    }
    return DatasetVersion.objects.create(
        dataset=dataset, number=number, job=job, recipe={}, recipe_hash="r" * 64, **{**values, **changes}
    )


def make_spec(version: DatasetVersion, *, num_steps: int = 100) -> TrainSpec:
    return TrainSpec(
        family="gpt",
        model=families()["gpt"].presets["nano"],
        data=DataSpec(path=str(version.path)),
        batch=BatchSpec(sequence_length=128),
        schedule=ScheduleSpec(num_steps=num_steps, warmup_steps=10),
    )


def make_run(
    cast: Cast, *, version: DatasetVersion | None = None, state: str = "running", reason: str = "", **changes: Any
) -> Run:
    """Return a run with one train job in `state`; nothing works on it."""
    version = version or make_version(cast)
    spec = spec_to_dict("train", make_spec(version))
    ended = None if state in ("queued", "running", "stopping") else timezone.now()
    job = Job.objects.create(
        project=cast.project,
        team=cast.team,
        kind="train",
        spec=spec,
        state=state,
        ended_at=ended,
        fence=1,
        reason=reason,
    )
    values: dict[str, Any] = {
        "name": "brisk-otter-1", "family": "gpt", "spec": spec, "num_steps": 100, "tokens_per_step": 4_096,
        "flop_per_token": 6e6, "created_by": cast.bob, **changes,
    }  # fmt: skip
    run = Run.objects.create(project=cast.project, dataset_version=version, latest_job=job, **values)
    TrainJob.objects.create(job=job, run=run)
    return run
