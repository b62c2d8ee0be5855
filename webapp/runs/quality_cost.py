"""What quality costs in a project: its runs by cost and loss, the frontier, and the price of one more point there."""

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
from webapp.costs.models import LedgerEntry
from webapp.datasets.models import DatasetVersion
from webapp.projects.models import Project
from webapp.runs.models import Run

MAX_RUNS = 500
METRICS = {"validation/bits_per_byte": 0.01, "validation/loss": 0.01}
"""Metric -> size of a point; the first that a run has. Losses on other data cannot be compared."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Paid:
    """A run with what it cost and the loss it bought."""

    run: Run
    usd: float
    loss: float
    on_frontier: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class QualityCost:
    """The page of one dataset version."""

    version: DatasetVersion
    metric: str
    runs: list[Paid]
    marginal: MarginalCost | None

    @property
    def metric_words(self) -> str:
        return self.metric.partition("/")[2].replace("_", " ")


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
    metric = next((m for m in METRICS if any(_loss(run, m) is not None for run in runs)), "validation/loss")
    usd = _usd_of(runs)
    found = [(run, usd[run.pk], loss) for run in runs if run.pk in usd and (loss := _loss(run, metric)) is not None]
    bought = [Bought(name=run.code, usd=cost, loss=loss) for run, cost, loss in found if cost > 0]
    best = {each.name for each in frontier(bought)}
    noise = _seed_noise([(run, loss) for run, _cost, loss in found])
    rows = [Paid(run=run, usd=cost, loss=loss, on_frontier=run.code in best) for run, cost, loss in found]
    return QualityCost(
        version=version,
        metric=metric,
        runs=sorted(rows, key=lambda paid: paid.usd),
        marginal=marginal_cost(bought, point=METRICS[metric], loss_noise=noise),
    )


def _usd_of(runs: Iterable[Run]) -> dict[int, float]:
    rows = LedgerEntry.objects.filter(job__train_job__run__in=runs).values("job__train_job__run")
    return {row["job__train_job__run"]: float(row["usd"]) for row in rows.annotate(usd=Sum("effective_usd")).order_by()}


def _loss(run: Run, metric: str) -> float | None:
    found = (run.summary.get(metric) or {}).get("min")
    return None if found is None else float(found)


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
        "y": {"title": _("%s, validation") % found.metric_words, "free": True},
        "series": [
            {"name": _("runs"), "values": [paid.loss for paid in found.runs], "mode": "markers", "colour": 4},
            {
                "name": _("frontier: nothing is better for less"),
                "values": [paid.loss if paid.on_frontier else None for paid in found.runs],
                "colour": 0, "joined": True,
            },
        ],
    }  # fmt: skip
