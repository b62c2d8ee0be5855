"""The market: which share of reachable customers pays all fixed costs, by month."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from economics.venture import Market
from webapp.planning.inputs import PlanInputs


def market(inputs: PlanInputs, business: Mapping[str, Any]) -> dict[str, Any]:
    """Return the share of reachable customers that pays all fixed costs, by month, counted from below."""
    central = business["central"]
    rows = []
    for month in range(2, len(central["revenue"]), 3):
        revenue, customers = central["revenue"][month], central["customers"][month]
        if revenue <= 0 or customers <= 0:
            continue
        market = Market(
            customers=inputs.market_customers, reachable_fraction=inputs.reachable_fraction, obtainable_fraction=1.0,
            usd_per_customer_year=12 * revenue / customers,
        )  # fmt: skip
        fixed = 12 * sum(central[name][month] for name in ("research", "sales", "general"))
        share = market.share_to_break_even(
            fixed_usd_per_year=fixed, gross_margin_fraction=1 - central["cost_of_goods"][month] / revenue
        )
        rows.append(
            {"month": month, "share": share, "reached": customers / (market.customers * market.reachable_fraction)}
        )
    paying = [central["revenue"][m] / c for m, c in enumerate(central["customers"]) if c > 0]
    yearly = 12 * (paying[-1] if paying else inputs.usd_per_customer_month)
    total = inputs.market_customers * yearly
    return {
        "rows": rows,
        "tam_usd_per_year": total,
        "sam_usd_per_year": total * inputs.reachable_fraction,
        "reachable_customers": inputs.market_customers * inputs.reachable_fraction,
    }
