"""What plans show on other apps' pages: on a run's, what the plan that began it expected."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from webapp.planning.models import PlanRun
from webapp.planning.reality import run_reality
from webapp.runs.models import Run


def run_panel(request: HttpRequest, run: Run) -> str:
    item = PlanRun.objects.filter(run=run).select_related("version__plan", "run__latest_job").first()
    if item is None:
        return ""
    return render_to_string("planning/_reality_panel.html", {"item": item, "reality": run_reality(item)}, request)
