"""Jobs on kept models: measuring one, and looking into one. Everything happens in the event's own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.events import AnyEvent, Artifact, Checkpoint, Evaluation, Report, event_payload
from trainer.families import families
from webapp.jobs.kinds import JobKind, WorkFacts
from webapp.jobs.models import Attempt, Job
from webapp.projects.models import Project
from webapp.registry.compressions import compressed_publish, compression_finish
from webapp.registry.evaluations import evaluation_spec
from webapp.registry.models import (
    Compression,
    EvaluationJob,
    EvaluationSuite,
    Export,
    Inspection,
    ModelVersion,
    Result,
)
from webapp.registry.queries import queue_for_models, version_checkpoint
from webapp.registry.smaller_forms import planned_run
from webapp.registry.work import compress_work, evaluate_work, export_work, inspect_work
from webapp.teams.models import User
from webapp.ui.templatetags.figures import count

PAIRABLE = {"units": "units_path", "scores": "scores_path"}
"""Artifacts `<this>-<split>` hold what a paired test needs: sums unit by unit, answers example by example."""


class VersionKind(JobKind):
    """Work on one kept version: a row of `rows` names the version and the job that does it."""

    rows: type[EvaluationJob] | type[Inspection] | type[Export] | type[Compression]
    tab = ""
    """Of the version's page, where what comes of it is shown."""

    def url(self, job: Job) -> str | None:
        made = self.rows.objects.filter(job=job).select_related("version").first()
        return f"{made.version.get_absolute_url()}?tab={self.tab}" if made else None

    def planned_for(self, project: Project, data: Mapping[str, str], asked: dict[str, str]) -> Job:
        """Return the job, not saved, that does what is asked on the version that the form names."""
        version = ModelVersion.objects.live().filter(project=project, code=data.get("version", "")).first()
        spec = {"kind": self.name, **asked, "checkpoint": str(version_checkpoint(version).path) if version else ""}
        return Job(project=project, team=project.team, kind=self.name, spec=spec, queue=queue_for_models())

    def model_label(self, job: Job) -> str:
        made = self.rows.objects.filter(job=job).select_related("version__checkpoint__run").first()
        return label_of(made.version) if made else ""

    def resume_from(self, job: Job) -> list[str]:
        return []  # it starts from the beginning

    def retry(self, job: Job, by: User | None) -> Job:
        """The row stays the same one; the new job takes over."""
        made = super().retry(job, by)
        self.rows.objects.filter(job=job).update(job=made)
        return made


class EvaluateKind(VersionKind):
    name = "evaluate"
    rows = EvaluationJob
    tab = "evaluations"

    def quote(self, job: Job) -> WorkFacts | None:
        return evaluate_work(job)

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        version = ModelVersion.objects.filter(project=project, code=data.get("version", "")).first()
        suite = EvaluationSuite.objects.filter(project=project, code=data.get("suite", "")).first()
        if version is None or suite is None:
            return None
        spec = evaluation_spec(version, suite)
        return Job(project=project, team=project.team, kind=self.name, spec=spec, queue=queue_for_models())

    def on_event(self, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
        made = EvaluationJob.objects.filter(job=job).select_related("dataset_version").first()
        if made is not None and isinstance(event, Evaluation):
            Result.objects.update_or_create(
                version_id=made.version_id,
                job=job,
                split=event.split,
                defaults={
                    "suite_id": made.suite_id,
                    "dataset_version": made.dataset_version,
                    "content_hash": made.dataset_version.content_hash,
                    "metrics": event.metrics,
                },
            )
        if made is not None and isinstance(event, Artifact):
            what, _, split = event.name.partition("-")
            if field := PAIRABLE.get(what):
                Result.objects.filter(job=job, split=split).update(**{field: f"jobs/{job.code}/{event.path}"})
        return event_payload(event)

    def retry(self, job: Job, by: User | None) -> Job:
        made = JobKind.retry(self, job, by)  # what was measured before stays with its own job
        if old := EvaluationJob.objects.filter(job=job).first():
            EvaluationJob.objects.get_or_create(
                job=made,
                defaults={"version": old.version, "suite": old.suite, "dataset_version": old.dataset_version},
            )
        return made


class InspectKind(VersionKind):
    name = "inspect"
    rows = Inspection

    def url(self, job: Job) -> str | None:
        made = Inspection.objects.filter(job=job).first()
        return made.get_absolute_url() if made else None

    def quote(self, job: Job) -> WorkFacts | None:
        return inspect_work(job)

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        return self.planned_for(project, data, {"what": data.get("what", "")})

    def on_event(self, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
        if isinstance(event, Report):
            Inspection.objects.filter(job=job).update(report=storable(event.report))
            return {"type": "report"}
        return event_payload(event)


class ExportKind(VersionKind):
    name = "export"
    rows = Export
    tab = "exports"

    def quote(self, job: Job) -> WorkFacts | None:
        return export_work(job)

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        return self.planned_for(project, data, {"format": data.get("format", "")})

    def on_event(self, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
        if isinstance(event, Artifact):
            path = f"jobs/{job.code}/{event.path}"
            Export.objects.filter(job=job).update(stored_path=path, size_bytes=event.size_bytes)
        if isinstance(event, Report):
            Export.objects.filter(job=job).update(check_report=event.report["check"])
            return {"type": "report"}
        return event_payload(event)


class CompressKind(VersionKind):
    name = "compress"
    rows = Compression
    tab = "compress"

    def quote(self, job: Job) -> WorkFacts | None:
        return compress_work(job)

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        """A form that trains plans a run; the others a job of this kind."""
        if data.get("way"):
            version = ModelVersion.objects.live().filter(project=project, code=data.get("version", "")).first()
            return planned_run(version, data) if version else None
        return self.planned_for(project, data, {"method": data.get("method", "")})

    def on_event(self, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
        if isinstance(event, Checkpoint):
            compressed_publish(job=job, fence=attempt.fence, event=event)
        if isinstance(event, Report):
            compression_finish(job=job, report=storable(event.report))
            return {"type": "report"}
        return event_payload(event)


def label_of(version: ModelVersion) -> str:
    run = version.run
    family, size = families().get(run.family), run.facts.get("num_parameters")
    return f"{family.title if family else run.family} {count(size) if size else ''}".strip()


def storable(value: Any) -> Any:
    """Return plain data as PostgreSQL takes it: a text may well hold a NUL."""
    if isinstance(value, str):
        return value.replace("\x00", "\ufffd")
    if isinstance(value, list):
        return [storable(each) for each in value]
    if isinstance(value, dict):
        return {key: storable(each) for key, each in value.items()}
    return value
