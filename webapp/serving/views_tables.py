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

from webapp.budgets.decision import decision
from webapp.budgets.errors import BudgetAnswer
from webapp.jobs.errors import JobRefused
from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint
from webapp.serving.given_tables import GivenTable, TableRefused, table_keep, table_of, table_remove, ticket_of
from webapp.serving.tables import answers_path, decisions_path, table_predict
from webapp.teams.access import team_object
from webapp.teams.models import Role, User
from webapp.ui.downloads import file_response

KEPT = "kept_table"
"""Field that stands for the file where the form is sent once more."""


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def table_upload(request: HttpRequest, project: Project) -> HttpResponse:
    user = cast(User, request.user)
    checkpoint = Checkpoint.objects.filter(
        code=request.POST.get("checkpoint", ""), run__project=project, removed_at=None
    ).first()
    back = reverse("playground", args=[project.code])
    if checkpoint is None:
        messages.error(request, _("Choose a checkpoint that is still kept, and a table."))
        return redirect(back)
    try:
        table = _given(request, project, user)
    except TableRefused as error:
        messages.error(request, str(error))
        return redirect(back)
    try:
        job = table_predict(
            checkpoint=checkpoint, created_by=user, table=table,
            text_column=request.POST.get("text_column", ""), key=request.POST.get("key", "")[:50],
        )  # fmt: skip
    except JobRefused as error:
        if isinstance(error, BudgetAnswer):
            decision().stand_ins[KEPT] = ticket_of(table, project=project, user=user)
        else:
            table_remove(table.path)
        messages.error(request, str(error))
        return redirect(back)
    return redirect("job-detail", job.code)


def _given(request: HttpRequest, project: Project, user: User) -> GivenTable:
    """Return the table that was sent, or the one that its ticket stands for."""
    upload = request.FILES.get("table")
    if isinstance(upload, UploadedFile):
        return table_keep(upload)
    table = table_of(request.POST.get(KEPT, ""), project=project, user=user)
    if table is None:
        raise TableRefused(_("Choose a checkpoint that is still kept, and a table."))
    return table


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
