"""The job page: how a job stands, its attempts, events and log, and what can be done to it."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from webapp.jobs.errors import JobError
from webapp.jobs.kinds import kind_of
from webapp.jobs.messages import job_news
from webapp.jobs.models import Job, State
from webapp.jobs.services import job_cancel, job_retry, job_stop
from webapp.teams.access import team_object
from webapp.teams.models import Role

RELATED = ("team", "project")


@team_object(Job, Role.VIEWER, related=RELATED)
@require_GET
def detail(request: HttpRequest, job: Job) -> HttpResponse:
    return render(request, "jobs/detail.html", {**_context(request, job), "project": job.project})


@team_object(Job, Role.VIEWER)
@require_GET
def open_work(request: HttpRequest, job: Job) -> HttpResponse:
    """Go to the page of what the job works on: its run, its dataset version; to its own page if it has none."""
    return redirect(kind_of(job.kind).url(job) or reverse("job-detail", args=[job.code]))


@team_object(Job, Role.VIEWER, related=RELATED)
@require_GET
def status(request: HttpRequest, job: Job) -> HttpResponse:
    """The parts of the page that change, fetched again when there is news."""
    return render(request, "jobs/_status.html", _context(request, job))


@team_object(Job, Role.VIEWER)
@require_GET
def events(request: HttpRequest, job: Job) -> JsonResponse:
    """What a browser without a socket asks: the events after a number."""
    after = request.GET.get("after", "0")
    news = job_news(job.pk, after=int(after) if after.isdecimal() else 0)
    return JsonResponse({"type": "news", "job": news.job, "events": news.events, "last_seq": news.last_seq})


@team_object(Job, Role.MEMBER)
@require_POST
def stop(request: HttpRequest, job: Job) -> HttpResponse:
    job_stop(job=job, by=request.user)  # type: ignore[arg-type]
    return _back(request, job)


@team_object(Job, Role.MEMBER)
@require_POST
def cancel(request: HttpRequest, job: Job) -> HttpResponse:
    job_cancel(job=job, by=request.user)  # type: ignore[arg-type]
    return _back(request, job)


@team_object(Job, Role.MEMBER, related=RELATED)
@require_POST
def retry(request: HttpRequest, job: Job) -> HttpResponse:
    try:
        job = job_retry(job=job, by=request.user)  # type: ignore[arg-type]
    except JobError as error:
        messages.error(request, str(error))
    return redirect("job-detail", job.code)


def _context(request: HttpRequest, job: Job) -> dict[str, object]:
    role = getattr(request, "team_role", None)
    return {
        "job": job,
        "attempts": job.attempts.select_related("worker").order_by("-fence"),
        "may_change": role is not None and role >= Role.MEMBER,
        "may_retry": job.state in (State.FAILED, State.CANCELLED, State.STOPPED),
        "section": "queue",
    }


def _back(request: HttpRequest, job: Job) -> HttpResponse:
    """Answer htmx with nothing but a nudge, and a form with the page it came from."""
    if getattr(request, "htmx", False):
        return HttpResponse(status=204, headers={"HX-Trigger": "jobs-changed"})
    if request.POST.get("next") == "queue":
        return redirect("queue")
    return redirect("job-detail", job.code)
