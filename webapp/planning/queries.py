"""What a project's overview shows: where it stands in the loop data -> runs -> best model -> use -> cost, and what is next."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Sum

from webapp.costs.queries import Spend, ledger_of, spend
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.jobs.models import ACTIVE_STATES, Job
from webapp.planning.models import Plan, PlanVersion
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint, Run
from webapp.serving.models import Generation


@dataclass(frozen=True, slots=True)
class Overview:
    num_datasets: int
    versions: list[DatasetVersion]
    num_ready_versions: int
    num_tokens: int
    runs: list[Run]
    num_runs: int
    best: Checkpoint | None
    num_generations: int
    spend: Spend
    active_jobs: list[Job]

    @property
    def next_step(self) -> str:
        """Return the name of what to do next: `upload`, `prepare`, `train`, `watch`, `use`."""
        if not self.num_datasets:
            return "upload"
        if not self.num_ready_versions:
            return "prepare"
        if not self.num_runs:
            return "train"
        return "use" if self.best else "watch"


def project_overview(*, project: Project) -> Overview:
    """Return what the overview of the project shows."""
    versions = DatasetVersion.objects.filter(dataset__project=project)
    ready = versions.filter(ready_at__isnull=False)
    runs = Run.objects.filter(project=project, deleted_at=None)
    return Overview(
        num_datasets=Dataset.objects.filter(project=project, archived_at=None).count(),
        versions=list(versions.select_related("dataset", "job").order_by("-created_at")[:5]),
        num_ready_versions=ready.count(),
        num_tokens=ready.aggregate(total=Sum("num_tokens", default=0))["total"],
        runs=list(runs.filter(archived_at=None).select_related("latest_job", "dataset_version__dataset")[:6]),
        num_runs=runs.count(),
        best=_best_checkpoint(project),
        num_generations=Generation.objects.filter(project=project).count(),
        spend=spend(ledger_of(project=project)),
        active_jobs=list(Job.objects.filter(project=project, state__in=ACTIVE_STATES).order_by("created_at")[:10]),
    )


def _best_checkpoint(project: Project) -> Checkpoint | None:
    """Return the checkpoint with the fewest validation bits per byte, which compares across tokenizers; else the latest best."""
    best = list(
        Checkpoint.objects.filter(
            run__project=project, run__deleted_at=None, is_best=True, removed_at=None
        ).select_related("run")[:500]
    )
    key = "validation/bits_per_byte"
    scored: list[tuple[float, Checkpoint]] = [
        (c.metrics[key], c) for c in best if isinstance(c.metrics.get(key), int | float)
    ]
    if scored:
        return min(scored, key=lambda pair: pair[0])[1]
    return max(best, key=lambda c: c.published_at, default=None)


@dataclass(frozen=True, slots=True)
class PlanRow:
    """A plan in the list, with its latest version."""

    plan: Plan
    version: PlanVersion
    num_comments: int


def plan_rows(project: Project) -> list[PlanRow]:
    """Return the project's plans, the latest first, those put away last."""
    plans = (
        Plan.objects.filter(project=project)
        .select_related("created_by")
        .annotate(num_comments=Count("comments"))
        .order_by(F("archived_at").desc(nulls_first=True), "-created_at")
    )
    latest = {
        version.plan_id: version for version in PlanVersion.objects.filter(plan__in=plans).order_by("plan_id", "number")
    }
    return [PlanRow(plan, latest[plan.pk], plan.num_comments) for plan in plans if plan.pk in latest]
