"""Intervals as people read them: no more digits than their width justifies."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from economics.uncertainty import Interval
from webapp.ui.templatetags import figures

register = template.Library()
UNITS: dict[str, Callable[[Any], str]] = {
    "seconds": figures.seconds, "usd": figures.usd, "to_pay_usd": figures.usd, "kwh": figures.energy, "co2e_kg": figures.grams,
    "memory_bytes": figures.size,
}  # fmt: skip
YEAR_SECONDS = 365.25 * 86_400
TIMES = (
    (180, 1, "s"), (3 * 3600, 60, "min"), (72 * 3600, 3600, "h"), (3 * YEAR_SECONDS, 86_400, "d"), (math.inf, YEAR_SECONDS, "y"),
)  # fmt: skip
"""(below so many seconds, seconds of the unit, its sign)."""

NARROW = math.log(1.02)


def digits_of(interval: Interval) -> int:
    """Return how many digits an interval is told in: two, and three where it spans less than 2 %."""
    if not interval.p10 > 0:
        return 2
    return 3 if math.log(interval.p90 / interval.p10) < NARROW else 2


def rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}") if value else 0.0


@register.filter
def likely(interval: Interval | None, unit: str) -> str:
    """The middle of an interval, in the unit of its band."""
    if not isinstance(interval, Interval):
        return figures.UNKNOWN
    if unit == "seconds":
        size, name = _time_unit(interval)
        return f"{_number(interval.p50 / size, digits_of(interval))} {name}"
    return UNITS[unit](rounded(interval.p50, digits_of(interval)))


@register.filter
def band(interval: Interval | None, unit: str) -> str:
    """p10 – p90; in words that it is about so much where both read the same. Times share one unit: 12–15 min."""
    if not isinstance(interval, Interval):
        return figures.UNKNOWN
    digits = digits_of(interval)
    if unit == "seconds":
        return _time_band(interval, digits)
    low, high = (UNITS[unit](rounded(value, digits)) for value in (interval.p10, interval.p90))
    return _("about %s") % low if low == high else f"{low}–{high}"


def _number(value: float, digits: int) -> str:
    """So many digits; what is beyond ten thousand, years of a run that nobody will make, with a prefix."""
    return figures.count(rounded(value, digits), digits) if value >= 10_000 else figures.significant(value, digits)


def _time_unit(interval: Interval) -> tuple[float, str]:
    return next((size, name) for below, size, name in TIMES if interval.p90 < below)


def _time_band(interval: Interval, digits: int) -> str:
    size, name = _time_unit(interval)
    low, high = (_number(value / size, digits) for value in (interval.p10, interval.p90))
    return f"{low} {name}" if low == high else f"{low}–{high} {name}"


@register.filter
def inside(value: float | None, interval: Interval | None) -> bool | None:
    """Say whether what came lies between p10 and p90; None where either is unknown."""
    return None if value is None or not isinstance(interval, Interval) else value in interval


@register.simple_tag
def quantiles(name: str, interval: Interval | None) -> SafeString | str:
    """The exact numbers as attributes, so that what is shown can be traced."""
    if not isinstance(interval, Interval):
        return ""
    return format_html(
        'data-figure="{}" data-p10="{}" data-p50="{}" data-p90="{}"', name, interval.p10, interval.p50, interval.p90
    )


@register.filter
def signed_percent(ratio: float | None) -> str:
    """1.12 -> +12 %, of what came over what was likely."""
    return figures.UNKNOWN if not isinstance(ratio, int | float) else f"{(ratio - 1) * 100:+.0f} %"


@register.filter
def plain_name(name: str) -> str:
    """measured_over_modelled_step -> measured over modelled step."""
    return str(name).replace("_", " ")


@register.filter
def of_unit(value: Any, unit: str) -> str:
    """A measured quantity, in the unit that its interval is told in."""
    return figures.UNKNOWN if value is None or value == "" else UNITS[unit](value)


@register.filter
def add_one(value: float | None) -> float | None:
    """An excess of 0.12 as the ratio 1.12."""
    return None if value is None else value + 1
