"""How old a price may be to stand among today's. One place says what day it is, so that tests can fix it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from economics.catalogue.prices import FRESH_DAYS
from webapp.catalogue.models import Price

FLAG_DAYS = 60
"""Older prices are flagged; older than `FRESH_DAYS` they stand apart."""


def today() -> date:
    return timezone.localdate()


@dataclass(frozen=True, slots=True)
class Ranked:
    """A price among those that can be compared, with its age in days."""

    price: Price
    age_days: int

    @property
    def is_flagged(self) -> bool:
        return self.age_days > FLAG_DAYS


@dataclass(frozen=True, slots=True)
class Apart:
    """Old prices of one month, or undated ones."""

    title: str
    prices: list[Price] = field(default_factory=list)


def is_rankable(price: Price, at: date) -> bool:
    """Say whether the price may stand among those of the day: dated, not of the future, and not too old."""
    age = price.age_days(at)
    return age is not None and 0 <= age <= FRESH_DAYS


def rank(prices: Iterable[Price], at: date) -> tuple[list[Ranked], list[Apart]]:
    """Return the prices that can be compared, cheapest first, and apart from them the old ones by month, latest first."""
    fresh: list[Ranked] = []
    months: dict[tuple[int, int], list[Price]] = {}
    for price in prices:
        age = price.age_days(at)
        if age is not None and is_rankable(price, at):
            fresh.append(Ranked(price, age))
        elif age is None or age > FRESH_DAYS:
            seen = price.seen_on
            months.setdefault((seen.year, seen.month) if seen else (0, 0), []).append(price)
    fresh.sort(key=lambda row: (row.price.usd_per_hour, row.age_days))
    apart = [
        Apart(_title(month), sorted(found, key=lambda price: price.usd_per_hour))
        for month, found in sorted(months.items(), reverse=True)
    ]
    return fresh, apart


def _title(month: tuple[int, int]) -> str:
    if month == (0, 0):
        return _("Undated prices: refresh to compare")
    return _("Prices of %(month)s: refresh to compare") % {"month": date_format(date(*month, 1), "F Y")}
