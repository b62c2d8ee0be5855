"""What the playground offers and remembers."""

from __future__ import annotations

from typing import Any

import msgspec
from django.db.models import QuerySet

from trainer.families import families
from webapp.projects.models import Project
from webapp.registry.queries import names_by_checkpoint
from webapp.runs.models import Checkpoint
from webapp.serving.models import Generation


def playable_checkpoints(*, project: Project, limit: int = 200) -> list[Checkpoint]:
    """Return the project's kept checkpoints: newest runs first, and in each the best one first, then by step."""
    kept = Checkpoint.objects.filter(
        run__project=project, run__deleted_at=None, removed_at=None, run__archived_at=None
    ).select_related("run")
    found = list(kept.order_by("-run__created_at", "-is_best", "-step")[:limit])
    names = names_by_checkpoint(found)
    for checkpoint in found:
        checkpoint.kept_as = names.get(checkpoint.pk, "")  # type: ignore[attr-defined]
        checkpoint.abilities = abilities_of(checkpoint)  # type: ignore[attr-defined]
    return found


def abilities_of(checkpoint: Checkpoint) -> list[str]:
    """Return what the checkpoint's model can be asked for, as its family says of its settings."""
    family = families().get(checkpoint.run.family)
    if family is None:
        return []
    try:
        settings: Any = msgspec.convert(checkpoint.run.spec.get("model", {}), family.spec_type)
    except msgspec.ValidationError:  # made by an older release
        return sorted(family.abilities)
    return sorted(family.abilities_of(settings))


def can_predict(checkpoint: Checkpoint) -> bool:
    """Say whether the checkpoint's model reads texts and tells labels."""
    family = families().get(checkpoint.run.family)
    return family is not None and family.data_kind == "text" and "predict" in family.abilities


def history(*, project: Project) -> QuerySet[Generation]:
    """Return the answers given in the project, newest first."""
    return Generation.objects.filter(project=project).select_related("created_by", "checkpoint__run")
