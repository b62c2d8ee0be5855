"""The business page and the advantage page of a plan."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.db.models.functions import TruncMonth
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.costs.models import LedgerEntry
from webapp.planning import services
from webapp.planning.board_business import advantage_board, business_board, folded
from webapp.planning.board_plan import decision_board, flip_texts, option_rows, plan_board, titles
from webapp.planning.charts_business import advantage_charts, business_charts, scenario_rows
from webapp.planning.forms import PlanForm
from webapp.planning.inputs import FIELDS
from webapp.planning.models import LeverEvidence, Plan
from webapp.planning.page import PlanPage, page_of
from webapp.planning.shown import Currency, share_with_source
from webapp.projects.models import Project
from webapp.runs.models import Run
from webapp.teams.access import team_object
from webapp.teams.models import Role, User

RELATED = ("project__team",)


@team_object(Plan, Role.VIEWER, related=RELATED)
@require_GET
def plan_business(request: HttpRequest, plan: Plan) -> HttpResponse:
    page = page_of(request, plan)
    form = PlanForm(project=plan.project, start=page.inputs)
    context = page.context("business") | {
        "charts": business_charts(page.inputs, page.results),
        "board": business_board(page.inputs, page.results),
        "scenario_rows": scenario_rows(page.inputs, page.results),
        "folded": folded(page.inputs, page.results, months_of_revenue(plan.project)),
        "fields": form.part("business"),
        "carried_title": titles()[page.results["decision"]["carried"]],
        "central": central_figures(page),
        "notes": page.results["business"]["venture"]["notes"],
    }
    return render(request, "planning/business.html", context)


def months_of_revenue(project: Project) -> int:
    """Return in how many months the ledger has revenue."""
    earned = LedgerEntry.objects.filter(project=project, kind="revenue")
    return earned.annotate(month=TruncMonth("started_at")).values("month").distinct().count()


def central_figures(page: PlanPage) -> list[tuple[str, str, float]]:
    """Return the central case's figures, as the workbook has them."""
    central, money = page.results["business"]["central"], Currency.of(page.inputs)
    return [
        (_("NPV"), money.text(central["npv_usd"], 3), central["npv_usd"]),
        (_("Lowest cash"), money.text(min(central["cash"]), 3), min(central["cash"])),
        (_("Cash at the end"), money.text(central["cash"][-1], 3), central["cash"][-1]),
        (_("Revenue, all months"), money.text(sum(central["revenue"]), 3), sum(central["revenue"])),
    ]


@team_object(Plan, Role.VIEWER, related=RELATED)
@require_GET
def plan_advantage(request: HttpRequest, plan: Plan) -> HttpResponse:
    page = page_of(request, plan)
    runs = Run.objects.filter(project=plan.project, deleted_at=None).order_by("-created_at")[:100]
    context = page.context("advantage") | advantage_context(page) | {
        "runs": runs if page.may_edit else [],
        "lever_names": LeverEvidence.Lever.choices,
        "links": page.version.links.filter(revoked_at=None).select_related("created_by") if page.may_edit else [],
        "new_secret": request.session.pop("plan_share_secret", ""),
    }  # fmt: skip
    return render(request, "planning/advantage.html", context)


def advantage_context(page: PlanPage) -> dict[str, Any]:
    """Return what the advantage page shows, for members and for readers of a link alike."""
    inputs, results = page.inputs, page.results
    board = advantage_board(inputs, results)
    decided = decision_board(inputs, results)
    known, total = share_with_source([board, decided, plan_board(inputs, results), business_board(inputs, results)])
    inputs_known = sum(bool(meta["source"]) for meta in FIELDS.values())
    return {
        "charts": advantage_charts(inputs, results),
        "board": board,
        "decision_board": decided,
        "option_rows": option_rows(inputs, results)[:3],
        "flips": flip_texts(inputs, results)[:2],
        "winner_title": titles()[results["decision"]["winner"]],
        "levers": lever_rows(page),
        "top_factors": [row for row in results["advantage"]["factors"] if row["elasticity"] is not None][:3],
        "numbers_with_source": known + inputs_known,
        "numbers": total + len(FIELDS),
        "examples": sum("example" in meta["source"] for meta in FIELDS.values()),
    }


def lever_rows(page: PlanPage) -> list[dict[str, Any]]:
    names, money = dict(LeverEvidence.Lever.choices), Currency.of(page.inputs)
    rows = []
    for row in page.results["advantage"]["levers"]:
        text, span = money.interval(row["saved_usd"]) if row["saved_usd"] else ("–", "")
        rows.append(row | {"title": names[row["name"]], "text": text, "range": span})
    return rows


@team_object(Plan, Role.MEMBER, related=RELATED)
@require_POST
def plan_evidence(request: HttpRequest, plan: Plan) -> HttpResponse:
    """Tie a lever to two runs of the project; the next version measures with them."""
    runs = {run.code: run for run in Run.objects.filter(
        project=plan.project, code__in=[request.POST.get("without", ""), request.POST.get("with", "")]
    )}  # fmt: skip
    without, with_lever = runs.get(request.POST.get("without", "")), runs.get(request.POST.get("with", ""))
    lever = request.POST.get("lever", "")
    if without is None or with_lever is None or without == with_lever or lever not in LeverEvidence.Lever.values:
        messages.error(request, _("Choose a lever and two different runs of this project."))
        return redirect("plan-advantage", plan.code)
    by = cast(User, request.user)
    services.evidence_set(plan=plan, lever=lever, without=without, with_lever=with_lever, by=by)
    version = services.version_recompute(plan=plan, created_by=by)
    messages.success(request, _("Measured in version %d.") % version.number)
    return redirect("plan-advantage", plan.code)
