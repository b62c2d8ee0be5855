"""A table is uploaded and predicted; its answers are downloaded."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import cast

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.jobs.errors import JobRefused
from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving.tables import TableRefused, answers_path, decisions_path, table_predict
from webapp.teams.access import team_object
from webapp.teams.models import Role, User
from webapp.ui.downloads import file_response


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def table_upload(request: HttpRequest, project: Project) -> HttpResponse:
    upload = request.FILES.get("table")
    checkpoint = Checkpoint.objects.filter(
        code=request.POST.get("checkpoint", ""), run__project=project, removed_at=None
    ).first()
    back = reverse("playground", args=[project.code])
    if checkpoint is None or not isinstance(upload, UploadedFile):
        messages.error(request, _("Choose a checkpoint that is still kept, and a table."))
        return redirect(back)
    try:
        job = table_predict(
            checkpoint=checkpoint, created_by=cast(User, request.user), upload=upload,
            text_column=request.POST.get("text_column", ""), key=request.POST.get("key", "")[:50],
        )  # fmt: skip
    except (TableRefused, JobRefused) as error:
        messages.error(request, str(error))
        return redirect(back)
    return redirect("job-detail", job.code)


@team_object(Job, Role.VIEWER)
@require_GET
def answers_download(request: HttpRequest, job: Job) -> HttpResponseBase:
    path = answers_path(job)
    if path is None:
        raise Http404
    return _file(request, job, path, ending="predicted.csv", content_type="text/csv; charset=utf-8")


@team_object(Job, Role.VIEWER)
@require_GET
def decisions_download(request: HttpRequest, job: Job) -> HttpResponseBase:
    path = decisions_path(job)
    if path is None:
        raise Http404
    return _file(request, job, path, ending="guard-decisions.jsonl", content_type="application/x-ndjson")


def _file(request: HttpRequest, job: Job, path: Path, *, ending: str, content_type: str) -> HttpResponseBase:
    name = PurePosixPath(str(job.spec.get("table_name") or "table")).stem
    answer = file_response(request, path, name=f"{name}-{ending}", content_type=content_type)
    answer["X-Content-Type-Options"] = "nosniff"
    return answer
