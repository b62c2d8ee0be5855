"""Hardware whose isocost lines can be drawn: this machine as it was measured, and accelerators of the catalogue."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from economics.catalogue.accelerators import find_accelerator
from economics.catalogue.prices import typical_price
from economics.errors import EconomicsError
from webapp.ladders.timing import device_of_ladders

OFFERED = ("H100 SXM", "A100 SXM 80GB", "H200", "B200", "L40S", "RTX 4090")
USEFUL_FRACTION = 0.35
"""Of an accelerator's dense bf16 peak, what a whole training run makes use of: published runs lie at 0.3 to 0.5."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hardware:
    """What an hour costs and how much training it does."""

    key: str
    name: str
    usd_per_hour: float
    flop_per_second: float
    basis: str
    """Where both numbers come from."""

    @property
    def usd_per_flop(self) -> float:
        return self.usd_per_hour / 3600 / self.flop_per_second


def hardware_choices() -> list[Hardware]:
    """Return what can be chosen; this machine first, where it was measured."""
    return [*_this_machine(), *(found for name in OFFERED if (found := _of_catalogue(name)) is not None)]


def hardware_of(key: str) -> Hardware | None:
    """Return the hardware of a key, or the first there is."""
    choices = hardware_choices()
    return next((each for each in choices if each.key == key), choices[0] if choices else None)


def _this_machine() -> list[Hardware]:
    device = device_of_ladders()
    if device is None or not device.usd_per_hour:
        return []
    measured = device.calibration.get("training_flop_per_second") or device.calibration.get("model_flop_per_second")
    if not measured:
        return []
    basis = _("measured here by calibration; the hour as on the cost page")
    return [
        Hardware(
            key="this", name=_("this machine"), usd_per_hour=device.usd_per_hour, flop_per_second=float(measured),
            basis=basis,
        )
    ]  # fmt: skip


def _of_catalogue(name: str) -> Hardware | None:
    try:
        accelerator = find_accelerator(name)
        price = typical_price(accelerator.name, today=timezone.now().date())
        peak = accelerator.peak("bf16")
    except EconomicsError:
        return None
    if price is None or not peak or "refresh" in price.note:
        return None  # an old price is never set beside fresh ones
    return Hardware(
        key=accelerator.name,
        name=accelerator.name,
        usd_per_hour=price.usd_per_accelerator_hour,
        flop_per_second=peak * USEFUL_FRACTION,
        basis=_("on demand, %(note)s; %(share)d %% of %(peak)s TFLOP/s")
        % {"note": price.note, "share": round(100 * USEFUL_FRACTION), "peak": f"{peak / 1e12:,.0f}"},
    )
