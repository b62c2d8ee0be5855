"""The fit page: the law with its intervals, what stands behind it, where the money touches the loss, and what to run next."""

from __future__ import annotations

from dataclasses import replace
from math import log10
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_GET, require_POST

from economics.errors import EconomicsError
from economics.scaling import FittedLaw, Points
from webapp.ladders.charts import residual_chart
from webapp.ladders.fits import fit_by, fit_points, fitted_law
from webapp.ladders.methods import methods_compared
from webapp.ladders.models import ScalingFit, SealedPrediction
from webapp.ladders.next_runs import next_runs
from webapp.ladders.prices import Hardware, hardware_choices, hardware_of
from webapp.ladders.seals import canonical
from webapp.ladders.surface import default_budget, plan_of
from webapp.runs.views_data import json_response
from webapp.teams.access import team_object
from webapp.teams.models import Role

ASKED = {"usd_per_hour": _("USD per hour"), "budget_usd": _("Budget in USD")}
LEAST_USD, MOST_USD = 1e-9, 1e13

COEFFICIENTS = (
    ("E", _("irreducible loss")),
    ("A", _("weight of the model's term")),
    ("alpha", _("how fast more parameters help")),
    ("B", _("weight of the data's term")),
    ("beta", _("how fast more tokens help")),
)


@team_object(ScalingFit, Role.VIEWER, related=("ladder__project__team", "ladder__dataset_version__dataset"))
@require_GET
def fit_detail(request: HttpRequest, fit: ScalingFit) -> HttpResponse:
    fitted, points = fitted_law(fit), fit_points(fit)
    ladder = fit.ladder
    choices = hardware_choices(ladder.project.team)
    hardware = hardware_of(request.GET.get("hardware", ""), choices)
    context = {
        "fit": fit, "ladder": ladder, "project": ladder.project, "section": "ladder", "fitted": fitted,
        "coefficients": _coefficients(fit, fitted), "held_out": fit.answer.get("leave_largest_out_error"),
        "why_not_held_out": _why_not_held_out(fit), "warnings": _warnings(fit),
        "residuals": residual_chart(fitted, points) if fitted.law else None,
        "conventions": fitted.conventions, "figures_from": fitted.figures_from,
        "in_matmuls": fit.facts.get("num_params_in_matmuls_over_total"),
        "versions": ladder.fits.only("code", "number", "num_points", "method", "created_at")[:20],
        "is_latest": not ladder.fits.filter(method=fit.method, number__gt=fit.number).exists(),
        "hardware_choices": choices, "methods": methods_compared(fit),
        "next": next_runs(ladder, fitted, points, hardware),
        "can_write": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
        **_plan_context(request, fitted, points, hardware),
    }  # fmt: skip
    return render(request, "ladders/fit.html", context)


@team_object(ScalingFit, Role.VIEWER, related=("ladder__project__team",))
@require_GET
def fit_plan(request: HttpRequest, fit: ScalingFit) -> HttpResponse:
    """The plan's part alone, for another budget or other hardware."""
    fitted, points = fitted_law(fit), fit_points(fit)
    hardware = hardware_of(request.GET.get("hardware", ""), hardware_choices(fit.ladder.project.team))
    context = {"fit": fit, "fitted": fitted, **_plan_context(request, fitted, points, hardware)}
    return render(request, "ladders/_plan.html", context)


@team_object(ScalingFit, Role.MEMBER, related=("ladder__project__team", "ladder__dataset_version__dataset"))
@require_POST
def fit_method(request: HttpRequest, fit: ScalingFit) -> HttpResponse:
    """Fit the same points by another method; where they do not allow it, say why."""
    try:
        return redirect(fit_by(fit, request.POST.get("method", "")))
    except EconomicsError as error:
        messages.error(request, str(error))
        return redirect(fit)


@team_object(ScalingFit, Role.VIEWER, related=("ladder__project__team",))
@require_GET
def fit_json(request: HttpRequest, fit: ScalingFit) -> HttpResponse:
    """The fit as `python -m economics fit --json` prints it: `python -m economics predict` reads the file."""
    response = json_response(fit.answer)
    response["Content-Disposition"] = f'attachment; filename="fit-{fit.code}.json"'
    return response


@team_object(SealedPrediction, Role.VIEWER, related=("project__team",))
@require_GET
def seal_json(request: HttpRequest, seal: SealedPrediction) -> HttpResponse:
    """The very bytes that were hashed: `sha256sum` of the file is the hash on the page."""
    response = HttpResponse(canonical(seal.content), content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="sealed-{seal.code}.json"'
    return response


def _plan_context(request: HttpRequest, fitted: FittedLaw, points: Points, hardware: Hardware | None) -> dict[str, Any]:
    """Return the plan at the asked budget and price; nothing where there is no law or no price."""
    if fitted.law is None or hardware is None:
        return {"plan": None, "hardware": hardware}
    refusals = [text for name, title in ASKED.items() if (text := _refusal(request, name, str(title)))]
    price = _asked(request, "usd_per_hour")
    priced = replace(hardware, usd_per_hour=price) if price else hardware
    usual = default_budget(fitted, priced)
    budget = _asked(request, "budget_usd") or _slid(request) or usual
    try:
        plan = plan_of(fitted, points, priced, budget)
    except EconomicsError as error:
        return {"plan": None, "hardware": priced, "plan_problem": str(error), "refusals": refusals}
    at = log10(usual)
    slider = {"low": at - 2, "high": at + 2, "at": log10(budget)}
    return {"plan": plan, "hardware": priced, "slider": slider, "refusals": refusals}


def _slid(request: HttpRequest) -> float | None:
    """Return the budget that the slider stands at; it moves in logarithms."""
    try:
        return float(10 ** min(max(float(request.GET.get("budget_log", "")), -9.0), 12.0))
    except ValueError:
        return None


def _asked(request: HttpRequest, name: str) -> float | None:
    try:
        value = float(request.GET.get(name, ""))
    except ValueError:
        return None
    return value if LEAST_USD < value < MOST_USD else None


def _refusal(request: HttpRequest, name: str, title: str) -> str:
    """Return why a number that was typed is not used, and what stands in its place; empty where there is none, or it is."""
    text = request.GET.get(name, "").strip()
    if not text or _asked(request, name) is not None:
        return ""
    said = _(
        "%(title)s: “%(text)s” is no amount above 0 and below ten trillion; write one like 12.50. Shown is the usual one."
    )
    return said % {"title": title, "text": text[:40]}


def _coefficients(fit: ScalingFit, fitted: FittedLaw) -> list[dict[str, Any]]:
    weights = fit.facts.get("prior_weights") or {}
    return [
        {
            "name": name, "meaning": meaning, "interval": fit.answer["intervals"][name],
            "prior": weights.get(name, 0.0), "data": 1 - weights.get(name, 0.0),
        }
        for name, meaning in COEFFICIENTS
    ]  # fmt: skip


def _warnings(fit: ScalingFit) -> list[str]:
    """Return what is doubtful, each once; the ladder's own words on rates and trunks in place of the general ones."""
    own = list(fit.facts.get("warnings") or [])
    rates_said = any("rates" in text for text in own)
    general = [
        text
        for text in fit.answer["warnings"]
        if not (rates_said and "earning rates are not stated" in text)
        and not text.startswith("No error on the largest")
    ]
    return list(dict.fromkeys([*own, *general]))


def _why_not_held_out(fit: ScalingFit) -> str:
    found = [text for text in fit.answer["warnings"] if text.startswith("No error on the largest")]
    return found[0].partition(": ")[2] if found else ""
