"""What ladders show on other pages: on a run's, the prediction that was sealed before it began, and how it came out."""

from __future__ import annotations

from django.http import HttpRequest
from django.template.loader import render_to_string

from webapp.ladders.models import SealedPrediction
from webapp.ladders.outcomes import outcomes_of, why_missed
from webapp.ladders.seals import is_intact
from webapp.runs.models import Run


def prediction_panel(request: HttpRequest, run: Run) -> str:
    """Return the run's sealed prediction; nothing where it has none."""
    seal = (
        SealedPrediction.objects.filter(run=run)
        .select_related("fit__ladder", "run__latest_job", "run__project")
        .first()
    )
    if seal is None:
        return ""
    rows = outcomes_of(seal)
    context = {
        "seal": seal, "rows": rows, "why": why_missed(seal, rows), "is_intact": is_intact(seal), "said": seal.content,
    }  # fmt: skip
    return render_to_string("ladders/_prediction.html", context, request=request)
