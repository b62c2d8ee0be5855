"""The files of a dataset: the table, one file with its preview and options, removing and bringing back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.datasets.errors import DataRefused
from webapp.datasets.forms import FileOptionsForm
from webapp.datasets.models import Dataset, SourceFile
from webapp.datasets.queries import with_seen
from webapp.datasets.services.files import file_delete, file_look, file_remove, file_restore, file_set_options
from webapp.datasets.storage import storage_use
from webapp.datasets.views import RELATED, files_context, page_context
from webapp.teams.access import team_object
from webapp.teams.models import Role

FILE_RELATED = ("dataset__project__team",)


@team_object(Dataset, Role.VIEWER, related=RELATED)
@require_GET
def file_table(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    """The table alone, drawn again after an upload."""
    context = page_context(request, dataset.project, dataset=dataset, **files_context(dataset, request.GET))
    context["use"] = storage_use(dataset.project.team)
    return render(request, "datasets/_files_and_storage.html", context)


@team_object(SourceFile, Role.VIEWER, related=FILE_RELATED)
@require_GET
def file_detail(request: HttpRequest, file: SourceFile) -> HttpResponse:
    """What the file holds, before anything is prepared; asked by htmx, the panel alone."""
    return _panel(request, file)


@team_object(SourceFile, Role.MEMBER, related=FILE_RELATED)
@require_POST
def file_read(request: HttpRequest, file: SourceFile) -> HttpResponse:
    """Look into a file for the first time: its row in the table comes back."""
    try:
        file_look(file=file)
    except DataRefused:  # too many at once: the row stays as it is, and asks again when the table is drawn
        return HttpResponse(status=204)
    if not request.headers.get("HX-Request"):
        return redirect("file-detail", file.code)
    seen = with_seen(SourceFile.objects.filter(pk=file.pk)).get()
    context = page_context(request, file.dataset.project, dataset=file.dataset, file=seen)
    return render(request, "datasets/_file_row.html", context)


@team_object(SourceFile, Role.MEMBER, related=FILE_RELATED)
@require_POST
def file_options(request: HttpRequest, file: SourceFile) -> HttpResponse:
    """Say how the file is read; what was seen with these options comes back."""
    form = FileOptionsForm(request.POST, file=file, columns=columns_of(file))
    if not form.is_valid():
        return _panel(request, file, form=form, status=422)
    try:
        file_set_options(file=file, options=form.cleaned_data)
    except DataRefused as refusal:
        form.add_error(None, str(refusal))
        return _panel(request, file, form=form, status=422)
    if not request.headers.get("HX-Request"):
        return redirect("file-detail", file.code)
    response = _panel(request, file)
    response["HX-Trigger"] = "files-changed"
    return response


@team_object(SourceFile, Role.MEMBER, related=FILE_RELATED)
@require_POST
def file_take_out(request: HttpRequest, file: SourceFile) -> HttpResponse:
    file_remove(file=file)
    messages.success(request, _("“%(name)s” is removed.") % {"name": file.name}, extra_tags=f"undo-file:{file.code}")
    return redirect(file.dataset)


@team_object(SourceFile, Role.MEMBER, related=FILE_RELATED)
@require_POST
def file_bring_back(request: HttpRequest, file: SourceFile) -> HttpResponse:
    file_restore(file=file)
    messages.success(request, _("“%(name)s” is back.") % {"name": file.name})
    return redirect(file.dataset)


@team_object(SourceFile, Role.MEMBER, related=FILE_RELATED)
@require_POST
def file_drop(request: HttpRequest, file: SourceFile) -> HttpResponse:
    """Delete a removed file for good."""
    file_delete(file=file)
    messages.success(request, _("“%(name)s” is deleted and its space is free.") % {"name": file.name})
    return redirect(file.dataset)


def columns_of(file: SourceFile) -> list[str]:
    preview = file.preview or {}
    return [str(name) for name in preview.get("raw_columns") or preview.get("columns", [])]


def _panel(
    request: HttpRequest, file: SourceFile, *, form: FileOptionsForm | None = None, status: int = 200
) -> HttpResponse:
    context: dict[str, Any] = page_context(
        request,
        file.dataset.project,
        dataset=file.dataset,
        file=file,
        form=form or FileOptionsForm(file=file, columns=columns_of(file)),
    )
    template = "datasets/_file_panel.html" if request.headers.get("HX-Request") else "datasets/file_detail.html"
    return render(request, template, context, status=status)
