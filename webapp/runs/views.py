"""The page of a run, and the parts of it that change alone."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from webapp.runs.chart_data import run_json
from webapp.runs.detail import TABS, head_context, tab_named
from webapp.runs.models import Run
from webapp.runs.views_data import RELATED
from webapp.teams.access import team_object
from webapp.teams.models import Role


@team_object(Run, Role.VIEWER, related=(*RELATED, "created_by", "parent", "dataset_version__dataset"))
@require_GET
def run_detail(request: HttpRequest, run: Run) -> HttpResponse:
    """The whole page; asked by htmx, the pane of one tab."""
    tab = tab_named(request.GET.get("tab", ""))
    context = {**tab.context(run), "run": run, "project": run.project, "section": "runs", "tab": tab, "tabs": TABS}
    context["can_write"] = request.team_role >= Role.MEMBER  # type: ignore[attr-defined]
    if request.headers.get("HX-Target") == "run-pane":
        return render(request, tab.template, context)
    head = head_context(run)
    data = {**run_json(run), "status": head["live"], "seq": run.latest_job.last_seq, "job": run.latest_job.code}
    return render(request, "runs/run.html", {**context, **head, "data": data})


@team_object(Run, Role.VIEWER, related=(*RELATED, "created_by", "parent", "dataset_version__dataset"))
@require_GET
def run_head(request: HttpRequest, run: Run) -> HttpResponse:
    """What stands above the tabs, drawn again when the run's state changes."""
    context = {**head_context(run), "project": run.project}
    context["can_write"] = request.team_role >= Role.MEMBER  # type: ignore[attr-defined]
    return render(request, "runs/_head.html", context)
