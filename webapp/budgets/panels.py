"""What budgets show on the pages of others: warnings above a project's pages, standings on its costs, a job's hold."""

from __future__ import annotations

from typing import Any

from django.db.models import F, Q
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone

from webapp.budgets.figures import in_force
from webapp.budgets.models import Budget, BudgetAlert, Encumbrance
from webapp.budgets.tables import budget_row
from webapp.budgets.watch import alert_sentence
from webapp.costs.months import first_of_month
from webapp.jobs.models import Job
from webapp.projects.models import Project
from webapp.teams.models import Team


def banner_panel(request: HttpRequest, project: Any) -> str:
    """The gravest warning of each budget of the project and of its team, this month, of the amount that it has now."""
    if not isinstance(project, Project):
        return ""
    month = first_of_month(timezone.localdate())
    alerts = (
        BudgetAlert.objects.filter(month=month, budget__ended_at=None, budget__team=project.team_id)
        .filter(Q(budget__project=None) | Q(budget__project=project), budget__member=None, amount=F("budget__amount"))
        .select_related("budget__team", "budget__project", "budget__member")
        .order_by("budget_id", "-percent")
        .distinct("budget_id")
    )
    rows = [
        {"sentence": alert_sentence(alert), "alert": alert, "url": alert.budget.get_absolute_url()} for alert in alerts
    ]
    return render_to_string("budgets/_banner.html", {"rows": rows}) if rows else ""


def costs_nav_panel(request: HttpRequest, team: Team) -> str:
    here = getattr(request.resolver_match, "url_name", "") in ("team-budgets", "budget-detail")
    return render_to_string("budgets/_nav.html", {"team": team, "here": here})


def project_costs_panel(request: HttpRequest, project: Project) -> str:
    budgets = Budget.objects.filter(team=project.team_id).filter(Q(project=project) | Q(project=None, member=None))
    return _standings(budgets, project.team)


def team_costs_panel(request: HttpRequest, team: Team) -> str:
    return _standings(Budget.objects.filter(team=team), team)


def _standings(budgets: Any, team: Team) -> str:
    month = first_of_month(timezone.localdate())
    rows = [budget_row(each) for each in in_force(budgets.select_related("team", "project", "member"), month)]
    return render_to_string("budgets/_standings.html", {"rows": rows, "team": team}) if rows else ""


def job_panel(request: HttpRequest, job: Job) -> str:
    held = Encumbrance.objects.filter(job=job).select_related("confirmed_by", "overridden_by").first()
    return render_to_string("budgets/_job.html", {"held": held, "job": job}) if held else ""
