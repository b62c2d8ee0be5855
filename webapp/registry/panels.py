"""What the registry adds to the page of a run: what is kept of it, and a button to keep its best."""

from __future__ import annotations

from django.db.models import Q
from django.http import HttpRequest
from django.template.loader import render_to_string

from webapp.registry.ablations import ablations_of, real_changes
from webapp.registry.models import Ablation, ModelVersion
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


def ablation_panel(request: HttpRequest, run: Run) -> str:
    """What settings of the run are worth: measured ones, and a button for each that its family or its data names."""
    context = {
        "run": run,
        "ablations": list(
            Ablation.objects.filter(Q(pairs__before=run) | Q(pairs__after=run)).distinct().order_by("-created_at")[:10]
        ),
        "offered": [title for title, without in ablations_of(run).items() if real_changes(run, without)],
        "may_write": getattr(request, "team_role", 0) >= Role.MEMBER,
    }
    return render_to_string("registry/_ablation_panel.html", context, request)


def checkpoint_actions(request: HttpRequest, checkpoint: Checkpoint) -> str:
    """A button beside each checkpoint; where it is kept already, the versions."""
    context = {
        "project": checkpoint.run.project,
        "checkpoint": checkpoint,
        "versions": list(ModelVersion.objects.live().filter(checkpoint=checkpoint)),
        "may_write": getattr(request, "team_role", 0) >= Role.MEMBER,
    }
    return render_to_string("registry/_checkpoint_actions.html", context, request)
