r"""Repeated data: what further epochs, and parameters beyond what the data can feed, are still worth.

    U_D  unique tokens,  R_D = D / U_D - 1  repeats,       D' = U_D + U_D R_D* (1 - exp(-R_D / R_D*))
    U_N  = min(N, best size for U_D),  R_N = N / U_N - 1,  N' = U_N + U_N R_N* (1 - exp(-R_N / R_N*))

    L  =  E + A / N'^alpha + B / D'^beta

A repeated token is worth nearly a fresh one at first and nothing in the end: R_D* epochs' worth can be had from
repeating at most. Up to four epochs are nearly free; beyond about 16 further repeats add little.

Source: Muennighoff et al. 2023, Scaling Data-Constrained Language Models, arXiv 2305.16264.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from economics.errors import InputError, NoAnswerError
from economics.scaling.fitted import FittedLaw
from economics.scaling.laws import LossLaw
from economics.scaling.parametric import cluster_weights
from economics.scaling.points import Points
from economics.scaling.rules import refuse_if_unidentified, warnings_of
from economics.uncertainty import interval_of

Floats = NDArray[np.float64]
HUBER = 1e-3
"""Where the fit's error turns from square to straight, in ln loss."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConstrainedLaw:
    """A law of loss with what repeats are worth.

    >>> law = DataConstrainedLaw(base=LossLaw(E=1.869, A=520.8, B=1487.7, alpha=0.3526596, beta=0.3526596),
    ...                          R_D_star=15.387756, R_N_star=5.309743)
    >>> round(float(law.effective_tokens(4e9, 1e9)) / 1e9, 2)          # four epochs of 1 B tokens
    3.73
    >>> round(float(law.effective_tokens(1e15, 1e9)) / 1e9, 1)         # all that repeating can give
    16.4
    """

    base: LossLaw
    """The law on fresh data."""

    R_D_star: float
    """Repeats after which a further one is worth 1 / e of a fresh token."""

    R_N_star: float
    """The same for parameters in excess of what the unique tokens can feed."""

    def effective_tokens(self, num_tokens: ArrayLike, num_unique_tokens: ArrayLike) -> Floats:
        """Fresh tokens that would have been worth as much: D'."""
        d, u = np.asarray(num_tokens, dtype=float), np.asarray(num_unique_tokens, dtype=float)
        unique = np.minimum(d, u)
        return saturated(d, unique, self.R_D_star)

    def effective_params(self, num_params: ArrayLike, num_unique_tokens: ArrayLike) -> Floats:
        """Parameters that would have been worth as much, had there been data for all: N'."""
        n = np.asarray(num_params, dtype=float)
        base = np.minimum(n, fed_params(self.base, num_unique_tokens))
        return saturated(n, base, self.R_N_star)

    def loss(self, num_params: ArrayLike, num_tokens: ArrayLike, num_unique_tokens: ArrayLike) -> Floats:
        """Expected loss after `num_tokens` seen, of which `num_unique_tokens` differ."""
        return self.base.loss(
            self.effective_params(num_params, num_unique_tokens), self.effective_tokens(num_tokens, num_unique_tokens)
        )


def saturated(amount: Floats, unique: ArrayLike, scale: float) -> Floats:
    """unique + unique x scale x (1 - exp(-(amount / unique - 1) / scale))."""
    u = np.asarray(unique, dtype=float)
    return np.asarray(u + u * scale * -np.expm1(-(amount / u - 1) / scale))


def fed_params(law: LossLaw, num_unique_tokens: ArrayLike) -> Floats:
    """Size for which these unique tokens are exactly the best number: where alpha A N^-alpha = beta B D^-beta."""
    d = np.asarray(num_unique_tokens, dtype=float)
    return np.asarray((law.alpha * law.A / (law.beta * law.B)) ** (1 / law.alpha) * d ** (law.beta / law.alpha))


