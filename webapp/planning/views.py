"""The project's overview: where it stands, and what to do next."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.planning.queries import project_overview
from webapp.projects.models import Project
from webapp.teams.access import team_object
from webapp.teams.models import Role


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def overview(request: HttpRequest, project: Project) -> HttpResponse:
    context = {"project": project, "section": "overview", "overview": project_overview(project=project)}
    if request.headers.get("HX-Request"):
        return render(request, "planning/_overview.html", context)
    return render(request, "planning/overview.html", context)
