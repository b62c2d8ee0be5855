"""What a project's runs keep on disk, for the ledger's line of each day."""

from __future__ import annotations

from django.db.models import Sum

from webapp.projects.models import Project
from webapp.runs.models import Checkpoint


def checkpoint_bytes(project: Project) -> dict[str, int]:
    """Return the bytes of the checkpoints that are still there."""
    kept = Checkpoint.objects.filter(run__project=project, removed_at=None)
    return {"checkpoints": kept.aggregate(total=Sum("size_bytes"))["total"] or 0}
