"""What a month will have cost at its end, from what each day of late has cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from economics.uncertainty.intervals import Interval, interval_of

NUM_DRAWS = 4_000
NUM_DAYS_REMEMBERED = 28
"""Older days say little of how a small team spends now."""
LEAST_DAYS = 3
"""Fewer days say nothing of the next ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MonthEnd:
    """A month's spending at its end."""

    spent: float
    """Until now, in the unit of the days."""

    total: Interval | None
    """At the end of the month; None where too few days are known."""

    by_day: tuple[Interval, ...]
    """The sum at the end of each day that is left, for a chart; empty where `total` is None."""


def month_end(
    recent: Sequence[float], *, spent: float, num_days_left: int, known_ahead: float = 0.0, seed: int = 1
) -> MonthEnd:
    """Return the month's sum at its end.

    Each day that is left is drawn from the last days as they were, without a shape assumed: days without spending come
    up as often as they did. Their level is uncertain too, so each path first draws which of the days it believes in
    (the Bayesian bootstrap). What is known to come is added to every path.

    Parameters
    ----------
    recent : spending of each of the last days, oldest first, days of 0 included; today, which is not over, left out
    spent : of this month until now
    num_days_left : days of the month that are left, today's rest not counted
    known_ahead : what is already ordered and will fall into this month
    """
    if num_days_left < 0:
        raise ValueError(f"num_days_left ({num_days_left}) must not be negative")
    days = np.asarray(recent, dtype=float)[-NUM_DAYS_REMEMBERED:]
    if num_days_left == 0:
        return MonthEnd(spent=spent, total=Interval.of_point(spent + known_ahead), by_day=())
    if days.size < LEAST_DAYS:
        return MonthEnd(spent=spent, total=None, by_day=())
    draws = np.random.default_rng(seed)
    weights = draws.dirichlet(np.ones(days.size), size=NUM_DRAWS)
    picks = (draws.random((NUM_DRAWS, num_days_left, 1)) > weights.cumsum(axis=1)[:, None, :]).sum(axis=2)
    paths = spent + known_ahead + days[np.minimum(picks, days.size - 1)].cumsum(axis=1)
    by_day = tuple(interval_of(paths[:, k]) for k in range(num_days_left))
    return MonthEnd(spent=spent, total=by_day[-1], by_day=by_day)
