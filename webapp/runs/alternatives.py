"""The same run on accelerators of the catalogue that can be rented today: which is cheapest, fastest, worth a look.

Nothing was measured on them: times follow from data sheets and the published runs that economics was fitted to. What does
not go with the steps is taken to last as long as here, give or take a factor of two.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache
from math import log

from economics.errors import EconomicsError
from economics.training.outcome import Outcome
from economics.uncertainty import Interval, LogNormal, draw_jointly, interval_of
from economics.uncertainty.draws import Floats
from webapp.catalogue.freshness import today
from webapp.catalogue.offers import HourOffer, team_offers
from webapp.jobs.kinds import WorkFacts
from webapp.quotes.figures import QuoteFigures
from webapp.runs.step_models import StepModel
from webapp.teams.models import Team

MAX_SHOWN = 6
NUM_DRAWS = 1_000
Z90 = 1.2816
FIXED_SPREAD = log(2) / Z90
"""Of ln(start, checkpoints and samples) elsewhere: one time in ten it takes half as long as here, one in ten twice."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """One accelerator for the run on some terms; `offer` is None for this machine's own row."""

    offer: HourOffer | None
    seconds: Interval
    usd: Interval
    """What deciding for it costs: under a contract, what is left to pay."""

    kwh: Interval | None = None
    co2e_kg: Interval | None = None
    is_cheapest: bool = False
    is_fastest: bool = False
    is_on_frontier: bool = False

    @property
    def is_the_teams(self) -> bool:
        """This machine, hardware of one's own, or hours under a contract: shown whether or not it is on the frontier."""
        return self.offer is None or self.offer.is_own or self.offer.terms is not None


def alternatives(step: StepModel, work: WorkFacts, here: QuoteFigures, team: Team) -> list[Alternative]:
    """Return this machine and the accelerators that the team can have today, those on which the run fits, cheapest first.

    The start, the checkpoints and the samples take as long there as here.
    """
    found = [made for offer in team_offers(team, today()) if (made := _alternative(step, work, offer)) is not None]
    if here.seconds is not None and here.usd is not None and here.fits is not False:
        usd = here.to_pay_usd or here.usd
        found.append(Alternative(offer=None, seconds=here.seconds, usd=usd, kwh=here.kwh, co2e_kg=here.co2e_kg))
    return _marked(found)


def _alternative(step: StepModel, work: WorkFacts, offer: HourOffer) -> Alternative | None:
    facts = offer.accelerator.facts()
    if not facts.bf16_flop_per_second or not facts.memory_bytes_per_second or not facts.memory_bytes:
        return None
    try:
        estimate = step.elsewhere(
            facts, units=max(work.amount, 1.0), usd_per_hour=offer.usd_per_hour, usd_spread=offer.spread
        )
    except EconomicsError:
        return None
    if estimate is None:
        return None
    seconds, usd = _with_fixed(estimate, work.fixed_seconds, offer)
    return Alternative(
        offer=offer, seconds=seconds, usd=offer.to_pay(usd), kwh=estimate.energy_kwh, co2e_kg=estimate.co2e_kg
    )


def _with_fixed(steps: Outcome, fixed_seconds: float, offer: HourOffer) -> tuple[Interval, Interval]:
    """Return time and money of the steps and of what comes on top of them; both rest on the same draws."""
    wall, drawn = steps.wall_seconds, _drawn()
    spread = LogNormal.from_median(wall.p50, p10=wall.p10, p90=wall.p90).sigma
    seconds = wall.p50 * drawn["steps"] ** spread + fixed_seconds * drawn["fixed"] ** FIXED_SPREAD
    price = offer.usd_per_hour * drawn["price"] ** offer.spread
    return interval_of(seconds), interval_of(seconds / 3600 * price)


@cache
def _drawn() -> dict[str, Floats]:
    """Return draws of median 1 whose logarithms spread by 1: to the power of a spread they are what is wanted."""
    return draw_jointly({name: LogNormal(0.0, 1.0) for name in ("steps", "fixed", "price")}, num_draws=NUM_DRAWS)


def _marked(found: list[Alternative]) -> list[Alternative]:
    """Mark the cheapest, the fastest and those that nothing beats in both; keep these and the next cheapest."""
    if not found:
        return []
    by_price = sorted(found, key=lambda each: (each.usd.p50, each.seconds.p50))
    fastest = min(found, key=lambda each: each.seconds.p50)
    marked, best = [], float("inf")
    for each in by_price:
        on_frontier = each.seconds.p50 < best
        best = min(best, each.seconds.p50)
        marked.append(
            replace(each, is_cheapest=each is by_price[0], is_fastest=each is fastest, is_on_frontier=on_frontier)
        )
    kept = [each for each in marked if each.is_on_frontier or each.is_the_teams]
    others = [each for each in marked if each not in kept][: max(0, MAX_SHOWN - len(kept))]
    return [each for each in marked if each in kept or each in others]
