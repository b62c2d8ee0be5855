"""Numbers as people read them. SI prefixes and rounding live at the edge, which is here; unknown is said, never 0."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

register = template.Library()
UNKNOWN = "–"
_SI = [(1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")]
_COUNT = [(1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k")]


def _number(value: Any) -> float | None:
    try:
        found = float(value)
    except (TypeError, ValueError):
        return None
    return found if math.isfinite(found) else None


def significant(value: float, digits: int) -> str:
    """Return `value` with so many significant digits, without an exponent."""
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{round(value, decimals):,.{decimals}f}"


def _scaled(value: float, steps: list[tuple[float, str]], digits: int) -> tuple[str, str]:
    for size, prefix in steps:
        if abs(value) >= size:
            return significant(value / size, digits), prefix
    return (f"{value:.0f}" if value == round(value) else significant(value, digits)), ""


@register.filter
def count(value: Any, digits: int = 3) -> str:
    """1,234,567 -> 1.23 M. Exact below 10,000."""
    number = _number(value)
    if number is None:
        return UNKNOWN
    if abs(number) < 10_000 and number == round(number):
        return f"{number:,.0f}"
    text, prefix = _scaled(number, _COUNT, digits)
    return f"{text} {prefix}".strip()


@register.filter
def exact(value: Any) -> str:
    """1234567 -> 1,234,567."""
    number = _number(value)
    return UNKNOWN if number is None else f"{number:,.0f}"


@register.filter
def si(value: Any, unit: str = "") -> str:
    """4.1e11, "FLOP/s" -> 410 GFLOP/s."""
    number = _number(value)
    if number is None:
        return UNKNOWN
    text, prefix = _scaled(number, _SI, 3)
    return f"{text} {prefix}{unit}".strip()


@register.filter
def size(value: Any) -> str:
    """Bytes -> kB, MB, GB (powers of ten)."""
    return si(value, "B") if _number(value) is not None else UNKNOWN


DUST_USD = 1e-12
"""What sums of floats leave behind."""


@register.filter
def usd(value: Any) -> str:
    """Dollars to three significant digits, cents where they matter; tenths of a cent for small jobs."""
    number = _number(value)
    if number is None:
        return UNKNOWN
    sign, number = ("-" if number < 0 else ""), abs(number)
    if number >= 10_000:
        text, prefix = _scaled(number, _COUNT, 3)
        return f"{sign}${text} {prefix}"
    if number >= 1:
        return f"{sign}${number:,.2f}"
    if number >= 1e-6:
        return f"{sign}${significant(number, 2)}"
    if number < DUST_USD:
        return "$0"
    digits, _, exponent = f"{number:.1e}".partition("e")  # it is not free, and zeros in a row are not read
    return f"{sign}${digits}e{int(exponent)}"


DAYS_IN_FULL = 999
"""Of more, no hour matters."""


@register.filter
def seconds(value: Any) -> str:
    """Seconds (or a timedelta) -> 3.4 µs, 41 s, 3 min 20 s, 2 h 05 min, 3 d 4 h, 69,000 years."""
    if isinstance(value, timedelta):
        value = value.total_seconds()
    number = _number(value)
    if number is None:
        return UNKNOWN
    if 0 < number < 1e-3:
        return _("%(n)s µs") % {"n": significant(number * 1e6, 2)}
    if number < 10:
        return _("%(n)s s") % {"n": significant(number, 2)}
    total = round(number)
    if total < 60:
        return _("%(n)d s") % {"n": total}
    minutes, rest = divmod(total, 60)
    if minutes < 60:
        return _("%(m)d min %(s)02d s") % {"m": minutes, "s": rest}
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return _("%(h)d h %(m)02d min") % {"h": hours, "m": minutes}
    days, hours = divmod(hours, 24)
    if days > DAYS_IN_FULL:
        return _("%(n)s years") % {"n": f"{float(f'{days / 365.25:.2g}'):,g}"}
    return _("%(d)d d %(h)d h") % {"d": days, "h": hours}


@register.filter
def milliseconds(value: Any) -> str:
    """Seconds -> 4.1 ms."""
    number = _number(value)
    return UNKNOWN if number is None else _("%(n)s ms") % {"n": significant(number * 1e3, 2)}


@register.filter
def ratio(value: Any, of: Any) -> str:
    """1, 4 -> × 0.25."""
    number, whole = _number(value), _number(of)
    return f"× {significant(number / whole, 2)}" if number is not None and whole else UNKNOWN


@register.filter
def signed(value: Any) -> str:
    """A difference with its sign, to two digits: +0.012, −0.4."""
    number = _number(value)
    if number is None:
        return UNKNOWN
    return f"{'−' if number < 0 else '+'}{significant(abs(number), 2)}"


@register.filter
def energy(kwh: Any) -> str:
    """Kilowatt hours -> 0.32 Wh, 1.2 kWh, 3.4 MWh, 5.6 GWh, to two digits."""
    number = _number(kwh)
    if number is None:
        return UNKNOWN
    for size, unit in ((1e9, "TWh"), (1e6, "GWh"), (1e3, "MWh"), (1.0, "kWh")):
        if number >= size:
            return f"{significant(number / size, 2)} {unit}"
    return f"{significant(number * 1e3, 2)} Wh"


@register.filter
def grams(kilograms: Any) -> str:
    """Kilograms -> 0.13 g, 1.2 kg, 3.4 t, to two digits."""
    number = _number(kilograms)
    if number is None:
        return UNKNOWN
    for size, unit in ((1e3, "t"), (1.0, "kg")):
        if number >= size:
            return f"{significant(number / size, 2)} {unit}"
    return f"{significant(number * 1e3, 2)} g"


@register.filter
def percent(value: Any, digits: int = 0) -> str:
    """0.314 -> 31 %."""
    number = _number(value)
    return UNKNOWN if number is None else f"{number * 100:z.{digits}f} %"


@register.filter
def figure(value: Any, digits: int = 4) -> str:
    """A measured number with so many significant digits: losses, norms."""
    number = _number(value)
    if number is None:
        return UNKNOWN
    return (
        significant(number, digits) if 1e-3 <= abs(number) < 1e6 or number == 0 else f"{number:.{max(digits - 1, 2)}g}"
    )


@register.filter
def when(value: Any) -> SafeString | str:
    """A time as <time>, shown as `3 min ago` by a module that keeps it fresh; the full time is in its title."""
    if not value:
        return UNKNOWN
    return format_html('<time datetime="{}" data-when>{}</time>', value.isoformat(), value.strftime("%Y-%m-%d %H:%M"))


@register.filter
def file_name(path: str) -> str:
    """The last part of a path."""
    return path.rpartition("/")[2]


@register.filter
def lookup(mapping: Any, key: Any) -> Any:
    """mapping[key], or None."""
    return mapping.get(key) if hasattr(mapping, "get") else None
