"""What the team's own jobs say about the next one: their times over what was reckoned, and rates where nothing else tells.

An ended job enters as the ratio of its time to what the plain reckoning said, before any job had a say; so that a quote
that learned from a job is not then compared with itself. Jobs that did not get to their end say only "longer than".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log, sqrt
from operator import mul
from statistics import median

from economics.verbs.quote import PastJob
from webapp.jobs.kinds import WorkFacts
from webapp.quotes.devices import WORKSTATION_JOB_SPREAD, Device
from webapp.quotes.models import QuoteOutcome
from webapp.teams.models import Team

MAX_JOBS = 200
"""The latest ones; older say little about today's machine."""

LEAST_VARIABLE_FRACTION = 0.3
"""A job whose time is mostly start and end says nothing about the rate."""

SPREAD_WEIGHT = 6.0
"""Jobs that the belief in how far they scatter is worth against those that were seen."""

COMMON_WEIGHT = 5.0
"""Jobs off by nothing that stand against those that were off in common: one or two surprises are scatter, many are not."""

HALF_LIFE_JOBS = 8.0
"""Finished jobs after which a surprise weighs half."""

OWN_RATE_SPREAD = 0.6
"""Standard deviation of ln(rate) of a kind that nothing but own jobs tells of, before the first of them."""

OWN_JOB_SPREAD = 0.35
"""Standard deviation of ln(time) from job to job of such a kind, until they have shown it: what their time depends on
besides the amount, nobody has counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class OwnRate:
    """The middle rate of own finished jobs of a group, and how little is known besides."""

    units_per_second: float
    rate_spread: float
    num_jobs: int


def outcomes(team: Team, kind: str) -> list[QuoteOutcome]:
    """Return the latest ends of a team's jobs of a kind, with their quotes."""
    rows = QuoteOutcome.objects.filter(quote__team=team, quote__kind=kind, seconds__gt=0).select_related("quote")
    return list(rows.order_by("-ended_at")[:MAX_JOBS])


def past_jobs(rows: Sequence[QuoteOutcome]) -> list[PastJob]:
    """Return the jobs as economics weighs them, each against the reckoning that its quote was made of."""
    found = []
    for row in rows:
        base, fixed = row.quote.base_seconds, row.quote.fixed_seconds
        if not base or row.seconds <= fixed or (base - fixed) < LEAST_VARIABLE_FRACTION * base:
            continue
        ratio = (row.seconds - fixed) / (base - fixed)
        state = "cancelled" if row.is_censored else "succeeded"
        found.append(PastJob(ratio=ratio, state=state, device=row.device, kind=row.quote.group))  # type: ignore[arg-type]
    return found


def own_rate(rows: Sequence[QuoteOutcome], work: WorkFacts, device: Device) -> OwnRate | None:
    """Return the rate that own finished jobs of the group had on the device; None if there are none."""
    alike = [row for row in rows if row.quote.group == work.group and not row.is_censored and row.quote.amount > 0]
    here = [row for row in alike if row.device == device.name] or alike
    if not here or not work.amount:
        return None
    rates = [row.quote.amount / max(row.seconds - row.quote.fixed_seconds, 1e-3) for row in here]
    return OwnRate(units_per_second=median(rates), rate_spread=OWN_RATE_SPREAD, num_jobs=len(here))


def past_of_rate(rows: Sequence[QuoteOutcome], own: OwnRate, work: WorkFacts) -> list[PastJob]:
    """Return the group's jobs against its own middle rate: how far they scatter is all that is known."""
    found = []
    for row in rows:
        reckoned = row.quote.amount / own.units_per_second if row.quote.group == work.group else 0.0
        if reckoned > 0 and row.seconds > row.quote.fixed_seconds:
            ratio = (row.seconds - row.quote.fixed_seconds) / reckoned
            state = "cancelled" if row.is_censored else "succeeded"
            found.append(PastJob(ratio=ratio, state=state, device=row.device, kind=row.quote.group))  # type: ignore[arg-type]
    return found


def job_spread(rows: Sequence[QuoteOutcome], belief: float = WORKSTATION_JOB_SPREAD) -> float:
    """Return how far jobs scatter about their quotes: the belief to begin with, and how far the finished ones were off.

    A machine that other work slows down shows it here: surprises widen the next quotes, and fade as quotes come true. What
    they were off by in common is no scatter: it moves the rate.
    """
    quoted = [(row.seconds, row.quote.seconds) for row in rows if not row.is_censored]
    errors = [log(seconds / told.p50) for seconds, told in quoted if told is not None and told.p50 > 0]
    shares = [0.5 ** (age / HALF_LIFE_JOBS) for age in range(len(errors))]  # the latest first
    common = sum(map(mul, shares, errors)) / (COMMON_WEIGHT + sum(shares))
    squares = sum(share * (error - common) ** 2 for share, error in zip(shares, errors, strict=True))
    return sqrt((SPREAD_WEIGHT * belief**2 + squares) / (SPREAD_WEIGHT + sum(shares)))
