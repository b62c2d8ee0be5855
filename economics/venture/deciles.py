r"""Customers by tenths of use: what each tenth pays, and what serving it costs.

With use lognormal of mean m and sigma s, the share of use by the heaviest fraction q is Phi(s - Phi^-1(1 - q)). A tenth
is the difference of two such shares. Use beyond the included tokens, and the cap, are taken within each tenth.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from economics.errors import InputError
from economics.venture.selling import PricePlan
from economics.venture.usage import share_of_heaviest

POINTS = 200
"""Quantiles within each tenth over which its overage is averaged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decile:
    """A tenth of the customers, by use; per customer and month."""

    number: int
    """1 uses least, 10 most."""

    tokens: float
    """Use."""

    revenue_usd: float
    """What one pays."""

    cost_usd: float
    """Serving, support and the payment's fee."""

    @property
    def margin_fraction(self) -> float | None:
        """Gross margin; None where nothing is paid."""
        return 1 - self.cost_usd / self.revenue_usd if self.revenue_usd > 0 else None


def margin_by_decile(
    plan: PricePlan,
    *,
    mean_tokens: float,
    sigma: float,
    serving_usd_per_million_tokens: float,
    support_usd: float = 0.0,
    payment_fee_fraction: float = 0.0,
) -> list[Decile]:
    """Revenue and cost of each tenth of the customers, lightest first.

    >>> found = margin_by_decile(PricePlan(usd_per_month=20), mean_tokens=5e6, sigma=1.5, serving_usd_per_million_tokens=1.0)
    >>> round(sum(d.tokens for d in found) / 10 / 5e6, 6), found[0].margin_fraction > 0.9, found[9].margin_fraction < 0
    (1.0, True, True)
    """
    if sigma < 0 or mean_tokens < 0:
        raise InputError("use of customers", (mean_tokens, sigma), "a mean and a sigma that are not negative")
    capped = np.isfinite(plan.most_tokens_per_month)
    found = []
    for number in range(1, 11):
        inside = (np.arange(POINTS) + 0.5) / POINTS
        quantile = scipy.special.ndtri((number - 1 + inside) / 10)
        use = mean_tokens * np.exp(sigma * quantile - sigma**2 / 2)
        if sigma and not capped:
            # the exact mean of the tenth; the grid alone misses the far tail of the last one
            top = share_of_heaviest(sigma, (11 - number) / 10) if number > 1 else 1.0
            rest = share_of_heaviest(sigma, (10 - number) / 10) if number < 10 else 0.0
            use = use * (10 * (top - rest) * mean_tokens / use.mean())
        use = np.minimum(use, plan.most_tokens_per_month)
        beyond = np.maximum(use - plan.included_tokens_per_month, 0.0).mean()
        revenue = plan.usd_per_month + float(beyond) * plan.usd_per_million_tokens / 1e6
        tokens = float(use.mean())
        cost = tokens * serving_usd_per_million_tokens / 1e6 + support_usd + payment_fee_fraction * revenue
        found.append(Decile(number=number, tokens=tokens, revenue_usd=revenue, cost_usd=cost))
    return found
