"""Prices that others reckon with.

price_for(accelerator, term, region, at)    one price to calculate with, its spread and where it comes from; None unknown
offers_fresh(at)                            the offers of a day that can be compared, cheapest first
fresh_by_accelerator(at)                    one such price for each accelerator that has comparable offers
offers_current(at)                          the newest row of each offer known on a day, fresh or not
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import log
from statistics import median

import numpy as np
from django.db.models import F, Q, QuerySet

from webapp.catalogue.freshness import Ranked, rank, today
from webapp.catalogue.models import Accelerator, Price, Term

OFFER = ("provider", "accelerator_name", "instance", "count", "term", "region")
"""What makes two prices prices of the same offer."""

USUAL_SPREAD = 0.3
LEAST_SPREAD = 0.05


@dataclass(frozen=True, kw_only=True, slots=True)
class PriceFound:
    """A price to calculate with."""

    usd_per_hour: float
    spread: float
    """Standard deviation of ln(price) among the offers it comes from."""

    note: str
    """Where it comes from, for people."""

    is_fresh: bool
    num_offers: int
    cheapest: Price


def offers_current(at: date | None = None) -> QuerySet[Price]:
    """Return the newest row of each offer that was known on the day; undated rows only where no dated one is."""
    known = Price.objects.filter(Q(seen_on__lte=at or today()) | Q(seen_on=None))
    newest = known.order_by(*OFFER, F("seen_on").desc(nulls_last=True), "-id").distinct(*OFFER)
    return Price.objects.filter(pk__in=newest.values("pk")).select_related("accelerator")


def offers_fresh(at: date | None = None, *, term: str = "", region: str = "") -> list[Ranked]:
    """Return the offers of the day that can be compared, cheapest first."""
    return rank(_filtered(offers_current(at), term, region), at or today())[0]


def price_for(
    accelerator: Accelerator | str, term: str = Term.ON_DEMAND, region: str = "", *, at: date | None = None
) -> PriceFound | None:
    """Return the median of the comparable offers; without such that of the latest year, and `is_fresh` says so.

    None where nothing dated is known: an unknown price is not zero.
    """
    day = at or today()
    name = accelerator if isinstance(accelerator, str) else accelerator.name
    found = _filtered(offers_current(day), term, region).filter(accelerator__name=name)
    fresh, apart = rank(found, day)
    if fresh:
        prices = [row.price for row in fresh]
        note = f"median of {len(prices)} offers of the last 180 days, {term}"
        return _found(prices, note=note, is_fresh=True)
    dated = [price for group in apart for price in group.prices if price.seen_on]
    if not dated:
        return None
    latest = max(price.seen_on for price in dated if price.seen_on)
    prices = [price for price in dated if price.seen_on and (latest - price.seen_on).days <= 365]
    note = f"median of {len(prices)} offers up to {latest:%B %Y}, {term}: refresh to compare"
    return _found(prices, note=note, is_fresh=False)


def fresh_by_accelerator(at: date | None = None, *, term: str = Term.ON_DEMAND) -> dict[Accelerator, PriceFound]:
    """Return a price to calculate with for each accelerator that has comparable offers of the day."""
    found: dict[Accelerator, list[Price]] = {}
    for row in offers_fresh(at, term=term):
        if row.price.accelerator is not None:
            found.setdefault(row.price.accelerator, []).append(row.price)
    return {
        accelerator: _found(prices, note=f"median of {len(prices)} offers of the last 180 days, {term}", is_fresh=True)
        for accelerator, prices in found.items()
    }


def _filtered(prices: QuerySet[Price], term: str, region: str) -> QuerySet[Price]:
    if term:
        prices = prices.filter(term=term)
    return prices.filter(region__icontains=region) if region else prices


def _found(prices: list[Price], *, note: str, is_fresh: bool) -> PriceFound:
    usd = [float(price.usd_per_hour) for price in prices]
    known = [log(value) for value in usd if value > 0]
    spread = float(np.std(known)) if len(known) > 2 else USUAL_SPREAD
    return PriceFound(
        usd_per_hour=median(usd), spread=max(LEAST_SPREAD, spread), note=note, is_fresh=is_fresh,
        num_offers=len(prices), cheapest=min(prices, key=lambda price: price.usd_per_hour),
    )  # fmt: skip
