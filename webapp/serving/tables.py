"""Tables of texts that a model is asked about: uploaded, predicted by a job, and downloaded."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import fields
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import msgspec
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
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
from webapp.serving.guarding import decisions_keep, guards_for, rules_for
from webapp.serving.services import model_label
from webapp.teams.codes import new_code
from webapp.teams.models import User

MAX_TABLE_BYTES = 200 * 2**20
ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")
MAX_DECISIONS = 10_000
"""Decisions of the guard rails over one table that go into the project's log; its own file has all of them."""

DECISION_FIELDS = tuple(field.name for field in fields(Decision))


class TableRefused(Exception):
    """The table cannot be taken; the message says why."""


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
        table = Path(str(job.spec.get("table", "")))
        if job.state == State.SUCCEEDED and table.is_relative_to(tables_folder()):
            shutil.rmtree(table.parent, ignore_errors=True)


def _size_of(path: str) -> int:
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


def tables_folder() -> Path:
    return Path(settings.ISOCOST_FILES) / "tables"


def table_predict(
    *, checkpoint: Checkpoint, created_by: User, upload: UploadedFile[bytes], text_column: str = "", key: str = ""
) -> Job:
    """Keep the uploaded table and put the job that predicts it in the queue; raise `TableRefused` with the reason."""
    name = PurePosixPath(str(upload.name or "table.csv").replace("\\", "/")).name[:200]
    if not name.lower().endswith(ENDINGS):
        raise TableRefused(_("%(name)s is no table: give a CSV, TSV, JSONL or Parquet file.") % {"name": name})
    if not upload.size or upload.size > MAX_TABLE_BYTES:
        raise TableRefused(_("The table must have from 1 byte to 200 MiB; cut it into parts."))
    folder = tables_folder() / new_code()
    folder.mkdir(parents=True)
    path = folder / f"table{PurePosixPath(name).suffix.lower()}"
    with open(path, "wb") as file:
        for chunk in upload.chunks():
            file.write(chunk)
    kind, spec = spec_from_dict(
        {
            "kind": "predict",
            "checkpoint": str(checkpoint.path),
            "sha256": checkpoint.sha256,
            "table": str(path),
            "table_name": name,
            "text_column": text_column.strip()[:200],
            "guards": msgspec.to_builtins(rules_for(checkpoint)),
        }
    )
    return job_create(
        project=checkpoint.run.project,
        kind=kind,
        spec=spec_to_dict(kind, spec),
        created_by=created_by,
        title=_("%(table)s by %(model)s") % {"table": name, "model": model_label(checkpoint)},
        queue=queue_of_device("auto"),
        idempotency_key=f"table-{key}" if key else None,
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
