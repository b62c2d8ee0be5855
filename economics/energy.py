"""Energy and its CO2, from the power of the server rather than the chip's rating."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor, log10

from economics.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Energy:
    """Energy at the meter, and what it emits."""

    kwh: float
    co2e_kg: float
    """Kilograms of CO2 equivalent, to two digits: grid figures are not better."""
    parts: dict[str, float]
    """The formula's numbers by name."""


def run_energy(
    *,
    accelerator_hours: float,
    server_watts_per_accelerator: float,
    load_fraction: float = 0.8,
    pue: float = 1.2,
    grid_kg_per_kwh: float = 0.4,
) -> Energy:
    """Return the energy of a run: hours x watts of the server per accelerator x load x PUE.

    A server takes more than its accelerators' ratings (processors, memory, network, fans: an eight-device server of
    700 W parts is rated 10.2 kW, 1,275 W each) and less than its rating when it works. PUE adds cooling and
    conversion.

    Parameters
    ----------
    accelerator_hours : accelerators x hours, >= 0
    server_watts_per_accelerator : rated power of the server over its accelerators
    load_fraction : mean power over rated power while training, 0 to 1
    pue : power of the building over that of its computers, >= 1
    grid_kg_per_kwh : CO2e of a kilowatt hour; world mean about 0.4, France 0.05, coal 0.9

    Source
    ------
    Patterson et al. 2021, arXiv 2104.10350, §2 (the formula); vendors' rack power for the ratings.

    >>> energy = run_energy(accelerator_hours=1000, server_watts_per_accelerator=1275)
    >>> round(energy.kwh), energy.co2e_kg
    (1224, 490.0)
    """
    if accelerator_hours < 0:
        raise InputError("accelerator_hours", accelerator_hours, "at least 0")
    if not 0 <= load_fraction <= 1:
        raise InputError("load_fraction", load_fraction, "between 0 and 1")
    if pue < 1:
        raise InputError("pue", pue, "at least 1")
    kwh = accelerator_hours * server_watts_per_accelerator * load_fraction * pue / 1000.0
    return Energy(
        kwh=kwh,
        co2e_kg=two_digits(kwh * grid_kg_per_kwh),
        parts={
            "accelerator_hours": accelerator_hours,
            "server_watts_per_accelerator": server_watts_per_accelerator,
            "load_fraction": load_fraction,
            "pue": pue,
            "grid_kg_per_kwh": grid_kg_per_kwh,
        },
    )


def two_digits(value: float) -> float:
    """Round to two significant digits.

    >>> two_digits(489.6), two_digits(0.0)
    (490.0, 0.0)
    """
    if value == 0:
        return 0.0
    return round(value, 1 - floor(log10(abs(value))))
