"""Fit the over-training law: loss in compute and tokens per parameter, one exponent for all.

Three numbers fewer to determine than the general law, so that a short ladder at a few ratios is enough; what is
assumed is that size and tokens lower the loss at the same rate (alpha = beta).
"""

from __future__ import annotations

import numpy as np
import scipy
from numpy.typing import NDArray

from economics.scaling.points import Points
from economics.scaling.published import OverTrainingLaw
from economics.scaling.rules import refuse_if_unidentified

Floats = NDArray[np.float64]


def fit_over_training(points: Points) -> OverTrainingLaw:
    """Fit E, a, b by non-negative least squares on relative loss, and eta by a search.

    Parameters
    ----------
    points : at two ratios of tokens to parameters or more

    >>> truth = OverTrainingLaw(E=1.3, a=86.6, b=159.0, eta=0.11)
    >>> n, m = (x.ravel() for x in np.meshgrid([1e7, 1e8, 1e9], [5.0, 20.0, 320.0]))
    >>> found = fit_over_training(Points(num_params=n, num_tokens=n * m, loss=truth.loss(6 * n * n * m, m)))
    >>> round(found.E, 3), round(found.eta, 4)
    (1.3, 0.11)
    """
    refuse_if_unidentified(points)
    log_c, log_m = np.log(points.compute_flop), np.log(points.tokens_per_param)
    middle = log_c.mean()

    def projected(eta: float) -> tuple[float, Floats]:
        falling = np.exp(-eta * (log_c - middle))
        columns = [np.ones_like(log_c), np.exp(eta * log_m) * falling, np.exp(-eta * log_m) * falling]
        root = np.sqrt(points.weight)
        solution, misfit = scipy.optimize.nnls(np.stack(columns, axis=1) / points.loss[:, None] * root[:, None], root)
        return float(misfit), np.asarray(solution)

    grid = np.linspace(0.02, 0.5, 49)
    near = min(grid, key=lambda eta: projected(float(eta))[0])
    found = scipy.optimize.minimize_scalar(
        lambda eta: projected(float(eta))[0],
        bounds=(max(near - 0.01, 0.005), near + 0.01),
        method="bounded",
        options={"xatol": 1e-7},
    )
    eta = float(found.x)
    e, a, b = projected(eta)[1]
    scale = float(np.exp(eta * middle))
    return OverTrainingLaw(E=float(e), a=float(a) * scale, b=float(b) * scale, eta=eta, conventions=points.conventions)
