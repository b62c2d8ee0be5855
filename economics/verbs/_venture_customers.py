"""What a venture's customers and volume are worth: value of a customer by segment, and when own replicas beat an API."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from economics.venture import Segment, Simulation, Staircase, Venture, break_even_volume, customer_value
from economics.venture.usage import mean_below, share_of_heaviest


def segment_value(plan: Venture, segment: Segment, simulation: Simulation) -> dict[str, Any]:
    """Value of a customer: revenue per customer of this price plan, at the venture's own gross margin."""
    use = segment.tokens_per_customer_month.median
    price = segment.plan
    served = float(mean_below(use, segment.heaviness_sigma, price.most_tokens_per_month))
    inside = float(mean_below(use, segment.heaviness_sigma, price.included_tokens_per_month))
    revenue = price.usd_per_month + max(0.0, served - inside) * price.usd_per_million_tokens / 1e6
    last = simulation.revenue[-12:].sum(axis=0)
    sold = last > 0
    margin = float(np.median(1 - simulation.cost_of_goods[-12:].sum(axis=0)[sold] / last[sold])) if sold.any() else 0.0
    value = customer_value(
        usd_per_month=revenue,
        gross_margin_fraction=margin,
        churn_per_month=segment.churn_per_month,
        first_month_churn=segment.first_month_churn.median,
        acquisition_usd=segment.acquisition_usd.median,
        rate_per_year=0.15,
        num_customers_observed=segment.churn_customers_observed,
    )
    payback = value.payback_months.to_dict()
    return {
        "name": segment.name,
        "usd_per_customer_month": revenue,
        "gross_margin_fraction": margin,
        "ltv_usd": value.ltv_usd.to_dict(),
        "ltv_over_acquisition": value.ltv_over_acquisition,
        "payback_months": {name: (x if np.isfinite(x) else None) for name, x in payback.items()},
        "churn_is_assumption": value.churn_is_assumption,
        "share_of_use_of_the_heaviest_tenth": share_of_heaviest(segment.heaviness_sigma, 0.1),
    }


def volume_to_break_even(plan: Venture) -> dict[str, Any] | None:
    """Monthly tokens at which one's own replicas meet an API's price; None where no API price is given."""
    serving = plan.serving
    if not serving.api_usd_per_million_tokens:
        return None
    own = Staircase(
        tokens_per_second_per_replica=serving.tokens_per_second_per_replica.median,
        usd_per_replica_hour=serving.usd_per_accelerator_hour.median * serving.accelerators_per_replica,
        peak_over_mean=serving.peak_over_mean,
        least_replicas=serving.least_replicas,
    )
    return dataclasses.asdict(break_even_volume(own, serving.api_usd_per_million_tokens))
