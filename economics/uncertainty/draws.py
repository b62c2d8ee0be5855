"""Joint draws on common random numbers: the same seed and the same name always give the same uniforms.

Each input has a stream of its own, derived from the seed and its name. Adding an input, or drawing one scenario
without it, leaves every other input's draws as they were; so the difference of two scenarios holds only what
differs between them, and P(A is cheaper than B) needs far fewer draws than with fresh ones.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping

import numpy as np
import scipy
from numpy.typing import NDArray

from economics.errors import InputError
from economics.uncertainty.distributions import Distribution
from economics.uncertainty.reading import as_distribution

Floats = NDArray[np.float64]


def stream_for(seed: int, name: str) -> np.random.Generator:
    """The random stream that belongs to one named input under one seed."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def uniforms_for(name: str, num_draws: int, seed: int) -> Floats:
    """Stratified uniforms of one input: one in each of `num_draws` equal cells, in random order.

    Stratifying (a Latin hypercube, when several inputs are drawn) makes quantiles settle with far fewer draws, and
    leaves each draw uniform.

    >>> u = uniforms_for("price", 1000, seed=1)
    >>> bool(abs(u.mean() - 0.5) < 1e-3), bool((u == uniforms_for("price", 1000, seed=1)).all())
    (True, True)
    """
    rng = stream_for(seed, name)
    return np.asarray((rng.permutation(num_draws) + rng.random(num_draws)) / num_draws)


def draw_jointly(
    inputs: Mapping[str, float | Distribution],
    *,
    num_draws: int = 2000,
    seed: int = 0,
    correlations: Mapping[tuple[str, str], float] | None = None,
) -> dict[str, Floats]:
    """Draw several inputs together.

    Parameters
    ----------
    inputs : for each name a number or a distribution
    num_draws : how many joint draws; > 0
    seed : equal seeds give equal draws, input by input
    correlations : rank-like correlations of pairs of inputs, each in (-1, 1), through a Gaussian copula: the spread
        of each input alone does not change. Together they must be possible (a positive definite matrix).

    Raises
    ------
    InputError : if a correlation names an unknown input or the correlations contradict one another

    Source
    ------
    Latin hypercube: McKay, Beckman and Conover 1979. Gaussian copula: Nelsen, An Introduction to Copulas, 2006.

    >>> from economics.uncertainty import LogNormal
    >>> price = LogNormal.from_median(2.0, p10=1.5, p90=2.6)
    >>> a = draw_jointly({"price": price, "hours": 100}, num_draws=500, seed=7)
    >>> b = draw_jointly({"price": price}, num_draws=500, seed=7)
    >>> bool((a["price"] == b["price"]).all()), float(a["hours"][0])
    (True, 100.0)
    """
    if num_draws < 1:
        raise InputError("num_draws", num_draws, "at least 1")
    uniforms = {name: uniforms_for(name, num_draws, seed) for name in inputs}
    if correlations:
        uniforms |= _correlated(uniforms, correlations)
    return {name: as_distribution(value).ppf(uniforms[name]) for name, value in inputs.items()}


def _correlated(uniforms: Mapping[str, Floats], correlations: Mapping[tuple[str, str], float]) -> dict[str, Floats]:
    """Uniforms of the named inputs, tied to one another by a Gaussian copula."""
    names = sorted({name for pair in correlations for name in pair})
    if missing := [name for name in names if name not in uniforms]:
        raise InputError("correlations", missing, f"among the inputs drawn: {', '.join(sorted(uniforms))}")
    matrix = np.eye(len(names))
    for (first, second), rho in correlations.items():
        i, j = names.index(first), names.index(second)
        matrix[i, j] = matrix[j, i] = rho
    try:
        factor = np.linalg.cholesky(matrix)
    except np.linalg.LinAlgError:
        raise InputError("correlations", dict(correlations), "possible together (a positive definite matrix)") from None
    normals = np.stack([scipy.special.ndtri(uniforms[name]) for name in names])
    return dict(zip(names, scipy.special.ndtr(factor @ normals), strict=True))
