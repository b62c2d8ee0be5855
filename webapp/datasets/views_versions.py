"""A prepared version: its progress while it is made, then its report, its comparison with another, and its files."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.datasets.comparison import compare
from webapp.datasets.forms import NoteForm
from webapp.datasets.models import DatasetVersion
from webapp.datasets.queries import dataset_versions, version_row
from webapp.datasets.recipe_view import recipe_view
from webapp.datasets.report_view import report_rows, report_view
from webapp.datasets.services.versions import version_note
from webapp.datasets.views import page_context
from webapp.jobs.errors import JobError
from webapp.jobs.models import State
from webapp.jobs.services import job_retry
from webapp.teams.access import team_object
from webapp.teams.models import Role

RELATED = ("dataset__project__team", "job", "job__team", "job__project", "created_by")


@team_object(DatasetVersion, Role.VIEWER, related=RELATED)
@require_GET
def version_detail(request: HttpRequest, version: DatasetVersion) -> HttpResponse:
    context = _context(request, version)
    if version.ready_at is not None:
        context["report"] = report_view(version)
    others = [row for row in dataset_versions(version.dataset) if row.version.pk != version.pk]
    context["others"] = [row for row in others if row.state == "ready"]
    context["form"] = NoteForm(instance=version)
    context["recipe"] = recipe_view(version.recipe, version.dataset.data_kind)
    return render(request, "datasets/version.html", context)


@team_object(DatasetVersion, Role.VIEWER, related=RELATED)
@require_GET
def version_status(request: HttpRequest, version: DatasetVersion) -> HttpResponse:
    """What changes while the version is prepared. Once it is ready, the whole page is asked for."""
    if version.ready_at is not None:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "datasets/_version_status.html", _context(request, version))


@team_object(DatasetVersion, Role.MEMBER, related=RELATED)
@require_POST
def version_edit(request: HttpRequest, version: DatasetVersion) -> HttpResponse:
    version_note(version=version, note=request.POST.get("note", "")[:10_000])
    return redirect(version)


@team_object(DatasetVersion, Role.MEMBER, related=RELATED)
@require_POST
def version_retry(request: HttpRequest, version: DatasetVersion) -> HttpResponse:
    """Prepare a version again whose preparation failed or was cancelled."""
    try:
        job_retry(job=version.job, by=request.user)  # type: ignore[arg-type]
    except JobError as error:
        messages.error(request, str(error))
    return redirect(version)


@team_object(DatasetVersion, Role.VIEWER, related=RELATED)
@require_GET
def version_compare(request: HttpRequest, version: DatasetVersion) -> HttpResponse:
    ready = [row.version for row in dataset_versions(version.dataset) if row.state == "ready"]
    chosen = request.GET.get("with", "")
    code = next((other.code for other in ready if other.code == chosen), None)
    code = code or next((other.code for other in ready if other.pk != version.pk), None)
    other = DatasetVersion.objects.select_related(*RELATED).get(code=code) if code else None
    context = {**_context(request, version), "other": other, "ready": ready}
    if other is not None and version.ready_at is not None:
        older, newer = sorted((version, other), key=lambda found: found.number)
        context |= {"older": older, "newer": newer, "groups": compare(older, newer)}
    return render(request, "datasets/version_compare.html", context)


@team_object(DatasetVersion, Role.VIEWER, related=RELATED)
@require_GET
def version_report_json(request: HttpRequest, version: DatasetVersion) -> HttpResponse:
    text = json.dumps(version.report, ensure_ascii=False, indent=1)
    return _download(text, version, ending="json", content_type="application/json")


@team_object(DatasetVersion, Role.VIEWER, related=RELATED)
@require_GET
def version_report_csv(request: HttpRequest, version: DatasetVersion) -> HttpResponse:
    """The steps and their reasons as a table. Cells that a spreadsheet would run are marked as text."""
    out = io.StringIO()
    csv.writer(out).writerows(report_rows(version))
    return _download("\ufeff" + out.getvalue(), version, ending="csv", content_type="text/csv; charset=utf-8")


def _context(request: HttpRequest, version: DatasetVersion) -> dict[str, Any]:
    project = version.dataset.project
    row = version_row(version)
    return page_context(
        request,
        project,
        dataset=version.dataset,
        version=version,
        job=version.job,
        row=row,
        may_retry=version.ready_at is None and version.job.state in (State.FAILED, State.CANCELLED, State.STOPPED),
        title=_("%(dataset)s v%(number)d") % {"dataset": version.dataset.name, "number": version.number},
    )


def _download(text: str, version: DatasetVersion, *, ending: str, content_type: str) -> HttpResponse:
    response = HttpResponse(text, content_type=content_type)
    response["Content-Disposition"] = f'attachment; filename="report-{version.code}.{ending}"'
    return response
