"""Pairs of runs in which this project has measured a lever already, without anybody having tied them to it."""

from __future__ import annotations

from collections.abc import Iterator

from webapp.jobs.models import State
from webapp.projects.models import Project
from webapp.registry.models import AblationPair
from webapp.runs.models import Run
from webapp.runs.transfer import is_transfer, scratch_run

NUM_LATEST = 50
Pair = tuple[Run, Run]
"""Without the lever, and with it."""


def found_pairs(project: Project) -> dict[str, list[Pair]]:
    """Return lever -> pairs, the newest first."""
    found = {"transfer": list(_transfers(project)), "augmentation": list(_augmentations(project))}
    return {lever: pairs for lever, pairs in found.items() if pairs}


def _transfers(project: Project) -> Iterator[Pair]:
    """Yield runs from scratch, each with one that began with trained weights, of the same shape on the same data."""
    rows = Run.objects.filter(project=project, deleted_at=None, latest_job__state=State.SUCCEEDED)
    for run in rows.select_related("latest_job", "project", "dataset_version").order_by("-created_at")[:NUM_LATEST]:
        is_pruned = (run.spec.get("prune") or {}).get("method", "none") != "none"
        if is_transfer(run.spec) and not is_pruned and (scratch := scratch_run(run)) is not None:
            yield scratch, run


def _augmentations(project: Project) -> Iterator[Pair]:
    """Yield runs without augmentation, each with the one that had it, as an ablation made them."""
    rows = AblationPair.objects.filter(
        ablation__project=project, ablation__title="augmentation",
        before__latest_job__state=State.SUCCEEDED, after__latest_job__state=State.SUCCEEDED,
    )  # fmt: skip
    for pair in rows.select_related("before", "after").order_by("-ablation__created_at", "seed")[:NUM_LATEST]:
        yield pair.after, pair.before
