"""Fit the law to the 240 digitised points: our method beside that of the published notebook, in one run.

    python -m benchmarks.economics_law_fit            # about two minutes, nearly all of it the notebook's method

The notebook minimises the Huber objective by BFGS from each of 4,500 starts (a, b in 0, 5 .. 25; e in -1 .. 1; alpha,
beta in 0 .. 2) and keeps the best; its bootstrap minimises each resample of the points from the best fit. Both methods
get the same objective with its analytic gradient here, on one core. Ours tries 2,304 pairs of exponents by variable
projection, polishes the best apart, and solves all resamples together as arrays. The figures go to
docs/performance/economics.json.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from benchmarks.economics_fit import keep
from economics.scaling import Points, points_read
from economics.scaling.objective import huber_objective
from economics.scaling.parametric import central_coefficients, fit_parametric, objective_of

Floats = NDArray[np.float64]
SCALE = 1e3


def minimised(start: Floats, points: Points, weight: Floats) -> tuple[Floats, float]:
    """BFGS on the scaled objective from one start; returns (a, b, e, alpha, beta) and the objective."""
    logs = (np.log(points.num_params), np.log(points.num_tokens), np.log(points.loss))

    def scaled(theta: Floats) -> tuple[float, Floats]:
        with np.errstate(over="ignore", invalid="ignore"):
            value, gradient = huber_objective(theta, *logs, weight)
        return SCALE * value, SCALE * gradient

    found = optimize.minimize(scaled, start, jac=True, method="BFGS")
    return found.x, float(found.fun / SCALE)


def notebook_fit(points: Points) -> tuple[Floats, float]:
    """The best of the notebook's 4,500 starts."""
    grid = product(np.arange(0, 26, 5.0), np.arange(0, 26, 5.0), (-1, -0.5, 0, 0.5, 1), *2 * (np.arange(0, 2.1, 0.5),))
    found = (minimised(np.array(start), points, points.weight) for start in grid)
    return min(found, key=lambda pair: pair[1] if np.isfinite(pair[1]) else np.inf)


def notebook_bootstrap(points: Points, best: Floats, num_resamples: int) -> Floats:
    """Each resample of the points, minimised from the best fit."""
    counts = np.random.default_rng(0).multinomial(
        points.num_points, np.full(points.num_points, 1 / points.num_points), num_resamples
    )
    return np.array([minimised(best, points, count.astype(float))[0] for count in counts])


def timed(work: Callable[[], Any], times: int = 1) -> tuple[float, Any]:
    """The least seconds of some tries, and what the last returned."""
    seconds, answer = np.inf, None
    for _ in range(times):
        began = time.perf_counter()
        answer = work()
        seconds = min(seconds, time.perf_counter() - began)
    return seconds, answer


def main() -> None:
    """Run both, print a table and keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--out", type=Path, default=Path("docs/performance/economics.json"))
    arguments = parser.parse_args()
    points = points_read(Path(__file__).parents[1] / "tests" / "economics" / "data" / "digitised_runs.csv")
    ours_fit, centre = timed(lambda: central_coefficients(points), times=3)
    both, _ = timed(lambda: fit_parametric(points, num_resamples=arguments.resamples), times=3)
    ours_bootstrap = both - ours_fit
    their_fit, (best, objective) = timed(lambda: notebook_fit(points))
    their_bootstrap, _ = timed(lambda: notebook_bootstrap(points, best, arguments.resamples))
    print("| | ours | the notebook's method | ratio |\n|---|---:|---:|---:|")
    print(f"| all starts, s | {ours_fit:.2f} | {their_fit:.1f} | {their_fit / ours_fit:.0f} |")
    faster = their_bootstrap / ours_bootstrap
    print(f"| {arguments.resamples:,} resamples, s | {ours_bootstrap:.2f} | {their_bootstrap:.1f} | {faster:.0f} |")
    print(f"| objective | {objective_of(points, centre):.6e} | {objective:.6e} | |")
    keep(
        arguments.out, "law_fit",
        {
            "num_points": points.num_points, "resamples": arguments.resamples,
            "ours": {"starts_seconds": round(ours_fit, 3), "resamples_seconds": round(ours_bootstrap, 3),
                     "objective": objective_of(points, centre)},
            "notebook": {"starts_seconds": round(their_fit, 1), "resamples_seconds": round(their_bootstrap, 1),
                         "objective": objective},
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
