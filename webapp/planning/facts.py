"""What the project has measured that a plan may lean on: its prepared data, and runs that show what a lever saves."""

from __future__ import annotations

from typing import Any

from django.db.models import Sum

from webapp.costs.models import LedgerEntry
from webapp.datasets.models import DatasetVersion
from webapp.planning.efficiency.measured import Measured
from webapp.planning.efficiency.page import best_of, measured_of
from webapp.planning.efficiency.pairs import COMPRESSION
from webapp.planning.models import LeverEvidence, Plan
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint, Run

QUALITY = "validation/bits_per_byte"
EQUAL_QUALITY = 0.01
"""Two runs are of equal quality if the better one's bits per byte are at most 1 % lower."""


def project_facts(project: Project, plan: Plan | None = None) -> dict[str, Any]:
    """Return the measured facts, each with what it was measured on."""
    version = newest_text(project)
    found: dict[str, Any] = {"evidence": _evidence(plan) if plan else {}}
    if version is not None and version.report:
        found |= {"data": _data(version), "personal_data": _personal(version)}
    return found


def newest_text(project: Project) -> DatasetVersion | None:
    """Return the text that was prepared last: what the plan's data figures are measured on."""
    ready = DatasetVersion.objects.filter(dataset__project=project, ready_at__isnull=False, data_kind="text")
    return ready.select_related("dataset").order_by("-ready_at").first()


def _data(version: DatasetVersion) -> dict[str, Any]:
    """Bytes that each step removed, in tokens of what was kept."""
    steps = {step["name"]: step for step in version.report.get("steps", [])}
    bytes_per_token = (version.num_bytes or 0) / version.num_tokens if version.num_tokens else 4.2
    removed = {
        name: max(0, (steps[name].get("bytes_in") or 0) - (steps[name].get("bytes_out") or 0)) / bytes_per_token
        for name in ("filter", "exact", "near")
        if name in steps
    }
    return {
        "version": str(version), "url": version.get_absolute_url(), "num_tokens": version.num_tokens,
        "removed_tokens": sum(removed.values()),
        "duplicate_tokens": removed.get("exact", 0.0) + removed.get("near", 0.0),
        "filtered_tokens": removed.get("filter", 0.0),
    }  # fmt: skip


def _personal(version: DatasetVersion) -> dict[str, Any]:
    """Findings of personal data per million tokens before redaction; what is left is what planted canaries show."""
    found = sum(row.get("count", 0) for row in version.report.get("personal_data", []))
    tokens = version.num_tokens or 0
    canaries = version.report.get("canaries") or {}
    planted, caught = canaries.get("planted"), canaries.get("caught")
    recall = caught / planted if planted else None
    before = found / tokens * 1e6 if tokens else None
    return {
        "version": str(version), "url": version.get_absolute_url(), "found": found, "per_million_before": before,
        "recall": recall, "planted": planted,
        "per_million_after": before * (1 - recall) / recall if before is not None and recall else None,
    }  # fmt: skip


def _evidence(plan: Plan) -> dict[str, Any]:
    """Return what each lever was measured to save: by the runs that somebody tied to it, or else by the newest pair of equal
    quality that the project has."""
    rows = LeverEvidence.objects.filter(plan=plan).select_related("without", "with_lever")
    found = {row.lever: lever_measured(row.without, row.with_lever) for row in rows}
    for lever, measured in best_of(measured_of(plan.project)).items():
        found.setdefault(lever, _found(measured))
    return found


def _found(measured: Measured) -> dict[str, Any]:
    """Return a pair that was found: dollars saved between two runs, or the share saved of the price of an answer."""
    a, b = measured.without.usd, measured.with_lever.usd
    row: dict[str, Any] = {
        "how": f"{measured.without.name}: ${a.p50:.4g}, {measured.with_lever.name}: ${b.p50:.4g}, {measured.per}",
        "equal_quality": measured.is_equal,
        "runs": [
            {"name": side.name, "url": side.url, "usd": side.usd.p50}
            for side in (measured.without, measured.with_lever)
        ],
    }
    if measured.lever == COMPRESSION:
        return row | {"share": measured.share.to_dict()}
    return row | {"saved_usd": {"p10": a.p10 - b.p90, "p50": a.p50 - b.p50, "p90": a.p90 - b.p10}}


def lever_measured(without: Run, with_lever: Run) -> dict[str, Any]:
    """Return dollars saved between two runs by the ledger, and whether their quality was equal."""
    costs = [_cost(run) for run in (without, with_lever)]
    quality = [_best(run) for run in (without, with_lever)]
    equal = None
    if quality[0] is not None and quality[1] is not None:
        equal = quality[1] <= quality[0] * (1 + EQUAL_QUALITY)
    saved = costs[0] - costs[1]
    return {
        "saved_usd": {"p10": saved, "p50": saved, "p90": saved},
        "how": f"{without}: ${costs[0]:.4g}, {with_lever}: ${costs[1]:.4g}, from the ledger",
        "equal_quality": equal,
        "runs": [
            {"name": str(run), "url": run.get_absolute_url(), "usd": cost, "bits_per_byte": bits}
            for run, cost, bits in zip((without, with_lever), costs, quality, strict=True)
        ],
    }  # fmt: skip


def _cost(run: Run) -> float:
    total = LedgerEntry.objects.filter(job__train_job__run=run).aggregate(total=Sum("effective_usd"))["total"]
    return float(total or 0)


def _best(run: Run) -> float | None:
    values = [
        c.metrics[QUALITY]
        for c in Checkpoint.objects.filter(run=run, is_best=True)
        if isinstance(c.metrics.get(QUALITY), int | float)
    ]
    return min(values, default=None)
