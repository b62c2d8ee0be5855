"""Where a version comes from: what is written down when it is made, and the chain of jobs that its cost is told along."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet

from webapp.costs.models import LedgerEntry
from webapp.costs.queries import Spend, spend
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Job, JobEvent
from webapp.registry.models import ModelVersion
from webapp.runs.models import Checkpoint, Run

MAX_PARENTS = 20


def lineage_of(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what made the checkpoint, as plain data that stays true when rows around it change."""
    run = checkpoint.run
    data = run.dataset_version
    started = _started(checkpoint)
    return {
        "data": data_facts(data),
        "code": started.get("versions") or {},
        "machine": {"device": started.get("device", ""), **(started.get("hardware") or {}), **run.resolved},
        "spec": run.spec,
        "seed": run.spec.get("seed"),
        "run": {"code": run.code, "name": run.name, "step": checkpoint.step},
        "parents": [{"code": each.code, "name": each.name} for each in parents_of(run)],
        "num_parameters": run.facts.get("num_parameters"),
    }


def data_facts(data: DatasetVersion) -> dict[str, Any]:
    return {
        "code": data.code,
        "name": str(data),
        "content_hash": data.content_hash,
        "recipe_hash": data.recipe_hash,
        "num_tokens": data.num_tokens,
        "num_documents": data.num_documents,
    }


def _started(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what the attempt that wrote the checkpoint said when it started."""
    event = JobEvent.objects.filter(job=checkpoint.job, fence=checkpoint.fence, type="started").first()
    return dict(event.payload) if event else {}


def parents_of(run: Run) -> list[Run]:
    """Return the runs whose weights this one goes on from, the nearest first. A clone without weights has none."""
    found: list[Run] = []
    while run.parent is not None and len(found) < MAX_PARENTS and _takes_weights(run, run.parent):
        run = run.parent
        found.append(run)
    return found


def _takes_weights(run: Run, parent: Run) -> bool:
    """Say whether the run's spec names a checkpoint of the parent."""
    text = json.dumps(run.spec)
    return any(f"jobs/{code}/" in text for code in parent.train_jobs.values_list("job__code", flat=True))


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """One part of what a version cost to make."""

    name: str
    """data, parents, training, evaluation."""

    subject: str
    url: str
    spend: Spend


@dataclass(frozen=True, kw_only=True, slots=True)
class CostToMake:
    parts: list[Part]
    total: Spend


def cost_to_make(version: ModelVersion) -> CostToMake:
    """Return what the version cost along its lineage: its data, its training and its parents', its evaluations.

    Data and parents count whole, though other versions may share them: this is what making it anew would take.
    """
    runs = [version.run, *parents_of(version.run)]
    data = list({run.dataset_version_id: run.dataset_version for run in runs}.values())
    parts = [_part("data", str(each), each.get_absolute_url(), Q(pk=each.job_id)) for each in data]
    for run in runs:
        name = "training" if run.pk == version.run.pk else "parents"
        parts.append(_part(name, run.name, run.get_absolute_url(), Q(train_job__run=run)))
    of_version = Q(evaluation_job__version=version) | Q(inspection__version=version)
    parts.append(_part("evaluation", str(version), f"{version.get_absolute_url()}?tab=evaluations", of_version))
    return CostToMake(parts=parts, total=spend(entries_of(version)))


def entries_of(version: ModelVersion) -> QuerySet[LedgerEntry]:
    """Return the ledger's entries along the version's lineage."""
    runs = [version.run, *parents_of(version.run)]
    jobs = Job.objects.filter(
        Q(train_job__run__in=runs)
        | Q(dataset_version__in=[run.dataset_version_id for run in runs])
        | Q(evaluation_job__version=version)
        | Q(inspection__version=version)
    )
    return LedgerEntry.objects.filter(job__in=jobs.values("pk"))


def _part(name: str, subject: str, url: str, jobs: Q) -> Part:
    entries = LedgerEntry.objects.filter(job__in=Job.objects.filter(jobs).values("pk"))
    return Part(name=name, subject=subject, url=url, spend=spend(entries))
