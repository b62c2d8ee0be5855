"""Fitting the law to the 240 digitised points: seconds of every start and of 1,000 resamples, ours beside a notebook's.

The published notebook minimises the Huber objective by BFGS from each of 4,500 starts (a, b in 0, 5 .. 25; e in -1 .. 1;
alpha, beta in 0 .. 2) and keeps the best; its bootstrap minimises each resample of the points from the best fit. Both
methods get the same objective with its analytic gradient here, in one process. Ours tries 2,304 pairs of exponents by
variable projection, polishes the best that lie apart, and solves all resamples together as arrays.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from benchmarks.frame.compare import compare, options
from benchmarks.frame.contenders import Here
from economics.scaling import Points, points_read
from economics.scaling.objective import huber_objective
from economics.scaling.parametric import central_coefficients, objective_of, run_draws

Floats = NDArray[np.float64]
SCALE = 1e3
RESAMPLES = 1000
OURS, NOTEBOOK = "isocost", "the published notebook's method"
POINTS = Path(__file__).parents[2] / "tests" / "economics" / "data" / "digitised_runs.csv"


@cache
def points() -> Points:
    return points_read(POINTS)


@cache
def our_fit() -> Floats:
    return central_coefficients(points())


def minimised(start: Floats, weight: Floats) -> tuple[Floats, float]:
    """BFGS on the scaled objective from one start; returns (a, b, e, alpha, beta) and the objective."""
    logs = (np.log(points().num_params), np.log(points().num_tokens), np.log(points().loss))

    def scaled(theta: Floats) -> tuple[float, Floats]:
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = huber_objective(theta, *logs, weight)
        return SCALE * value, SCALE * gradient

    found = optimize.minimize(scaled, start, jac=True, method="BFGS")
    return found.x, float(found.fun / SCALE)


def notebook_fit() -> None:
    """The best of the notebook's 4,500 starts; it must be our optimum."""
    steps, exponents = np.arange(0, 26, 5.0), np.arange(0, 2.1, 0.5)
    starts = product(steps, steps, (-1, -0.5, 0, 0.5, 1), exponents, exponents)
    found = (minimised(np.array(start), points().weight) for start in starts)
    objective = min(value for _, value in found if np.isfinite(value))
    ours = objective_of(points(), our_fit())
    if abs(objective / ours - 1.0) > 1e-5:
        raise ValueError(f"The notebook's method ends at {objective:.6e}, ours at {ours:.6e}: not the same optimum.")


def notebook_bootstrap() -> None:
    """Each resample of the points, minimised from the best fit."""
    e, a, b, alpha, beta = our_fit()  # the same optimum, to the digits that a start needs
    best = np.array([np.log(a), np.log(b), np.log(e), alpha, beta])
    number = points().num_points
    for count in np.random.default_rng(0).multinomial(number, np.full(number, 1 / number), RESAMPLES):
        minimised(best, count.astype(float))


def our_bootstrap() -> None:
    run_draws(points(), our_fit(), RESAMPLES, np.random.default_rng(0))


def seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def main() -> None:
    chosen = options(__doc__)
    shape = "240 points, every start"
    if chosen.only in shape:
        compare(
            "law_fit",
            shape,
            [
                Here(name=OURS, work=lambda: seconds(lambda: central_coefficients(points()))),
                Here(name=NOTEBOOK, work=lambda: seconds(notebook_fit)),
            ],
            unit="s",
            rounds=1,
            peers=[NOTEBOOK],
            target=25.0,
            facts={"objective": objective_of(points(), our_fit())},
            is_recorded=not chosen.dry,
        )
    shape = "240 points, 1,000 resamples of the runs"
    if chosen.only in shape:
        compare(
            "law_fit",
            shape,
            [
                Here(name=OURS, work=lambda: seconds(our_bootstrap)),
                Here(name=NOTEBOOK, work=lambda: seconds(notebook_bootstrap)),
            ],
            unit="s",
            rounds=chosen.rounds,
            peers=[NOTEBOOK],
            target=9.5,
            is_recorded=not chosen.dry,
        )


if __name__ == "__main__":
    main()
