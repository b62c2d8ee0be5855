"""Leave-largest-out: how wrong would this law have been, had the largest runs not been there to fit?

The one test of a scaling law that resembles its use. Reported as loss and as compute: an error of 1 % of loss is
nothing on a short ladder and a factor of two of compute near the floor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.errors import EconomicsError
from economics.scaling.laws import LossLaw
from economics.scaling.parametric import centre_of
from economics.scaling.points import Points
from economics.scaling.rules import FEWEST_FOR_MEDIAN, refuse_if_unidentified

Floats = NDArray[np.float64]
HELD_OUT_FRACTION = 0.1
"""Share of the runs, by compute, that are held out; one run at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveLargestOut:
    """Error on the largest runs of a law fitted without them."""

    num_held_out: int
    """Rows held out."""

    compute_ratio: float
    """Largest compute held out over the largest fitted."""

    mean_log_error: float
    """Mean of ln(observed / predicted): above 0, the law was too hopeful."""

    rms_log_error: float
    """Root mean square of the same."""

    compute_equivalent_factor: float | None
    """Compute at which the law grants the observed losses, over the compute spent: geometric mean; below 1 the law
    was too hopeful. None where an observed loss is below the law's floor."""


def leave_largest_out(
    points: Points, *, fit: Callable[[Points], LossLaw] | None = None
) -> tuple[LeaveLargestOut | None, str | None]:
    """Fit without the largest runs and predict them; returns the error, or None with the reason there is none.

    Parameters
    ----------
    points : all points
    fit : how to fit; the parametric centre unless given

    >>> truth = LossLaw(E=1.8, A=480.0, B=2100.0, alpha=0.35, beta=0.37)
    >>> n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e8, 1e10, 5), np.geomspace(1e9, 1e11, 5)))
    >>> found, _ = leave_largest_out(Points(num_params=n, num_tokens=d, loss=truth.loss(n, d)))
    >>> found.num_held_out, round(found.rms_log_error, 4), round(found.compute_equivalent_factor, 2)
    (3, 0.0, 1.0)
    """
    keep = ~_largest_rows(points)
    rest = points.subset(keep)
    if rest.num_clusters < FEWEST_FOR_MEDIAN:
        return None, f"Only {rest.num_clusters} runs are left without the largest; {FEWEST_FOR_MEDIAN} are needed."
    try:
        refuse_if_unidentified(rest)
        law = (fit or central_law)(rest)
    except EconomicsError as error:
        return None, f"Without the largest runs there is no fit: {error}"
    held = points.subset(~keep)
    errors = np.log(held.loss / law.loss(held.num_params, held.num_tokens))
    factors = [
        law.compute_equivalent(*map(float, row))
        for row in zip(held.num_params, held.num_tokens, held.loss, strict=True)
    ]
    known = [factor for factor in factors if factor is not None]
    found = LeaveLargestOut(
        num_held_out=held.num_points,
        compute_ratio=float(held.compute_flop.max() / rest.compute_flop.max()),
        mean_log_error=float(errors.mean()),
        rms_log_error=float(np.sqrt((errors**2).mean())),
        compute_equivalent_factor=float(np.exp(np.mean(np.log(known)))) if len(known) == len(factors) else None,
    )
    return found, None


def central_law(points: Points) -> LossLaw:
    """The parametric centre alone, without intervals."""
    return centre_of(points).law(points)


def _largest_rows(points: Points) -> NDArray[np.bool_]:
    """Rows of the runs with the largest compute: a tenth of the runs, and all that cost within 5 % of the least of
    them, so that a budget is held out whole or not at all."""
    _, index = np.unique(points.run, return_inverse=True)
    per_run = np.zeros(int(index.max()) + 1)
    np.maximum.at(per_run, index, points.compute_flop)
    num_held = max(1, round(HELD_OUT_FRACTION * per_run.size))
    threshold = np.sort(per_run)[-num_held] / 1.05
    return np.asarray(per_run[index] >= threshold)
