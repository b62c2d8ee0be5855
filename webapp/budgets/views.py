"""Budgets of a team: how each stands, what holds it, and what happens at its limit."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from webapp.budgets.figures import entries_of, held_of, in_force
from webapp.budgets.forms import BudgetForm, ChangeForm
from webapp.budgets.models import Budget, Encumbrance
from webapp.budgets.services import budget_change, budget_create, budget_end
from webapp.budgets.tables import COLUMNS, budget_lines, budget_row
from webapp.budgets.watch import alert_sentence
from webapp.budgets.words import amount_text
from webapp.costs.charts import month_chart
from webapp.costs.csv import csv_response
from webapp.costs.months import first_of_month, month_of
from webapp.teams.access import team_object
from webapp.teams.models import Role, Team, User

RELATED = ("team", "project", "member")
NUM_RELEASED = 20


@team_object(Team, Role.VIEWER)
@require_http_methods(["GET", "POST"])
def team_budgets(request: HttpRequest, team: Team) -> HttpResponse:
    may_write = request.team_role >= Role.ADMIN  # type: ignore[attr-defined]
    form = BudgetForm(request.POST or None, team=team) if may_write else None
    if request.method == "POST":
        if form is None:
            return HttpResponse(status=403)
        if form.is_valid() and (budget := _create(request, team, form)):
            return redirect(budget)
    month = first_of_month(timezone.localdate())
    budgets = Budget.objects.filter(team=team).select_related(*RELATED)
    current = list(in_force(budgets, month))
    others = [
        {"budget": each, "amount": amount_text(each.amount, each.unit)}
        for each in budgets.exclude(pk__in=[each.pk for each in current]).order_by("-month", "-ended_at")
    ]
    context = {
        "team": team, "form": form, "rows": [budget_row(each) for each in current], "others": others, "month": month,
    }  # fmt: skip
    return render(request, "budgets/budgets.html", context, status=422 if form and form.errors else 200)


def _create(request: HttpRequest, team: Team, form: BudgetForm) -> Budget | None:
    try:
        return budget_create(team=team, created_by=cast(User, request.user), **form.cleaned_data)
    except ValidationError:
        form.add_error(None, _("There is a budget for this already, in this unit and for this time; change that one."))
        return None


@team_object(Budget, Role.VIEWER, related=RELATED)
@require_http_methods(["GET", "POST"])
def budget_detail(request: HttpRequest, budget: Budget) -> HttpResponse:
    may_write = request.team_role >= Role.ADMIN and budget.ended_at is None  # type: ignore[attr-defined]
    initial = {"amount": f"{budget.amount.normalize():f}", "is_hard": budget.is_hard}
    form = ChangeForm(request.POST or None, initial=initial) if may_write else None
    if request.method == "POST":
        if form is None:
            return HttpResponse(status=403)
        if form.is_valid():
            budget_change(budget=budget, **form.cleaned_data)
            messages.success(request, _("Saved. What jobs hold stays held."))
            return redirect(budget)
    context = _detail(budget, _month(request, budget)) | {"form": form, "team": budget.team}
    return render(request, "budgets/budget.html", context, status=422 if form and form.errors else 200)


def _month(request: HttpRequest, budget: Budget) -> date:
    try:
        asked = date.fromisoformat(f"{request.GET.get('month', '')}-01")
    except ValueError:
        asked = first_of_month(timezone.localdate())
    return budget.month or asked


def _detail(budget: Budget, month: date) -> dict[str, Any]:
    row = budget_row(budget, month=month)
    is_now = month == first_of_month(timezone.localdate())
    chart = None
    if budget.unit == Budget.Unit.USD and is_now:
        chart = month_chart(month_of(entries_of(budget)), limit=float(budget.amount))
    released = Encumbrance.objects.filter(released_at__isnull=False, job__team=budget.team)
    if budget.project_id:
        released = released.filter(job__project=budget.project_id)
    return {
        "budget": budget,
        "row": row,
        "month": month,
        "is_now": is_now,
        "chart": chart,
        "held": [
            {"row": each, "left": amount_text(each.left, budget.unit)}  # type: ignore[attr-defined]
            for each in held_of(budget, month=month)
        ],
        "released": released.select_related("job", "overridden_by").order_by("-released_at")[:NUM_RELEASED],
        "alerts": [
            {"alert": alert, "sentence": alert_sentence(alert)}
            for alert in budget.alerts.select_related("budget__team", "budget__project", "budget__member")
        ],
        "stops": budget.stops.select_related("job"),
    }


@team_object(Budget, Role.ADMIN, related=RELATED)
@require_POST
def budget_ended(request: HttpRequest, budget: Budget) -> HttpResponse:
    budget_end(budget=budget)
    messages.success(request, _("The budget counts no longer; what it was can still be read."))
    return redirect("team-budgets", budget.team.code)


@team_object(Team, Role.VIEWER)
@require_GET
def team_budgets_csv(request: HttpRequest, team: Team) -> StreamingHttpResponse:
    budgets = list(Budget.objects.filter(team=team, ended_at=None).select_related(*RELATED))
    return csv_response(budget_lines(budgets), columns=COLUMNS, name=f"budgets-{team.code}")


@team_object(Team, Role.VIEWER)
@require_GET
def holds_csv(request: HttpRequest, team: Team) -> StreamingHttpResponse:
    """Every hold that a job of the team ever had."""
    rows = Encumbrance.objects.filter(job__team=team).select_related("job", "confirmed_by", "overridden_by")
    columns = (
        "job", "title", "state", "made_at", "usd_p50", "usd_p90", "gpu_hours_p50", "gpu_hours_p90", "confirmed_by",
        "overridden_by", "override_reason", "released_at", "released_usd", "released_gpu_hours",
    )  # fmt: skip
    lines = (
        (
            each.job.code, each.job, each.job.state, each.made_at.isoformat(), each.usd_p50, each.usd_p90,
            each.gpu_hours_p50, each.gpu_hours_p90, each.confirmed_by, each.overridden_by, each.override_reason,
            each.released_at, each.released_usd, each.released_gpu_hours,
        )
        for each in rows
    )  # fmt: skip
    return csv_response(lines, columns=columns, name=f"holds-{team.code}")
