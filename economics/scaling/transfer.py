"""What a transfer is worth in data: how much of it a run from scratch would need for the same loss.

Source: Hernandez et al. 2021, arXiv 2102.01293: effective data transferred, measured on one's own pair of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError

Z_80 = 1.2816
"""Standard deviations within which 80 % of a normal distribution lie."""

MIN_FOR_SCATTER = 5
"""Measurements of a run from which its scatter can be told."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Curve:
    """Where a run was measured. A score that is better the higher it is comes with its sign turned."""

    tokens: Sequence[float]
    losses: Sequence[float]

    def measured(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return tokens above 0, rising, and the finite losses there."""
        points = sorted(
            (t, loss) for t, loss in zip(self.tokens, self.losses, strict=True) if t > 0 and np.isfinite(loss)
        )
        return np.array([t for t, _ in points], float), np.array([loss for _, loss in points], float)


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """Effective data of a transfer against a run from scratch on the same data."""

    multiplier: float
    """Tokens that the run from scratch needed for that loss, by those that the transfer needed."""

    low: float
    high: float | None
    """From what to what the measurements leave it open; no upper end where the run from scratch never came so far, or the
    transfer was as good at its first measurement. What other seeds would give is in neither."""

    is_lower_bound: bool
    """The run from scratch never came so far: the multiplier is at least this."""

    scatter: float | None
    """Standard deviation of a measured loss around its course, of both together; None where they are too few to tell."""


def effective_data(scratch: Curve, transfer: Curve) -> Worth:
    """Return what a transfer is worth, at the best loss that it had.

    Between two measurements of the run from scratch its loss is linear in log tokens; its best so far counts at each place.
    The interval holds where between two measurements either run may have come to that loss, and how much its measured
    losses scatter (80 %).

    Raises
    ------
    InputError : without two measurements of the run from scratch, or one of the transfer

    >>> scratch = Curve(tokens=[1e3, 1e4, 1e5], losses=[4.0, 3.0, 2.0])
    >>> found = effective_data(scratch, Curve(tokens=[500, 1e3], losses=[3.1, 2.5]))
    >>> round(found.multiplier, 2), found.low, found.high
    (31.62, 10.0, 200.0)
    >>> effective_data(scratch, Curve(tokens=[1e3], losses=[1.0])).is_lower_bound
    True
    """
    tokens, losses = scratch.measured()
    moved, reached_losses = transfer.measured()
    if len(tokens) < 2:
        raise InputError("scratch.tokens", len(tokens), "at least two measurements at more than 0 tokens")
    if not len(moved):
        raise InputError("transfer.tokens", 0, "at least one measurement at more than 0 tokens")
    place = int(np.argmin(reached_losses))
    loss, at = float(reached_losses[place]), float(moved[place])
    scatter = _scatter_of(losses, reached_losses)
    margin = Z_80 * (scatter or 0.0)
    best = np.minimum.accumulate(losses)
    needed, is_lower_bound = _needed(tokens, best, loss)
    below, above = _between(tokens, best, loss + margin)[0], _between(tokens, best, loss - margin)[1]
    return Worth(
        multiplier=needed / at,
        low=min(below, needed) / at,
        high=above / float(moved[place - 1]) if above is not None and place else None,
        is_lower_bound=is_lower_bound,
        scatter=scatter,
    )


def _needed(tokens: NDArray[np.float64], best: NDArray[np.float64], loss: float) -> tuple[float, bool]:
    """Return the tokens at which a run had a loss, and whether it never did: then all of its tokens."""
    if loss < best[-1]:
        return float(tokens[-1]), True
    reached = int(np.argmax(best <= loss))  # the first place that is as good
    if not reached or best[reached - 1] <= best[reached]:
        return float(tokens[reached]), False
    share = (best[reached - 1] - loss) / (best[reached - 1] - best[reached])
    before, behind = np.log(tokens[reached - 1]), np.log(tokens[reached])
    return float(np.exp(before + share * (behind - before))), False


def _between(tokens: NDArray[np.float64], best: NDArray[np.float64], loss: float) -> tuple[float, float | None]:
    """Return the last measurement before a run had a loss (0: there was none), and the one that had it; None: it never did."""
    if loss < best[-1]:
        return float(tokens[-1]), None
    reached = int(np.argmax(best <= loss))
    return float(tokens[reached - 1]) if reached else 0.0, float(tokens[reached])


def _scatter_of(*curves: NDArray[np.float64]) -> float | None:
    """Return the standard deviation of a loss around its course, of independent runs together; None where one is too short.

    A measurement is held against the mean of its neighbours, so that what is learnt from one to the next counts little.
    """
    squares = 0.0
    for losses in curves:
        if len(losses) < MIN_FOR_SCATTER:
            return None
        off = losses[1:-1] - (losses[:-2] + losses[2:]) / 2  # variance 1.5 of one measurement's
        squares += float(np.median(off**2)) / 0.4549 / 1.5  # the median of a squared normal is 0.4549 of its variance
    return float(np.sqrt(squares))
