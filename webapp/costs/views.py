"""Cost pages of projects and teams, and the prices of machines."""

from __future__ import annotations

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.costs import queries, services
from webapp.costs.csv import csv_response, ledger_csv
from webapp.costs.forms import MachineForm
from webapp.costs.models import Machine
from webapp.costs.pages import BREAKDOWN_COLUMNS, PERIODS, breakdown_rows, cost_page
from webapp.costs.prices import machine_hour_price
from webapp.jobs.errors import JobRefused
from webapp.projects.models import Project
from webapp.teams.access import staff, team_object
from webapp.teams.models import Role, Team, User


def _period(request: HttpRequest) -> tuple[str, int | None]:
    chosen = request.GET.get("period", "30")
    return (chosen, PERIODS[chosen]) if chosen in PERIODS else ("30", 30)


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def project_costs(request: HttpRequest, project: Project) -> HttpResponse:
    period, days = _period(request)
    entries, everything = queries.ledger_of(project=project, days=days), queries.ledger_of(project=project)
    context = cost_page(entries, everything) | {
        "project": project,
        "owner": project,
        "section": "costs",
        "period": period,
        "machines": queries.machines_with_prices(team=project.team),
        "may_measure": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
        "may_write": request.team_role >= Role.ADMIN,  # type: ignore[attr-defined]
        "team": project.team,
    }
    return render(request, "costs/costs.html", context)


@team_object(Team, Role.VIEWER)
@require_GET
def team_costs(request: HttpRequest, team: Team) -> HttpResponse:
    period, days = _period(request)
    entries = queries.ledger_of(team=team, days=days)
    context = cost_page(entries, queries.ledger_of(team=team)) | {
        "team": team,
        "owner": team,
        "period": period,
        "by_project": queries.spend_by(entries, "project__name", "project__code"),
        "machines": queries.machines_with_prices(team=team),
        "may_write": request.team_role >= Role.ADMIN,  # type: ignore[attr-defined]
    }
    return render(request, "costs/costs.html", context)


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def project_ledger_csv(request: HttpRequest, project: Project) -> StreamingHttpResponse:
    return ledger_csv(queries.ledger_of(project=project), name=f"ledger-{project.code}")


@team_object(Team, Role.VIEWER)
@require_GET
def team_ledger_csv(request: HttpRequest, team: Team) -> StreamingHttpResponse:
    return ledger_csv(queries.ledger_of(team=team), name=f"ledger-{team.code}")


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def project_breakdown_csv(request: HttpRequest, project: Project) -> StreamingHttpResponse:
    _name, days = _period(request)
    rows = breakdown_rows(queries.ledger_of(project=project, days=days))
    return csv_response(rows, columns=BREAKDOWN_COLUMNS, name=f"costs-{project.code}")


@team_object(Team, Role.VIEWER)
@require_GET
def team_breakdown_csv(request: HttpRequest, team: Team) -> StreamingHttpResponse:
    _name, days = _period(request)
    rows = breakdown_rows(queries.ledger_of(team=team, days=days))
    return csv_response(rows, columns=BREAKDOWN_COLUMNS, name=f"costs-{team.code}")


@staff
@require_http_methods(["GET", "POST"])
def machine_detail(request: HttpRequest, machine_id: int) -> HttpResponse:
    machine = get_object_or_404(Machine, pk=machine_id)
    form = MachineForm(request.POST or None, instance=machine)
    if request.method == "POST" and form.is_valid():
        form.save()
        messages.success(
            request, _("Saved. Attempts that end from now on are charged by it; the ledger keeps what it has.")
        )
        return redirect("machine-detail", machine.pk)
    machine.refresh_from_db()  # a refused form must not change the price shown beside it
    context = {"machine": machine, "form": form, "price": machine_hour_price(machine)}
    return render(request, "costs/machine.html", context, status=422 if form.errors else 200)


@team_object(Project, Role.MEMBER, related=("team",))
@require_POST
def calibration_start(request: HttpRequest, project: Project) -> HttpResponse:
    try:
        job = services.calibration_start(project=project, created_by=cast(User, request.user))
    except JobRefused as error:
        messages.error(request, str(error))
        return redirect("project-costs", project.code)
    return redirect("job-detail", job.code)
