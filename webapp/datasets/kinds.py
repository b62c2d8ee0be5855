"""Preparation as a kind of job: what its events do to the version. Everything happens in the event's own transaction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trainer.events import AnyEvent, Finished, Report, event_payload
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.datasets.queries import files_total
from webapp.datasets.services.versions import version_publish
from webapp.jobs.kinds import Bound, JobKind, WorkFacts
from webapp.jobs.models import Attempt, Job
from webapp.projects.models import Project
from webapp.teams.models import User

START_SECONDS = 2.0
"""Starting the process and reading the recipe."""


class PrepareKind(JobKind):
    name = "prepare"
    uses_torch = False

    def url(self, job: Job) -> str | None:
        version = version_of(job)
        return None if version is None else version.get_absolute_url()

    def quote(self, job: Job) -> WorkFacts | None:
        size = job.spec.get("num_bytes") or sum(source_bytes(source) for source in job.spec.get("sources") or [])
        return prepare_work(num_bytes=float(size), augment=(job.spec.get("recipe") or {}).get("augment") or {})

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        """A recipe's form: the dataset's files, and the models that say them otherwise."""
        dataset = Dataset.objects.live().filter(project=project, code=data.get("dataset", "")).first()
        if dataset is None:
            return None
        copies = data.get("augment-copies", "")
        augment = {name: data.get(f"augment-{name}", "") for name in ("paraphraser", "paraphraser_back")}
        recipe = {"augment": {**augment, "copies": int(copies) if copies.isdecimal() and len(copies) < 3 else 0}}
        spec = {"kind": self.name, "num_bytes": files_total(dataset)["size_bytes"] or 0, "recipe": recipe}
        return Job(project=project, team=project.team, kind=self.name, spec=spec, queue=self.queue)

    def resume_from(self, job: Job) -> list[str]:
        return []  # a preparation starts from the beginning: it has no checkpoints

    def on_event(self, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
        """Publish the version when the attempt says that it is done; its report is kept with the version, not the event."""
        if isinstance(event, Report):
            return {"type": "report"}
        if isinstance(event, Finished):
            version = version_of(job)
            if version is not None and version.ready_at is None:
                version_publish(version=version, folder=attempt.folder.artifacts / "version")
        return event_payload(event)

    def retry(self, job: Job, by: User | None) -> Job:
        """The version stays the same one; the new job takes over."""
        made = super().retry(job, by)
        DatasetVersion.objects.filter(job=job, ready_at=None).update(job=made)
        return made


def version_of(job: Job) -> DatasetVersion | None:
    return DatasetVersion.objects.filter(job=job).first()


def prepare_work(*, num_bytes: float, augment: Mapping[str, Any] | None = None) -> WorkFacts:
    """Return what a preparation is going to do: read so many bytes. Only preparations done here tell how fast.

    A model that says each line otherwise takes far longer than reading: such preparations are told by their own kind
    alone, by the bytes that the models write.
    """
    augment = augment or {}
    models = [name for name in ("paraphraser", "paraphraser_back") if augment.get(name)]
    num_written = num_bytes * int(augment.get("copies") or 0) * len(models)
    if num_written:
        return WorkFacts(group="prepare with paraphrases", amount=num_written, unit="byte", fixed_seconds=START_SECONDS)
    return WorkFacts(
        group="prepare", amount=num_bytes, unit="byte", fixed_seconds=START_SECONDS, bound=Bound.FILES
    )  # fmt: skip


def source_bytes(source: dict[str, Any]) -> int:
    """Return the size of a file that a preparation reads; 0 for one that is gone, which the job will say."""
    try:
        return Path(str(source.get("path") or "")).stat().st_size
    except OSError:
        return 0
