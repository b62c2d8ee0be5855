"""Plans of a project; the seven questions; the plan page with its sliders; the answer to inputs as they stand."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from economics.errors import EconomicsError
from webapp.planning import services
from webapp.planning.answer import full_answer, quick_answer
from webapp.planning.board_plan import decision_board, flip_texts, option_rows, plan_board, titles
from webapp.planning.charts import plan_charts
from webapp.planning.facts import project_facts
from webapp.planning.forms import PlanForm, short_number
from webapp.planning.inputs import PlanInputs
from webapp.planning.models import Plan
from webapp.planning.moves import stale_reasons
from webapp.planning.page import page_of
from webapp.planning.prices import price_used
from webapp.planning.quality import with_quality
from webapp.planning.queries import plan_rows
from webapp.planning.reality import plan_reality
from webapp.planning.sources import law_used
from webapp.projects.models import Project
from webapp.registry.ablation_result import measured_levers
from webapp.runs.views_data import json_response
from webapp.teams.access import team_object
from webapp.teams.models import Role, User

SLIDERS = (
    "budget_usd", "loss_bar", "monthly_tokens", "unique_tokens", "gpu_usd_per_hour", "most_accelerators",
    "deadline_days", "api_usd_per_million_output", "cash_usd",
)  # fmt: skip
RELATED = ("project__team",)
NUM_MEASURED = 5
"""Newest ablations that a plan shows as levers."""
LIMIT_NAMES = {
    "budget_usd": gettext_lazy("the budget"), "deadline_seconds": gettext_lazy("the deadline"),
    "unique_tokens": gettext_lazy("the data: sixteen epochs are the most"), "loss": gettext_lazy("the loss to reach"),
    "memory": gettext_lazy("memory of the devices"),
}  # fmt: skip


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def plan_list(request: HttpRequest, project: Project) -> HttpResponse:
    context = {
        "project": project, "section": "plan", "rows": plan_rows(project), "names": titles(),
        "may_edit": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "planning/plan_list.html", context)


@team_object(Project, Role.MEMBER, related=("team",))
@require_http_methods(["GET", "POST"])
def plan_new(request: HttpRequest, project: Project) -> HttpResponse:
    form = PlanForm(request.POST if request.method == "POST" else None, project=project, start=_start(project))
    if request.method == "POST" and form.is_valid():
        try:
            plan = services.plan_create(
                project=project, name=request.POST.get("name", ""), inputs=form.inputs,
                created_by=cast(User, request.user),
            )  # fmt: skip
        except EconomicsError as error:
            form.add_error(None, str(error))
        else:
            return redirect(plan)
    context = {"project": project, "section": "plan", "form": form, "name": request.POST.get("name", "")}
    return render(request, "planning/plan_new.html", context | _parts(form), status=422 if form.errors else 200)


def _parts(form: PlanForm) -> dict[str, Any]:
    titles_of_parts = {
        "plan": _("Goal, law, hardware"), "options": _("The options"), "business": _("The business"),
        "advantage": _("Market and followers"),
    }  # fmt: skip
    return {
        "questions": form.part("questions"),
        "parts": [(title, form.part(name)) for name, title in titles_of_parts.items()],
    }


def _start(project: Project) -> PlanInputs:
    """Return the defaults, with the project's own data where some was prepared."""
    from webapp.datasets.models import DatasetVersion

    version = (
        DatasetVersion.objects.filter(dataset__project=project, ready_at__isnull=False, num_tokens__gt=0)
        .order_by("-num_tokens")
        .first()
    )
    if version is None or not version.num_tokens:
        return PlanInputs()
    values: dict[str, Any] = {"unique_tokens": float(version.num_tokens)}
    if version.num_bytes:
        values["bytes_per_token"] = round(version.num_bytes / version.num_tokens, 2)
    return PlanInputs(**values)


@team_object(Plan, Role.VIEWER, related=RELATED)
@require_GET
def plan_detail(request: HttpRequest, plan: Plan) -> HttpResponse:
    page = page_of(request, plan)
    form = PlanForm(project=plan.project, start=page.inputs)
    used = short_number(float(f"{page.results['price']['usd_per_hour']:.3g}"))
    form.fields["gpu_usd_per_hour"].widget.attrs |= {"placeholder": _("%s, catalogue") % used, "data-default": used}
    reasons = stale_reasons(page.version, services.today()) if page.is_latest and page.may_edit else []
    context = page.context("plan") | shown_answer(plan, page.inputs, page.results) | {
        "form": form, "sliders": [form[name] for name in SLIDERS], "goal": form["goal"], "law": form["law"],
        "accelerator": form["accelerator"], "term": form["term"], "stale": reasons,
        "hidden_fields": [field for field in form if field.name not in (*SLIDERS, "goal", "law", "accelerator", "term")],
        "reality": plan_reality(plan), "measured": measured_levers(plan.project, limit=NUM_MEASURED), **_parts(form),
    }  # fmt: skip
    return render(request, "planning/plan.html", context)


