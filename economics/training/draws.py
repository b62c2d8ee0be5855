"""Draws of what is uncertain, the same for every estimate, so that options compare on equal luck."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from economics.constants import Constant

NUM_DRAWS = 4000


@lru_cache(maxsize=8)
def normal_draws(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return standard normal draws of one uncertainty, with their mirror images, so that medians stay in place.

    >>> abs(float(np.median(normal_draws("a name")))) < 1e-3
    True
    """
    seed = int.from_bytes(name.encode()[:8], "little")
    draws = np.random.default_rng(seed).standard_normal(NUM_DRAWS // 2)
    return np.concatenate([draws, -draws])


def spread_draws(name: str, constant: Constant, sd: float | None = None) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return lognormal draws around a constant's value.

    >>> from economics.constants import RUN_FRACTION
    >>> abs(float(np.median(spread_draws("run", RUN_FRACTION))) - RUN_FRACTION.value) < 0.01
    True
    """
    width = constant.spread if sd is None else sd
    return np.asarray(constant.value * np.exp(width * normal_draws(name)))
