r"""Where a law begins: the tokens that a model which has seen none is worth.

    L(N, D)  =  E  +  A / N^alpha  +  B / (D + D0)^beta,        L(N, 0)  =  ln V

A power of D alone says that a model without training loses without bound. It loses ln V: it guesses among the V tokens of
the vocabulary. Where D0 (some hundred steps' worth) is no small part of the shortest runs, a law without it bends too much
among them, and promises too little of longer ones. D0 is no free coefficient: it is what makes the law begin where
training does. Runs of billions of tokens do not feel it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from economics.scaling.points import Points

Floats = NDArray[np.float64]
SEARCHES = 14
LEAST_SHARE, MOST_SHARE = 1e-4, 30.0
"""D0 is sought between these shares of the fewest tokens of a run; below the first it is none."""


def tokens_of_untrained(points: Points, fit: Callable[[Points], Floats]) -> float:
    """Return D0, so that the law fitted to D + D0 gives a model of the ladder's middle size the loss of an untrained one.

    Parameters
    ----------
    points : runs, with `conventions.untrained_loss`; where that is not known D0 is 0
    fit : returns (E, A, B, alpha, beta) of points

    >>> n, d = (x.ravel() for x in np.meshgrid([5e4, 1e5, 2e5], [2e5, 4e5, 8e5]))
    >>> from economics.scaling.conventions import Conventions
    >>> from economics.scaling.few_runs import map_under_prior
    >>> loss = 2.2 + 61.5 * n**-0.35 + 150 * (d + 4e4) ** -0.35
    >>> told = Points(num_params=n, num_tokens=d, loss=loss, conventions=Conventions(vocabulary_size=1024))
    >>> round(tokens_of_untrained(told, lambda points: map_under_prior(points)[0]), -4)
    40000.0
    """
    start = points.conventions.untrained_loss
    if start is None or not start > points.loss.max():
        return 0.0
    fewest = float(points.num_tokens.min())
    middle = float(np.exp(np.log(points.num_params).mean()))

    def begins_above(num_tokens: float) -> bool:
        e, a, b, alpha, beta = fit(with_more_tokens(points, num_tokens))
        return bool(e + a * middle**-alpha + b * num_tokens**-beta > start)

    low, high = LEAST_SHARE * fewest, MOST_SHARE * fewest
    if not begins_above(low):
        return 0.0
    for _ in range(SEARCHES):
        share = float(np.sqrt(low * high))
        low, high = (share, high) if begins_above(share) else (low, share)
    return float(f"{low:.4g}")


def with_more_tokens(points: Points, num_tokens: float) -> Points:
    """Return the points as if each had seen so many tokens more; their compute stays what it was."""
    if not num_tokens:
        return points
    return replace(points, num_tokens=points.num_tokens + num_tokens, flop=points.compute_flop)
