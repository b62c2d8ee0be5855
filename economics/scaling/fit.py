"""The front door of fitting: one function for the four methods."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, get_args

from economics.errors import InputError
from economics.scaling.data_constrained import fit_data_constrained
from economics.scaling.envelope import fit_envelope
from economics.scaling.fitted import FittedLaw
from economics.scaling.isoflop import fit_isoflop
from economics.scaling.parametric import fit_parametric
from economics.scaling.points import Points

Method = Literal["parametric", "isoflop", "envelope", "data-constrained"]
METHODS: dict[str, Callable[..., FittedLaw]] = {
    "parametric": fit_parametric,
    "isoflop": fit_isoflop,
    "envelope": fit_envelope,
    "data-constrained": fit_data_constrained,
}


def law_fit(points: Points, *, method: Method = "parametric", num_resamples: int = 1000, seed: int = 0) -> FittedLaw:
    """Fit a scaling law to points by one of four methods.

    Parameters
    ----------
    points : what was trained
    method : `parametric` is the default and the best behaved; `isoflop` and `envelope` are the classical pictures, to
        compare with; `data-constrained` where data were repeated
    num_resamples : bootstrap resamples, at least 10
    seed : makes the intervals repeatable
    """
    if method not in get_args(Method):
        raise InputError("method", method, f"one of {', '.join(get_args(Method))}")
    if num_resamples < 10:
        raise InputError("bootstrap", num_resamples, "at least 10 resamples")
    return METHODS[method](points, num_resamples=num_resamples, seed=seed)
