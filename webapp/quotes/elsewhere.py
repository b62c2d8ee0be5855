"""The same work on accelerators of the catalogue that can be rented today: which is cheapest, fastest, worth a look.

elsewhere(work, here, team)         of one job
elsewhere_of(works, here, team)     of several, one after another: a ladder, a sweep

Nothing was measured on them: times follow from data sheets and the published runs that economics was fitted to. What does
not go with the steps is taken to last as long as here, give or take a factor of two. Work that cannot be reckoned there, or
that another machine would be no use for, says so in one sentence instead: decided here, for all kinds of jobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from math import log

from django.utils.translation import gettext_lazy as _

from economics.errors import EconomicsError
from economics.training.outcome import Outcome
from economics.uncertainty import Interval, LogNormal, draw_jointly, interval_of
from economics.uncertainty.draws import Floats
from webapp.catalogue.freshness import today
from webapp.catalogue.offers import HourOffer, team_offers
from webapp.jobs.kinds import Bound, WorkFacts
from webapp.quotes.figures import QuoteFigures, added
from webapp.teams.models import Team

MAX_SHOWN = 6
NUM_DRAWS = 1_000
Z90 = 1.2816
FIXED_SPREAD = log(2) / Z90
"""Of ln(start, checkpoints and samples) elsewhere: one time in ten it takes half as long as here, one in ten twice."""

WHY_NOT = {
    Bound.UNCOUNTED: _("Only jobs like it that ended here tell how long it takes: of other machines no number can be told."),
    Bound.FILES: _("It reads and writes files by the processor, which a rented accelerator would not make faster."),
    Bound.MACHINE: _("It measures this very machine: no other can do that for it."),
}  # fmt: skip
NO_PRICE = _("No accelerator that it fits on has a price of the last 60 days. Refresh the prices to compare.")


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Elsewhere:
    """The alternatives to this machine, cheapest first; where there are none, why."""

    rows: list[Alternative] = field(default_factory=list)
    why_not: str = ""


def elsewhere(work: WorkFacts, here: QuoteFigures, team: Team) -> Elsewhere:
    """Return this machine and the accelerators that the team can have today, those on which the work fits."""
    return elsewhere_of([work], here, team)


def elsewhere_of(works: Sequence[WorkFacts], here: QuoteFigures, team: Team) -> Elsewhere:
    """Return the same of several works that one machine does one after another; `here` is the quote of all of them."""
    stuck = next((work for work in works if work.portable is None), None)
    if stuck is not None:
        return Elsewhere(why_not=str(WHY_NOT[stuck.bound]))
    found = [made for offer in team_offers(team, today()) if (made := _alternative(works, offer)) is not None]
    if not found:
        return Elsewhere(why_not=str(NO_PRICE))
    if here.seconds is not None and here.usd is not None and here.fits is not False:
        usd = here.to_pay_usd or here.usd
        found.append(Alternative(offer=None, seconds=here.seconds, usd=usd, kwh=here.kwh, co2e_kg=here.co2e_kg))
    return Elsewhere(rows=_marked(found))


def _alternative(works: Sequence[WorkFacts], offer: HourOffer) -> Alternative | None:
    """Return the works on an accelerator; None where one of them does not fit, or its data sheet says too little.

    What one machine does rises and falls together, and only such numbers may be added interval by interval.
    """
    facts = offer.accelerator.facts()
    if not facts.bf16_flop_per_second or not facts.memory_bytes_per_second or not facts.memory_bytes:
        return None
    try:
        parts = [_part(work, offer) for work in works]
    except EconomicsError:
        return None
    known = [part for part in parts if part is not None]
    seconds, usd = (added(part[at] for part in known) for at in (0, 1))
    if len(known) < len(parts) or seconds is None or usd is None:
        return None
    kwh, co2e_kg = (added(part[at] for part in known) for at in (2, 3))
    return Alternative(offer=offer, seconds=seconds, usd=offer.to_pay(usd), kwh=kwh, co2e_kg=co2e_kg)


def _part(work: WorkFacts, offer: HourOffer) -> tuple[Interval, Interval, Interval | None, Interval | None] | None:
    """Return seconds, dollars, kWh and kg of one of the works; None where it does not fit.

    Power is drawn as at work from the start to the end, as it is reckoned for this machine.
    """
    assert work.portable is not None
    steps = work.portable.elsewhere(
        offer.accelerator.facts(), units=max(work.amount, 1.0), usd_per_hour=offer.usd_per_hour, usd_spread=offer.spread
    )
    if steps is None:
        return None
    seconds, usd = _with_fixed(steps, work.fixed_seconds, offer)
    kwh, co2e_kg = (
        seconds * (each.p50 / steps.wall_seconds.p50) if each else None for each in (steps.energy_kwh, steps.co2e_kg)
    )
    return seconds, usd, kwh, co2e_kg


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
