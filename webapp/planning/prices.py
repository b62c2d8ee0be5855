"""The price of a GPU-hour that a plan reckons with: given, the team's own, or the catalogue's of the day."""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import dataclass

from django.utils.translation import gettext as _

from economics.catalogue.accelerators import find_accelerator
from economics.catalogue.purchases import typical_purchase
from economics.errors import InputError
from economics.ownership import owned_hour
from webapp.catalogue.offers import HourOffer, contract_offers, owned_offers
from webapp.catalogue.services import price_for
from webapp.planning.inputs import PlanInputs
from webapp.teams.models import Team

REGIONS = {"us": "us-", "eu": "eu", "asia": "asia"}
"""What a region's name holds, as providers write them; where no offer does, any region counts, and the note says so."""

Z90 = 1.2815516
"""90 % point of the standard normal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceUsed:
    """The price of a GPU-hour of a plan."""

    usd_per_hour: float
    low: float
    high: float
    note: str


def price_used(inputs: PlanInputs, day: dt.date, team: Team | None = None) -> PriceUsed:
    """Return the price given, the team's own (its hardware, its contract), or the catalogue's of the term and region."""
    if inputs.gpu_usd_per_hour > 0:
        given = inputs.gpu_usd_per_hour
        return PriceUsed(usd_per_hour=given, low=given * 0.94, high=given * 1.06, note=_("given in the plan"))
    device = find_accelerator(inputs.accelerator)
    mine = _of_team(team, device.name, inputs.term, day) if team else None
    if mine is not None:
        return price_about(mine.usd_per_hour, mine.spread, f"{mine.name}: {mine.note}")
    if inputs.term == "owned":
        return _owned(inputs, day)
    asked = REGIONS.get(inputs.region, "")
    typical = price_for(device.name, inputs.term, asked, at=day) if asked else None
    where = _("region %s") % inputs.region if typical else _("any region")
    typical = typical or price_for(device.name, inputs.term, at=day)
    if typical is None:
        wanted = _("given: the catalogue knows no %(term)s price of %(device)s")
        raise InputError("Price of a GPU-hour", None, wanted % {"term": inputs.term, "device": device.name})
    return price_about(typical.usd_per_hour, typical.spread, f"{typical.note}, {where}")


def _of_team(team: Team, device: str, term: str, day: dt.date) -> HourOffer | None:
    """Return the team's own terms for the accelerator: what it owns, or the cheapest of its contracts."""
    if term == "owned":
        found = [offer for offer in owned_offers(team) if offer.accelerator.name == device]
    elif term == "on-demand":
        found = [offer for offer in contract_offers(team, day) if offer.accelerator.name == device]
    else:
        found = []
    return min(found, key=lambda offer: offer.usd_per_hour, default=None)


def price_about(value: float, spread: float, note: str) -> PriceUsed:
    """Return a price with the p10 and p90 that the spread of its offers gives."""
    wide = math.exp(Z90 * min(spread, 0.5))
    return PriceUsed(usd_per_hour=value, low=value / wide, high=value * wide, note=note)


def _owned(inputs: PlanInputs, day: dt.date) -> PriceUsed:
    device = find_accelerator(inputs.accelerator)
    bought = typical_purchase(device.name, today=day)
    if bought is None:
        raise InputError("Price of a GPU-hour", None, _("given: no purchase price of %s is known") % device.name)
    hour = owned_hour(purchase_usd=bought.usd, watts=0.8 * device.watts_of_server, pue=1.2, utilisation=0.7)
    value = hour.total_usd_per_hour
    note = _("%s; 4 years, 10 %% residual, 10 %% cost of capital, 70 %% used, 0.15 USD/kWh") % bought.note
    return PriceUsed(usd_per_hour=value, low=value * 0.77, high=value * 1.29, note=note)
