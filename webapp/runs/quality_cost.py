"""What quality costs in a project: its runs by cost and quality, the frontier, and the price of one more point there."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.db.models import Count, Sum
from django.utils.translation import gettext as _

from economics.spending import Bought, MarginalCost, frontier, marginal_cost
from trainer.metrics.direction import lower_is_better
from webapp.costs.models import LedgerEntry
from webapp.datasets.models import DatasetVersion
from webapp.projects.models import Project
from webapp.runs.models import Run
from webapp.runs.ranking import headline, value_of
from webapp.runs.unit_words import measure_words

MAX_RUNS = 500
POINT = 0.01
"""Of loss, of bits per byte, or of a score that ends at 1: accuracy, mAP, NDCG."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Paid:
    """A run with what it cost and the quality it bought."""

    run: Run
    usd: float
    value: float
    """Of the page's metric."""

    on_frontier: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityCost:
    """The page of one dataset version."""

    version: DatasetVersion
    metric: str
    runs: list[Paid]
    marginal: MarginalCost | None

    @property
    def is_lower_better(self) -> bool:
        return lower_is_better(self.metric)

    @property
    def best_value(self) -> float:
        """Of the metric, at the best run of the frontier."""
        values = [paid.value for paid in self.runs if paid.on_frontier]
        return min(values) if self.is_lower_better else max(values)


def versions_with_runs(project: Project) -> list[DatasetVersion]:
    """Return the data that the project's runs learned from, the most used first."""
    rows = DatasetVersion.objects.filter(dataset__project=project, runs__deleted_at=None)
    return list(rows.annotate(num_runs=Count("runs")).filter(num_runs__gt=0).order_by("-num_runs", "-pk"))


def quality_cost(project: Project, version: DatasetVersion) -> QualityCost:
    """Return cost against loss of the runs on one version of data, all jobs of a run counted, failed ones too."""
    runs = list(
        Run.objects.filter(project=project, dataset_version=version, deleted_at=None)
        .select_related("latest_job")
        .order_by("-created_at")[:MAX_RUNS]
    )
    metric = next((known.metric for run in runs if (known := headline(run))), "validation/loss")
    usd = _usd_of(runs)
    lower = lower_is_better(metric)
    found = [
        (run, value) for run in runs if run.pk in usd and (value := value_of(run, metric, lower=lower)) is not None
    ]
    losses = [(run, value if lower else 1 - value) for run, value in found]
    bought = [Bought(name=run.code, usd=usd[run.pk], loss=loss) for run, loss in losses if usd[run.pk] > 0]
    best = {each.name for each in frontier(bought)}
    rows = [Paid(run=run, usd=usd[run.pk], value=value, on_frontier=run.code in best) for run, value in found]
    return QualityCost(
        version=version,
        metric=metric,
        runs=sorted(rows, key=lambda paid: paid.usd),
        marginal=marginal_cost(bought, point=POINT, loss_noise=_seed_noise(losses)),
    )


def _usd_of(runs: Iterable[Run]) -> dict[int, float]:
    rows = LedgerEntry.objects.filter(job__train_job__run__in=runs).values("job__train_job__run")
    return {row["job__train_job__run"]: float(row["usd"]) for row in rows.annotate(usd=Sum("effective_usd")).order_by()}


def _seed_noise(runs: list[tuple[Run, float]]) -> float | None:
    """Return the relative spread of the loss among runs that differ in nothing but the seed; None without such runs."""
    alike: dict[str, list[float]] = defaultdict(list)
    for run, loss in runs:
        spec = {name: value for name, value in run.spec.items() if name != "seed"}
        alike[json.dumps(spec, sort_keys=True)].append(loss)
    groups = [np.array(losses) for losses in alike.values() if len(losses) > 1]
    if not groups:
        return None
    squares = sum(float(((group / group.mean() - 1) ** 2).sum()) for group in groups)
    freedom = sum(group.size - 1 for group in groups)
    return float(np.sqrt(squares / freedom)) or None


def quality_chart(found: QualityCost) -> dict[str, Any]:
    """Return the runs as points over their cost, those of the frontier joined by a line."""
    return {
        "kind": "lines",
        "x": {"title": _("Cost of the run, USD"), "values": [paid.usd for paid in found.runs], "type": "log", "prefix": "$"},
        "y": {"title": _("%s, validation") % measure_words(found.metric), "free": True},
        "series": [
            {"name": _("runs"), "values": [paid.value for paid in found.runs], "mode": "markers", "colour": 4},
            {
                "name": _("frontier: nothing is better for less"),
                "values": [paid.value if paid.on_frontier else None for paid in found.runs],
                "colour": 0, "joined": True,
            },
        ],
    }  # fmt: skip
