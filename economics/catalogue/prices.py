"""Prices of accelerators by term, provider and region; old and undated offers are kept apart from fresh ones."""

from __future__ import annotations

import csv
import datetime as dt
import io
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from math import exp, log
from statistics import median

import numpy as np

FRESH_DAYS = 180


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """One price, per accelerator and hour, in US dollars without tax."""

    provider: str
    accelerator: str
    """Its name in the catalogue of accelerators, or the provider's own."""
    in_catalogue: bool
    accelerators_per_instance: int
    term: str
    """on-demand, spot, reserved-1y or reserved-3y."""
    usd_per_accelerator_hour: float
    region: str
    date: dt.date | None
    """None: undated (a snapshot without a date)."""
    marks: str
    source: str

    def age_days(self, today: dt.date) -> int | None:
        """Days since the offer was seen; None if undated."""
        return None if self.date is None else (today - self.date).days

    def is_fresh(self, today: dt.date) -> bool:
        """Whether it may stand among today's offers."""
        age = self.age_days(today)
        return age is not None and age <= FRESH_DAYS


def _date(text: str) -> dt.date | None:
    if not text:
        return None
    numbers = [int(part) for part in text.split("-")]
    # a month or a year alone counts from its end: an offer is never made fresher than it is, but for days of a month
    if len(numbers) == 3:
        return dt.date(*numbers)
    if len(numbers) == 2:
        return dt.date(numbers[0], numbers[1], 15)
    return None


@lru_cache(maxsize=1)
def offers() -> tuple[Offer, ...]:
    """Return every offer of the catalogue.

    >>> len(offers()) >= 150
    True
    """
    text = resources.files("economics.catalogue").joinpath("prices.csv").read_text(encoding="utf-8")
    with io.StringIO(text, newline="") as lines:
        return tuple(
            Offer(
                provider=row["provider"],
                accelerator=row["accelerator"],
                in_catalogue=row["in_catalogue"] == "yes",
                accelerators_per_instance=int(row["accelerators_per_instance"]),
                term=row["term"],
                usd_per_accelerator_hour=float(row["usd_per_accelerator_hour"]),
                region=row["region"],
                date=_date(row["date"]),
                marks=row["marks"],
                source=row["source"],
            )
            for row in csv.DictReader(lines)
        )


def offers_of(accelerator: str, *, today: dt.date, term: str = "") -> tuple[list[Offer], list[Offer]]:
    """Return an accelerator's fresh offers, cheapest first, and apart from them the old and undated ones.

    >>> fresh, old = offers_of("H100 SXM", today=dt.date(2026, 11, 23), term="on-demand")
    >>> all(offer.is_fresh(dt.date(2026, 11, 23)) for offer in fresh), len(old) > len(fresh)
    (True, True)
    """
    found = [o for o in offers() if o.accelerator == accelerator and (not term or o.term == term)]
    fresh = sorted((o for o in found if o.is_fresh(today)), key=lambda o: o.usd_per_accelerator_hour)
    rest = sorted((o for o in found if not o.is_fresh(today)), key=lambda o: o.date or dt.date.min, reverse=True)
    return fresh, rest


@dataclass(frozen=True, kw_only=True, slots=True)
class Typical:
    """A price to calculate with when none is given."""

    usd_per_accelerator_hour: float
    spread: float
    """Standard deviation of the logarithm among the offers it comes from."""
    note: str


def typical_price(accelerator: str, *, today: dt.date, term: str = "on-demand") -> Typical | None:
    """Return the median of the fresh offers; without fresh ones that of the latest dated year, and the note says so.

    None where nothing dated is known: an unknown price is not zero.

    >>> round(typical_price("H100 SXM", today=dt.date(2026, 11, 23)).usd_per_accelerator_hour, 2)
    2.82
    >>> typical_price("Rubin SXM", today=dt.date(2026, 11, 23)) is None
    True
    """
    fresh, old = offers_of(accelerator, today=today, term=term)
    chosen, note = fresh, f"median of {len(fresh)} offers of the last {FRESH_DAYS} days, {term}"
    if not fresh:
        dated = [o for o in old if o.date is not None]
        if not dated:
            return None
        latest = max(o.date for o in dated if o.date)
        chosen = [o for o in dated if o.date and (latest - o.date).days <= 365]
        note = f"median of {len(chosen)} offers up to {latest:%B %Y}, {term}: refresh to compare"
    prices = [o.usd_per_accelerator_hour for o in chosen]
    spread = float(np.std([log(p) for p in prices])) if len(prices) > 2 else 0.3
    return Typical(usd_per_accelerator_hour=median(prices), spread=max(0.05, spread), note=note)


def yearly_price_decline(accelerator: str, *, today: dt.date, term: str = "on-demand") -> float | None:
    """Return the fraction by which an accelerator's price fell per year, by a line through the logarithms of all
    dated offers; None with fewer than five of them, or less than a year between.

    >>> 0.05 < yearly_price_decline("H100 SXM", today=dt.date(2026, 11, 23)) < 0.6
    True
    """
    dated = [o for o in offers() if o.accelerator == accelerator and o.term == term and o.date and o.date <= today]
    if len(dated) < 5:
        return None
    years = np.array([(o.date - today).days / 365.25 for o in dated if o.date])
    if float(np.ptp(years)) < 1.0:
        return None
    slope = float(np.polyfit(years, [log(o.usd_per_accelerator_hour) for o in dated], 1)[0])
    return 1.0 - exp(slope)
