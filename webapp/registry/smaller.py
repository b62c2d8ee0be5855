"""Kept models made smaller by training: pruned, or with a smaller model taught by them. A run does it, and its best is measured.

What a run's spec says of its source or its teacher is enough: also runs that were started elsewhere (the form of a new run,
the API) are measured beside the version that they come from, once they have ended well.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from django.db import transaction
from django.utils.translation import gettext as _

from trainer.compress.spec import TRAINED
from trainer.errors import SpecError
from trainer.families import get_family, shrunk_model
from trainer.sections import DistilSpec, OptimizerSpec, PruneSpec, ScheduleSpec, TransferSpec
from trainer.spec import TrainSpec, spec_from_dict, spec_to_dict
from webapp.jobs.errors import JobRefused
from webapp.jobs.models import Attempt, Job, State
from webapp.jobs.services import job_create
from webapp.registry.errors import RegistryError
from webapp.registry.models import Compression, ModelVersion
from webapp.registry.queries import queue_for_models, version_checkpoint
from webapp.runs.checkpoints import best, checkpoint_at
from webapp.runs.models import Run
from webapp.runs.services import run_create
from webapp.teams.models import User

RECOVERY_RATE = 1 / 3
"""Of the learning rate that the model was trained with: it has most of what it needs, and a high rate would shake that."""


def source_spec(version: ModelVersion) -> TrainSpec:
    """Return the spec of the run that a version comes from, as a start for one that makes it smaller."""
    if version.checkpoint.compression:
        raise RegistryError(_("This version is compressed already; take the one that it was made of."))
    try:
        found = cast(TrainSpec, spec_from_dict(version.run.spec)[1])
    except SpecError as error:
        raise RegistryError(_("The run that it comes from cannot be read any more: %s") % error) from error
    return replace(found, branch_from="", transfer=TransferSpec(), prune=PruneSpec(), distil=DistilSpec())


def pruned_spec(version: ModelVersion, *, prune: PruneSpec, num_steps: int) -> TrainSpec:
    """Return the run that prunes a version and lets it recover. Of whole parts `prune.fraction` says what share goes."""
    start = source_spec(version)
    try:
        model = start.model
        if prune.method == "structured":
            model = shrunk_model(get_family(start.family), model, prune.fraction)
        return replace(
            of_length(start, num_steps), model=model, prune=prune,
            transfer=TransferSpec(source=str(version_checkpoint(version).path), source_name=str(version)),
            optimizer=slower(start.optimizer),
        )  # fmt: skip
    except SpecError as error:
        raise RegistryError(str(error)) from error


def taught_spec(version: ModelVersion, *, model: Any, distil: DistilSpec, num_steps: int) -> TrainSpec:
    """Return the run of a new model that a version teaches."""
    teacher = replace(distil, teacher=str(version_checkpoint(version).path))
    try:
        return replace(of_length(source_spec(version), num_steps), model=model, distil=teacher)
    except SpecError as error:
        raise RegistryError(str(error)) from error


def of_length(spec: TrainSpec, num_steps: int) -> TrainSpec:
    """Return a run of so many steps, measured and saved ten times."""
    every = max(1, num_steps // 10)
    return replace(
        spec,
        schedule=ScheduleSpec(num_steps=num_steps, warmup_steps=num_steps // 10, decay="cosine"),
        evaluation=replace(spec.evaluation, every_steps=every),
        checkpoint=replace(spec.checkpoint, every_steps=every),
    )


def slower(optimizer: OptimizerSpec) -> OptimizerSpec:
    return replace(
        optimizer,
        learning_rate=optimizer.learning_rate * RECOVERY_RATE,
        muon_learning_rate=optimizer.muon_learning_rate * RECOVERY_RATE,
    )


@transaction.atomic
def smaller_start(*, version: ModelVersion, spec: TrainSpec, created_by: User | None) -> Compression:
    """Make the run that makes a version smaller."""
    what = _("pruned") if spec.prune.method != "none" else _("taught")
    run = run_create(
        project=version.project, created_by=created_by, version=version.run.dataset_version, spec=spec,
        name=f"{version.name}-v{version.number}-{what}"[:120], parent=version.run,
    )  # fmt: skip
    return Compression.objects.create(
        version=version, method=TRAINED, job=run.latest_job, run=run, created_by=created_by
    )


def smaller_ended(attempt: Attempt) -> None:
    """Measure what a run made smaller, once it has ended well. An end hook; a refusal is written to the row, not raised."""
    job = attempt.job
    if job.kind != "train" or job.state != State.SUCCEEDED:
        return
    run = Run.objects.filter(train_jobs__job=job).select_related("dataset_version", "project__team").first()
    row = row_of(run) if run else None
    if run is None or row is None or row.report:
        return
    try:
        with transaction.atomic():
            row.job = measuring_job(row, run)
            row.save(update_fields=["job"])
    except (RegistryError, JobRefused) as error:
        Compression.objects.filter(pk=row.pk).update(refusal=str(error))


def row_of(run: Run) -> Compression | None:
    """Return the row of a run that makes a kept model smaller; made now where it was started elsewhere. None for others."""
    if found := Compression.objects.filter(run=run).select_related("version__checkpoint__run").first():
        return found
    prune, distil = run.spec.get("prune") or {}, run.spec.get("distil") or {}
    is_pruned = prune.get("method", "none") != "none"
    origin = (run.spec.get("transfer") or {}).get("source") if is_pruned else distil.get("teacher")
    checkpoint = checkpoint_at(origin) if origin else None
    live = ModelVersion.objects.live().filter(project=run.project, checkpoint=checkpoint) if checkpoint else None
    version = live.select_related("checkpoint__run").order_by("-number").first() if live else None
    if version is None:
        return None
    return Compression.objects.create(
        version=version, method=TRAINED, job=run.latest_job, run=run, created_by=run.created_by
    )


def measuring_job(row: Compression, run: Run) -> Job:
    """Put a job into the queue that measures the version and what the run made of it."""
    smaller = best(run)
    if smaller is None:
        raise RegistryError(_("The run left no checkpoint, so there is nothing to measure."))
    raw = {
        "kind": "compress",
        "method": TRAINED,
        "checkpoint": str(version_checkpoint(row.version).path),
        "sha256": row.version.sha256,
        "smaller": str(smaller.path),
        "smaller_sha256": smaller.sha256,
        "data_path": str(row.version.run.dataset_version.path),
    }
    return job_create(
        project=run.project, kind="compress", spec=spec_to_dict(*spec_from_dict(raw)), created_by=row.created_by,
        title=f"{row.version} · {run.name}", queue=queue_for_models(),
    )  # fmt: skip
