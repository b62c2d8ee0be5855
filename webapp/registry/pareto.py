"""Which run is the best, by a metric and by a metric per dollar, and which no other beats on both: the Pareto front."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from trainer.families import families
from trainer.metrics.direction import lower_is_better
from webapp.costs.models import LedgerEntry
from webapp.datasets.models import DatasetVersion
from webapp.projects.models import Project
from webapp.registry.models import ModelVersion
from webapp.runs.models import Checkpoint, Run
from webapp.runs.ranking import value_of
from webapp.runs.unit_words import measure_words

MAX_RUNS = 500
NOT_QUALITY = ("num_", "ece")


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """A run with its metric and what it has cost."""

    run: Run
    value: float
    usd: float
    gain: float
    """How much better than the worst value that any run showed: what its dollars bought."""

    on_front: bool = False
    has_checkpoint: bool = True
    versions: tuple[ModelVersion, ...] = ()

    @property
    def gain_per_usd(self) -> float | None:
        return self.gain / self.usd if self.usd > 0 else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Ranking:
    metric: str
    lower_is_better: bool
    points: list[Point]
    """By value, the best first."""

    worst: float = 0.0
    """The worst value that any run showed, which gains are counted from."""

    @property
    def gain_unit(self) -> str:
        """Return what a gain per dollar is counted in: `accuracy per $`; a loss counts by how far it fell."""
        words = {"measure": measure_words(self.metric.rpartition("/")[2])}
        return _("%(measure)s less, per $") % words if self.lower_is_better else _("%(measure)s more, per $") % words

    @property
    def best(self) -> Point | None:
        return self.points[0] if self.points else None

    @property
    def best_per_usd(self) -> Point | None:
        priced = [point for point in self.points if point.gain_per_usd is not None]
        return max(priced, key=lambda point: point.gain_per_usd or 0.0, default=None)

    @property
    def front(self) -> list[Point]:
        return sorted((point for point in self.points if point.on_front), key=lambda point: point.usd)


def metrics_of(project: Project) -> list[str]:
    """Return the metrics that runs of the project can be ranked by, the families' own first."""
    rows = _runs(project).values_list("summary", "test_metrics")
    keys: set[str] = set()
    for summary, test in rows:
        keys |= {key for key in summary if key.startswith("validation/")}
        keys |= {f"test/{key}" for key in test if key != "step"}
    main = {family.main_metric for family in families().values()}
    usable = [key for key in keys if not key.rpartition("/")[2].startswith(NOT_QUALITY)]
    return sorted(usable, key=lambda key: (key not in main, key))


def data_with(project: Project, metric: str) -> list[DatasetVersion]:
    """Return the data, each content once, on which runs know the metric: that of most runs first."""
    lower = lower_is_better(metric)
    found: dict[str, list[DatasetVersion]] = {}
    for run in _runs(project):
        if value_of(run, metric, lower=lower) is not None:
            found.setdefault(run.dataset_version.content_hash, []).append(run.dataset_version)
    return [versions[0] for versions in sorted(found.values(), key=len, reverse=True)]


def ranking(project: Project, metric: str, *, data: DatasetVersion | None = None) -> Ranking:
    """Return the project's runs that know the metric, the best first, with the front marked; those on some data, or all."""
    lower = lower_is_better(metric)
    runs = [
        (run, value)
        for run in _runs(project)
        if data is None or run.dataset_version.content_hash == data.content_hash
        if (value := value_of(run, metric, lower=lower)) is not None
    ]
    usd = _usd_of([run for run, _value in runs])
    worst = _worst([run for run, _value in runs], metric, lower=lower, values=[value for _run, value in runs])
    front = _front([(usd.get(run.pk, 0.0), value) for run, value in runs], lower=lower)
    kept = _versions(project)
    rows = Checkpoint.objects.filter(run__in=[run for run, _value in runs], removed_at=None)
    with_files = set(rows.values_list("run_id", flat=True))
    points = [
        Point(
            run=run,
            value=value,
            usd=usd.get(run.pk, 0.0),
            gain=(worst - value) if lower else (value - worst),
            on_front=number in front,
            has_checkpoint=run.pk in with_files,
            versions=tuple(kept.get(run.pk, ())),
        )
        for number, (run, value) in enumerate(runs)
    ]
    points.sort(key=lambda point: (point.value if lower else -point.value, point.usd))
    return Ranking(metric=metric, lower_is_better=lower, points=points, worst=worst)


def _runs(project: Project) -> Any:
    rows = Run.objects.filter(project=project, deleted_at=None).select_related("latest_job", "dataset_version__dataset")
    return rows.order_by("-created_at")[:MAX_RUNS]


def _usd_of(runs: list[Run]) -> dict[int, float]:
    rows = LedgerEntry.objects.filter(job__train_job__run__in=runs).values("job__train_job__run")
    return {row["job__train_job__run"]: float(row["usd"]) for row in rows.annotate(usd=Sum("effective_usd"))}


def _worst(runs: list[Run], metric: str, *, lower: bool, values: list[float]) -> float:
    """Return the worst value seen in any run's course: about what an untrained model scores here."""
    seen = [(run.summary.get(metric) or {}).get("max" if lower else "min") for run in runs]
    found = [float(each) for each in seen if isinstance(each, int | float)] + values
    return (max(found) if lower else min(found)) if found else 0.0


def _front(points: list[tuple[float, float]], *, lower: bool) -> set[int]:
    """Return the numbers of the points that no other beats on both: going by rising cost, each new best value."""
    sign = 1 if lower else -1
    order = sorted(range(len(points)), key=lambda number: (points[number][0], sign * points[number][1]))
    front, best = set(), float("inf")
    for number in order:
        usd, value = points[number]
        if usd > 0 and sign * value < best:
            front.add(number)
            best = sign * value
    return front


def _versions(project: Project) -> dict[int, list[ModelVersion]]:
    found: dict[int, list[ModelVersion]] = {}
    rows = ModelVersion.objects.live().filter(project=project).select_related("checkpoint").order_by("name", "number")
    for version in rows:
        found.setdefault(version.checkpoint.run_id, []).append(version)
    return found


def front_chart(found: Ranking) -> dict[str, Any]:
    """Return the chart of metric against dollars, as static/js/plots.js draws it."""
    points = sorted((point for point in found.points if point.usd > 0), key=lambda point: point.usd)
    front = {point.run.pk for point in points if point.on_front}
    return {
        "kind": "lines",
        "x": {"title": _("USD, training"), "values": [point.usd for point in points], "type": "log", "prefix": "$"},
        "y": {"title": measure_words(found.metric), "free": True},
        "labels": [point.run.name for point in points],
        "series": [
            {"name": _("runs"), "values": [point.value for point in points], "mode": "markers", "colour": 4},
            {
                "name": _("no run is both cheaper and better"),
                "values": [point.value if point.run.pk in front else None for point in points],
                "joined": True,
                "colour": 0,
            },
        ],
    }
