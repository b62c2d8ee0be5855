"""Checkpoints of runs: published with the fence, one of them the best, pinned by people, and freed when disk is wanted.

The best and the pinned are never removed by anything here but a person's own hand.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone

from trainer.events import Checkpoint as CheckpointWritten
from webapp.jobs.models import ACTIVE_STATES, Job
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint, Run
from webapp.teams.models import Team

log = logging.getLogger(__name__)
PIN_FILE = "pinned"
"""Lies in the folder of a pinned checkpoint, so that the trainer keeps it too."""

_holders: list[Callable[[Checkpoint], str]] = []


class CheckpointHeld(Exception):
    """Another app needs the checkpoint; the message is a sentence that says who, and what to do first."""


def register_holder(holder: Callable[[Checkpoint], str]) -> None:
    """Register an app that may need checkpoints: it returns a sentence that says why one must stay, or nothing."""
    _holders.append(holder)


def held_by(checkpoint: Checkpoint) -> str:
    """Return why the checkpoint must stay; empty where nothing needs it."""
    return next((sentence for holder in _holders if (sentence := holder(checkpoint))), "")


def kept(run: Run) -> QuerySet[Checkpoint]:
    """Return the checkpoints of the training whose files are there, newest first; compressed forms are none of them."""
    return Checkpoint.objects.filter(run=run, removed_at=None, compression="").order_by("-step", "-id")


def candidates(run: Run) -> list[Checkpoint]:
    """Return what a run may resume from, best candidate first."""
    return list(kept(run))


def best(run: Run) -> Checkpoint | None:
    """Return the checkpoint to keep and to hand out: the best, or the newest where none was called best."""
    return kept(run).filter(is_best=True).first() or kept(run).first()


def checkpoint_at(path: str) -> Checkpoint | None:
    """Return the checkpoint of a folder as specs name it; None for one that no run here has written."""
    found = Checkpoint.objects.filter(stored_path=stored_path(path))
    return found.select_related("run__dataset_version", "run__project").first()


def stored_path(path: str) -> str:
    """Return a path as rows have it: under the folder of all files."""
    try:
        return str(Path(path).relative_to(settings.ISOCOST_FILES))
    except ValueError:
        return path


def checkpoint_publish(*, run: Run, job: Job, fence: int, event: CheckpointWritten) -> Checkpoint:
    """Make the row that a complete checkpoint counts by; the caller holds the job's fence."""
    if event.is_best:
        Checkpoint.objects.filter(run=run, is_best=True).update(is_best=False)
    row, _made = Checkpoint.objects.update_or_create(
        job=job,
        fence=fence,
        step=event.step,
        defaults={
            "run": run,
            "stored_path": f"jobs/{job.code}/{event.path}",
            "sha256": event.sha256,
            "size_bytes": event.size_bytes,
            "metrics": event.metrics,
            "is_best": event.is_best,
            "removed_at": None,
        },
    )
    return row


def checkpoint_gone(*, job: Job, fence: int, step: int) -> None:
    """The trainer removed a checkpoint's files; the row stays."""
    Checkpoint.objects.filter(job=job, fence=fence, step=step).update(removed_at=timezone.now())


@transaction.atomic
def checkpoints_retire(*, run: Run) -> int:
    """Remove what earlier attempts left beyond the last k; an attempt removes only its own."""
    keep_last = int((run.spec.get("checkpoint") or {}).get("keep_last", 2))
    old = [row for row in list(kept(run))[keep_last:] if not row.is_best and not row.is_pinned]
    return sum(checkpoint_remove(checkpoint=row) for row in old)


def checkpoint_remove(*, checkpoint: Checkpoint) -> int:
    """Mark the checkpoint removed now, delete its files after commit, and return the bytes that frees."""
    if held_by(checkpoint):
        return 0
    if Checkpoint.objects.filter(pk=checkpoint.pk, removed_at=None).update(removed_at=timezone.now()) == 0:
        return 0
    path = checkpoint.path
    transaction.on_commit(lambda: _delete_folder(path))
    return checkpoint.size_bytes


def _delete_folder(path: Path) -> None:
    """Delete a folder; renamed first, so that a kill in between leaves no half checkpoint under a good name."""
    doomed = path.with_name(f".removing-{path.name}")
    try:
        path.rename(doomed)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("checkpoint %s could not be removed: %s", path, error)
        return
    shutil.rmtree(doomed, ignore_errors=True)


def checkpoint_pin(*, checkpoint: Checkpoint, pinned: bool) -> None:
    """Keep the checkpoint whatever happens, or let it go like the others. Raises `CheckpointHeld` where it is needed."""
    if not pinned and (why := held_by(checkpoint)):
        raise CheckpointHeld(why)
    marker = checkpoint.path / PIN_FILE
    Checkpoint.objects.filter(pk=checkpoint.pk).update(is_pinned=pinned)
    checkpoint.is_pinned = pinned
    if not checkpoint.path.is_dir():
        return
    if pinned:
        marker.touch()
    else:
        marker.unlink(missing_ok=True)


def freeable(project: Project) -> QuerySet[Checkpoint]:
    """Return checkpoints that nobody needs: neither best nor pinned, of runs that no job works on."""
    return Checkpoint.objects.filter(run__project=project, removed_at=None, is_best=False, is_pinned=False).exclude(
        run__latest_job__state__in=ACTIVE_STATES
    )


@transaction.atomic
def space_free(*, project: Project, run: Run | None = None) -> tuple[int, int]:
    """Delete the checkpoints that nobody needs; return how many and how many bytes. A run's last one stays."""
    rows = freeable(project).filter(run=run) if run else freeable(project)
    count = size = 0
    for row in rows.select_related("run"):
        if not kept(row.run).exclude(pk=row.pk).exists():
            continue  # the run could neither be resumed nor used without it
        freed = checkpoint_remove(checkpoint=row)
        count, size = count + (freed > 0), size + freed
    return count, size


def disk_use_bytes(project: Project) -> dict[str, int]:
    """Return the bytes of the project's checkpoints: all, and what could be freed."""
    rows = Checkpoint.objects.filter(run__project=project, removed_at=None)
    return {
        "all": rows.aggregate(total=Sum("size_bytes", default=0))["total"],
        "freeable": freeable(project).aggregate(total=Sum("size_bytes", default=0))["total"],
    }


def team_bytes(team: Team) -> int:
    """Return the bytes of the team's checkpoints, those of deleted runs included while they lie on the disk."""
    rows = Checkpoint.objects.filter(run__project__team=team, removed_at=None)
    return int(rows.aggregate(total=Sum("size_bytes", default=0))["total"])
