"""Fit a scaling law to your own runs."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path
from typing import Any, get_args

from economics.errors import InputError
from economics.scaling.conventions import Conventions, CountedParams, LossUnit
from economics.scaling.extrapolation import leave_largest_out
from economics.scaling.fit import Method, law_fit
from economics.scaling.fitted import FittedLaw
from economics.scaling.mixes import two_digits
from economics.scaling.next_experiment import candidates_within, experiments_ranked
from economics.scaling.points import Points, points_read
from economics.scaling.predict import OptimalBand, loss_draws, optimal_band
from economics.units import positive, whole

USD_PER_FLOP = 1.7e-18
"""Price of training's model FLOP where none is given: 2.50 USD an hour at 400 TFLOP/s. It scales all costs alike."""

MOST_RESAMPLES = 100_000
"""Beyond them quantiles no longer move, and memory runs out."""


def fit(
    points: Points,
    *,
    method: Method = "parametric",
    num_resamples: int = 1000,
    seed: int = 0,
    compute_flop: tuple[float, ...] = (),
    target: tuple[float, float] | None = None,
    usd_per_flop: float = USD_PER_FLOP,
) -> dict[str, Any]:
    """Return coefficients, intervals, best mixes and the error on the largest runs.

    >>> from economics.scaling.published import published_law
    >>> n = [1e8, 3e8, 1e9] * 4
    >>> d = [2e9] * 3 + [6e9] * 3 + [2e10] * 3 + [6e10] * 3
    >>> answer = fit(Points(num_params=n, num_tokens=d, loss=published_law().loss(n, d)), num_resamples=50)
    >>> answer["num_points"], sorted(answer["coefficients"])
    (12, ['A', 'B', 'E', 'alpha', 'beta'])
    """
    fitted = law_fit(points, method=method, num_resamples=num_resamples, seed=seed)
    bands = [optimal_band(fitted, compute) for compute in compute_flop] if fitted.law else []
    error, why_none = leave_largest_out(points)
    warnings = [*fitted.warnings, *(band.warning for band in bands if band.warning)]
    if compute_flop and not fitted.law:
        warnings.append("No best mix is given: the points are too few for a central law.")
    if why_none:
        warnings.append(f"No error on the largest runs: {why_none}")
    following = {} if target is None else {"next_experiments": next_experiments(fitted, points, target, usd_per_flop)}
    return (
        fitted.to_dict()
        | following
        | {
            "num_resamples": num_resamples,
            "seed": seed,
            "points": points.columns(),
            "optimal": [_band_dict(fitted, band) for band in bands],
            "leave_largest_out_error": dataclasses.asdict(error) if error else None,
            "warnings": warnings,
        }
    )


def next_experiments(
    fitted: FittedLaw, points: Points, target: tuple[float, float], usd_per_flop: float
) -> list[dict[str, Any]]:
    """The five runs that, one after another, shrink the interval of the target's loss most per dollar."""
    candidates = candidates_within(fitted, points.num_params, points.num_tokens, usd_per_flop=usd_per_flop)
    wanted = loss_draws(fitted, *target)
    chosen = experiments_ranked(fitted, candidates, wanted, num_chosen=5)
    return [
        {
            "num_params": two_digits(value.candidate.num_params),
            "num_tokens": two_digits(value.candidate.num_tokens),
            "cost_usd": value.candidate.cost_usd,
            "remaining_width_fraction": value.remaining_sigma_fraction,
        }
        for value in chosen
    ]


