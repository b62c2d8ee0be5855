r"""What a fitted law predicts, with everything that can make it wrong.

    ln L  =  ln L_draw(N, D)  +  seed noise  +  model-form noise

The draws carry the uncertainty of the coefficients; seed noise is the spread of runs about the law; model-form noise
is what laws of this shape were found to miss when carried beyond their runs, and grows with every factor of ten of
compute beyond the largest one fitted. Without the last two, intervals are those of a *mean*, in a world where the
formula is true.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from economics.constants import LAW_FORM_NOISE
from economics.errors import NoAnswerError
from economics.scaling.data_constrained import DataConstrainedLaw
from economics.scaling.fitted import FittedLaw
from economics.scaling.laws import LossLaw
from economics.scaling.mixes import two_digits
from economics.scaling.rules import extrapolation_warning
from economics.uncertainty import Interval, interval_of, stream_for

Floats = NDArray[np.float64]
LEAST_FORM_SIGMA = 0.004
"""Least standard deviation of ln loss per factor of ten of compute beyond the runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LossPrediction:
    """The loss expected of one run."""

    loss: Interval
    """p10, p50, p90 of the loss the run will show."""

    mean_loss: Interval
    """The same without seed and model-form noise: how well the law itself is known."""

    compute_ratio: float
    """Compute of the run over the largest fitted."""

    has_median: bool
    """False where the fit has no centre: then the p50 is not to be shown."""

    warnings: tuple[str, ...]
    """What is doubtful."""


def loss_draws(fitted: FittedLaw, num_params: ArrayLike, num_tokens: ArrayLike) -> Floats:
    """Loss under every draw of the coefficients, (draws, ...)."""
    n, d = np.broadcast_arrays(np.asarray(num_params, dtype=float), np.asarray(num_tokens, dtype=float))
    shape = (-1,) + (1,) * n.ndim
    e, a, b, alpha, beta = (column.reshape(shape) for column in fitted.draws.T)
    return np.asarray(e + a * n ** (-alpha) + b * (d + fitted.D0) ** (-beta))


