r"""What data, a head start and a market are worth.

Data: at a given loss, D more unique tokens allow a smaller model. Along the isoquant dN/dD = -(beta B D^-(beta+1)) /
(alpha A N^-(alpha+1)); the next token saves the fall of training (6 N D) and of serving (linear in N), and is worth
nothing where there are already as many as the cheapest mix would use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from economics.errors import InputError, NoAnswerError
from economics.plan.rates import rate
from economics.scaling.inference_aware import ServedDemand, inference_aware_optimum
from economics.scaling.laws import LossLaw
from economics.uncertainty import Distribution, Interval, as_distribution, draw_jointly, interval_of


@dataclass(frozen=True, slots=True, kw_only=True)
class DataValue:
    """What more data would save."""

    usd_per_million_tokens: float
    """Of the next million unique tokens; 0 where data do not bind."""

    binds: bool
    """Whether the cheapest mix would use more tokens than there are."""

    best_tokens: float
    """Tokens it would use."""

    training_usd_per_million_tokens: float
    """Part saved in training; below 0 where more tokens make training itself dearer but serving cheaper."""

    serving_usd_per_million_tokens: float
    """Part saved in serving."""


def data_value(law: LossLaw, *, loss: float, unique_tokens: float, demand: ServedDemand) -> DataValue:
    """Dollars that the next million unique tokens save at a given loss.

    Parameters
    ----------
    law : of loss
    loss : that the product needs
    unique_tokens : at hand
    demand : prices of a FLOP and tokens served

    Raises
    ------
    NoAnswerError : if these tokens cannot reach the loss at any size

    >>> from economics.scaling.published import published_law
    >>> law = published_law()
    >>> target = law.optimum(1e22)
    >>> money = ServedDemand(training_usd_per_flop=2e-18)
    >>> data_value(law, loss=target.loss, unique_tokens=2 * target.num_tokens, demand=money).usd_per_million_tokens
    0.0
    >>> scarce = data_value(law, loss=target.loss, unique_tokens=target.num_tokens / 3, demand=money)
    >>> scarce.binds, round(scarce.usd_per_million_tokens, 2)
    (True, 1.24)
    """
    if not unique_tokens > 0:
        raise InputError("unique_tokens", unique_tokens, "positive")
    best = inference_aware_optimum(law, loss, demand)
    if unique_tokens >= best.num_tokens:
        return DataValue(
            usd_per_million_tokens=0.0,
            binds=False,
            best_tokens=best.num_tokens,
            training_usd_per_million_tokens=0.0,
            serving_usd_per_million_tokens=0.0,
        )
    size = float(law.params_for_loss(unique_tokens, loss))
    if not np.isfinite(size):
        raise NoAnswerError(f"{unique_tokens:.3g} unique tokens cannot reach a loss of {loss:g} at any size.")
    slope = -(law.beta * law.B * unique_tokens ** -(law.beta + 1)) / (law.alpha * law.A * size ** -(law.alpha + 1))
    per_flop = law.conventions.flop_per_param_token * demand.training_usd_per_flop
    training = -per_flop * (size + unique_tokens * slope)
    served = (
        demand.num_input_tokens * demand.prefill_usd_per_flop + demand.num_output_tokens * demand.decode_usd_per_flop
    )
    serving = -2 * served * slope
    return DataValue(
        usd_per_million_tokens=max(0.0, (training + serving) * 1e6),
        binds=True,
        best_tokens=best.num_tokens,
        training_usd_per_million_tokens=training * 1e6,
        serving_usd_per_million_tokens=serving * 1e6,
    )


def follower_cost(
    cost_usd: float | Distribution,
    *,
    months: Sequence[float] = (0.0, 6.0, 12.0, 24.0),
    rent_decline_per_year: Distribution | None = None,
    halving_months: Distribution | None = None,
    num_draws: int = 4000,
    seed: int = 0,
) -> dict[float, Interval]:
    """What the same result costs a follower who begins later: cheaper devices, better algorithms.

    The barrier is what the first to come spent that the follower need not; it melts with a half-life of months.

    Parameters
    ----------
    cost_usd : of the first, now
    halving_months : until the same loss takes half the compute; 8 months, 90 % interval 2-22, unless given

    >>> found = follower_cost(1e6)
    >>> found[0.0].p50, found[24.0].p50 < 0.15e6, found[24.0].p10 < found[24.0].p90 / 5
    (1000000.0, True, True)
    """
    draws = draw_jointly(
        {
            "cost": as_distribution(cost_usd),
            "decline": rent_decline_per_year or rate("rent_decline_per_year"),
            "halving": halving_months or rate("algorithms_halving_months"),
        },
        num_draws=num_draws,
        seed=seed,
    )
    decline = np.clip(draws["decline"], 0.0, 0.95)
    return {
        float(month): interval_of(draws["cost"] * (1 - decline) ** (month / 12) * 0.5 ** (month / draws["halving"]))
        for month in months
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """A market counted from below: customers times what one pays."""

    customers: float
    """All who have the problem."""

    reachable_fraction: float
    """Of them, those whom this product, language and channel reach."""

    obtainable_fraction: float
    """Of those, what can be won within the horizon."""

    usd_per_customer_year: float
    """What one pays."""

    def __post_init__(self) -> None:
        for name in ("reachable_fraction", "obtainable_fraction"):
            if not 0 <= getattr(self, name) <= 1:
                raise InputError(name, getattr(self, name), "a share from 0 to 1")

    @property
    def total_usd(self) -> float:
        """TAM, a year."""
        return self.customers * self.usd_per_customer_year

    @property
    def serviceable_usd(self) -> float:
        """SAM, a year."""
        return self.total_usd * self.reachable_fraction

    @property
    def obtainable_usd(self) -> float:
        """SOM, a year."""
        return self.serviceable_usd * self.obtainable_fraction

    def share_to_break_even(self, *, fixed_usd_per_year: float, gross_margin_fraction: float) -> float | None:
        """Share of the reachable customers that pays all fixed costs; above 1 the market is too small, None if no
        number of customers does.

        >>> market = Market(customers=50_000, reachable_fraction=0.2, obtainable_fraction=0.1, usd_per_customer_year=1200)
        >>> round(market.share_to_break_even(fixed_usd_per_year=960_000, gross_margin_fraction=0.8), 3)
        0.1
        """
        if gross_margin_fraction <= 0 or self.serviceable_usd <= 0:
            return None
        return fixed_usd_per_year / (gross_margin_fraction * self.serviceable_usd)
