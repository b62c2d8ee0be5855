r"""From loss to what a task scores, in two steps.

    1.  negative log-likelihood of the right answer, from size and tokens:   the law of loss, fitted to that
    2.  accuracy, from that likelihood:   a sigmoid from chance up to a ceiling

Accuracy jumps where likelihood improves smoothly, so the two-step way extrapolates where a direct one cannot. Step 2
may use other models than step 1: what ties likelihood to accuracy belongs to the task, not to the family.

Source: Llama Team 2024, The Llama 3 Herd of Models, arXiv 2407.21783, section 3.2.1; OLMo ladder, arXiv 2412.04403.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from economics.errors import InputError
from economics.scaling.fitted import FittedLaw
from economics.scaling.predict import loss_draws
from economics.uncertainty import Interval, interval_of, stream_for

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class AccuracyCurve:
    """Accuracy in the likelihood of the right answer: chance + (ceiling - chance) sigmoid(-steepness (nll - middle))."""

    chance: float
    """Accuracy of guessing, known from the task."""

    ceiling: float
    """Accuracy of a perfect model: 1 less wrong labels."""

    steepness: float
    """Slope at the middle, > 0."""

    middle: float
    """Likelihood half-way up."""

    noise_sigma: float = 0.0
    """Standard deviation of accuracies about the curve."""

    draws: Floats | None = None
    """Resamples of (ceiling, steepness, middle), (draws, 3)."""

    def accuracy(self, nll: ArrayLike) -> Floats:
        """Accuracy at a negative log-likelihood (nats, or bits per byte, as fitted)."""
        x = np.asarray(nll, dtype=float)
        return np.asarray(
            self.chance + (self.ceiling - self.chance) * scipy.special.expit(-self.steepness * (x - self.middle))
        )


def accuracy_curve_fit(
    nll: ArrayLike, accuracy: ArrayLike, *, chance: float, num_resamples: int = 200, seed: int = 0
) -> AccuracyCurve:
    """Fit the second step by least squares, with a bootstrap over models.

    Parameters
    ----------
    nll, accuracy : one pair per model, five at least, some of them above chance
    chance : accuracy of guessing, 0.25 for four choices

    >>> x = np.linspace(0.4, 2.0, 12)
    >>> y = 0.25 + 0.70 / (1 + np.exp(5 * (x - 1.0)))
    >>> found = accuracy_curve_fit(x, y, chance=0.25, num_resamples=10)
    >>> round(found.ceiling, 2), round(found.middle, 2), round(float(found.accuracy(0.8)), 3)
    (0.95, 1.0, 0.762)
    """
    x, y = np.asarray(nll, dtype=float), np.asarray(accuracy, dtype=float)
    if x.size < 5 or x.size != y.size:
        raise InputError("nll, accuracy", f"{x.size} and {y.size} values", "five pairs or more")
    if not 0 <= chance < 1:
        raise InputError("chance", chance, "a share from 0 to below 1")
    start = np.array([min(0.98, y.max() + 0.05), 4.0, float(np.median(x))])
    centre = _solved(x, y, np.ones_like(x), chance, start)
    rng = stream_for(seed, "accuracy curve")
    draws = np.array([_solved(x, y, rng.standard_exponential(x.size), chance, centre) for _ in range(num_resamples)])
    fitted = AccuracyCurve(chance=chance, ceiling=centre[0], steepness=centre[1], middle=centre[2])
    sigma = float(np.sqrt(((y - fitted.accuracy(x)) ** 2).sum() / max(x.size - 3, 1)))
    return AccuracyCurve(
        chance=chance,
        ceiling=float(centre[0]),
        steepness=float(centre[1]),
        middle=float(centre[2]),
        noise_sigma=sigma,
        draws=draws,
    )


def predict_accuracy(
    task_law: FittedLaw, curve: AccuracyCurve, num_params: float, num_tokens: float, *, seed: int = 0
) -> Interval:
    """Accuracy to expect of a model, through its likelihood; joint draws of both steps and their noise.

    Parameters
    ----------
    task_law : a fit whose loss is the negative log-likelihood of the task's right answers
    curve : likelihood to accuracy
    """
    nll = loss_draws(task_law, num_params, num_tokens)
    rng = stream_for(seed, "accuracy")
    nll = nll * np.exp(task_law.noise_sigma * rng.standard_normal(nll.size))
    rows = np.array([[curve.ceiling, curve.steepness, curve.middle]]) if curve.draws is None else curve.draws
    ceiling, steepness, middle = rows[rng.integers(rows.shape[0], size=nll.size)].T
    mean = curve.chance + (ceiling - curve.chance) * scipy.special.expit(-steepness * (nll - middle))
    return interval_of(np.clip(mean + curve.noise_sigma * rng.standard_normal(nll.size), 0.0, 1.0))


def _solved(x: Floats, y: Floats, weight: Floats, chance: float, start: Floats) -> Floats:
    root = np.sqrt(weight)

    def misfit(p: Floats) -> Floats:
        return np.asarray(root * (chance + (p[0] - chance) * scipy.special.expit(-p[1] * (x - p[2])) - y))

    bounds = ([chance + 1e-3, 0.05, x.min() - 5], [1.0, 60.0, x.max() + 5])
    return np.asarray(scipy.optimize.least_squares(misfit, np.clip(start, bounds[0], bounds[1]), bounds=bounds).x)
