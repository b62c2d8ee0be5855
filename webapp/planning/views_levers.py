"""The levers of efficiency: what each saved in this project."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.planning.efficiency.page import levers
from webapp.projects.models import Project
from webapp.teams.access import team_object
from webapp.teams.models import Role


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def project_levers(request: HttpRequest, project: Project) -> HttpResponse:
    context = {"project": project, "section": "plan", "may_write": request.team_role >= Role.MEMBER, **levers(project)}  # type: ignore[attr-defined]
    return render(request, "planning/levers.html", context)
