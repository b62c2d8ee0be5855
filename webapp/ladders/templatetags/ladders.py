"""Intervals as people read them: no more digits than their width justifies."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from django import template
from django.utils.translation import gettext_lazy as _

from webapp.ladders.queueing import point_name
from webapp.ui.templatetags.figures import UNKNOWN, count, usd

register = template.Library()
register.filter("point_name", point_name)


def decimals_of(low: float, high: float) -> int:
    """Return the decimals that an interval justifies: one digit of its half width, two where that begins with 1.

    >>> decimals_of(2.281, 2.349), decimals_of(2.30, 2.33), decimals_of(100.0, 300.0)
    (2, 3, 0)
    """
    half = abs(high - low) / 2
    if half <= 0 or not math.isfinite(half):
        return 3
    place = math.floor(math.log10(half))
    leading = half / 10**place
    return max(0, -place + (1 if leading < 2 else 0))


def _ends(interval: Any) -> tuple[float, float | None, float] | None:
    values = interval if isinstance(interval, Mapping) else getattr(interval, "to_dict", lambda: None)()
    if not values or values.get("p10") is None or values.get("p90") is None:
        return None
    return values["p10"], values.get("p50"), values["p90"]


@register.filter
def span(interval: Any) -> str:
    """{"p10": 2.281, "p90": 2.349} -> 2.28–2.35."""
    ends = _ends(interval)
    if ends is None:
        return UNKNOWN
    places = decimals_of(ends[0], ends[2])
    return f"{ends[0]:,.{places}f}–{ends[2]:,.{places}f}"


@register.filter
def middle(interval: Any) -> str:
    """The median, to the digits that the interval justifies."""
    ends = _ends(interval)
    if ends is None or ends[1] is None:
        return UNKNOWN
    return f"{ends[1]:,.{decimals_of(ends[0], ends[2])}f}"


@register.filter
def like(value: Any, interval: Any) -> str:
    """A measured number with one digit more than the interval that it is compared with."""
    ends = _ends(interval)
    if value is None or ends is None:
        return UNKNOWN
    return f"{value:,.{decimals_of(ends[0], ends[2]) + 1}f}"


@register.filter
def span_count(interval: Any) -> str:
    """Sizes and tokens, two digits: 0.9–2.3 M."""
    ends = _ends(interval)
    return UNKNOWN if ends is None else _between(count(ends[0], 2), count(ends[2], 2))


UNITS = ((86_400 * 2, 86_400, _("d")), (5_400, 3_600, _("h")), (120, 60, _("min")), (0, 1, _("s")))
"""From so many seconds on, so many to the unit."""


@register.filter
def span_seconds(interval: Any) -> str:
    """{"p10": 1400, "p90": 2100} -> 23–35 min."""
    ends = _ends(interval)
    if ends is None:
        return UNKNOWN
    size, unit = next((size, unit) for least, size, unit in UNITS if ends[2] >= least)
    low, high = (float(f"{end / size:.2g}") for end in (ends[0], ends[2]))
    texts = [f"{value:.1f}".removesuffix(".0") if value < 10 else f"{value:.0f}" for value in (low, high)]
    return f"{texts[0]} {unit}" if texts[0] == texts[1] else f"{texts[0]}–{texts[1]} {unit}"


@register.filter
def span_usd(interval: Any) -> str:
    ends = _ends(interval)
    return UNKNOWN if ends is None else _between(usd(float(f"{ends[0]:.2g}")), usd(float(f"{ends[2]:.2g}")))


@register.filter
def pair_count(pair: Any) -> str:
    """(low, high) -> low–high, two digits."""
    return _between(count(pair[0], 2), count(pair[1], 2)) if pair else UNKNOWN


def _between(low: str, high: str) -> str:
    """3.2 M, 5.1 M -> 3.2–5.1 M."""
    if low == high:
        return low
    number, _space, unit = low.rpartition(" ")
    return (
        f"{number}–{high}"
        if unit and number and high.endswith(f" {unit}") and number.count(" ") == 0
        else f"{low}–{high}"
    )
