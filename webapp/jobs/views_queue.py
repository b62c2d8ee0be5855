"""The queue page: what runs where, what waits in which order, the workers, and what may be changed about it."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.jobs.forms import LimitForm, MoveForm, PriorityForm
from webapp.jobs.models import Job, Queue
from webapp.jobs.queries import queue_views, team_shares
from webapp.jobs.services import job_prioritise, job_reorder, queue_pause, team_limit_set
from webapp.teams.access import signed_in, staff, team_object
from webapp.teams.models import Role, Team


@signed_in
@require_GET
def queue(request: HttpRequest) -> HttpResponse:
    shares, others_seconds = team_shares(request.user)  # type: ignore[arg-type]
    context = {"shares": shares, "others_seconds": others_seconds, "section": "queue", **_context(request)}
    return render(request, "jobs/queue.html", context)


@signed_in
@require_GET
def queue_table(request: HttpRequest) -> HttpResponse:
    """The part of the page that changes by itself."""
    return render(request, "jobs/_queues.html", _context(request))


@staff
@require_POST
def pause(request: HttpRequest, name: str) -> HttpResponse:
    if name not in Queue.values:
        raise Http404
    queue_pause(queue=name, is_paused=request.POST.get("paused") == "1")
    return _changed(request)


@team_object(Job, Role.MEMBER, related=("team",))
@require_POST
def move(request: HttpRequest, job: Job) -> HttpResponse:
    form = MoveForm(request.POST)
    if form.is_valid():
        job_reorder(job=job, direction=form.cleaned_data["direction"])
    return _changed(request)


@team_object(Job, Role.MEMBER, related=("team",))
@require_POST
def priority(request: HttpRequest, job: Job) -> HttpResponse:
    form = PriorityForm(request.POST, role=request.team_role, is_staff=request.user.is_staff)  # type: ignore[attr-defined, union-attr]
    if form.is_valid():
        job_prioritise(job=job, priority=form.cleaned_data["priority"])
    else:
        messages.error(request, " ".join(map(str, form.errors["priority"])))
    return _changed(request)


@team_object(Team, Role.ADMIN)
@require_POST
def limits(request: HttpRequest, team: Team) -> HttpResponse:
    form = LimitForm(request.POST)
    if form.is_valid():
        team_limit_set(team=team, **form.cleaned_data)
        messages.success(request, _("Limits of %(team)s saved.") % {"team": team})
    else:
        messages.error(request, " ".join(str(error) for errors in form.errors.values() for error in errors))
    return redirect("queue")


def _context(request: HttpRequest) -> dict[str, object]:
    return {"queues": queue_views(request.user)}  # type: ignore[arg-type]


def _changed(request: HttpRequest) -> HttpResponse:
    """Answer htmx with the new table, a plain form with the page."""
    if getattr(request, "htmx", False):
        return render(request, "jobs/_queues.html", _context(request))
    return redirect("queue")
