"""The cost pages' charts, as the data that static/js/plots.js draws."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _


def by_day_chart(by_day: dict[str, list[Any]]) -> dict[str, Any]:
    """Return spend of each day, stacked by kind of job."""
    return {
        "kind": "stacked",
        "x": {"title": _("Day"), "values": by_day["days"]},
        "y": {"title": _("USD a day"), "prefix": "$"},
        "series": [{"name": k, "values": v} for k, v in zip(by_day["kinds"], by_day["usd"], strict=True)],
    }


def share_chart(rows: list[dict[str, Any]], *names: str, title: str) -> dict[str, Any]:
    """Return spend of each row as two stacked bars: what led to something, and what failed."""
    labels = [next((str(row[n]) for n in names if row[n]), _("nobody")) for row in rows]
    useful = [float(row["usd"] - row["wasted"]) for row in rows]
    wasted = [float(row["wasted"]) for row in rows]
    return {
        "kind": "stacked",
        "x": {"title": title, "values": labels},
        "y": {"title": _("USD"), "prefix": "$"},
        "series": [{"name": _("spent"), "values": useful}, {"name": _("in failed attempts"), "values": wasted}],
    }
