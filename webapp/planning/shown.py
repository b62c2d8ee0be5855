"""Numbers as a plan's pages show them: with an interval, no more digits than it justifies, and where they are from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from webapp.planning.inputs import PlanInputs
from webapp.ui.templatetags.figures import UNKNOWN, count, seconds, significant

SIGNS = {"USD": "$", "EUR": "€", "GBP": "£", "CNY": "CN¥", "JPY": "¥", "INR": "₹"}
STEPS = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One number of a page, and what it was made of."""

    key: str
    """Name in the page, for links and tests."""

    label: str
    text: str
    detail: str = ""
    value: float | None = None
    """The figure itself, unrounded."""

    formula: str = ""
    assumptions: tuple[str, ...] = ()
    source: str = ""

    @property
    def has_source(self) -> bool:
        return bool(self.formula or self.source)


@dataclass(frozen=True, slots=True)
class Currency:
    """The currency that amounts are shown in; they are kept in US dollars."""

    code: str = "USD"
    usd: float = 1.0
    rate_date: str = ""

    @classmethod
    def of(cls, inputs: PlanInputs) -> Currency:
        return cls(inputs.currency, 1.0 if inputs.currency == "USD" else inputs.usd_per_currency, inputs.rate_date)

    @property
    def sign(self) -> str:
        return SIGNS.get(self.code, f"{self.code} ")

    def amount(self, usd: float) -> float:
        return usd / self.usd

    def text(self, usd: float | None, digits: int = 3) -> str:
        """$1.2 k, with so many significant digits.

        >>> Currency().text(118942.6, 2), Currency().text(-7.5, 2), Currency("EUR", 1.25).text(100.0), Currency().text(0.0)
        ('$120 k', '-$7.5', '€80', '$0')
        """
        if usd is None or not math.isfinite(usd):
            return UNKNOWN
        value = usd / self.usd
        if abs(value) < 0.005 * 10 ** -(digits - 1):
            return f"{self.sign}0"
        return f"{'-' if value < 0 else ''}{self.sign}{scaled_text(abs(value), digits)}"

    def interval(self, interval: Mapping[str, float | None]) -> tuple[str, str]:
        """Return the p50 and the range, to the digits that the range justifies."""
        digits = digits_of(interval)
        low, high = self.text(interval["p10"], digits), self.text(interval["p90"], digits)
        return self.text(
            interval["p50"], digits
        ), low if low == high else f"{low}{'–' if (interval['p10'] or 0) >= 0 else ' to '}{high}"


def scaled_text(value: float, digits: int) -> str:
    """1234567 -> 1.2 M."""
    for size, prefix in STEPS:
        if value >= size * (1 - 0.5 * 10**-digits):
            return f"{_rounded(value / size, digits)} {prefix}"
    return _rounded(value, digits)


def _rounded(value: float, digits: int) -> str:
    text = significant(float(f"{value:.{digits}g}"), digits)
    return text.rstrip("0").rstrip(".") if "." in text else text


def digits_of(interval: Mapping[str, float | None]) -> int:
    """Digits that an interval justifies: two where it is wide, up to four where it is narrow.

    >>> digits_of({"p10": 62.0, "p50": 119.0, "p90": 231.0}), digits_of({"p10": 2.07, "p50": 2.11, "p90": 2.14})
    (2, 3)
    """
    low, mid, high = (interval.get(name) for name in ("p10", "p50", "p90"))
    if low is None or high is None or not mid:
        return 2
    width = abs(high - low) / abs(mid)
    return 2 if width > 0.1 else 3 if width > 0.01 else 4


def number_interval(interval: Mapping[str, float | None], unit: str = "") -> tuple[str, str]:
    """Return p50 and range of a plain number."""
    digits = digits_of(interval)
    low, mid, high = (_plain(interval.get(name), digits) for name in ("p10", "p50", "p90"))
    tail = f" {unit}" if unit else ""
    return f"{mid}{tail}", f"{low}{tail}" if low == high else f"{low}–{high}{tail}"


def _plain(value: float | None, digits: int) -> str:
    return UNKNOWN if value is None else significant(float(f"{value:.{digits}g}"), digits)


def count_range(ends: list[float], unit: str = "") -> str:
    """[8.8e9, 2.1e10] -> 8.8 B–21 B."""
    low, high = (count(end, 2) for end in ends)
    return (low if low == high else f"{low}–{high}") + (f" {unit}" if unit else "")


def time_interval(interval: Mapping[str, float]) -> tuple[str, str]:
    """Return p50 and range of a time, in the unit that suits it."""
    value = interval["p50"]
    for size, unit in ((86_400.0, "days"), (3_600.0, "h"), (60.0, "min")):
        if value >= 2 * size:
            return number_interval({name: x / size for name, x in interval.items()}, unit)
    return seconds(value), f"{seconds(interval['p10'])}–{seconds(interval['p90'])}"


def month_number(value: float | None) -> float | None:
    """Months count from 0 inside, from 1 for people."""
    return None if value is None else value + 1


def months_text(value: float | None) -> str:
    return "–" if value is None else significant(float(f"{value:.2g}"), 2).removesuffix(".0")


@dataclass(slots=True)
class Board:
    """The numbers of a page, in order, with a count of those whose source is known."""

    items: dict[str, Shown] = field(default_factory=dict)

    def add(self, shown: Shown) -> Shown:
        self.items[shown.key] = shown
        return shown

    def __getitem__(self, key: str) -> Shown:
        return self.items[key]

    def values(self) -> list[Shown]:
        return list(self.items.values())


def share_with_source(boards: list[dict[str, Any] | Board]) -> tuple[int, int]:
    """Return how many numbers of these pages have a source, and how many there are."""
    shown = [item for board in boards if isinstance(board, Board) for item in board.values()]
    return sum(item.has_source for item in shown), len(shown)