def _band_dict(fitted: FittedLaw, band: OptimalBand) -> dict[str, Any]:
    """One budget's best mix, as plain numbers."""
    return {
        "compute_flop": band.compute_flop,
        "num_params": band.num_params.to_dict(),
        "num_tokens": band.num_tokens.to_dict(),
        "num_params_within_10_percent": list(band.num_params_within_10_percent),
        "num_tokens_within_10_percent": list(band.num_tokens_within_10_percent),
        "tokens_per_param": two_digits(band.num_tokens.p50 / band.num_params.p50),
        "loss": band.loss.to_dict(),
        "compute_over_largest_fitted": band.compute_flop / fitted.largest_compute_flop,
    }


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "points", help="CSV with num_params, num_tokens, loss; optional run, weight, flop, bytes_per_token"
    )
    parser.add_argument("--method", default="parametric", help=", ".join(get_args(Method)))
    parser.add_argument("--bootstrap", default="1000", metavar="N", help="resamples behind the intervals (1000)")
    parser.add_argument("--seed", default="0", help="makes the intervals repeatable")
    parser.add_argument(
        "--compute-flop", nargs="+", default=[], metavar="FLOP", help="budgets to find the best mix for (1e21 3e22)"
    )
    parser.add_argument("--target-params", help="size of the run to be predicted: asks which runs to make next")
    parser.add_argument("--target-tokens", help="its tokens")
    parser.add_argument("--usd-per-flop", help="price of training's model FLOP, for what the next runs cost (1.7e-18)")
    parser.add_argument("--counted-params", default="total", help=", ".join(get_args(CountedParams)))
    parser.add_argument("--loss-unit", default="nats_per_token", help=", ".join(get_args(LossUnit)))
    parser.add_argument("--tokenizer", default="", help="name of the tokenizer, kept with the fit")
    parser.add_argument(
        "--vocabulary", metavar="V", help="its tokens: the law then begins at ln V, which matters where runs are short"
    )
    parser.add_argument(
        "--bytes-per-token",
        metavar="BYTES",
        help="of its tokens on average: tells fits of few runs where text's floor lies",
    )


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the file and fit."""
    for field, value, allowed in (
        ("counted-params", arguments.counted_params, get_args(CountedParams)),
        ("loss-unit", arguments.loss_unit, get_args(LossUnit)),
    ):
        if value not in allowed:
            raise InputError(field, value, f"one of {', '.join(allowed)}")
    conventions = Conventions(
        counted_params=arguments.counted_params,
        loss_unit=arguments.loss_unit,
        tokenizer=arguments.tokenizer,
        vocabulary_size=whole(arguments.vocabulary, field="vocabulary", lowest=2) if arguments.vocabulary else None,
        bytes_per_token=positive(arguments.bytes_per_token, field="bytes-per-token")
        if arguments.bytes_per_token
        else None,
    )
    if not Path(arguments.points).is_file():
        raise InputError("points", arguments.points, "a CSV file that exists")
    if bool(arguments.target_params) != bool(arguments.target_tokens):
        raise InputError("target-tokens", arguments.target_tokens, "given together with target-params")
    target = None
    if arguments.target_params:
        target = (
            positive(arguments.target_params, field="target-params"),
            positive(arguments.target_tokens, field="target-tokens"),
        )
    price = positive(arguments.usd_per_flop, field="usd-per-flop") if arguments.usd_per_flop else USD_PER_FLOP
    return fit(
        points_read(arguments.points, conventions=conventions),
        method=arguments.method,
        num_resamples=whole(arguments.bootstrap, field="bootstrap", lowest=10, highest=MOST_RESAMPLES),
        seed=whole(arguments.seed, field="seed", lowest=0),
        compute_flop=tuple(positive(value, field="compute-flop") for value in arguments.compute_flop),
        target=target,
        usd_per_flop=price,
    )


def explain(result: dict[str, Any]) -> list[str]:
    """The law with its numbers."""
    known = result["coefficients"]
    if known["E"] is None:
        return ["No central law: the points are too few."]
    tokens = f"(D + {known['D0']:.3g})" if known.get("D0") else "D"
    return [
        f"L = {known['E']:.4g} + {known['A']:.4g} / N^{known['alpha']:.4g} + {known['B']:.4g} / {tokens}^{known['beta']:.4g}",
        f"Objective: Huber (delta 1e-3) of ln L, summed over {result['num_points']} points = {result['objective']:.6g}",
        *(f"{name}: {how}" for name, how in result["figures_from"].items()),
    ]


def show(result: dict[str, Any], console: Any) -> None:
    """A readable table, without the draws."""
    from economics.tables import show_plainly

    hidden = ("draws", "points", "conventions", "figures_from", "warnings")
    show_plainly({key: value for key, value in result.items() if key not in hidden}, console, title="Scaling law")
    for warning in result["warnings"]:
        console.print(f"! {warning}", markup=False)
