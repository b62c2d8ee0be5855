r"""Critical batch size: beyond it, larger batches buy little time for their compute.

    (S / S_min - 1) (E / E_min - 1) = 1,      B_crit = E_min / S_min

S optimizer steps and E examples (tokens) reach the same loss; at B = B_crit both are twice their least. The
gradient's noise scale, tr(Sigma) / |G|^2, estimates B_crit from two batch sizes during one run.

Source: McCandlish et al. 2018, An Empirical Model of Large-Batch Training, arXiv 1812.06162.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike

from economics.errors import InputError, NoAnswerError


@dataclass(frozen=True, slots=True, kw_only=True)
class CriticalBatch:
    """The trade of steps against tokens for one loss."""

    least_steps: float
    """S_min: steps however large the batch."""

    least_tokens: float
    """E_min: tokens however small the batch."""

    @property
    def batch_tokens(self) -> float:
        """B_crit: the batch at which both are twice their least."""
        return self.least_tokens / self.least_steps

    def steps(self, batch_tokens: float) -> float:
        """Steps at a batch: S_min (1 + B_crit / B)."""
        return self.least_steps * (1 + self.batch_tokens / batch_tokens)

    def compute_factor(self, batch_tokens: float) -> float:
        """Tokens, hence compute, over the least possible: 1 + B / B_crit.

        >>> CriticalBatch(least_steps=1e4, least_tokens=1e10).compute_factor(5e5)
        1.5
        """
        return 1 + batch_tokens / self.batch_tokens


def critical_batch_fit(batch_tokens: ArrayLike, steps: ArrayLike) -> CriticalBatch:
    """Fit the trade to runs that reached the same loss at several batch sizes.

    Parameters
    ----------
    batch_tokens, steps : two runs at least, of different batch

    >>> found = critical_batch_fit([1e5, 1e6, 1e7], [1.1e5, 2e4, 1.1e4])
    >>> round(found.least_steps), round(found.batch_tokens)
    (10000, 1000000)
    """
    batch, count = np.asarray(batch_tokens, dtype=float), np.asarray(steps, dtype=float)
    if np.unique(batch).size < 2:
        raise InputError("batch_tokens", batch.tolist(), "two different batch sizes or more")
    # S = S_min + E_min / B is linear in both unknowns; divide by S to weigh the runs alike
    columns = np.stack([1 / count, 1 / (batch * count)], axis=1)
    scale = columns.max(axis=0)
    solution = scipy.optimize.nnls(columns / scale, np.ones_like(count))[0] / scale
    if not (solution > 0).all():
        raise NoAnswerError(
            "Steps do not fall as the batch grows, so there is no critical batch; train longer or wider."
        )
    return CriticalBatch(least_steps=float(solution[0]), least_tokens=float(solution[1]))


def noise_scale(
    *, small_batch: float, small_norm_squared: float, large_batch: float, large_norm_squared: float
) -> float:
    """Gradient noise scale tr(Sigma) / |G|^2 from the squared norms of gradients at two batch sizes.

    Average the norms over many steps first: the estimate of |G|^2 is a difference and easily negative.

    >>> round(noise_scale(small_batch=1e4, small_norm_squared=2.0, large_batch=1e6, large_norm_squared=1.01), 1)
    10000.0
    """
    if not 0 < small_batch < large_batch:
        raise InputError("small_batch, large_batch", (small_batch, large_batch), "positive and in rising order")
    signal = (large_batch * large_norm_squared - small_batch * small_norm_squared) / (large_batch - small_batch)
    noise = (small_norm_squared - large_norm_squared) / (1 / small_batch - 1 / large_batch)
    if signal <= 0 or noise <= 0:
        raise NoAnswerError("The two gradients do not tell signal from noise; average their norms over more steps.")
    return noise / signal


def critical_batch_of_loss(loss: float) -> float:
    """B_crit in tokens at a loss: B* / L^(1 / alpha_B) with B* = 2e8 and alpha_B = 0.21; from memory of its source.

    A rule of thumb for decoders on web text, of the right order only. Source: Kaplan et al. 2020, section 5.

    >>> f"{critical_batch_of_loss(2.5):.2g}"
    '2.5e+06'
    """
    if not loss > 0:
        raise InputError("loss", loss, "positive")
    return float(2e8 * loss ** (-1 / 0.21))
