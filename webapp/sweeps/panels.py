"""What sweeps show on a run's page: which sweep it is of, or that one can be made around it."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from webapp.runs.models import Run
from webapp.sweeps.models import Trial


def sweep_panel(request: HttpRequest, run: Run) -> str:
    trial = Trial.objects.filter(run=run).select_related("sweep").first()
    return render_to_string("sweeps/_run_panel.html", {"run": run, "trial": trial}, request=request)
