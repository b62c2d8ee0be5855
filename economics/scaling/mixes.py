"""Mixes of parameters and tokens: the cheapest, and the range of those nearly as cheap."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mix:
    """A size with its tokens."""

    num_params: float
    """Parameters."""

    num_tokens: float
    """Training tokens."""

    compute_flop: float
    """Compute of the mix."""

    loss: float
    """Loss the law expects of it."""

    @property
    def tokens_per_param(self) -> float:
        """D / N: about 20 where compute alone counts, hundreds where the model will be served widely."""
        return self.num_tokens / self.num_params


@dataclass(frozen=True, slots=True)
class Band:
    """A best mix and the range of sizes nearly as cheap."""

    best: Mix
    """The cheapest."""

    num_params_low: float
    """Smallest size within the slack."""

    num_params_high: float
    """Largest size within the slack."""

    num_tokens_low: float
    """Tokens the largest size needs."""

    num_tokens_high: float
    """Tokens the smallest size needs."""

    slack_fraction: float
    """Extra compute accepted at the ends."""


def two_digits(value: float) -> float:
    """Round to two significant digits: all that a fitted size is good for.

    >>> two_digits(73_123_456_789.0)
    73000000000.0
    """
    return float(f"{value:.2g}")
