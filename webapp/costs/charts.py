"""The cost pages' charts, as the data that static/js/plots.js draws."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from webapp.costs.months import Month
from webapp.costs.outcomes import Outcome

USD = {"title": "USD", "prefix": "$"}


def by_day_chart(by_day: dict[str, list[Any]], titles: dict[str, str] | None = None) -> dict[str, Any]:
    """Return spend of each day, stacked by what it was for."""
    names = [(titles or {}).get(kind, kind) for kind in by_day["kinds"]]
    return {
        "kind": "stacked",
        "x": {"title": _("Day"), "values": by_day["days"], "type": "date"},
        "y": {"title": _("USD a day"), "prefix": "$"},
        "series": [{"name": str(k), "values": v} for k, v in zip(names, by_day["usd"], strict=True)],
    }


def share_chart(rows: list[dict[str, Any]], *names: str, title: str) -> dict[str, Any]:
    """Return spend of each row as two stacked bars: what led to something, and what failed."""
    labels = [next((str(row[n]) for n in names if row[n]), _("nobody")) for row in rows]
    useful = [float(row["usd"] - row["wasted"]) for row in rows]
    wasted = [float(row["wasted"]) for row in rows]
    return {
        "kind": "stacked",
        "x": {"title": title, "values": labels},
        "y": USD,
        "series": [{"name": _("spent"), "values": useful}, {"name": _("in failed attempts"), "values": wasted}],
    }


def outcome_chart(outcomes: list[Outcome]) -> dict[str, Any]:
    """Return what each outcome took."""
    return {
        "kind": "bars",
        "x": {"title": _("What it led to"), "values": [each.title for each in outcomes]},
        "y": USD,
        "series": [{"name": _("spent"), "values": [float(each.usd) for each in outcomes]}],
    }


def month_chart(month: Month, *, limit: float | None = None) -> dict[str, Any]:
    """Return the month's sum by day, the forecast as a band, and a limit as a line."""
    days = month.days
    known = len(month.sums)
    ahead = month.forecast.by_day
    gap: list[float | None] = [None] * (known - 1)
    now = [month.sums[-1]]

    def line(values: list[float]) -> list[float | None]:
        return [*gap, *now, *values] if ahead else []

    series: list[dict[str, Any]] = []
    if ahead:
        series += [
            {"name": "p10", "values": line([each.p10 for each in ahead]), "quiet": True, "colour": 0},
            {"name": _("p10 to p90"), "values": line([each.p90 for each in ahead]), "fill": "tonexty", "colour": 0},
            {
                "name": _("forecast, median"), "values": line([each.p50 for each in ahead]), "dash": "dash", "colour": 0,
                "mode": "lines",
            },
        ]  # fmt: skip
    spent: list[float | None] = [*month.sums, *[None] * (len(days) - known)]
    series.append({"name": _("spent so far"), "values": spent, "colour": 2, "mode": "lines"})
    if limit is not None:
        series.append({"name": _("budget"), "values": [limit] * len(days), "colour": 1, "dash": "dot", "mode": "lines"})
    return {
        "kind": "lines",
        "x": {"title": _("Day"), "values": [day.isoformat() for day in days], "type": "date"},
        "y": {"title": _("USD since the 1st"), "prefix": "$"},
        "series": series,
    }


def waterfall_chart(parts: list[tuple[str, float]], *, total: str) -> dict[str, Any]:
    """Return parts as steps that lead to their sum."""
    bases, usd, base = [], [], 0.0
    for _name, amount in parts:
        bases.append(base)
        usd.append(amount)
        base += amount
    return {
        "kind": "bars",
        "x": {"title": _("Part"), "values": [*[name for name, _amount in parts], total]},
        "y": USD,
        "series": [
            {"name": _("cost"), "values": [*usd, base], "base": [*bases, 0.0], "bars": [*[0] * len(parts), 2]},
        ],
    }
