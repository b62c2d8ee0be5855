"""Deleting for good: runs that were deleted a while ago, and what killed processes left on the disk.

Jobs, attempts and ledger rows stay: they are history, and what a run cost is not undone by deleting it.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, ProtectedError
from django.utils import timezone

from webapp.jobs.models import ACTIVE_STATES, Job
from webapp.runs.checkpoints import held_by, kept
from webapp.runs.models import Run, TrainJob

log = logging.getLogger(__name__)
DELETED_KEPT = timedelta(days=7)
"""How long a deleted run can be brought back."""
EXPORT_KEPT_SECONDS = 86_400.0
LEFTOVER_KEPT_SECONDS = 3_600.0
"""What is younger may still be written, by an attempt that does not know yet that its job is over."""
LEFTOVERS = (".writing-*", ".removing-*")


def runs_purge() -> int:
    """Delete runs that were deleted over a week ago, with all their files; return how many."""
    branches = Run.objects.filter(parent=OuterRef("pk"), latest_job__state__in=ACTIVE_STATES)
    old = Run.objects.filter(~Exists(branches), deleted_at__lt=timezone.now() - DELETED_KEPT).exclude(
        latest_job__state__in=ACTIVE_STATES
    )
    return sum(run_purge(run=run) for run in old)


def run_purge(*, run: Run) -> bool:
    """Delete a run's rows, and after commit its files; False where something else still needs one of its checkpoints."""
    if any(held_by(checkpoint) for checkpoint in kept(run)):
        return False
    files = Path(settings.ISOCOST_FILES)
    folders = [job.folder.path for job in Job.objects.filter(train_job__run=run)]
    folders += [files / "exports" / code for code in run.checkpoints.values_list("code", flat=True)]
    try:
        with transaction.atomic():
            TrainJob.objects.filter(run=run).delete()
            Run.objects.get(pk=run.pk, deleted_at__isnull=False).delete()
            transaction.on_commit(lambda: _remove_all(folders))
    except Run.DoesNotExist:  # brought back just now
        return False
    except ProtectedError as error:
        log.info("run %s stays on the disk: %s", run.code, error.args[0])
        return False
    return True


def leftovers_sweep() -> int:
    """Remove half checkpoints of attempts that are over, and downloads that were made long ago; return how many."""
    files = Path(settings.ISOCOST_FILES)
    doomed = [folder for folder in _half_checkpoints(files) if _age_seconds(folder) > LEFTOVER_KEPT_SECONDS]
    doomed += [folder for folder in (files / "exports").glob("*") if _age_seconds(folder) > EXPORT_KEPT_SECONDS]
    for folder in doomed:
        shutil.rmtree(folder, ignore_errors=True)
    return len(doomed)


def _half_checkpoints(files: Path) -> Iterator[Path]:
    """Yield what writing and removing left behind, except that of the attempts that run."""
    running = dict(Job.objects.filter(state__in=ACTIVE_STATES).values_list("code", "fence"))
    for pattern in LEFTOVERS:
        for folder in files.glob(f"jobs/*/attempts/*/checkpoints/{pattern}"):
            attempt, job = folder.parents[1].name, folder.parents[3].name
            if str(running.get(job)) != attempt:
                yield folder
    yield from files.glob("jobs/.removing-*")


def _age_seconds(folder: Path) -> float:
    try:
        return time.time() - folder.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _remove_all(folders: Iterable[Path]) -> None:
    for folder in folders:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove a folder; renamed first, so that a kill in between leaves something that the sweep knows."""
    doomed = folder.with_name(f".removing-{folder.name}")
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("%s could not be removed: %s", folder, error)
        return
    shutil.rmtree(doomed, ignore_errors=True)