def fit_data_constrained(points: Points, *, num_resamples: int = 200, seed: int = 0) -> FittedLaw:
    """Fit the law of repeated data: seven coefficients, by robust least squares on ln loss.

    Parameters
    ----------
    points : with `num_unique_tokens`; some of them repeated (several epochs) and some not
    num_resamples : bootstrap resamples, each refitted from the centre

    Raises
    ------
    InputError : if no row repeats its data

    >>> truth = DataConstrainedLaw(base=LossLaw(E=1.9, A=520.0, B=1500.0, alpha=0.35, beta=0.35), R_D_star=15.0, R_N_star=5.0)
    >>> n, d, u = (x.ravel() for x in np.meshgrid(np.geomspace(1e7, 4e9, 6), np.geomspace(1e9, 1e11, 6), [1e9, 1e11]))
    >>> loss = truth.loss(n, d, np.minimum(d, u))
    >>> points = Points(num_params=n, num_tokens=d, loss=loss, num_unique_tokens=np.minimum(d, u))
    >>> round(fit_data_constrained(points, num_resamples=10).extra["R_D_star"], 1)
    15.0
    """
    refuse_if_unidentified(points)
    if not (points.num_tokens > 1.01 * points.num_unique_tokens).any():
        raise InputError("num_unique_tokens", "equal to num_tokens in every row", "below it in some (repeated data)")
    weight = points.weight
    centre = _solved(points, weight, _start(points))
    rng = np.random.default_rng([seed, 17])
    rows = cluster_weights(points, num_resamples, rng)
    found = [_solved(points, row, centre, rounds=1) for row in rows]
    draws = np.exp(np.array(found))[:, [2, 0, 1, 3, 4, 5, 6]]
    if not np.isfinite(draws).all():
        raise NoAnswerError("The resamples do not determine the law of repeated data; add runs with more epochs.")
    residual = _residual(centre, points)
    sigma = float(1.4826 * np.median(np.abs(residual)))
    e, a, b = (float(np.exp(centre[i])) for i in (2, 0, 1))
    known = {"R_D_star": float(np.exp(centre[5])), "R_N_star": float(np.exp(centre[6]))}
    return FittedLaw(
        method="data-constrained",
        law=LossLaw(
            E=e, A=a, B=b, alpha=float(np.exp(centre[3])), beta=float(np.exp(centre[4])), conventions=points.conventions
        ),
        draws=draws[:, :5],
        noise_sigma=max(sigma, 1e-6),
        objective=float(
            (
                weight * np.where(np.abs(residual) <= HUBER, residual**2 / 2, HUBER * (np.abs(residual) - HUBER / 2))
            ).sum()
        ),
        figures_from={
            "coefficients": "robust least squares on ln loss, all seven together",
            "intervals": "percentile bootstrap of runs, each refitted from the centre",
        },
        num_points=points.num_points,
        num_clusters=points.num_clusters,
        largest_compute_flop=float(points.compute_flop.max()),
        conventions=points.conventions,
        warnings=tuple(warnings_of(points)),
        extra=known,
        extra_intervals={name: interval_of(draws[:, 5 + i]) for i, name in enumerate(known)},
    )


def _law_of(theta: Floats) -> DataConstrainedLaw:
    a, b, e, alpha, beta, r_d, r_n = (float(x) for x in np.exp(theta))
    return DataConstrainedLaw(base=LossLaw(E=e, A=a, B=b, alpha=alpha, beta=beta), R_D_star=r_d, R_N_star=r_n)


def _residual(theta: Floats, points: Points) -> Floats:
    """ln predicted - ln observed."""
    unique = np.minimum(points.num_unique_tokens, points.num_tokens)
    fitted = _law_of(np.clip(theta, -20, 60)).loss(points.num_params, points.num_tokens, unique)
    return np.asarray(np.log(fitted / points.loss))


def _start(points: Points) -> Floats:
    """The parametric law of the rows without repeats, if they determine one, and middling values of a repeat."""
    from economics.scaling.extrapolation import central_law

    fresh = points.num_tokens <= 1.01 * points.num_unique_tokens
    base = LossLaw(E=1.8, A=500.0, B=1500.0, alpha=0.35, beta=0.35)
    if fresh.sum() >= 8:
        try:
            refuse_if_unidentified(points.subset(fresh))
            base = central_law(points.subset(fresh))
        except NoAnswerError:
            pass
    return np.log(np.maximum([base.A, base.B, base.E, base.alpha, base.beta, 10.0, 5.0], 1e-3))


def _solved(points: Points, weight: Floats, start: Floats, *, rounds: int = 3) -> Floats:
    """Least squares with Huber's weights from a start, a few times over."""
    root = np.sqrt(weight)
    theta = start
    for _ in range(rounds):
        # a weak pull to the start keeps R_N* finite where no run has parameters in excess
        def misfit(x: Floats) -> Floats:
            robust = np.minimum(1.0, np.sqrt(HUBER / np.maximum(np.abs(_residual(theta, points)), 1e-12)))  # noqa: B023
            return np.concatenate([root * robust * _residual(x, points), 1e-4 * (x - start)])

        theta = scipy.optimize.least_squares(misfit, theta, x_scale=[1, 1, 0.1, 0.1, 0.1, 1, 1], max_nfev=60).x
    return np.asarray(theta)
