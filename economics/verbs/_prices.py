"""The price that a verb calculates with, and where it comes from."""

from __future__ import annotations

import datetime as dt
from typing import Any

from economics.catalogue.prices import typical_price
from economics.catalogue.purchases import typical_purchase
from economics.errors import InputError
from economics.hardware import Accelerator
from economics.ownership import owned_hour
from economics.units import parse_quantity
from economics.verbs._options import assumption


def price_of(
    given: float | str | None,
    device: Accelerator,
    day: dt.date,
    notes: list[dict[str, Any]],
    term: str = "on-demand",
) -> tuple[float | None, float]:
    """Return the given price, or the catalogue's for the term with its spread; None where none is known.

    An owned device costs its purchase price as an annuity, and its electricity, per useful hour.
    """
    if given is not None:
        value = parse_quantity(given, field="price_usd_per_accelerator_hour", kind="usd")
        if value < 0:
            raise InputError("price_usd_per_accelerator_hour", given, "at least 0")
        return value, 0.0
    if term == "owned":
        bought = typical_purchase(device.name, today=day)
        if bought is None:
            return None, 0.0
        hour = owned_hour(purchase_usd=bought.usd, watts=0.8 * device.watts_of_server, pue=1.2, utilisation=0.7)
        note = f"{bought.note}; 4 years, 10 % residual, 10 % cost of capital, 70 % used, 0.15 USD/kWh"
        notes.append(assumption("price_usd_per_accelerator_hour", hour.total_usd_per_hour, "USD / h", note))
        return hour.total_usd_per_hour, 0.2
    typical = typical_price(device.name, today=day, term=term)
    if typical is None:
        return None, 0.0
    notes.append(
        assumption("price_usd_per_accelerator_hour", typical.usd_per_accelerator_hour, "USD / h", typical.note)
    )
    return typical.usd_per_accelerator_hour, typical.spread
