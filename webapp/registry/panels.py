"""What the registry adds to the page of a run: what is kept of it, and a button to keep its best."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from webapp.registry.models import ModelVersion
from webapp.registry.queries import best_checkpoint
from webapp.runs.models import Checkpoint, Run
from webapp.teams.models import Role


def run_panel(request: HttpRequest, run: Run) -> str:
    checkpoint = best_checkpoint(run)
    versions = list(ModelVersion.objects.live().filter(checkpoint__run=run).select_related("checkpoint"))
    if checkpoint is None and not versions:
        return ""
    context = {
        "project": run.project,
        "versions": versions,
        "checkpoint": checkpoint,
        "may_write": getattr(request, "team_role", 0) >= Role.MEMBER,
    }
    return render_to_string("registry/_run_panel.html", context, request)


def checkpoint_actions(request: HttpRequest, checkpoint: Checkpoint) -> str:
    """A button beside each checkpoint; where it is kept already, the versions."""
    context = {
        "project": checkpoint.run.project,
        "checkpoint": checkpoint,
        "versions": list(ModelVersion.objects.live().filter(checkpoint=checkpoint)),
        "may_write": getattr(request, "team_role", 0) >= Role.MEMBER,
    }
    return render_to_string("registry/_checkpoint_actions.html", context, request)
