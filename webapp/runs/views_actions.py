"""What people do to runs and checkpoints by buttons. Each view: access, service, answer."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from webapp.jobs.errors import JobError
from webapp.projects.models import Project
from webapp.runs import checkpoints, profiles, services
from webapp.runs.exports import ExportError, export_folder
from webapp.runs.models import Checkpoint, Run
from webapp.runs.views_data import RELATED
from webapp.teams.access import team_object
from webapp.teams.models import Role, User
from webapp.ui.downloads import file_response, folder_response
from webapp.ui.templatetags.figures import size

UNDO = "runs_deleted"
"""Where the session keeps what was deleted last, for the table to offer it back once."""
OF_CHECKPOINT = ("run__project__team", "run__dataset_version")


@team_object(Run, Role.MEMBER, related=RELATED)
@require_POST
def run_stop(request: HttpRequest, run: Run) -> HttpResponse:
    services.run_stop(run=run, by=cast(User, request.user))
    return redirect(run)


@team_object(Run, Role.MEMBER, related=RELATED)
@require_POST
def run_cancel(request: HttpRequest, run: Run) -> HttpResponse:
    services.run_cancel(run=run, by=cast(User, request.user))
    return redirect(run)


@team_object(Run, Role.MEMBER, related=RELATED)
@require_POST
def run_resume(request: HttpRequest, run: Run) -> HttpResponse:
    try:
        services.run_resume(run=run, by=cast(User, request.user))
    except JobError as error:
        messages.error(request, str(error))
    return redirect(run)


@team_object(Run, Role.MEMBER, related=RELATED)
@require_POST
def run_profile(request: HttpRequest, run: Run) -> HttpResponse:
    try:
        profiles.profile_start(run=run, by=cast(User, request.user))
    except JobError as error:
        messages.error(request, str(error))
    return redirect(f"{run.get_absolute_url()}?tab=system")


@team_object(Run, Role.VIEWER, related=RELATED)
@require_GET
def run_profile_trace(request: HttpRequest, run: Run) -> HttpResponseBase:
    """The trace of the last profile, for Perfetto."""
    job = profiles.last_profile(run, succeeded=True)
    path = profiles.trace_path(job) if job else None
    if path is None:
        messages.error(request, _("There is no trace of this run; profile it first."))
        return redirect(f"{run.get_absolute_url()}?tab=system")
    return file_response(request, path, name=f"{run.name}-trace.json.gz", content_type="application/gzip")


@team_object(Run, Role.MEMBER, related=RELATED)
@require_POST
def run_edit(request: HttpRequest, run: Run) -> HttpResponse:
    try:
        services.run_rename(run=run, name=request.POST.get("name", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(run)
    services.run_tag(run=run, tags=request.POST.get("tags", "").replace("，", ",").split(","))
    services.run_note(run=run, notes=request.POST.get("notes", ""))
    messages.success(request, _("Saved."))
    return redirect(run)


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def runs_act(request: HttpRequest, project: Project) -> HttpResponse:
    """Do one thing to the runs that were selected in the table; deleting can be undone."""
    codes = [code for value in request.POST.getlist("runs") for code in value.split(",") if code][:1000]
    act = request.POST.get("act", "")
    if act == "delete":
        number = services.runs_delete(project=project, codes=codes)
        text = ngettext("%d run deleted.", "%d runs deleted.", number) % number
        if number < len(codes):
            text += " " + _("Runs that are still going were left: stop or cancel them first.")
        messages.success(request, text)
        if number:
            request.session[UNDO] = {"project": project.code, "runs": codes}
    elif act == "restore":
        number = services.runs_restore(project=project, codes=codes)
        messages.success(request, ngettext("%d run restored.", "%d runs restored.", number) % number)
    elif act in ("archive", "unarchive"):
        number = services.runs_archive(project=project, codes=codes, archived=act == "archive")
        said = ngettext("%d run archived.", "%d runs archived.", number) if act == "archive" else ngettext(
            "%d run brought back.", "%d runs brought back.", number
        )  # fmt: skip
        messages.success(request, said % number)
    elif act == "tag" and request.POST.get("tag", "").strip():
        number = services.runs_tag(project=project, codes=codes, add=request.POST["tag"])
        messages.success(request, ngettext("%d run tagged.", "%d runs tagged.", number) % number)
    return redirect(_next(request) or "run-list", *([] if _next(request) else [project.code]))


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def space_free(request: HttpRequest, project: Project) -> HttpResponse:
    number, freed = checkpoints.space_free(project=project)
    text = ngettext("%(n)d checkpoint deleted, %(size)s freed.", "%(n)d checkpoints deleted, %(size)s freed.", number)
    messages.success(request, text % {"n": number, "size": size(freed)})
    return redirect(_next(request) or "run-list", *([] if _next(request) else [project.code]))


@team_object(Run, Role.VIEWER, related=RELATED)
@require_GET
def run_download(request: HttpRequest, run: Run) -> HttpResponseBase:
    """The run's best model as one zip: weights, config, tokenizer, README."""
    chosen = checkpoints.best(run)
    if chosen is None:
        messages.error(request, _("This run has no checkpoint yet, so there is nothing to download."))
        return redirect(run)
    return _download(request, chosen)


@team_object(Checkpoint, Role.VIEWER, related=OF_CHECKPOINT)
@require_GET
def checkpoint_download(request: HttpRequest, checkpoint: Checkpoint) -> HttpResponseBase:
    return _download(request, checkpoint)


def _download(request: HttpRequest, checkpoint: Checkpoint) -> HttpResponseBase:
    try:
        folder = export_folder(checkpoint)
    except ExportError as error:
        messages.error(request, _("The model could not be made ready for download: %s") % error)
        return redirect(checkpoint.run)
    return folder_response(folder, name=f"{checkpoint.run.name}-step-{checkpoint.step}.zip")


@team_object(Checkpoint, Role.MEMBER, related=OF_CHECKPOINT)
@require_POST
def checkpoint_pin(request: HttpRequest, checkpoint: Checkpoint) -> HttpResponse:
    try:
        checkpoints.checkpoint_pin(checkpoint=checkpoint, pinned=request.POST.get("pinned") == "1")
    except checkpoints.CheckpointHeld as error:
        messages.error(request, str(error))
    return redirect(f"{checkpoint.run.get_absolute_url()}?tab=checkpoints")


@team_object(Checkpoint, Role.MEMBER, related=OF_CHECKPOINT)
@require_POST
def checkpoint_delete(request: HttpRequest, checkpoint: Checkpoint) -> HttpResponse:
    if checkpoint.is_best or checkpoint.is_pinned:
        messages.error(request, _("The best checkpoint and pinned ones stay. Unpin it first."))
    else:
        checkpoints.checkpoint_remove(checkpoint=checkpoint)
    return redirect(f"{checkpoint.run.get_absolute_url()}?tab=checkpoints")


def _next(request: HttpRequest) -> str:
    """Return where the form wants to go back to, if that is here."""
    place = request.POST.get("next", "")
    return place if url_has_allowed_host_and_scheme(place, allowed_hosts=None) else ""
