"""What a sweep would take before it is made: how many runs, what each is quoted at, and how many the budget holds."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from economics.uncertainty import Interval
from trainer.spec import spec_to_dict
from trainer.sweep.importance import ENOUGH_RUNS_A_SETTING
from trainer.sweep.space import num_combinations, spec_with
from webapp.quotes.devices import device_of_queue
from webapp.quotes.figures import QuoteFigures
from webapp.quotes.services import quote_on
from webapp.runs.estimates import queue_of
from webapp.runs.work import train_work
from webapp.sweeps.models import Sweep
from webapp.sweeps.services import Plan
from webapp.teams.models import Team


@dataclass(frozen=True, kw_only=True, slots=True)
class Proposal:
    num_trials: int
    num_combinations: int | None
    """Of a grid; a range has no number of them."""

    cheapest: QuoteFigures | None
    dearest: QuoteFigures | None
    whole_seconds: Interval | None
    """Of all runs at the middle price, one after another: on one machine they rise and fall together."""

    whole_usd: Interval | None

    num_in_budget: int | None
    """Runs of the middle price that the budget holds, were none stopped early."""

    rungs: list[int]
    warnings: list[str]


def propose(plan: Plan, team: Team) -> Proposal:
    """Return what the sweep would take. Runs differ: the ends of every range are quoted, and the middle."""
    quotes = [quote for share in (0.0, 0.5, 1.0) if (quote := _quote(plan, share, team))]
    priced = sorted(quotes, key=lambda quote: quote.seconds.p50 if quote.seconds else 0.0)
    combinations = num_combinations(plan.space) if plan.method == Sweep.Method.GRID else None
    middle = priced[len(priced) // 2] if priced else None
    in_budget = _in_budget(plan, middle) if middle else None
    rungs, step = [], plan.first_rung
    while 0 < step < plan.spec.schedule.num_steps:
        rungs.append(step)
        step *= plan.halving_factor
    num_trials = min(plan.max_trials, combinations or plan.max_trials)
    return Proposal(
        num_trials=num_trials,
        num_combinations=combinations,
        cheapest=priced[0] if priced else None,
        dearest=priced[-1] if priced else None,
        whole_seconds=middle.seconds * num_trials if middle and middle.seconds else None,
        whole_usd=middle.usd * num_trials if middle and middle.usd else None,
        num_in_budget=in_budget,
        rungs=rungs,
        warnings=list(_warnings(plan, num_trials, combinations, in_budget)),
    )


def _quote(plan: Plan, share: float, team: Team) -> QuoteFigures | None:
    spec = spec_with(spec_to_dict("train", plan.spec), {each.name: each.at(share) for each in plan.space})
    device = device_of_queue(queue_of(spec))
    quote = quote_on(train_work(spec, plan.version, device), device, team=team, kind="train") if device else None
    return quote if quote and quote.seconds else None


def _in_budget(plan: Plan, quote: QuoteFigures) -> int | None:
    if plan.budget_hours and quote.seconds:
        return int(plan.budget_hours * 3600 / quote.seconds.p50)
    if plan.budget_usd and quote.usd and quote.usd.p50 > 0:
        return int(plan.budget_usd / quote.usd.p50)
    return None


def _warnings(plan: Plan, num_trials: int, combinations: int | None, in_budget: int | None) -> list[str]:
    found = []
    if in_budget is not None and in_budget < 2:
        found.append(_("The budget holds less than two runs: nothing could be compared."))
    elif in_budget is not None and in_budget < num_trials and not plan.first_rung:
        found.append(
            _("The budget ends the sweep after about %(n)d of %(all)d runs.") % {"n": in_budget, "all": num_trials}
        )
    if combinations and combinations > plan.max_trials:
        found.append(
            _("The grid has %(n)d combinations of which only the first %(max)d are made.")
            % {"n": combinations, "max": plan.max_trials}
        )
    num_varied = sum(not setting.is_fixed for setting in plan.space)
    if num_trials < ENOUGH_RUNS_A_SETTING * num_varied:
        found.append(
            _("%(runs)d runs for %(n)d settings find good values; which setting matters most they can only hint at.")
            % {"runs": num_trials, "n": num_varied}
        )
    return found
