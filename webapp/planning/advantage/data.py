"""What data are worth where the plan stands, when they begin to bind, and what duplicates cost."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from economics.errors import EconomicsError
from economics.plan.rates import rate
from economics.scaling.laws import LossLaw
from economics.venture import repeated_data_value
from webapp.planning.advantage.demand import served_demand
from webapp.planning.inputs import PlanInputs
from webapp.planning.prices import PriceUsed
from webapp.planning.scale import ScaleAnswer
from webapp.planning.sources import LawUsed

BIND_MONTHS = 120
"""Looked so far ahead for the month in which data bind."""


def data(
    inputs: PlanInputs, law: LawUsed, price: PriceUsed, found: ScaleAnswer, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the next million tokens are worth where the plan stands, and when data begin to bind."""
    assert law.fitted.law is not None
    result: dict[str, Any] = {"unique_tokens": inputs.unique_tokens, "best_tokens": found.best["num_tokens"]}
    demand = served_demand(inputs, price, found)
    try:
        value = repeated_data_value(
            law.fitted.law, loss=found.best["loss"]["p50"], unique_tokens=inputs.unique_tokens, demand=demand
        )
        result |= {"usd_per_million": value.usd_per_million_tokens, "binds": value.binds, "why": ""}
        result["num_epochs"] = value.num_epochs
    except EconomicsError as error:
        result |= {"usd_per_million": None, "binds": True, "why": str(error)}
    result["months_until_binding"] = months_until_binding(inputs, law.fitted.law, found)
    result["price_usd_per_million"] = inputs.usd_per_million_tokens
    result["usd_per_thousand_labels"] = inputs.usd_per_thousand_labels
    result["duplicates"] = _duplicates(facts, result)
    return result


def months_until_binding(inputs: PlanInputs, law: LossLaw, found: ScaleAnswer) -> float | None:
    """Return the month in which the budget's best mix uses more tokens than there are; None beyond ten years.

    The same money buys more compute as rents fall; own data grow by what the plan says.
    """
    flop_now = law.conventions.flop_per_param_token * found.best["num_params"] * found.best["num_tokens"]
    decline = min(rate("rent_decline_per_year").median, 0.9)
    for month in range(BIND_MONTHS + 1):
        flop = flop_now / (1 - decline) ** (month / 12)
        tokens = law.optimum(flop).num_tokens
        if tokens > inputs.unique_tokens + month * inputs.data_growth_tokens_per_month:
            return float(month)
    return None


def _duplicates(facts: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any] | None:
    """What removing duplicates and bad text gave, from the project's own preparation; None where nothing was prepared."""
    data = facts.get("data")
    if not data:
        return None
    worth = result["usd_per_million"]
    return dict(data) | {"usd": None if worth is None else worth * data["removed_tokens"] / 1e6}
