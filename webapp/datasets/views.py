"""The list of a project's datasets, a dataset's page, and what can be done to a dataset."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.datasets.errors import DataRefused
from webapp.datasets.forms import DatasetForm, ServerFolderForm
from webapp.datasets.models import Dataset
from webapp.datasets.pages import pages_of
from webapp.datasets.queries import dataset_rows, dataset_versions, file_page, files_total
from webapp.datasets.services.datasets import (
    dataset_archive,
    dataset_create,
    dataset_delete,
    dataset_rename,
    dataset_restore,
)
from webapp.datasets.services.server_folders import server_folder_add, server_folders
from webapp.datasets.storage import storage_use
from webapp.projects.models import Project
from webapp.teams.access import team_object
from webapp.teams.models import Role

RELATED = ("project__team",)


def page_context(request: HttpRequest, project: Project, **more: Any) -> dict[str, Any]:
    """Return what the frame and every data page need."""
    can_write = request.team_role >= Role.MEMBER  # type: ignore[attr-defined]
    dataset = more.get("dataset")
    words = {"pages": pages_of(dataset.data_kind)} if dataset is not None else {}
    return {"project": project, "section": "data", "can_write": can_write, **words, **more}


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def dataset_list(request: HttpRequest, project: Project) -> HttpResponse:
    archived = "archived" in request.GET
    context = page_context(
        request,
        project,
        rows=dataset_rows(project, archived=archived),
        archived=archived,
        num_archived=project.datasets.exclude(archived_at=None).count(),
        use=storage_use(project.team),
        form=DatasetForm(),
    )
    return render(request, "datasets/dataset_list.html", context)


@team_object(Project, Role.MEMBER, related=("team",))
@require_http_methods(["GET", "POST"])
def dataset_new(request: HttpRequest, project: Project) -> HttpResponse:
    form = DatasetForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        cleaned = form.cleaned_data
        dataset = dataset_create(
            project=project,
            name=cleaned["name"],
            description=cleaned["description"],
            data_kind=cleaned.get("data_kind", "text"),
            created_by=request.user,  # type: ignore[arg-type]
        )
        return redirect(dataset)
    context = page_context(request, project, form=form)
    return render(request, "datasets/dataset_new.html", context, status=422 if form.is_bound else 200)


@team_object(Dataset, Role.VIEWER, related=RELATED)
@require_GET
def dataset_detail(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    context = page_context(
        request,
        dataset.project,
        dataset=dataset,
        **files_context(dataset, request.GET),
        versions=dataset_versions(dataset),
        use=storage_use(dataset.project.team),
        form=DatasetForm(instance=dataset),
        folder_form=ServerFolderForm() if server_folders() else None,
        removed=dataset.files.exclude(removed_at=None),
    )
    return render(request, "datasets/dataset_detail.html", context)


def files_context(dataset: Dataset, query: QueryDict) -> dict[str, Any]:
    """Return what the table of files shows, by itself and in the page."""
    search = query.get("q", "")[:100]
    return {
        "files": file_page(dataset, number=query.get("page"), search=search),
        "totals": files_total(dataset),
        "search": search,
    }


@team_object(Dataset, Role.MEMBER, related=RELATED)
@require_POST
def dataset_edit(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    form = DatasetForm(request.POST, instance=Dataset(project=dataset.project, pk=dataset.pk))
    if form.is_valid():
        dataset_rename(dataset=dataset, **form.cleaned_data)
    else:
        for error in form.errors.values():
            messages.error(request, " ".join(map(str, error)))
    return redirect(dataset)


@team_object(Dataset, Role.MEMBER, related=RELATED)
@require_POST
def dataset_put_away(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    dataset_archive(dataset=dataset)
    messages.success(request, _("“%(name)s” is archived.") % {"name": dataset.name}, extra_tags=f"undo:{dataset.code}")
    return redirect("dataset-list", dataset.project.code)


@team_object(Dataset, Role.MEMBER, related=RELATED)
@require_POST
def dataset_bring_back(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    dataset_restore(dataset=dataset)
    messages.success(request, _("“%(name)s” is back.") % {"name": dataset.name})
    return redirect(dataset)


@team_object(Dataset, Role.ADMIN, related=RELATED)
@require_POST
def dataset_drop(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    try:
        dataset_delete(dataset=dataset)
    except DataRefused as refusal:
        messages.error(request, str(refusal))
        return redirect(dataset)
    messages.success(request, _("“%(name)s” and its files are deleted.") % {"name": dataset.name})
    return redirect("dataset-list", dataset.project.code)


@team_object(Dataset, Role.MEMBER, related=RELATED)
@require_POST
def dataset_add_folder(request: HttpRequest, dataset: Dataset) -> HttpResponse:
    """Take in the files of a folder on the server, where they are."""
    form = ServerFolderForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Choose one of the folders that the operator opened to datasets."))
        return redirect(dataset)
    try:
        added = server_folder_add(dataset=dataset, created_by=request.user, **form.cleaned_data)  # type: ignore[arg-type]
    except DataRefused as refusal:
        messages.error(request, str(refusal))
        return redirect(dataset)
    text = _("%(added)d files added, %(known)d were here already, %(passed)d links or empty files passed over.")
    counts = {"added": added.num_added, "known": added.num_known, "passed": added.num_passed_over}
    messages.success(request, text % counts)
    return redirect(dataset)
