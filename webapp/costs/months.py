"""The month so far, day by day, and what it will have cost at its end."""

from __future__ import annotations

import calendar
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from django.db.models import QuerySet, Sum
from django.db.models.functions import TruncDate
from django.utils import timezone

from economics.spending import MonthEnd, month_end
from economics.spending.forecast import NUM_DAYS_REMEMBERED
from webapp.costs.models import LedgerEntry
from webapp.costs.queries import costs, days_between

BY_HAND = (LedgerEntry.Kind.PAYROLL, LedgerEntry.Kind.PURCHASE)


@dataclass(frozen=True, kw_only=True, slots=True)
class Month:
    """A month's costs: sums at the end of each day so far, and the forecast."""

    first: date
    last: date
    today: date
    sums: list[float]
    forecast: MonthEnd

    @property
    def days(self) -> list[date]:
        return days_between(self.first, self.last)


def first_of_month(day: date) -> date:
    return day.replace(day=1)


def last_of_month(day: date) -> date:
    return day.replace(day=calendar.monthrange(day.year, day.month)[1])


def day_start(day: date) -> datetime:
    """Return the moment at which a day begins, here."""
    return timezone.make_aware(datetime.combine(day, time.min))


def month_bounds(day: date) -> tuple[datetime, datetime]:
    """Return where the day's month begins and where the next one does."""
    return day_start(first_of_month(day)), day_start(last_of_month(day) + timedelta(days=1))


def month_of(entries: QuerySet[LedgerEntry], *, today: date | None = None, known_ahead: float = 0.0) -> Month:
    """Return the month that `today` is in.

    What people entered by hand (payroll, purchases) counts on its day, also on a later one, but tells nothing of the days
    to come: those are drawn from what jobs, storage and serving took of late.
    """
    day = today or timezone.localdate()
    first, last = first_of_month(day), last_of_month(day)
    begin = min(first, day - timedelta(days=NUM_DAYS_REMEMBERED))
    by_day = _by_day(entries, begin, last)
    running = _by_day(entries.exclude(kind__in=BY_HAND), begin, day)
    sums, total = [], 0.0
    for each in days_between(first, day):
        total += by_day.get(each, 0.0)
        sums.append(total)
    ahead = sum(usd for when, usd in by_day.items() if when > day)
    forecast = month_end(
        _recent(running, day), spent=total, num_days_left=(last - day).days, known_ahead=known_ahead + ahead
    )
    return Month(first=first, last=last, today=day, sums=sums, forecast=forecast)


def _by_day(entries: QuerySet[LedgerEntry], first: date, last: date) -> dict[date, float]:
    rows = (
        costs(entries)
        .filter(started_at__gte=day_start(first), started_at__lt=day_start(last + timedelta(days=1)))
        .annotate(day=TruncDate("started_at"))
        .values("day")
        .annotate(usd=Sum("effective_usd"))
        .order_by()
    )
    return {row["day"]: float(row["usd"]) for row in rows}


def _recent(by_day: dict[date, float], today: date) -> list[float]:
    """Return the last full days from the first on which anything was spent."""
    known = [day for day, usd in by_day.items() if usd and day < today]
    if not known:
        return []
    return [by_day.get(day, 0.0) for day in days_between(min(known), today - timedelta(days=1))]
