"""The project's overview: where it stands, and what to do next; and the page on which its loop ends."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from webapp.planning.board_plan import decision_board, flip_texts, option_rows
from webapp.planning.forms import PlanForm, short_number
from webapp.planning.inputs import inputs_from_dict
from webapp.planning.models import Plan
from webapp.planning.quality import with_quality
from webapp.planning.queries import project_overview
from webapp.planning.story import project_story
from webapp.planning.summary import project_summary
from webapp.projects.models import Project
from webapp.teams.access import team_object
from webapp.teams.models import Role


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def overview(request: HttpRequest, project: Project) -> HttpResponse:
    context = {
        "project": project, "section": "overview", "overview": project_overview(project=project),
        "story": project_story(project),
    }  # fmt: skip
    if request.headers.get("HX-Request"):
        return render(request, "planning/_overview.html", context)
    return render(request, "planning/overview.html", context | {"company": company_card(project)})


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def summary(request: HttpRequest, project: Project) -> HttpResponse:
    """Predicted, got, cost, the next best experiment, the decision and what would change it."""
    context = {
        "project": project, "section": "overview", "summary": project_summary(project),
        "story": project_story(project),
        "can_write": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
    }  # fmt: skip
    return render(request, "planning/summary.html", context)


def company_card(project: Project) -> dict[str, Any] | None:
    """Return the newest plan's decision with the one field that the overview lets one drag; None without a plan."""
    plan = Plan.objects.filter(project=project, archived_at=None).order_by("-created_at").first()
    version = plan.versions.first() if plan else None
    if plan is None or version is None:
        return None
    inputs = inputs_from_dict(version.inputs)
    field = PlanForm(project=project, start=inputs)["gpu_usd_per_hour"]
    used = short_number(float(f"{version.results['price']['usd_per_hour']:.3g}"))
    field.field.widget.attrs |= {"placeholder": _("%s, catalogue") % used, "data-default": used}
    return {
        "plan": plan, "version": version, "inputs": inputs, "field": field,
        "is_own_law": version.results["law"]["is_own"], "rows": with_quality(plan, option_rows(inputs, version.results)),
        "flips": flip_texts(inputs, version.results), "board": decision_board(inputs, version.results),
    }  # fmt: skip
