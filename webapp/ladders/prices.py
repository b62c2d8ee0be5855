"""Hardware whose isocost lines can be drawn: this machine as it was measured, and what the team can have by the hour."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from webapp.catalogue.freshness import today
from webapp.catalogue.offers import HourOffer, team_offers
from webapp.ladders.timing import device_of_ladders
from webapp.quotes.devices import under_terms
from webapp.teams.models import Team

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

    is_the_teams: bool = False
    """This machine, hardware of one's own, or under a contract: offered before the market's."""

    @property
    def usd_per_flop(self) -> float:
        return self.usd_per_hour / 3600 / self.flop_per_second


def hardware_choices(team: Team) -> list[Hardware]:
    """Return what can be chosen: this machine first, where it was measured, the team's own, then the market by price."""
    offered = [found for offer in team_offers(team, today()) if (found := _of_offer(offer)) is not None]
    own = [found for found in offered if found.is_the_teams]
    market = sorted((found for found in offered if not found.is_the_teams), key=lambda each: each.usd_per_flop)
    return [*_this_machine(team), *own, *market]


def hardware_of(key: str, choices: list[Hardware]) -> Hardware | None:
    """Return the hardware of a key, or the first there is."""
    return next((each for each in choices if each.key == key), choices[0] if choices else None)


def _this_machine(team: Team) -> list[Hardware]:
    device = device_of_ladders()
    if device is None or not device.usd_per_hour:
        return []
    device = under_terms(device, team)
    measured = device.calibration.get("training_flop_per_second") or device.calibration.get("model_flop_per_second")
    if not measured or not device.usd_per_hour:
        return []
    basis = _("measured here by calibration; the hour as on the cost page")
    if device.terms is not None:
        basis = f"{basis}; {device.terms.words()}"
    return [
        Hardware(
            key="this", name=_("this machine"), usd_per_hour=device.usd_per_hour, flop_per_second=float(measured),
            basis=basis, is_the_teams=True,
        )
    ]  # fmt: skip


def _of_offer(offer: HourOffer) -> Hardware | None:
    peak = offer.accelerator.bf16_flop_per_second
    if not peak or not offer.usd_per_hour:
        return None
    return Hardware(
        key=offer.key,
        name=offer.name,
        usd_per_hour=offer.usd_per_hour,
        flop_per_second=peak * USEFUL_FRACTION,
        basis=_("%(note)s; %(share)d %% of %(peak)s TFLOP/s")
        % {"note": offer.note, "share": round(100 * USEFUL_FRACTION), "peak": f"{peak / 1e12:,.0f}"},
        is_the_teams=offer.is_own or offer.terms is not None,
    )
