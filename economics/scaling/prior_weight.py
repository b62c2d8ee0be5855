"""How much of a fit is prior and how much is data, coefficient by coefficient."""

from __future__ import annotations

from economics.scaling.few_runs import FLOOR_SIGMA, PRIOR_SIGMA
from economics.scaling.fitted import FittedLaw
from economics.scaling.laws import NAMES


def prior_weights(fitted: FittedLaw) -> dict[str, float]:
    """Share of the prior in each coefficient: 1 where the points said nothing, 0 where no prior entered.

    For a Gaussian prior and data that speak for themselves, the spread left over the prior's, squared, is the prior's
    share of the precision. The exponents have a prior, and E where bytes a token are known; and only below 20 runs.

    >>> import numpy as np
    >>> from economics.scaling.points import Points
    >>> from economics.scaling.parametric import fit_parametric
    >>> n, d = (x.ravel() for x in np.meshgrid([1e6, 3e6, 1e7], [1e7, 4e7, 1.6e8]))
    >>> loss = (1.8 + 480 * n**-0.35 + 2100 * d**-0.37) * np.exp(0.01 * np.random.default_rng(1).standard_normal(9))
    >>> found = prior_weights(fit_parametric(Points(num_params=n, num_tokens=d, loss=loss), num_resamples=200))
    >>> found["E"], 0 < found["alpha"] <= 1
    (0.0, True)
    """
    columns = dict(zip(NAMES, fitted.draws.T, strict=True))
    spreads = {
        "E": float(columns["E"].std() / max(columns["E"].mean(), 1e-9)) / FLOOR_SIGMA,
        "alpha": float(columns["alpha"].std()) / PRIOR_SIGMA,
        "beta": float(columns["beta"].std()) / PRIOR_SIGMA,
    }
    return {name: min(1.0, spreads[name] ** 2) if name in fitted.prior else 0.0 for name in NAMES}
