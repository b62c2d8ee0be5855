"""Recommendations for all users are asked for, and downloaded."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from trainer.errors import SpecError
from webapp.jobs.errors import JobRefused
from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving.lists import lists_path
from webapp.serving.lists import lists_start as start
from webapp.teams.access import team_object
from webapp.teams.models import Role, User
from webapp.ui.downloads import file_response

CONTENT_TYPES = {".csv": "text/csv; charset=utf-8", ".parquet": "application/vnd.apache.parquet"}


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def lists_start(request: HttpRequest, project: Project) -> HttpResponse:
    checkpoint = Checkpoint.objects.filter(
        code=request.POST.get("checkpoint", ""), run__project=project, removed_at=None
    ).first()
    back = reverse("playground", args=[project.code])
    if checkpoint is None:
        messages.error(request, _("Choose a checkpoint that is still kept."))
        return redirect(back)
    places = request.POST.get("places", "")
    try:
        job = start(
            checkpoint=checkpoint,
            created_by=cast(User, request.user),
            places=int(places) if places.isdecimal() else 0,
            form=request.POST.get("form", "csv"),
            key=request.POST.get("key", "")[:50],
        )
    except (SpecError, JobRefused) as error:
        messages.error(request, str(error))
        return redirect(back)
    return redirect("job-detail", job.code)


@team_object(Job, Role.VIEWER)
@require_GET
def lists_download(request: HttpRequest, job: Job) -> HttpResponseBase:
    path = lists_path(job)
    if path is None:
        raise Http404
    answer = file_response(request, path, name=path.name, content_type=CONTENT_TYPES[path.suffix])
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
