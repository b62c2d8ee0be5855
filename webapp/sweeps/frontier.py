"""The frontier of a sweep: results against dollars, and the runs than which none is both cheaper and better."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext as _

from economics.spending import Bought, frontier
from webapp.sweeps.models import Sweep, Trial
from webapp.ui.templatetags.figures import usd


def frontier_chart(sweep: Sweep, trials: Sequence[Trial]) -> dict[str, Any] | None:
    """Return the chart of result against dollars, as static/js/plots.js draws it; None with fewer than two points."""
    points = sorted((t for t in trials if t.value is not None and t.usd), key=lambda trial: trial.usd or 0.0)
    if len(points) < 2:
        return None
    sign = 1 if sweep.lower_is_better else -1
    best = frontier(
        [Bought(name=str(t.number), usd=float(t.usd or 0.0), loss=sign * float(t.value or 0.0)) for t in points]
    )
    on_front = {each.name for each in best}
    return {
        "kind": "lines",
        "x": {"title": _("USD, training"), "values": [t.usd for t in points], "type": "log", "prefix": "$"},
        "y": {"title": sweep.metric.replace("_", " "), "free": True},
        "labels": [_("run %(n)d, %(usd)s") % {"n": t.number, "usd": usd(t.usd)} for t in points],
        "series": [
            {"name": _("runs"), "values": [t.value for t in points], "mode": "markers", "colour": 4},
            {
                "name": _("no run is both cheaper and better"),
                "values": [t.value if str(t.number) in on_front else None for t in points],
                "joined": True,
                "colour": 0,
            },
        ],
    }
