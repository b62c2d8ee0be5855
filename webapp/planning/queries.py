"""What a project's overview shows: where it stands in the loop data -> runs -> best model -> use -> cost, and what is next."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count, F, Sum

from webapp.costs.queries import Spend, ledger_of, spend
from webapp.datasets.models import Dataset, DatasetVersion
from webapp.datasets.pages import pages_of
from webapp.jobs.models import ACTIVE_STATES, Job
from webapp.planning.models import Plan, PlanVersion
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint, Run
from webapp.runs.ranking import BITS, Headline, headline
from webapp.serving.models import Generation


@dataclass(frozen=True, slots=True)
class Overview:
    num_datasets: int
    versions: list[tuple[DatasetVersion, str]]
    """The latest, each with what it is counted in where that is not tokens."""
    num_ready_versions: int
    num_tokens: int
    runs: list[tuple[Run, Headline | None]]
    """The latest, each with the figure that it is known by."""
    num_runs: int
    best: Checkpoint | None
    best_headline: Headline | None
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
    latest = runs.filter(archived_at=None).select_related("latest_job", "dataset_version__dataset")[:6]
    newest = versions.select_related("dataset", "job").order_by("-created_at")[:5]
    best = _best_checkpoint(project)
    return Overview(
        num_datasets=Dataset.objects.filter(project=project, archived_at=None).count(),
        versions=[(version, str(pages_of(version.data_kind).unit)) for version in newest],
        num_ready_versions=ready.count(),
        num_tokens=ready.aggregate(total=Sum("num_tokens", default=0))["total"],
        runs=[(run, headline(run)) for run in latest],
        num_runs=runs.count(),
        best=best,
        best_headline=headline(best.run) if best else None,
        num_generations=Generation.objects.filter(project=project).count(),
        spend=spend(ledger_of(project=project)),
        active_jobs=list(Job.objects.filter(project=project, state__in=ACTIVE_STATES).order_by("created_at")[:10]),
    )


def _best_checkpoint(project: Project) -> Checkpoint | None:
    """Return the best of what the newest of the runs is measured by; the newest checkpoint where nothing was measured.

    Losses and scores compare only on the same data; bits per byte, which models of text are measured by, on any text.
    """
    kept = Checkpoint.objects.filter(run__project=project, run__deleted_at=None, is_best=True, removed_at=None)
    rows = list(kept.select_related("run__dataset_version").order_by("-published_at")[:500])
    known = [(row, figure) for row in rows if (figure := headline(row.run))]
    if not known:
        return rows[0] if rows else None
    texts = [(row, figure) for row, figure in known if figure.metric == BITS]
    first, first_figure = (texts or known)[0]
    alike = texts or [
        (row, figure)
        for row, figure in known
        if figure.metric == first_figure.metric and row.run.dataset_version_id == first.run.dataset_version_id
    ]
    sign = 1 if first_figure.is_lower_better else -1
    return min(alike, key=lambda pair: sign * pair[1].value)[0]


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
