"""The advisor's page: a form whose answers stand in the address, and the ways beside one another."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.planning.advisor.advice import advise
from webapp.planning.advisor.forms import AdvisorForm
from webapp.planning.advisor.table import decision_table
from webapp.planning.advisor.words import corrections
from webapp.projects.models import Project
from webapp.teams.access import team_object
from webapp.teams.models import Role


@team_object(Project, Role.VIEWER, related=("team",))
@require_GET
def advisor(request: HttpRequest, project: Project) -> HttpResponse:
    """With `part` only the advice itself, for the form as it stands."""
    form = AdvisorForm(request.GET, project=project)
    part = bool(request.GET.get("part"))
    context: dict[str, Any] = {
        "project": project, "section": "plan", "form": form, "basis": decision_table().basis, "part": part,
        "task": form.about, "is_other_task": part and request.GET.get("beliefs_of") != form.asked_task,
    }  # fmt: skip
    if not form.is_bound or form.is_valid():
        if not form.is_bound:
            form.cleaned_data = {}
        wanted = form.wanted()
        advices = advise(project, wanted)
        num_tokens = wanted.version.num_units("train")
        context |= {
            "wanted": wanted,
            "advices": advices,
            "none_meets": not any(each.meets_bar for each in advices),
            "needs_probe": any(each.monthly_usd is None for each in advices),
            "may_write": request.team_role >= Role.MEMBER,  # type: ignore[attr-defined]
            "corrections": corrections(form.cleaned_data.get("in_mind", ""), wanted.task, num_tokens=num_tokens),
        }
    template = "planning/_advice.html" if part else "planning/advisor.html"
    return render(request, template, context)
