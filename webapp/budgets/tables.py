"""Rows of the budget pages, ready to be written down."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

from webapp.budgets.models import Budget
from webapp.budgets.watch import Outlook, outlook
from webapp.budgets.words import amount_text, interval_text

COLUMNS = (
    "budget", "month", "unit", "amount", "spent", "held_p90", "free", "forecast_p10", "forecast_p50", "forecast_p90",
    "stops_jobs",
)  # fmt: skip


def budget_row(budget: Budget, *, month: date | None = None) -> dict[str, Any]:
    """Return a budget's month with every amount in words, and the shares of its bar."""
    ahead = outlook(budget, month=month)
    found, unit = ahead.standing, budget.unit
    return {
        "budget": budget,
        "outlook": ahead,
        "standing": found,
        "amount": amount_text(budget.amount, unit),
        "spent": amount_text(found.spent, unit),
        "held": amount_text(found.held, unit),
        "free": amount_text(found.free, unit),
        "running": amount_text(ahead.running, unit),
        "forecast": interval_text(ahead.trend.total, unit) if ahead.trend.total else "",
        "expected": amount_text(ahead.expected, unit),
        "percent": round(ahead.percent),
        "state": _state(ahead),
    }


def _state(ahead: Outlook) -> str:
    """Return how grave it is: `bad` at the limit, `warn` where the forecast passes 80 %, else `good`."""
    if ahead.percent >= 100:
        return "bad"
    return "warn" if ahead.percent >= 80 else "good"


def budget_lines(budgets: list[Budget]) -> Iterator[tuple[object, ...]]:
    """Yield the budgets as rows of a table for a spreadsheet."""
    for budget in budgets:
        ahead = outlook(budget)
        found, total = ahead.standing, ahead.trend.total
        quantiles = tuple(total) if total else (None, None, None)
        yield (
            budget.scope, found.month.isoformat(), budget.unit, budget.amount, found.spent, found.held, found.free,
            *quantiles, budget.is_hard,
        )  # fmt: skip
