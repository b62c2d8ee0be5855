"""The playground: try any checkpoint, look at what it expects next, compare two."""

from __future__ import annotations

from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.projects.models import Project
from webapp.serving.abilities import abilities_among, inputs_of
from webapp.serving.models import Preference
from webapp.serving.queries import can_predict, history, playable_checkpoints
from webapp.teams.access import team_object
from webapp.teams.models import Role


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def playground(request: HttpRequest, project: Project) -> HttpResponse:
    checkpoints = playable_checkpoints(project=project)
    chosen = request.GET.get("checkpoint", "")
    codes = [checkpoint.code for checkpoint in checkpoints]
    offered = abilities_among(name for each in checkpoints for name in each.abilities)  # type: ignore[attr-defined]
    context = {
        "project": project,
        "section": "playground",
        "checkpoints": checkpoints,
        "abilities": offered,
        "inputs": inputs_of(offered),
        "writers": [each for each in checkpoints if "generate" in each.abilities],  # type: ignore[attr-defined]
        "predicting": [each for each in checkpoints if can_predict(each)],
        "num_preferences": Preference.objects.filter(project=project).count(),
        "chosen": chosen if chosen in codes else (codes[0] if codes else ""),
        "may_ask": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
        "history": history(project=project)[:20],
    }
    return render(request, "serving/playground.html", context)


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def playground_history(request: HttpRequest, project: Project) -> HttpResponse:
    page = Paginator(history(project=project), 20).get_page(request.GET.get("page"))
    return render(request, "serving/_history.html", {"project": project, "history": page, "page": page})
