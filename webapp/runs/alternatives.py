"""The same run on accelerators of the catalogue that can be rented today: which is cheapest, fastest, worth a look.

Nothing was measured on them: times follow from data sheets and the published runs that economics was fitted to.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from economics.errors import EconomicsError
from economics.uncertainty import Interval
from webapp.catalogue.models import Accelerator
from webapp.catalogue.services import PriceFound, fresh_by_accelerator
from webapp.jobs.kinds import WorkFacts
from webapp.quotes.figures import QuoteFigures
from webapp.runs.step_models import StepModel

MAX_SHOWN = 6


@dataclass(frozen=True, kw_only=True, slots=True)
class Alternative:
    """One accelerator for the run; `None` for this machine's own row."""

    accelerator: Accelerator | None
    seconds: Interval
    usd: Interval
    kwh: Interval | None = None
    co2e_kg: Interval | None = None
    price: PriceFound | None = None
    is_cheapest: bool = False
    is_fastest: bool = False
    is_on_frontier: bool = False


def alternatives(step: StepModel, work: WorkFacts, here: QuoteFigures) -> list[Alternative]:
    """Return this machine and the accelerators with fresh prices on which the run fits, cheapest first.

    The start, the checkpoints and the samples take as long there as here.
    """
    found = [
        made
        for accelerator, price in fresh_by_accelerator().items()
        if (made := _alternative(step, work, accelerator, price)) is not None
    ]
    if here.seconds is not None and here.usd is not None:
        found.append(
            Alternative(accelerator=None, seconds=here.seconds, usd=here.usd, kwh=here.kwh, co2e_kg=here.co2e_kg)
        )
    return _marked(found)


def _alternative(step: StepModel, work: WorkFacts, accelerator: Accelerator, price: PriceFound) -> Alternative | None:
    facts = accelerator.facts()
    if not facts.bf16_flop_per_second or not facts.memory_bytes_per_second or not facts.memory_bytes:
        return None
    try:
        estimate = step.elsewhere(
            facts, units=max(work.amount, 1.0), usd_per_hour=price.usd_per_hour, usd_spread=price.spread
        )
    except EconomicsError:
        return None
    if estimate is None or estimate.cost_usd is None:
        return None
    return Alternative(
        accelerator=accelerator,
        price=price,
        seconds=_plus(estimate.wall_seconds, work.fixed_seconds),
        usd=_plus(estimate.cost_usd, work.fixed_seconds * price.usd_per_hour / 3600),
        kwh=estimate.energy_kwh,
        co2e_kg=estimate.co2e_kg,
    )


def _plus(interval: Interval, known: float) -> Interval:
    """Return the interval of a quantity plus something known: the order of draws stays."""
    return Interval(*(value + known for value in interval))


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
    kept = [each for each in marked if each.is_on_frontier or each.accelerator is None]
    others = [each for each in marked if each not in kept][: max(0, MAX_SHOWN - len(kept))]
    return [each for each in marked if each in kept or each in others]
