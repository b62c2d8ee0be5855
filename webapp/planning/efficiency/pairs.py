"""Pairs of runs in which this project has measured a lever already, without anybody having tied them to it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from webapp.jobs.models import State
from webapp.projects.models import Project
from webapp.registry.models import AblationPair, Compression
from webapp.runs.models import Run
from webapp.runs.transfer import scratch_runs

NUM_LATEST = 50
NUM_PAIRS = 12
"""Of a lever, the newest: each is read from metrics and ledger."""

TRANSFER, AUGMENTATION, PARALLEL, COMPRESSION = "transfer", "augmentation", "parallel", "compression"


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPair:
    """Two runs that differ in one lever."""

    lever: str
    without: Run
    with_lever: Run


def run_pairs(project: Project) -> list[RunPair]:
    """Return the pairs of runs of each lever that is about training, the newest of a lever first."""
    found = (_transfers(project), _augmentations(project), _parallels(project))
    return [pair for pairs in found for pair in islice(pairs, NUM_PAIRS)]


def smaller_forms(project: Project) -> list[Compression]:
    """Return the smaller forms that were measured beside their originals, the newest first."""
    rows = Compression.objects.filter(version__project=project).exclude(report={})
    related = ("version__checkpoint__run", "made__checkpoint__run", "run", "job")
    return list(rows.select_related(*related).order_by("-created_at")[:NUM_PAIRS])


def ended_well(project: Project) -> list[Run]:
    rows = Run.objects.filter(project=project, deleted_at=None, latest_job__state=State.SUCCEEDED)
    return list(rows.select_related("latest_job", "project", "dataset_version").order_by("-created_at")[:NUM_LATEST])


def _transfers(project: Project) -> Iterator[RunPair]:
    """Yield runs that began with trained weights, each with one from scratch, of the same shape on the same data."""
    for run in ended_well(project):
        if began_trained(run) and (scratch := scratch_runs(run)):
            yield RunPair(lever=TRANSFER, without=scratch[0], with_lever=run)


def began_trained(run: Run) -> bool:
    """Whether a run began with weights of another, whole; a branch goes on with its own run."""
    is_pruned = (run.spec.get("prune") or {}).get("method", "none") != "none"
    return bool((run.spec.get("transfer") or {}).get("source")) and not is_pruned


def _augmentations(project: Project) -> Iterator[RunPair]:
    """Yield runs with augmentation, each with the one without it, as an ablation made them."""
    rows = AblationPair.objects.filter(
        ablation__project=project, ablation__title="augmentation",
        before__latest_job__state=State.SUCCEEDED, after__latest_job__state=State.SUCCEEDED,
    )  # fmt: skip
    for pair in rows.select_related("before", "after").order_by("-ablation__created_at", "seed")[:NUM_LATEST]:
        yield RunPair(lever=AUGMENTATION, without=pair.after, with_lever=pair.before)


def _parallels(project: Project) -> Iterator[RunPair]:
    """Yield runs shared by several processes, each with the newest of the same spec that one process did."""
    alone: dict[str, Run] = {}
    shared: list[Run] = []
    for run in ended_well(project):
        if num_processes(run) > 1:
            shared.append(run)
        else:
            alone.setdefault(_same_work(run), run)
    for run in shared:
        if (one := alone.get(_same_work(run))) is not None:
            yield RunPair(lever=PARALLEL, without=one, with_lever=run)


def num_processes(run: Run) -> int:
    return int((run.facts.get("parallel") or {}).get("processes", 1))


def _same_work(run: Run) -> str:
    """Return what two runs must share to differ in their processes alone: all of the spec but where and by how many."""
    spec: dict[str, Any] = {name: value for name, value in run.spec.items() if name not in ("parallel", "machine")}
    device = str(run.resolved.get("device", "")).partition(":")[0]
    return json.dumps([run.dataset_version_id, device, run.resolved.get("dtype"), spec], sort_keys=True)