def shown_answer(plan: Plan, inputs: PlanInputs, results: dict[str, Any]) -> dict[str, Any]:
    """Return what the cards and charts of an answer show."""
    return {
        "charts": plan_charts(inputs, results),
        "board": plan_board(inputs, results),
        "decision_board": decision_board(inputs, results),
        "option_rows": with_quality(plan, option_rows(inputs, results)),
        "flips": flip_texts(inputs, results),
        "law_used": results["law"],
        "warnings": results["scale"]["warnings"],
        "binding": [LIMIT_NAMES.get(name, name) for name in results["scale"]["binding_limits"]],
        "winner_title": titles()[results["decision"]["winner"]],
    }


def _first_error(form: PlanForm) -> str:
    """Return the first thing that is wrong, with the name of its field."""
    name, said = next((name, str(errors[0])) for name, errors in form.errors.items())
    label = str(form.fields[name].label) if name in form.fields else ""
    return said if said.startswith(label) else f"{label}: {said}"


@team_object(Plan, Role.VIEWER, related=RELATED)
@require_POST
def plan_answer(request: HttpRequest, plan: Plan) -> HttpResponse:
    """Answer the inputs as they stand, nothing saved: quickly while a slider moves, in full on release."""
    page = page_of(request, plan)
    form = PlanForm(request.POST, project=plan.project, start=page.inputs)
    if not form.is_valid():
        return json_response({"error": _first_error(form)})
    try:
        results = answer_of(form.inputs, plan, full=request.POST.get("full") == "1")
    except EconomicsError as error:
        return json_response({"error": str(error)})
    shown = shown_answer(plan, form.inputs, results) | {"inputs": form.inputs, "results": results, "plan": plan}
    return json_response(
        {
            "charts": shown["charts"],
            "decision": render_to_string("planning/_decision.html", shown, request),
            "outputs": render_to_string("planning/_outputs.html", shown, request),
            "is_full": results["is_full"],
        }
    )


def answer_of(inputs: PlanInputs, plan: Plan, *, full: bool) -> dict[str, Any]:
    law, day = law_used(inputs, plan.project), services.today()
    price = price_used(inputs, day, plan.project.team)
    return full_answer(inputs, law, price, day, project_facts(plan.project, plan)) if full else quick_answer(
        inputs, law, price
    )  # fmt: skip


@team_object(Plan, Role.MEMBER, related=RELATED)
@require_POST
def plan_save(request: HttpRequest, plan: Plan) -> HttpResponse:
    page = page_of(request, plan)
    form = PlanForm(request.POST, project=plan.project, start=page.inputs)
    tab = request.POST.get("tab", "plan-detail")
    back = tab if tab in ("plan-detail", "plan-business", "plan-advantage") else "plan-detail"
    try:
        if not form.is_valid():
            sentence = next(iter(form.errors.values()))[0]
            messages.error(request, _("Nothing was saved: %s") % sentence)
        else:
            version = services.version_create(
                plan=plan, inputs=form.inputs, created_by=cast(User, request.user),
                note=request.POST.get("note", "")[:500],
            )  # fmt: skip
            messages.success(request, _("Saved as version %d.") % version.number)
    except EconomicsError as error:
        messages.error(request, _("Nothing was saved: %s") % error)
    return redirect(back, plan.code)


@team_object(Plan, Role.MEMBER, related=RELATED)
@require_POST
def plan_recompute(request: HttpRequest, plan: Plan) -> HttpResponse:
    try:
        version = services.version_recompute(plan=plan, created_by=cast(User, request.user))
        messages.success(request, version.note)
    except EconomicsError as error:
        messages.error(request, str(error))
    return redirect(plan)


@team_object(Plan, Role.MEMBER, related=RELATED)
@require_POST
def plan_archive(request: HttpRequest, plan: Plan) -> HttpResponse:
    services.plan_archive(plan=plan)
    return redirect("plan-list", plan.project.code)
