"""What a set of points allows, and what it does not: refusals, and warnings that travel with every fit."""

from __future__ import annotations

import numpy as np

from economics.errors import InputError, NoAnswerError
from economics.scaling.compute_groups import compute_groups
from economics.scaling.points import Points

FEWEST_FOR_MEDIAN = 8
"""Below so many points a parametric fit has no p50: only the range that the prior allows is shown."""

FEWEST_FOR_BOOTSTRAP = 20
"""Below so many runs, resampling them says nothing reliable about five coefficients; a prior is added and shown."""

FARTHEST_COMPUTE_RATIO = 30.0
"""Extrapolating beyond this many times the largest compute fitted is flagged."""

ONE_RAY_SPREAD = 1.5
"""Largest over smallest D / N below which all runs lie on one ray: size and tokens cannot be told apart."""


def refuse_if_unidentified(points: Points) -> None:
    """Raise where no fit can tell the effect of size from that of tokens.

    On one ray D = c N the law is E + A / N^alpha + B c^-beta / N^beta: infinitely many coefficients fit the same
    curve, and the best mix is exactly what the points cannot say.
    """
    if points.num_points < 4:
        raise InputError("points", points.num_points, "at least 4 points")
    ratio = points.tokens_per_param
    if ratio.max() / ratio.min() < ONE_RAY_SPREAD:
        raise NoAnswerError(
            f"All runs have nearly the same tokens per parameter ({ratio.min():.3g} to {ratio.max():.3g}), so the "
            f"effect of size cannot be told from that of tokens; add runs at other ratios, three times apart or more."
        )
    for name, values in (("num_params", points.num_params), ("num_tokens", points.num_tokens)):
        if np.unique(np.round(np.log(values), 2)).size < 2:
            raise NoAnswerError(f"All runs have the same {name} ({values[0]:.3g}); a law in it needs at least two.")


def warnings_of(points: Points) -> list[str]:
    """What is doubtful about the points themselves, one sentence each; empty if nothing is.

    Source of the concerns: Besiroglu et al. 2024; Porian et al. 2024 (learning rates); Open-Athena 2026 (IsoFLOP
    grids that are narrow or off-centre bias the exponents).
    """
    found = []
    for name, values, least in (
        ("sizes", points.num_params, 8.0),
        ("token counts", points.num_tokens, 8.0),
        ("tokens per parameter", points.tokens_per_param, 8.0),
    ):
        span = float(values.max() / values.min())
        if span < least:
            found.append(f"Narrow grid: {name} span a factor of {span:.2g}; {least:.0f} or more pins the law down.")
    off_centre = _off_centre(points)
    if abs(off_centre) > 0.5:
        side = "larger" if off_centre > 0 else "smaller"
        found.append(
            f"Asymmetric grid: most runs are {side} than the best size of their compute, which biases the fit."
        )
    if points.num_clusters < points.num_points:
        found.append(
            f"{points.num_points} points come from {points.num_clusters} runs; intervals resample runs, not points."
        )
    if points.learning_rate.size == 0:
        found.append("Learning rates are not stated: rates not tuned for each size and batch tilt the exponents.")
    elif np.unique(points.learning_rate).size == 1 and points.num_params.max() > 4 * points.num_params.min():
        found.append("All sizes used one learning rate; a rate not tuned for each size tilts the exponents.")
    if points.num_clusters < FEWEST_FOR_MEDIAN:
        found.append(
            f"Only {points.num_clusters} runs: no central estimate is given, only the range the prior allows; "
            f"{FEWEST_FOR_MEDIAN} runs give one."
        )
    elif points.num_clusters < FEWEST_FOR_BOOTSTRAP:
        found.append(
            f"Only {points.num_clusters} runs: the intervals lean on the prior alpha, beta ~ N(0.35, 0.05); "
            f"from {FEWEST_FOR_BOOTSTRAP} runs on they rest on the points alone."
        )
    return found


def extrapolation_warning(compute_flop: float, largest_fitted_flop: float) -> str | None:
    """A sentence if a compute lies more than 30 times beyond the largest one fitted.

    >>> extrapolation_warning(1e23, 1e21)
    'The compute of 1e+23 FLOP is 100 times the largest fitted; beyond 30 times treat the answer as a guess.'
    """
    ratio = compute_flop / largest_fitted_flop
    if ratio <= FARTHEST_COMPUTE_RATIO:
        return None
    return (
        f"The compute of {compute_flop:.3g} FLOP is {ratio:.3g} times the largest fitted; "
        f"beyond {FARTHEST_COMPUTE_RATIO:.0f} times treat the answer as a guess."
    )


def _off_centre(points: Points) -> float:
    """Mean signed position of sizes about the cheapest of their compute group, in units of the group's half-width."""
    offsets = []
    for group in compute_groups(points.compute_flop):
        if group.size >= 5:
            log_n = np.log(points.num_params[group])
            best = log_n[np.argmin(points.loss[group])]
            half_width = (log_n.max() - log_n.min()) / 2
            offsets.append((log_n.mean() - best) / half_width if half_width > 0 else 0.0)
    return float(np.mean(offsets)) if offsets else 0.0
