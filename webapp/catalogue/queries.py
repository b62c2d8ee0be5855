"""What the catalogue's pages show: accelerators with their prices, prices by filter, prices over time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from statistics import median
from typing import Any

from django.db.models import Count
from django.utils.translation import gettext as _

from webapp.catalogue.freshness import Apart, Ranked, is_rankable, rank
from webapp.catalogue.models import PEAKS, Accelerator, Price, PurchasePrice, Term
from webapp.catalogue.services import offers_current

SORTS = {
    "name": "name", "vendor": "vendor", "year": "year", "memory": "memory_bytes", "bandwidth": "memory_bytes_per_second",
    "bf16": "bf16_flop_per_second", "fp8": "fp8_flop_per_second", "fp32": "fp32_flop_per_second",
    "link": "link_bytes_per_second", "power": "rated_watts", "buy": "buy_usd", "rent": "rent_usd",
}  # fmt: skip


@dataclass(slots=True)
class Line:
    """An accelerator with what it costs; None is unknown."""

    accelerator: Accelerator
    buy_usd: float | None = None
    buy_on: date | None = None
    rent_usd: float | None = None
    rent_is_fresh: bool = False
    rent_of: date | None = None

    def value(self, name: str) -> Any:
        return getattr(self, name) if name.endswith("usd") else getattr(self.accelerator, name)


def accelerator_lines(*, at: date, sort: str = "name", descending: bool = False) -> list[Line]:
    """Return every accelerator with the median of its comparable prices, or of the latest old ones, so marked."""
    lines = {row.pk: Line(row) for row in Accelerator.objects.all()}
    for accelerator_id, prices in _by_accelerator(offers_current(at).filter(term=Term.ON_DEMAND)).items():
        _put_rent(lines[accelerator_id], prices, at)
    for purchase in PurchasePrice.objects.filter(seen_on__lte=at).order_by("seen_on"):
        line = lines[purchase.accelerator_id]
        line.buy_usd, line.buy_on = float(purchase.usd), purchase.seen_on
    name = SORTS.get(sort, "name")
    known = [line for line in lines.values() if line.value(name) is not None]
    unknown = [line for line in lines.values() if line.value(name) is None]
    known.sort(key=lambda line: line.value(name), reverse=descending)
    return [*known, *unknown]  # what is unknown is neither the least nor the most


def _by_accelerator(prices: Iterable[Price]) -> dict[int, list[Price]]:
    found: dict[int, list[Price]] = {}
    for price in prices:
        if price.accelerator_id is not None:
            found.setdefault(price.accelerator_id, []).append(price)
    return found


def _put_rent(line: Line, prices: list[Price], at: date) -> None:
    fresh = [price for price in prices if is_rankable(price, at)]
    dated = [price for price in prices if price.seen_on is not None and price.seen_on <= at]
    chosen = fresh
    if not fresh and dated:
        latest = max(price.seen_on for price in dated if price.seen_on)
        chosen = [price for price in dated if price.seen_on and (latest - price.seen_on).days <= 365]
    if chosen:
        line.rent_usd = median(float(price.usd_per_hour) for price in chosen)
        line.rent_is_fresh = bool(fresh)
        line.rent_of = max((price.seen_on for price in chosen if price.seen_on), default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Filter:
    """What the page of prices is asked for; empty is all."""

    accelerator: str = ""
    term: str = ""
    region: str = ""
    provider: str = ""


def prices_ranked(wanted: Filter, *, at: date) -> tuple[list[Ranked], list[Apart]]:
    """Return the day's prices that can be compared, cheapest first, and apart from them the old ones."""
    prices = offers_current(at)
    if wanted.accelerator:
        prices = prices.filter(accelerator_name=wanted.accelerator)
    if wanted.term:
        prices = prices.filter(term=wanted.term)
    if wanted.region:
        prices = prices.filter(region__icontains=wanted.region)
    if wanted.provider:
        prices = prices.filter(provider=wanted.provider)
    return rank(prices, at)


def filter_choices() -> dict[str, list[str]]:
    """Return what prices can be filtered by, the most frequent accelerators first."""
    names = Price.objects.values("accelerator_name").annotate(n=Count("pk")).order_by("-n", "accelerator_name")
    providers = Price.objects.order_by("provider").values_list("provider", flat=True).distinct()
    return {"accelerators": [row["accelerator_name"] for row in names], "providers": list(providers)}


def price_chart(accelerator: Accelerator, *, at: date) -> dict[str, Any]:
    """Return all dated prices of an accelerator over time: the median of each month, a line a term."""
    rows = Price.objects.filter(accelerator=accelerator, seen_on__lte=at).values_list("seen_on", "term", "usd_per_hour")
    found: dict[str, dict[str, list[float]]] = {}
    for seen, term, usd in rows:
        found.setdefault(term, {}).setdefault(f"{seen:%Y-%m}-15", []).append(float(usd))
    months = sorted({month for by_month in found.values() for month in by_month})
    labels = dict(Term.choices)
    return {
        "kind": "lines",
        "x": {"title": _("Month; median of its prices"), "values": months, "type": "date"},
        "y": {"title": _("USD per hour"), "prefix": "$"},
        "series": [
            {
                "name": str(labels.get(term, term)),
                "values": [median(by_month[month]) if month in by_month else None for month in months],
            }
            for term, by_month in sorted(found.items())
        ],
    }


def peaks(accelerator: Accelerator) -> list[tuple[str, float | None, float | None]]:
    """Return (number format, dense peak, what large products measured) of each format that is known."""
    found = []
    for name in PEAKS:
        peak = getattr(accelerator, f"{name}_flop_per_second")
        measured = getattr(accelerator, f"{name}_ceiling_flop_per_second", None)
        if peak or measured:
            found.append((name, peak, measured))
    return found
