"""What accelerators cost to buy, with their share of the server where the source says so."""

from __future__ import annotations

import csv
import datetime as dt
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from statistics import median


@dataclass(frozen=True, kw_only=True, slots=True)
class Purchase:
    """One purchase price, per accelerator, in US dollars without tax."""

    accelerator: str
    usd: float
    date: dt.date
    note: str
    source: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TypicalPurchase:
    """A purchase price to calculate with when none is given."""

    usd: float
    note: str


@lru_cache(maxsize=1)
def purchases() -> tuple[Purchase, ...]:
    """Return every purchase price of the catalogue.

    >>> len(purchases()) > 50
    True
    """
    text = resources.files("economics.catalogue").joinpath("purchase_prices.csv").read_text(encoding="utf-8")
    return tuple(
        Purchase(
            accelerator=row["accelerator"],
            usd=float(row["usd"]),
            date=dt.date.fromisoformat(row["date"]),
            note=row["note"],
            source=row["source"],
        )
        for row in csv.DictReader(text.splitlines())
    )


def typical_purchase(accelerator: str, *, today: dt.date) -> TypicalPurchase | None:
    """Return the median of the latest year of purchase prices, and the note says of when; None where none is known.

    >>> typical_purchase("H100 SXM", today=dt.date(2026, 11, 23)).usd
    34918.56
    """
    found = [p for p in purchases() if p.accelerator == accelerator and p.date <= today]
    if not found:
        return None
    latest = max(p.date for p in found)
    chosen = [p for p in found if (latest - p.date).days <= 365]
    return TypicalPurchase(
        usd=median(p.usd for p in chosen),
        note=f"median of {len(chosen)} purchase prices up to {latest:%B %Y}: refresh to compare",
    )
