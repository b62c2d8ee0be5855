"""Amounts of budgets as people read them."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from economics.uncertainty import Interval
from webapp.budgets.models import Budget
from webapp.ui.templatetags.figures import significant, usd


def amount_text(value: Any, unit: str) -> str:
    """2.5, "gpu_hours" -> 2.50 GPU-hours; the unit is always there."""
    if unit == Budget.Unit.USD:
        return usd(value)
    number = float(value)
    text = significant(number, 3) if abs(number) < 1000 else f"{number:,.0f}"
    return _("%s GPU-hours") % text


def interval_text(interval: Interval, unit: str) -> str:
    """Return the median with p10 and p90."""
    return _("%(p50)s (%(p10)s to %(p90)s)") % {
        name: amount_text(value, unit) for name, value in interval.to_dict().items()
    }
