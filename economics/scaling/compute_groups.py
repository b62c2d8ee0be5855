"""Rows of one budget of compute, found among points whose budgets differ by rounding."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
GROUP_WIDTH = 0.25
"""Width in ln C of one budget: runs of one budget differ by rounding, budgets by a factor."""


def compute_groups(compute_flop: Floats) -> list[NDArray[np.int64]]:
    """Rows of equal budget, in rising order of compute.

    >>> [group.tolist() for group in compute_groups(np.array([1.0e18, 3.1e18, 1.02e18, 2.9e18]))]
    [[0, 2], [1, 3]]
    """
    log_c = np.log(np.asarray(compute_flop, dtype=float))
    left = np.ones(log_c.size, dtype=bool)
    groups = []
    while left.any():
        # the fullest window among those that begin at a row still free; strays end up alone
        near = (
            (log_c[None, :] >= log_c[:, None]) & (log_c[None, :] <= log_c[:, None] + GROUP_WIDTH) & left & left[:, None]
        )
        rows = np.flatnonzero(near[near.sum(axis=1).argmax()])
        groups.append(rows)
        left[rows] = False
    return sorted(groups, key=lambda rows: float(log_c[rows].mean()))
