"""What concerns a project as a whole. Home and its overview are drawn by the app above (planning), which knows what is in it."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from webapp.projects import services
from webapp.projects.forms import ProjectForm
from webapp.projects.models import Project
from webapp.teams.access import team_object
from webapp.teams.models import Role, Team, User


@team_object(Team, Role.MEMBER)
@require_http_methods(["GET", "POST"])
def project_new(request: HttpRequest, team: Team) -> HttpResponse:
    form = ProjectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        project = services.project_create(team=team, created_by=cast(User, request.user), **form.cleaned_data)
        return redirect(project)
    context = {"team": team, "form": form}
    return render(request, "projects/project_form.html", context, status=422 if form.errors else 200)


@team_object(Project, Role.ADMIN, related=("team",))
@require_http_methods(["GET", "POST"])
def project_settings(request: HttpRequest, project: Project) -> HttpResponse:
    form = ProjectForm(request.POST or None, instance=project)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(request, _("Saved."))
        return redirect("project-settings", project.code)
    context = {"project": project, "team": project.team, "form": form}
    return render(request, "projects/project_form.html", context, status=422 if form.errors else 200)


@team_object(Project, Role.ADMIN, related=("team",))
@require_POST
def project_archive(request: HttpRequest, project: Project) -> HttpResponse:
    services.project_archive(project=project)
    messages.success(request, _("%(project)s is archived. It can be brought back below.") % {"project": project})
    return redirect("home")


@team_object(Project, Role.ADMIN, related=("team",))
@require_POST
def project_restore(request: HttpRequest, project: Project) -> HttpResponse:
    services.project_restore(project=project)
    return redirect(project)
