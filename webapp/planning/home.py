"""Home: the user's teams and projects, and where each project stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import cast

from django.db.models import Count, FloatField, Max, Min, Sum
from django.db.models.fields.json import KT
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from webapp.costs.models import LedgerEntry
from webapp.costs.queries import REVENUE
from webapp.jobs.models import ACTIVE_STATES, Job
from webapp.projects.models import Project
from webapp.projects.queries import home_teams
from webapp.runs.models import Run
from webapp.runs.ranking import BITS, Headline, headline
from webapp.teams.access import signed_in
from webapp.teams.models import User


@dataclass(slots=True)
class Standing:
    """What a project's card says of it."""

    num_runs: int = 0
    best: Headline | None = None
    """Bits per byte are the lowest of all runs; another measure, which compares on the same data only, is the last run's."""
    last_run_at: datetime | None = None
    spent_usd: Decimal = Decimal(0)
    working: list[Job] = field(default_factory=list)


@signed_in
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    teams = home_teams(user=cast(User, request.user))
    projects = [project for card in teams for project in card.projects]
    if "enter" in request.GET and len(projects) == 1:  # who has just signed in need not choose from one
        return redirect(projects[0])
    return render(request, "planning/home.html", {"teams": teams, "standings": standings(projects), "section": "home"})


def standings(projects: Iterable[Project]) -> dict[int, Standing]:
    """Return where each project stands, by its key: four queries, however many projects there are."""
    found = {project.pk: Standing() for project in projects}
    runs = Run.objects.filter(project__in=found, deleted_at=None).values("project").order_by()
    bits = Cast(KT("summary__validation/bits_per_byte__min"), FloatField())
    for row in runs.annotate(number=Count("pk"), last=Max("created_at"), best=Min(bits)):
        standing = found[row["project"]]
        standing.num_runs, standing.last_run_at = row["number"], row["last"]
        standing.best = Headline(BITS, row["best"]) if row["best"] is not None else None
    for run in (
        Run.objects.filter(project__in=found, deleted_at=None, latest_job__state="succeeded")
        .order_by("project_id", "-created_at")
        .distinct("project_id")
    ):
        found[run.project_id].best = found[run.project_id].best or headline(run)
    spent = LedgerEntry.objects.filter(project__in=found).exclude(REVENUE).values("project").order_by()
    for project, usd in spent.annotate(usd=Sum("effective_usd")).values_list("project", "usd"):
        found[project].spent_usd = usd
    for job in Job.objects.filter(project__in=found, state__in=ACTIVE_STATES).order_by("created_at"):
        found[job.project_id].working.append(job)
    return found
