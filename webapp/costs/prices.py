"""What an hour of a device costs: the price a user set, or the formula of owning it, with its numbers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from economics.ownership import owned_hour
from webapp.costs.models import Machine


@dataclass(frozen=True, slots=True)
class HourPrice:
    """USD per device-hour. `effective` is what an hour takes of what one owns; `billed` what is paid to somebody for it."""

    effective_usd: Decimal
    billed_usd: Decimal
    basis: dict[str, Any]

    @property
    def is_set_by_user(self) -> bool:
        return bool(self.basis["kind"] == "price set by a user")


def machine_hour_price(machine: Machine) -> HourPrice:
    """Return the price of an hour of one device of the machine.

    A set price is rent: billed and effective are the same. Without one the machine is taken as owned: effective is
    capital and electricity, billed is the electricity alone, for only that leaves the bank when a job runs.
    """
    if machine.usd_per_device_hour is not None:
        price = machine.usd_per_device_hour
        return HourPrice(price, price, {"kind": "price set by a user", "usd_per_device_hour": str(price)})
    inputs = {
        "purchase_usd": float(machine.purchase_usd) / machine.num_devices,
        "life_years": machine.life_years,
        "residual_fraction": machine.residual_fraction,
        "cost_of_capital": machine.capital_rate,
        "watts": machine.power_watts / machine.num_devices,
        "pue": machine.pue,
        "electricity_usd_per_kwh": machine.electricity_usd_per_kwh,
        "utilisation": machine.use_fraction,
    }
    hour = owned_hour(**inputs)
    basis = {
        "kind": "owned",
        "formula": "(purchase - residual / (1 + rate)^life) x annuity(rate, life) / (8760 x use) + watts x PUE x tariff",
        "inputs": inputs,
        "parts": hour.parts,
        "capital_usd_per_hour": hour.capital_usd_per_hour,
        "electricity_usd_per_hour": hour.electricity_usd_per_hour,
    }
    return HourPrice(price_decimal(hour.total_usd_per_hour), price_decimal(hour.electricity_usd_per_hour), basis)


def price_decimal(value: float) -> Decimal:
    """Return a price as money: millionths of a dollar."""
    return Decimal(repr(value)).quantize(Decimal("0.000001"))
