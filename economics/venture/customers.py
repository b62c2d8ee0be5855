"""One segment month by month: who comes, who leaves, what they use and when they pay."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from economics.uncertainty import stream_for
from economics.venture.books import Books, Draw, Floats
from economics.venture.inputs import Venture
from economics.venture.selling import Segment
from economics.venture.usage import mean_below, relative_noise

DAYS_PER_MONTH = 30.4375


def segment_run(
    venture: Venture, segment: Segment, draw: Draw, books: Books, alive: NDArray[np.bool_], seed: int
) -> None:
    """Customers, use, revenue and receipts of one segment, added to the books."""
    months, paths = alive.shape
    d = {name: draw(f"{segment.name} {name}", getattr(segment, name)) for name in _SEGMENT_DRAWS}
    luck = stream_for(seed, f"{segment.name} luck").standard_normal((months, paths))
    crowd = venture.crowd_noise * stream_for(seed, f"{segment.name} crowd").standard_normal((months, paths))
    season = np.array(segment.seasonality or (1.0,) * 12)
    season = season / season.mean()
    plan = segment.plan
    pull = _price_pull(segment)
    market = d["market_customers"] * pull
    fresh = np.zeros(paths)  # joined in the month before: meets first-month churn next
    settled = np.full(paths, segment.starting_customers)
    adopted = settled.copy()
    stock = np.zeros(paths)
    first_churn = np.maximum(d["first_month_churn"], d["churn_per_month"])
    billed_rows = np.zeros((months, paths))
    served = beyond = np.zeros(paths)
    for month in range(months):
        live = alive[month]
        if month < venture.launch_month:
            new = np.zeros(paths)
        else:
            age = month - venture.launch_month
            wobble = np.exp(venture.demand_sigma * luck[month] - venture.demand_sigma**2 / 2)
            # the season follows the calendar, not the launch
            new = _arrivals(segment, d, market, adopted, pull, age) * season[month % 12] * wobble * live
            new = np.minimum(new, np.maximum(market - adopted, 0.0)) if segment.market_customers.median > 0 else new
        settled = (settled * (1 - d["churn_per_month"]) + fresh * (1 - first_churn)) * live
        fresh = new
        adopted = adopted + new
        customers = settled + fresh
        growth = (1 + segment.usage_growth_per_month) ** month
        if month == 0 or growth != 1:
            served, beyond = _use_of_one(segment, d["tokens_per_customer_month"] * growth)
        noise = np.clip(1 + relative_noise(segment.heaviness_sigma, customers) * crowd[month], 0.2, 5.0)
        tokens = customers * served * noise
        earned = customers * plan.usd_per_month
        if plan.usd_per_million_tokens:
            earned = earned + customers * beyond * noise * (plan.usd_per_million_tokens / 1e6)
        bought = np.zeros(paths)
        billed = earned
        if plan.prepaid_fraction:
            prepaid = earned * plan.prepaid_fraction
            # customers top up to the months they like to hold
            bought = np.maximum(0.0, prepaid * (1 + plan.prepaid_months) - stock) * live
            stock = np.maximum(stock + bought - prepaid, 0.0)
            billed = earned - prepaid
        billed_rows[month] = billed
        free = customers * segment.free_users_per_customer
        books.customers[month] += customers
        books.new_customers[month] += new
        books.tokens_paid[month] += tokens
        books.tokens_free[month] += free * segment.free_tokens_per_user_month
        books.revenue[month] += earned
        books.bookings[month] += billed + bought
        books.deferred[month] += stock
        books.receipts[month] += bought
        books.acquisition[month] += new * d["acquisition_usd"]
    books.receipts += _collected(billed_rows, plan.collection_days)


_SEGMENT_DRAWS = (
    "market_customers",
    "innovation_per_month",
    "imitation_per_month",
    "new_customers_per_month",
    "growth_per_month",
    "churn_per_month",
    "first_month_churn",
    "tokens_per_customer_month",
    "acquisition_usd",
)


def _use_of_one(segment: Segment, mean: Floats) -> tuple[Floats, Floats]:
    """Mean tokens that a customer is served under the cap, and of them those beyond the included ones."""
    plan = segment.plan
    served = mean_below(mean, segment.heaviness_sigma, plan.most_tokens_per_month)
    if not plan.usd_per_million_tokens:
        return served, np.zeros_like(served)
    included = min(plan.included_tokens_per_month, plan.most_tokens_per_month)
    return served, np.asarray(served - mean_below(mean, segment.heaviness_sigma, included))


def _price_pull(segment: Segment) -> float:
    """Factor on demand from a price other than the one it was estimated at: constant elasticity."""
    if not (segment.price_elasticity and segment.reference_usd_per_month and segment.plan.usd_per_month):
        return 1.0
    return float((segment.plan.usd_per_month / segment.reference_usd_per_month) ** segment.price_elasticity)


def _arrivals(segment: Segment, d: dict[str, Floats], market: Floats, adopted: Floats, pull: float, age: int) -> Floats:
    """New customers of a month: Bass's (p + q N / M) (M - N), or a first month's number grown."""
    if segment.market_customers.median > 0:
        left = np.maximum(market - adopted, 0.0)
        share = d["imitation_per_month"] * adopted / np.maximum(market, 1e-9)
        return np.asarray((d["innovation_per_month"] + share) * left)
    return np.asarray(d["new_customers_per_month"] * pull * (1 + d["growth_per_month"]) ** age)


def _collected(billed: Floats, days: float) -> Floats:
    """Invoices paid some days later: split between the two months nearest to it."""
    lag = days / DAYS_PER_MONTH
    whole, part = int(lag), lag - int(lag)
    collected = np.zeros_like(billed)
    for shift, share in ((whole, 1 - part), (whole + 1, part)):
        if share > 0 and shift < billed.shape[0]:
            collected[shift:] += share * billed[: billed.shape[0] - shift]
    return collected
