r"""The published objective: a Huber loss on logarithms, with its analytic gradient, and the polish that minimises it.

    sum_i  w_i  Huber_delta( LSE(a - alpha ln N_i,  b - beta ln D_i,  e)  -  ln L_i ),        A = e^a, B = e^b, E = e^e

It is a sum, not a mean. The same objective minimised with a loose tolerance gave the law's first published
coefficients, which do not describe their own points; here it is scaled up and the sizes and tokens are centred, so
that the optimiser sees numbers of order one and stops where the gradient really is small.

Source: Hoffmann et al. 2022, arXiv 2203.15556, equation 3; Besiroglu et al. 2024, arXiv 2404.10102.
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

Floats = NDArray[np.float64]
HUBER_DELTA = 1e-3
"""Where the objective turns from square to straight, in ln loss: nearly a sum of absolute errors."""

SCALE = 1e3
"""Factor on the objective inside the optimiser."""


def huber_objective(
    theta: Floats, log_n: Floats, log_d: Floats, log_loss: Floats, weight: Floats
) -> tuple[float, Floats]:
    """Value and gradient at theta = (a, b, e, alpha, beta).

    >>> ones = np.ones(1)
    >>> value, gradient = huber_objective(np.array([0.0, 0.0, 0.0, 0.5, 0.5]), 0 * ones, 0 * ones, np.log(3) * ones, ones)
    >>> round(value, 12), bool(np.abs(gradient).max() < 1e-12)      # three terms of 1 make a loss of 3 exactly
    (0.0, True)
    """
    a, b, e, alpha, beta = theta
    terms = np.stack([a - alpha * log_n, b - beta * log_d, np.full_like(log_n, e)])
    top = terms.max(axis=0)
    shares = np.exp(terms - top)
    total = shares.sum(axis=0)
    residual = top + np.log(total) - log_loss
    shares /= total
    size = np.abs(residual)
    value = np.where(size <= HUBER_DELTA, residual**2 / 2, HUBER_DELTA * (size - HUBER_DELTA / 2))
    slope = weight * np.clip(residual, -HUBER_DELTA, HUBER_DELTA)
    g_a, g_b, g_e = slope * shares
    gradient = np.array([g_a.sum(), g_b.sum(), g_e.sum(), -(g_a * log_n).sum(), -(g_b * log_d).sum()])
    return float((weight * value).sum()), gradient


def huber_polish(
    coefficients: Floats, log_n: Floats, log_d: Floats, log_loss: Floats, weight: Floats
) -> tuple[Floats, float]:
    """Minimise the objective from a start (E, A, B, alpha, beta); returns the coefficients and the objective."""
    mean_n, mean_d = float(log_n.mean()), float(log_d.mean())
    e, a, b = np.log(np.maximum(coefficients[:3], 1e-12))
    alpha, beta = coefficients[3:]
    x_n, x_d = log_n - mean_n, log_d - mean_d

    def scaled(theta: Floats) -> tuple[float, Floats]:
        value, gradient = huber_objective(theta, x_n, x_d, log_loss, weight)
        return SCALE * value, SCALE * gradient

    theta = np.array([a - alpha * mean_n, b - beta * mean_d, e, alpha, beta])
    best = scipy.optimize.minimize(scaled, theta, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 2000})
    for _ in range(3):  # the objective has kinks: restart with a fresh curvature until nothing is gained
        again = scipy.optimize.minimize(
            scaled, best.x, jac=True, method="BFGS", options={"gtol": 1e-7, "maxiter": 2000}
        )
        gained = best.fun - again.fun
        best = again if gained > 0 else best
        if gained < 1e-9 * best.fun:
            break
    a, b, e, alpha, beta = best.x
    found = np.array([np.exp(e), np.exp(a + alpha * mean_n), np.exp(b + beta * mean_d), alpha, beta])
    return found, float(best.fun / SCALE)
