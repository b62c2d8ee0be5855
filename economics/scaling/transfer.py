"""What a transfer is worth in data: how much of it a run from scratch would need for the same loss.

Source: Hernandez et al. 2021, arXiv 2102.01293: effective data transferred, measured on one's own pair of runs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from economics.errors import InputError


@dataclass(frozen=True, kw_only=True, slots=True)
class Worth:
    """Effective data of a transfer against a run from scratch on the same data."""

    multiplier: float
    """Tokens that the run from scratch needed for that loss, by those that the transfer needed."""

    is_lower_bound: bool
    """The run from scratch never came so far: the multiplier is at least this."""


def effective_data(
    scratch_tokens: Sequence[float], scratch_losses: Sequence[float], *, transfer_tokens: float, transfer_loss: float
) -> Worth:
    """Return what a transfer is worth. Between two measurements of the run from scratch its loss is linear in log tokens.

    Parameters
    ----------
    scratch_tokens, scratch_losses : where the run from scratch was measured; its best loss so far counts at each place
    transfer_tokens, transfer_loss : what the transferred run had seen when it had that loss

    Raises
    ------
    InputError : without two measurements, or where a number of tokens is not above 0

    >>> round(effective_data([1e3, 1e4, 1e5], [4.0, 3.0, 2.0], transfer_tokens=1e3, transfer_loss=2.5).multiplier, 2)
    31.62
    >>> effective_data([1e3, 1e4, 1e5], [4.0, 3.0, 2.0], transfer_tokens=1e3, transfer_loss=1.0).is_lower_bound
    True
    """
    points = [(t, loss) for t, loss in zip(scratch_tokens, scratch_losses, strict=True) if t > 0 and np.isfinite(loss)]
    if len(points) < 2:
        raise InputError("scratch_tokens", len(points), "at least two measurements at more than 0 tokens")
    if not transfer_tokens > 0:
        raise InputError("transfer_tokens", transfer_tokens, "above 0")
    tokens = np.log([t for t, _ in sorted(points)])
    best = np.minimum.accumulate([loss for _, loss in sorted(points)])
    if transfer_loss < best[-1]:
        return Worth(multiplier=float(np.exp(tokens[-1]) / transfer_tokens), is_lower_bound=True)
    reached = int(np.argmax(best <= transfer_loss))  # the first place that is as good
    needed = tokens[reached]
    if reached and best[reached - 1] > best[reached]:
        share = (best[reached - 1] - transfer_loss) / (best[reached - 1] - best[reached])
        needed = tokens[reached - 1] + share * (tokens[reached] - tokens[reached - 1])
    return Worth(multiplier=float(np.exp(needed) / transfer_tokens), is_lower_bound=False)
