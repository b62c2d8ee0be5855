"""What ladders tell the ledger: which jobs worked on a rung, and which rungs led to a run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext as _

from webapp.costs.lineage import LineagePart
from webapp.jobs.models import Job
from webapp.ladders.models import LadderPoint
from webapp.runs.models import Run

PLACE, RANK = 20, 3


def ladder_purpose(job: Job) -> str:
    """Return `ladder` for a job of a rung. Asked when an attempt has ended: by then the rung knows its run."""
    return "ladder" if LadderPoint.objects.filter(run__train_jobs__job=job).exists() else ""


def ladder_parts(subject: Any) -> Iterator[LineagePart]:
    """Yield the ladders on a run's data: what told which run to make. A rung itself is no result of its ladder."""
    if not isinstance(subject, Run) or LadderPoint.objects.filter(run=subject).exists():
        return
    ended = subject.latest_job.ended_at
    points = LadderPoint.objects.filter(
        ladder__project=subject.project_id, ladder__dataset_version=subject.dataset_version_id, run__isnull=False
    )
    if ended is not None:
        points = points.filter(ladder__created_at__lt=ended)
    jobs = Job.objects.filter(train_job__run__in=points.values("run"))
    yield LineagePart(title=_("Ladder"), jobs=jobs, place=PLACE, rank=RANK)
