"""What a useful hour of a team's own devices costs, with the formula's numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from economics.ownership import OwnedHour, owned_hour
from webapp.catalogue.models import OwnHardware

FORMULA = (
    "((purchase − residual/(1+rate)^life) × annuity(rate, life) + rack + staff) / (8,760 h × utilisation)"
    " + (working W + idle W × (1−utilisation)/utilisation) × PUE × tariff"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class HourCost:
    """USD per device and useful hour, its parts, and what it was made of."""

    hour: OwnedHour
    inputs: dict[str, Any]
    formula: str = FORMULA

    @property
    def usd_per_hour(self) -> float:
        return self.hour.total_usd_per_hour


def hardware_hour(hardware: OwnHardware) -> HourCost:
    """Return what a useful hour of one of the devices costs."""
    inputs = {
        "purchase_usd": float(hardware.purchase_usd),
        "life_years": hardware.life_years,
        "residual_fraction": hardware.residual_fraction,
        "cost_of_capital": hardware.cost_of_capital,
        "watts": hardware.watts,
        "idle_watts": hardware.idle_watts,
        "pue": hardware.pue,
        "electricity_usd_per_kwh": hardware.electricity_usd_per_kwh,
        "other_usd_per_year": hardware.rack_usd_per_year + hardware.staff_usd_per_year,
        "utilisation": hardware.utilisation,
    }
    return HourCost(hour=owned_hour(**inputs), inputs=inputs)