def predict_loss(
    fitted: FittedLaw, num_params: float, num_tokens: float, *, num_unique_tokens: float | None = None, seed: int = 0
) -> LossPrediction:
    """Predict the loss of one run.

    The median is moved to the central coefficients' loss where there are any, so that p50 is what the law says.

    Parameters
    ----------
    num_params, num_tokens : of the run, in the fit's conventions; > 0
    num_unique_tokens : different tokens behind those seen, where they repeat
    seed : makes the noise repeatable

    >>> from economics.scaling.parametric import fit_parametric
    >>> from economics.scaling.points import Points
    >>> truth = LossLaw(E=1.8, A=480.0, B=2100.0, alpha=0.35, beta=0.37)
    >>> n, d = (x.ravel() for x in np.meshgrid(np.geomspace(1e8, 1e10, 5), np.geomspace(1e9, 1e11, 5)))
    >>> noise = np.exp(0.003 * np.random.default_rng(1).standard_normal(25))
    >>> fitted = fit_parametric(Points(num_params=n, num_tokens=d, loss=truth.loss(n, d) * noise), num_resamples=200)
    >>> found = predict_loss(fitted, 2e10, 4e11)
    >>> float(truth.loss(2e10, 4e11)) in found.loss, found.mean_loss.width_ratio < found.loss.width_ratio
    (True, True)
    """
    mix = effective_mix(fitted, num_params, num_tokens, num_unique_tokens)
    draws = loss_draws(fitted, *mix)
    centre = float(fitted.law.loss(*mix)) if fitted.law else float(np.median(draws))
    draws = draws * (centre / np.median(draws))
    compute = fitted.conventions.flop_per_param_token * num_params * num_tokens
    ratio = compute / fitted.largest_compute_flop
    sigma = float(np.hypot(fitted.noise_sigma, form_sigma(ratio, fitted.noise_sigma)))
    repeats = max(1, -(-4000 // draws.size))
    shocks = stream_for(seed, "prediction").standard_normal(draws.size * repeats)
    noisy = np.tile(draws, repeats) * np.exp(sigma * (shocks - shocks.mean()))
    noisy *= centre / np.median(noisy)
    warning = extrapolation_warning(compute, fitted.largest_compute_flop)
    return LossPrediction(
        loss=interval_of(noisy),
        mean_loss=interval_of(draws),
        compute_ratio=ratio,
        has_median=fitted.law is not None,
        warnings=(*fitted.warnings, *((warning,) if warning else ())),
    )


def effective_mix(
    fitted: FittedLaw, num_params: float, num_tokens: float, num_unique_tokens: float | None
) -> tuple[float, float]:
    """Size and tokens that would be worth as much on fresh data, where tokens repeat; as they are where none do.

    The worth of repeats is the fit's own where it is data-constrained, otherwise the published one.

    >>> from economics.scaling.published import published_fit
    >>> n, d = effective_mix(published_fit(), 1e9, 8e10, 2e10)          # four epochs
    >>> round(d / 1e10, 2)
    7.45
    """
    if num_unique_tokens is None or num_unique_tokens >= num_tokens or fitted.law is None:
        return num_params, num_tokens
    from economics.scaling.published import published_data_constrained_law

    published = published_data_constrained_law()
    law = DataConstrainedLaw(
        base=fitted.law,
        R_D_star=fitted.extra.get("R_D_star", published.R_D_star),
        R_N_star=fitted.extra.get("R_N_star", published.R_N_star),
    )
    return (
        float(law.effective_params(num_params, num_unique_tokens)),
        float(law.effective_tokens(num_tokens, num_unique_tokens)),
    )


def form_sigma(compute_ratio: float, noise_sigma: float) -> float:
    """Model-form noise of ln loss at so many times the largest compute fitted; none within the runs.

    What a law misses beyond its runs grows with what it misses among them: ladders with untuned rates or sizes far
    off the best scatter widely about any such law, and bend away from it. Per factor of ten of compute it is twice
    the scatter, and never below 0.4 % of loss. Both were chosen on ladders cut at half of their compute, for the least
    interval score (docs/numbers/scaling-laws.md has the table).

    >>> form_sigma(0.5, 0.01), round(form_sigma(100.0, 0.01), 4), round(form_sigma(10.0, 1e-4), 4)
    (0.0, 0.04, 0.004)
    """
    per_decade = max(LAW_FORM_NOISE.value * noise_sigma, LEAST_FORM_SIGMA)
    return per_decade * max(0.0, float(np.log10(compute_ratio)))


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimalBand:
    """The best mix at one compute: a range, since the optimum is flat and the law uncertain."""

    compute_flop: float
    """The budget."""

    num_params: Interval
    """Best size, over the draws; two digits."""

    num_tokens: Interval
    """Best token count, over the draws; two digits."""

    num_params_within_10_percent: tuple[float, float]
    """Sizes that reach the same loss for at most 10 % more compute, under the central law."""

    num_tokens_within_10_percent: tuple[float, float]
    """Their tokens."""

    loss: Interval
    """Loss at the optimum, noise included."""

    warning: str | None
    """Set where the compute lies far beyond the points."""


def optimal_band(fitted: FittedLaw, compute_flop: float) -> OptimalBand:
    """The best mix for a compute, its uncertainty, and all mixes within 10 % of it."""
    if fitted.law is None:
        raise NoAnswerError(f"{fitted.num_clusters} runs give no central law, hence no best size; fit at least 8 runs.")
    exponents = fitted.draws[:, 3:].sum(axis=1)
    _, a, b, alpha, beta = fitted.draws.T
    budget = compute_flop / fitted.conventions.flop_per_param_token
    log_n = (np.log(alpha * a) - np.log(beta * b)) / exponents + beta / exponents * np.log(budget)
    band = fitted.law.band(compute_flop)
    best = band.best
    loss = predict_loss(fitted, best.num_params, best.num_tokens).loss
    sizes = np.exp(log_n + np.log(best.num_params) - np.median(log_n))
    return OptimalBand(
        compute_flop=compute_flop,
        num_params=_two_digits_all(interval_of(sizes)),
        num_tokens=_two_digits_all(interval_of(budget / sizes)),
        num_params_within_10_percent=(two_digits(band.num_params_low), two_digits(band.num_params_high)),
        num_tokens_within_10_percent=(two_digits(band.num_tokens_low), two_digits(band.num_tokens_high)),
        loss=loss,
        warning=extrapolation_warning(compute_flop, fitted.largest_compute_flop),
    )


def reducible_loss(law: LossLaw, observed_loss: ArrayLike) -> Floats:
    """Loss above a law's own irreducible part: the only form in which points of another corpus or tokenizer may be
    drawn over a fit, since the floors differ and the slopes are what can be compared.

    >>> law = LossLaw(E=1.8, A=480.0, B=2100.0, alpha=0.35, beta=0.37)
    >>> [round(float(x), 6) for x in reducible_loss(law, [2.3, 1.9])]
    [0.5, 0.1]
    """
    return np.asarray(np.asarray(observed_loss, dtype=float) - law.E)


def _two_digits_all(interval: Interval) -> Interval:
    return Interval(*(two_digits(value) for value in interval))
