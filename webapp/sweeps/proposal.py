"""What a sweep would take before it is made: how many runs, what each is quoted at, and how many the budget holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from django.utils.translation import gettext as _

from economics.uncertainty import Interval
from trainer.spec import spec_to_dict
from trainer.sweep.importance import ENOUGH_RUNS_A_SETTING
from trainer.sweep.space import num_combinations, spec_with
from webapp.jobs.kinds import WorkFacts
from webapp.quotes.devices import Device, device_of_queue
from webapp.quotes.elsewhere import Elsewhere, elsewhere
from webapp.quotes.figures import QuoteFigures, sum_of
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
    elsewhere: Elsewhere
    """All runs at the middle price, on other machines."""


def propose(plan: Plan, team: Team) -> Proposal:
    """Return what the sweep would take. Runs differ: the ends of every range are quoted, and the middle."""
    works = [work for share in (0.0, 0.5, 1.0) if (work := _work(plan, share))]
    quotes = [(quote_on(work, device, team=team, kind="train"), work) for work, device in works]
    told = [each for each in quotes if each[0].seconds]
    told.sort(key=lambda each: each[0].seconds.p50 if each[0].seconds else 0.0)
    priced = [quote for quote, _its_work in told]
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
        elsewhere=_elsewhere(*told[len(told) // 2], num_trials, team) if told else Elsewhere(),
    )


def _work(plan: Plan, share: float) -> tuple[WorkFacts, Device] | None:
    """Return a run at some share of every range, and the device that would do it; None where no worker is there."""
    spec = spec_with(spec_to_dict("train", plan.spec), {each.name: each.at(share) for each in plan.space})
    device = device_of_queue(queue_of(spec))
    return (train_work(spec, plan.version, device), device) if device else None


def _elsewhere(quote: QuoteFigures, work: WorkFacts, num_trials: int, team: Team) -> Elsewhere:
    """Return so many runs alike on other machines: one after another they are one long run with as many starts."""
    whole = replace(work, amount=num_trials * work.amount, fixed_seconds=num_trials * work.fixed_seconds)
    return elsewhere(whole, sum_of([quote] * num_trials), team)


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
