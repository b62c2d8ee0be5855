"""What happens around a plan: versions, comparison, clone, comments, what was chosen and why, exports."""

from __future__ import annotations

from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from webapp.planning import services
from webapp.planning.board_plan import titles
from webapp.planning.comparison import compared_rows
from webapp.planning.exports import ENDINGS, TYPES, export_bytes
from webapp.planning.forms import ChoiceForm
from webapp.planning.models import Plan, PlanVersion
from webapp.planning.page import page_of
from webapp.planning.quality import QualityForm, quality_set
from webapp.projects.models import Project
from webapp.teams.access import team_object
from webapp.teams.models import Role, User
from webapp.ui.downloads import disposition

RELATED = ("project__team",)
MOST_COMPARED = 6


@team_object(Plan, Role.VIEWER, related=RELATED)
@require_GET
def plan_history(request: HttpRequest, plan: Plan) -> HttpResponse:
    return _history(request, plan)


@team_object(Plan, Role.MEMBER, related=RELATED)
@require_POST
def plan_quality(request: HttpRequest, plan: Plan) -> HttpResponse:
    """Write down how good an option is, by an evaluation or with a source."""
    form = QualityForm(request.POST, plan=plan)
    if not form.is_valid():
        return _history(request, plan, form)
    row = quality_set(plan=plan, cleaned=form.cleaned_data, by=cast(User, request.user))
    said = _("It meets the bar.") if row.meets_bar else _("It misses the bar: leave it out of the comparison.")
    messages.success(request, said)
    return redirect("plan-history", plan.code)


def _history(request: HttpRequest, plan: Plan, quality_form: QualityForm | None = None) -> HttpResponse:
    page = page_of(request, plan)
    context = page.context("history") | {
        "versions": plan.versions.defer("results").select_related("created_by"),
        "comments": plan.comments.select_related("author", "version"),
        "choice_form": ChoiceForm(initial={"chosen": plan.chosen, "why": plan.chosen_why}),
        "qualities": [(titles()[row.option], row) for row in plan.qualities.select_related("result__version")],
        "quality_form": quality_form or QualityForm(plan=plan),
    }
    return render(request, "planning/history.html", context, status=422 if quality_form else 200)


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def plan_compare(request: HttpRequest, project: Project) -> HttpResponse:
    """Versions of one plan or of several side by side; only what differs, unless asked for all."""
    codes = request.GET.getlist("v")[:MOST_COMPARED]
    versions = list(
        PlanVersion.objects.filter(plan__project=project, code__in=codes).select_related("plan").order_by("created_at")
    )
    everything = request.GET.get("all") == "1"
    context: dict[str, Any] = {
        "project": project, "section": "plan", "versions": versions, "everything": everything,
        "groups": compared_rows(versions, everything=everything) if len(versions) > 1 else [],
        "choices": PlanVersion.objects.filter(plan__project=project, plan__archived_at=None)
        .defer("results").select_related("plan").order_by("plan__name", "-number")[:60],
        "chosen": set(codes),
        "again": "&".join(f"v={version.code}" for version in versions),
    }  # fmt: skip
    return render(request, "planning/compare.html", context)


@team_object(Plan, Role.MEMBER, related=RELATED)
@require_POST
def plan_clone(request: HttpRequest, plan: Plan) -> HttpResponse:
    page = page_of(request, plan)
    return redirect(services.plan_clone(version=page.version, created_by=cast(User, request.user)))


@team_object(Plan, Role.MEMBER, related=RELATED)
@require_POST
def plan_choose(request: HttpRequest, plan: Plan) -> HttpResponse:
    form = ChoiceForm(request.POST)
    if form.is_valid():
        cleaned = form.cleaned_data
        services.plan_choose(plan=plan, chosen=cleaned["chosen"], why=cleaned["why"], by=cast(User, request.user))
        messages.success(request, _("Written down."))
    else:
        messages.error(request, _("Say what was chosen."))
    return redirect("plan-history", plan.code)


@team_object(Plan, Role.VIEWER, related=RELATED)
@require_POST
def plan_comment(request: HttpRequest, plan: Plan) -> HttpResponse:
    page = page_of(request, plan)
    try:
        services.comment_add(
            plan=plan, version=page.version, author=cast(User, request.user), text=request.POST.get("text", "")
        )
    except ValidationError:
        messages.error(request, _("A comment has from 1 to 5,000 characters."))
    return redirect("plan-history", plan.code)


@team_object(Plan, Role.VIEWER, related=RELATED)
@require_GET
def plan_export(request: HttpRequest, plan: Plan, kind: str) -> HttpResponse:
    page = page_of(request, plan)
    if kind not in TYPES or (kind == "fit" and not page.version.law):
        raise Http404
    response = HttpResponse(export_bytes(page, kind), content_type=TYPES[kind])
    name = "fit" if kind == "fit" else f"{plan.name}-v{page.version.number}"
    prefix = "venture-" if kind == "venture-toml" else ""
    response["Content-Disposition"] = disposition(f"{prefix}{name}.{ENDINGS.get(kind, kind)}")
    return response
