"""Successive halving: at each rung a run that is not among the best of those that came so far is stopped.

Runs are compared as they arrive, not all at once (Li et al. 2020, the stopping form of asynchronous successive halving),
so that nothing waits. The first few at a rung have nobody to be compared with and go on: some are kept too long, and
seldom is a good one lost - but one whose learning curve begins slowly can be. A schedule that falls towards its end makes
that likelier: at a rung no run has yet had its fall.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """What a trial scored at each rung that it has reached."""

    number: int
    at_rung: Mapping[int, float]


def to_stop(curves: Sequence[Curve], running: set[int], *, factor: int, lower_is_better: bool) -> dict[int, int]:
    """Return the running trials that do not go on: number -> the rung at which they fell."""
    sign = 1 if lower_is_better else -1
    fallen: dict[int, int] = {}
    for curve in curves:
        if curve.number not in running:
            continue
        for rung, value in curve.at_rung.items():
            there = sorted(sign * each.at_rung[rung] for each in curves if rung in each.at_rung)
            num_kept = max(1, len(there) // factor)
            if len(there) >= factor and sign * value > there[num_kept - 1]:
                fallen.setdefault(curve.number, rung)
    return fallen
