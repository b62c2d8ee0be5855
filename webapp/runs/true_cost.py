"""What a run's model really cost: its data, the runs that it goes on from, the trials before it, and the run itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from webapp.costs.charts import waterfall_chart
from webapp.costs.lineage import LineagePart, TrueCost, true_cost
from webapp.jobs.models import Job
from webapp.runs.models import Run

MAX_PARENTS = 20
DATA, LADDER, TRIALS, PARENTS, RUN = 10, 20, 30, 40, 60
"""Places in the waterfall; failures stand at 50, before the run that went well."""


def run_parts(subject: Any) -> Iterator[LineagePart]:
    """Yield what runs know of a run's lineage."""
    if not isinstance(subject, Run):
        return
    version = subject.dataset_version
    parents = parents_of(subject)
    yield LineagePart(title=_("This run"), jobs=jobs_of([subject]), place=RUN, rank=0, url=subject.get_absolute_url())
    yield LineagePart(title=_("Runs it goes on from"), jobs=jobs_of(parents), place=PARENTS, rank=1)
    data = {version.pk, *(parent.dataset_version_id for parent in parents)}
    yield LineagePart(
        title=_("Preparing its data"),
        jobs=Job.objects.filter(Q(dataset_version__in=data) | _failed_preparations(subject)),
        place=DATA,
        rank=2,
        url=version.get_absolute_url(),
    )
    trials = reverse("run-list", args=[subject.project.code])
    yield LineagePart(
        title=_("Trials on the same data"), jobs=jobs_of(trials_before(subject)), place=TRIALS, rank=9, url=trials
    )


def _failed_preparations(run: Run) -> Q:
    """Return the preparations of the same dataset that failed before this one was made."""
    version = run.dataset_version
    return Q(
        dataset_version__dataset=version.dataset_id, dataset_version__number__lt=version.number,
        state__in=("failed", "cancelled"),
    )  # fmt: skip


def parents_of(run: Run) -> list[Run]:
    """Return the runs from which this one descends, the nearest first."""
    found: list[Run] = []
    while run.parent is not None and len(found) < MAX_PARENTS:
        run = run.parent
        found.append(run)
    return found


def trials_before(run: Run) -> QuerySet[Run]:
    """Return the other runs of the project that learned from the same data before this one had ended."""
    ended = run.latest_job.ended_at or timezone.now()
    return Run.objects.filter(
        project=run.project, dataset_version=run.dataset_version, created_at__lt=ended, parent=run.parent
    ).exclude(pk=run.pk)


def jobs_of(runs: list[Run] | QuerySet[Run]) -> QuerySet[Job]:
    return Job.objects.filter(train_job__run__in=runs)


def chart_of(cost: TrueCost) -> dict[str, Any]:
    return waterfall_chart([(step.title, float(step.usd)) for step in cost.steps], total=_("In all"))


def true_cost_panel(request: HttpRequest, run: Run) -> str:
    """What the run's overview shows of it; nothing where the run alone is the whole story."""
    cost = true_cost(run)
    if not cost.own_usd or len(cost.steps) < 2:
        return ""
    return render_to_string("runs/_true_cost.html", {"run": run, "cost": cost}, request=request)
