"""Tables of texts that a model is asked about: predicted by a job, and downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from trainer.guards import Decision
from trainer.spec import spec_from_dict, spec_to_dict
from webapp.jobs.kinds import JobKind, WorkFacts
from webapp.jobs.models import Attempt, Job, JobEvent, State
from webapp.jobs.services import job_create
from webapp.projects.models import Project
from webapp.quotes.devices import device_of_queue, queue_of_device
from webapp.runs.checkpoints import checkpoint_at
from webapp.runs.model_work import model_memory
from webapp.runs.models import Checkpoint
from webapp.serving.given_tables import GivenTable, table_remove
from webapp.serving.guarding import decisions_keep, guards_for, rules_for
from webapp.serving.services import model_label
from webapp.teams.models import User

MAX_DECISIONS = 10_000
"""Decisions of the guard rails over one table that go into the project's log; its own file has all of them."""

DECISION_FIELDS = tuple(field.name for field in fields(Decision))


class PredictKind(JobKind):
    """Predicting a table. After a loss it begins anew: half of the answers are no use."""

    name = "predict"

    def quote(self, job: Job) -> WorkFacts | None:
        """Return the bytes of the table: only those that were predicted here tell how long one takes."""
        checkpoint = checkpoint_at(str(job.spec.get("checkpoint", "")))
        if checkpoint is None:
            return None
        size = job.spec.get("table_bytes") or _size_of(str(job.spec.get("table", "")))
        memory = model_memory(checkpoint.run, device_of_queue(job.queue), queue=job.queue)
        return WorkFacts(
            group=f"predict {checkpoint.run.family}", amount=float(size), unit="byte", memory_by_part=memory
        )

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        found = Checkpoint.objects.filter(
            run__project=project, code=data.get("checkpoint", ""), removed_at=None
        ).first()
        size = data.get("table_bytes", "")
        if found is None or not size.isdigit() or not int(size):
            return None
        spec = {"kind": self.name, "checkpoint": str(found.path), "table_bytes": int(size)}
        return Job(project=project, team=project.team, kind=self.name, spec=spec, queue=queue_of_device("auto"))

    def resume_from(self, job: Job) -> list[str]:
        return []

    def on_end(self, job: Job, attempt: Attempt | None) -> None:
        """Log what the guard rails decided; remove the uploaded table once its rows stand in the answers."""
        log_decisions(job)
        if job.state == State.SUCCEEDED:
            table_remove(Path(str(job.spec.get("table", ""))))


def _size_of(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def table_predict(
    *, checkpoint: Checkpoint, created_by: User, table: GivenTable, text_column: str = "", key: str = ""
) -> Job:
    """Put the job that predicts a table in the queue; of the same table, or with the same key, there is one."""
    kind, spec = spec_from_dict(
        {
            "kind": "predict",
            "checkpoint": str(checkpoint.path),
            "sha256": checkpoint.sha256,
            "table": str(table.path),
            "table_name": table.name,
            "text_column": text_column.strip()[:200],
            "guards": msgspec.to_builtins(rules_for(checkpoint)),
        }
    )
    return job_create(
        project=checkpoint.run.project,
        kind=kind,
        spec=spec_to_dict(kind, spec),
        created_by=created_by,
        title=_("%(table)s by %(model)s") % {"table": table.name, "model": model_label(checkpoint)},
        queue=queue_of_device("auto"),
        idempotency_key=f"table-{key or table.code}",
    )


def answers_path(job: Job) -> Path | None:
    """Return the file of a job's answers; None where it told of none, or it is gone."""
    return artifact_path(job, "predictions")


def decisions_path(job: Job) -> Path | None:
    """Return the file of what the guard rails decided; None where they decided nothing."""
    return artifact_path(job, "guard_decisions")


def artifact_path(job: Job, name: str) -> Path | None:
    told = JobEvent.objects.filter(job=job, type="artifact", payload__name=name).order_by("-seq").first()
    if told is None:
        return None
    path = job.folder.path / str(told.payload.get("path", ""))
    return path if path.resolve().is_relative_to(job.folder.path.resolve()) and path.is_file() else None


def log_decisions(job: Job) -> None:
    """Put what the guard rails decided over a table's rows into the project's log; the whole of it stays with the answers."""
    path, checkpoint = decisions_path(job), checkpoint_at(str(job.spec.get("checkpoint", "")))
    if path is None or checkpoint is None:
        return
    with open(path, "rb") as file:
        told = [msgspec.json.decode(line) for line in islice(file, MAX_DECISIONS)]
    decisions = [Decision(**{name: each[name] for name in DECISION_FIELDS}) for each in told]
    decisions_keep(decisions, guards=guards_for(checkpoint), checkpoint=checkpoint, asked_by=job.created_by)


def job_panel(request: HttpRequest, job: Job) -> str:
    """Return the link to the answers, on the job's page."""
    if job.kind != PredictKind.name:
        return ""
    context: dict[str, Any] = {
        "job": job,
        "has_answers": answers_path(job) is not None,
        "has_decisions": decisions_path(job) is not None,
    }
    return render_to_string("serving/_answers.html", context, request=request)
