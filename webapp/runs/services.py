"""All that people can do to a run: make, stop, cancel, resume, name, archive, delete. Checkpoints have their own file."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from trainer.spec import TrainSpec, spec_to_dict
from webapp.datasets.models import DatasetVersion
from webapp.jobs.errors import JobError
from webapp.jobs.models import State
from webapp.jobs.services import job_cancel, job_create, job_stop
from webapp.projects.models import Project
from webapp.quotes.devices import device_of_queue
from webapp.quotes.services import NOWHERE
from webapp.runs.architectures import num_parameters_of
from webapp.runs.checkpoints import kept
from webapp.runs.estimates import queue_of, spec_flop_per_unit
from webapp.runs.models import Run, TrainJob
from webapp.runs.names import run_name
from webapp.runs.spreading import num_claimed, settled
from webapp.teams.models import User

MAX_TAGS = 20


@transaction.atomic
def run_create(
    *,
    project: Project,
    created_by: User | None,
    version: DatasetVersion,
    spec: TrainSpec,
    name: str = "",
    tags: Sequence[str] = (),
    notes: str = "",
    parent: Run | None = None,
    idempotency_key: str | None = None,
) -> Run:
    """Make a run and put its first job in the queue. The spec is completed with what the web app knows.

    Raises `JobRefused` where a limit or a budget forbids it, `ValidationError` where the version cannot be used.
    """
    if version.dataset.project_id != project.pk or version.ready_at is None:
        raise ValidationError(_("This dataset version is not ready in this project; choose another."))
    flop = spec_flop_per_unit(spec, version)
    spec = replace(
        spec, data=replace(spec.data, path=str(version.path), content_hash=version.content_hash), flop_per_token=flop
    )  # fmt: skip
    name = name.strip() or run_name(project)
    plain = spec_to_dict("train", spec)
    wide = settled(spec, version, device_of_queue(queue_of(spec)) or NOWHERE, project.team)
    job = job_create(
        project=project, kind="train", spec=spec_to_dict("train", wide), created_by=created_by, title=name,
        queue=queue_of(spec), idempotency_key=idempotency_key, num_devices=num_claimed(wide),
    )  # fmt: skip
    if (made := Run.objects.filter(train_jobs__job=job).first()) is not None:
        return made
    num_parameters = num_parameters_of(spec.family, spec.model, version.model_facts)
    run = Run(
        project=project,
        name=name,
        tags=_clean_tags(tags),
        notes=notes,
        family=spec.family,
        dataset_version=version,
        spec=plain,
        facts={"num_parameters": num_parameters} if num_parameters else {},
        flop_per_token=flop,
        tokens_per_step=spec.batch.tokens_per_step,
        num_steps=spec.schedule.num_steps,
        latest_job=job,
        parent=parent,
        created_by=created_by,
    )
    run.full_clean()
    run.save()
    TrainJob.objects.create(job=job, run=run)
    return run


def run_stop(*, run: Run, by: User | None) -> None:
    """Ask the run to save and end; it can be resumed."""
    job_stop(job=run.latest_job, by=by)


def run_cancel(*, run: Run, by: User | None) -> None:
    """End the run without saving more; it can be resumed from its last checkpoint."""
    job_cancel(job=run.latest_job, by=by)


@transaction.atomic
def run_resume(*, run: Run, by: User | None) -> Run:
    """Go on with a run that ended before its last step: a new job of the same run, on the machine settings it had."""
    run = Run.objects.select_for_update(of=("self",)).select_related("latest_job", "project__team").get(pk=run.pk)
    if not run.latest_job.is_final:
        raise JobError(_("The run is still going; there is nothing to resume."))
    if run.latest_job.state == State.SUCCEEDED:
        raise JobError(_("The run did all its steps. Clone it to train again, or for longer."))
    if run.deleted_at is not None:
        raise JobError(_("The run was deleted. Restore it first."))
    job = job_create(project=run.project, created_by=by, **resuming(run))
    TrainJob.objects.get_or_create(job=job, defaults={"run": run})
    run.latest_job = job
    run.save(update_fields=["latest_job"])
    return run


def resuming(run: Run) -> dict[str, Any]:
    """Return what the job is made of that goes on with a run; two clicks make one job."""
    before, machine = run.latest_job, {**run.spec.get("machine", {}), **run.resolved}
    return {
        "kind": "train",
        "spec": {**run.spec, "machine": machine, "parallel": before.spec.get("parallel", {})},
        "title": run.name,
        "queue": before.queue,
        "idempotency_key": f"resume-{run.code}-{run.latest_job_id}",
        "num_devices": before.num_devices,
    }


def can_resume(run: Run) -> bool:
    """Say whether the run ended early and could go on; without a checkpoint it would start anew."""
    return run.latest_job.state in (State.STOPPED, State.FAILED, State.CANCELLED) and run.deleted_at is None


def resume_step(run: Run) -> int:
    """Return the step that a resumed run begins at."""
    newest = kept(run).first()
    return newest.step if newest else 0


def run_rename(*, run: Run, name: str) -> None:
    run.name = name.strip() or run.name
    run.full_clean(validate_unique=False, validate_constraints=False)
    run.save(update_fields=["name"])


def run_tag(*, run: Run, tags: Sequence[str]) -> None:
    run.tags = _clean_tags(tags)
    run.save(update_fields=["tags"])


def runs_tag(*, project: Project, codes: Sequence[str], add: str) -> int:
    """Add a tag to several runs; return how many."""
    tag = _clean_tags([add])
    rows = list(Run.objects.filter(project=project, code__in=codes))
    for run in rows:
        run_tag(run=run, tags=[*run.tags, *tag])
    return len(rows)


def run_note(*, run: Run, notes: str) -> None:
    run.notes = notes[:20_000]
    run.save(update_fields=["notes"])


def runs_archive(*, project: Project, codes: Sequence[str], archived: bool) -> int:
    """Move runs out of sight, or back; return how many."""
    when = timezone.now() if archived else None
    return Run.objects.filter(project=project, code__in=codes).update(archived_at=when)


def runs_delete(*, project: Project, codes: Sequence[str]) -> int:
    """Hide runs that no job works on; nothing is lost yet. Return how many."""
    rows = Run.objects.filter(project=project, code__in=codes, deleted_at=None, latest_job__ended_at__isnull=False)
    return Run.objects.filter(pk__in=list(rows.values_list("pk", flat=True))).update(deleted_at=timezone.now())


def runs_restore(*, project: Project, codes: Sequence[str]) -> int:
    """Take a deletion back; return how many."""
    return Run.objects.filter(project=project, code__in=codes).update(deleted_at=None)


def _clean_tags(tags: Sequence[str]) -> list[str]:
    """Return tags without blanks and doubles, in order."""
    found = [tag.strip()[:40] for tag in tags]
    return list(dict.fromkeys(tag for tag in found if tag))[:MAX_TAGS]


def new_key() -> str:
    """Return a key for one form: sent twice, it makes one run."""
    return f"form-{secrets.token_hex(12)}"
