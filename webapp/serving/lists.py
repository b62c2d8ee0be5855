"""Recommendations for every user: a job that writes them, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from trainer.spec import spec_from_dict, spec_to_dict
from webapp.jobs.kinds import JobKind, WorkFacts
from webapp.jobs.models import Job, JobEvent
from webapp.jobs.services import job_create
from webapp.projects.models import Project
from webapp.quotes.devices import device_of_queue, queue_of_device
from webapp.runs.checkpoints import checkpoint_at
from webapp.runs.model_work import model_memory
from webapp.runs.models import Checkpoint
from webapp.serving.services import model_label
from webapp.teams.models import User


class RecommendKind(JobKind):
    """Recommending to all users. After a loss it begins anew: half of the lists are no use."""

    name = "recommend"

    def resume_from(self, job: Job) -> list[str]:
        return []

    def quote(self, job: Job) -> WorkFacts | None:
        """Return the users that are recommended to: only lists that were written here tell how long one takes."""
        checkpoint = checkpoint_at(str(job.spec.get("checkpoint", "")))
        if checkpoint is None:
            return None
        run = checkpoint.run
        return WorkFacts(
            group=f"recommend {run.family}", amount=float(run.dataset_version.facts.get("num_users") or 1), unit="user",
            memory_by_part=model_memory(run, device_of_queue(job.queue), queue=job.queue),
        )  # fmt: skip

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        found = Checkpoint.objects.filter(
            run__project=project, code=data.get("checkpoint", ""), removed_at=None
        ).first()
        if found is None:
            return None
        spec = {"kind": self.name, "checkpoint": str(found.path)}
        return Job(project=project, team=project.team, kind=self.name, spec=spec, queue=queue_of_device("auto"))


def lists_start(*, checkpoint: Checkpoint, created_by: User, places: int, form: str, key: str = "") -> Job:
    """Put the job into the queue; raise `SpecError` for a number of places or a form that there is not."""
    kind, spec = spec_from_dict(
        {
            "kind": "recommend",
            "checkpoint": str(checkpoint.path),
            "sha256": checkpoint.sha256,
            "data_path": str(checkpoint.run.dataset_version.path),
            "places": places,
            "form": form,
        }
    )
    return job_create(
        project=checkpoint.run.project,
        kind=kind,
        spec=spec_to_dict(kind, spec),
        created_by=created_by,
        title=_("Recommendations for all users by %(model)s") % {"model": model_label(checkpoint)},
        queue=queue_of_device("auto"),
        idempotency_key=f"lists-{key}" if key else None,
    )


def lists_path(job: Job) -> Path | None:
    """Return the file of a job's recommendations; None where it told of none, or it is gone."""
    told = JobEvent.objects.filter(job=job, type="artifact", payload__name="recommendations").order_by("-seq").first()
    if told is None:
        return None
    path = job.folder.path / str(told.payload.get("path", ""))
    return path if path.resolve().is_relative_to(job.folder.path.resolve()) and path.is_file() else None


def job_panel(request: HttpRequest, job: Job) -> str:
    """Return the link to the recommendations, on the job's page."""
    if job.kind != RecommendKind.name:
        return ""
    return render_to_string("serving/_lists.html", {"job": job, "path": lists_path(job)}, request=request)
