"""The venture month by month, all paths at once: customers, use, revenue, costs, cash.

One loop over months; every line works on a vector of paths. Each random input has a stream of its own, so that a
venture with one thing changed is simulated under the same luck (`economics.uncertainty.draws`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.uncertainty import Distribution, stream_for, uniforms_for
from economics.venture.inputs import Segment, Venture
from economics.venture.staircase import HOURS_PER_MONTH, SECONDS_PER_MONTH
from economics.venture.usage import mean_below, relative_noise

Floats = NDArray[np.float64]
Draw = Callable[[str, Distribution], Floats]
"""Draws of a named input, one for each path."""

DAYS_PER_MONTH = 30.4375


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Simulation:
    """Monthly figures of every path, (months, paths) each, in USD before tax unless the name says otherwise."""

    customers: Floats
    """Paying customers at the end of the month."""

    new_customers: Floats
    """Won in the month."""

    tokens: Floats
    """Served, free tier included."""

    replicas: Floats
    """Rented; 0 where an API serves."""

    revenue: Floats
    """Earned: prepaid credits count when used."""

    bookings: Floats
    """Paid or invoiced: revenue plus what deferred revenue grew by."""

    deferred: Floats
    """Prepaid and not yet used, at the end of the month: a liability."""

    serving_paid: Floats
    """Inference for paying customers: cost of goods."""

    serving_free: Floats
    """Inference of the free tier: sales and marketing."""

    cost_of_goods: Floats
    """Serving of paying customers, support, payment fees, operations staff."""

    training: Floats
    """Spent on training: part of research."""

    research: Floats
    """Training and its people."""

    sales: Floats
    """Acquisition, free tier, sellers."""

    general: Floats
    """The rest."""

    amortised_training: Floats
    """Training spread over its useful months: for the fully loaded margin only."""

    receipts: Floats
    """Cash collected from customers."""

    credits_used: Floats
    """Compute bills paid by cloud credits: saves cash, not cost."""

    payments: Floats
    """Cash paid for all costs, credits deducted."""

    funding: Floats
    """Rounds, (months,) for all paths alike."""

    cash: Floats
    """At the end of the month; may go below zero: the need is what is asked for."""

    alive: NDArray[np.bool_]
    """False from the month in which simulated failure ends a path."""

    opening_cash_usd: float
    """Cash before the first month."""

    @property
    def gross_profit(self) -> Floats:
        """Revenue less cost of goods."""
        return np.asarray(self.revenue - self.cost_of_goods)

    @property
    def operating_profit(self) -> Floats:
        """Before tax and interest."""
        return np.asarray(self.gross_profit - self.research - self.sales - self.general)

    @property
    def operating_cash(self) -> Floats:
        """Receipts less payments: what the venture itself brings in, funding left out."""
        return np.asarray(self.receipts - self.payments)


def venture_simulate(venture: Venture, *, num_paths: int = 10_000, seed: int = 0) -> Simulation:
    """Simulate a venture.

    Parameters
    ----------
    num_paths : paths, >= 1; 10,000 of 60 months take well under a second
    seed : equal seeds give equal luck, input by input

    >>> from economics.uncertainty import Fixed
    >>> from economics.venture.inputs import PricePlan
    >>> seats = Segment(name="seats", plan=PricePlan(usd_per_month=50), new_customers_per_month=Fixed(10),
    ...                 churn_per_month=Fixed(0.0))
    >>> found = venture_simulate(Venture(segments=(seats,), months=12, demand_sigma=0.0), num_paths=3)
    >>> round(float(found.customers[-1, 0])), round(float(found.revenue[0, 0]))      # in its first month a customer pays it all
    (120, 500)
    """
    months, paths = venture.months, num_paths

    def draw(name: str, spread: Distribution) -> Floats:
        return spread.ppf(uniforms_for(name, paths, seed))

    alive = _alive(venture, paths, seed)
    books = _Books.empty(months, paths)
    for segment in venture.segments:
        _segment_run(venture, segment, draw, books, alive, seed)
    _serve(venture, draw, books)
    _spend(venture, draw, books, alive)
    return _settle(venture, books, alive)


@dataclass(slots=True, kw_only=True, eq=False)
class _Books:
    """Running totals over segments, (months, paths)."""

    customers: Floats
    new_customers: Floats
    tokens_paid: Floats
    tokens_free: Floats
    revenue: Floats
    bookings: Floats
    deferred: Floats
    receipts: Floats
    acquisition: Floats
    serving_paid: Floats
    serving_free: Floats
    replicas: Floats
    training: Floats
    amortised_training: Floats
    departments: dict[str, Floats]

    @classmethod
    def empty(cls, months: int, paths: int) -> _Books:
        names = [name for name in cls.__slots__ if name != "departments"]
        departments = {name: np.zeros((months, paths)) for name in ("cost_of_goods", "research", "sales", "general")}
        return cls(**{name: np.zeros((months, paths)) for name in names}, departments=departments)


def _alive(venture: Venture, paths: int, seed: int) -> NDArray[np.bool_]:
    """Which paths go on, month by month."""
    hazard = 1 - (1 - venture.discounting.failure_per_year) ** (1 / 12)
    if hazard == 0:
        return np.ones((venture.months, paths), dtype=bool)
    month_of_end = stream_for(seed, "failure").geometric(hazard, size=paths)
    return np.asarray(np.arange(venture.months)[:, None] < month_of_end)


def _segment_run(
    venture: Venture, segment: Segment, draw: Draw, books: _Books, alive: NDArray[np.bool_], seed: int
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


def _serve(venture: Venture, draw: Draw, books: _Books) -> None:
    """Cost of serving at the load of each month, shared between paying and free users by tokens."""
    serving = venture.serving
    months = books.tokens_paid.shape[0]
    rate = draw("tokens_per_second_per_replica", serving.tokens_per_second_per_replica)
    rent = draw("usd_per_accelerator_hour", serving.usd_per_accelerator_hour)
    decline = draw("rent_decline_per_year", serving.rent_decline_per_year)
    per_replica_usd = rent * serving.accelerators_per_replica * HOURS_PER_MONTH
    capacity = np.maximum(rate, 1e-9) * SECONDS_PER_MONTH / serving.peak_over_mean
    monthly_fall = (1 - decline) ** (1 / 12)
    falling = np.ones_like(rate)
    for month in range(months):
        total = books.tokens_paid[month] + books.tokens_free[month]
        open_ = total > 0
        replicas = np.maximum(np.ceil(total / capacity - 1e-9), serving.least_replicas) * open_
        own = replicas * per_replica_usd * falling
        api = total / 1e6 * serving.api_usd_per_million_tokens * (1 - serving.api_decline_per_year) ** (month / 12)
        if serving.mode == "api":
            usd, replicas = api, np.zeros_like(replicas)
        elif serving.mode == "cheaper":
            usd, replicas = np.minimum(own, api), np.where(own <= api, replicas, 0.0)
        else:
            usd = own
        share = np.divide(books.tokens_free[month], total, out=np.zeros_like(total), where=total > 0)
        books.serving_free[month] = usd * share
        books.serving_paid[month] = usd - books.serving_free[month]
        books.replicas[month] = replicas
        falling = falling * monthly_fall


def _spend(venture: Venture, draw: Draw, books: _Books, alive: NDArray[np.bool_]) -> None:
    """Training, people and everything else, by department."""
    months = alive.shape[0]
    for index, project in enumerate(venture.training):
        cost = draw(f"training {index}", project.cost_usd)
        starts = range(project.month, months, project.every_months) if project.every_months else (project.month,)
        for start in starts:
            books.training[start : start + project.months] += cost / project.months
            first = start + project.months
            books.amortised_training[first : first + project.useful_months] += cost / project.useful_months
    books.training *= alive
    departments = books.departments
    month = np.arange(months)[:, None]
    for role in venture.people:
        heads = np.where(month >= role.start_month, role.count, 0.0)
        if role.customers_per_head:
            heads = heads + np.floor(books.customers / role.customers_per_head)
        departments[role.department] += (
            heads * (role.usd_per_year / 12 * (1 + venture.payroll_overhead_fraction)) * alive
        )
    for other in venture.other_costs:
        usd = other.usd_per_month + other.fraction_of_revenue * books.revenue
        departments[other.department] += np.where(month >= other.start_month, usd, 0.0) * alive
    serving = venture.serving
    departments["cost_of_goods"] += (
        books.serving_paid
        + serving.payment_fee_fraction * books.revenue
        + serving.support_usd_per_customer_month * books.customers
    )
    departments["sales"] += books.serving_free + books.acquisition
    departments["research"] += books.training


def _settle(venture: Venture, books: _Books, alive: NDArray[np.bool_]) -> Simulation:
    """Cash: receipts, payments less what cloud credits pay, funding."""
    departments = books.departments
    compute = books.serving_paid + books.serving_free + books.training
    used = np.zeros_like(compute)
    for grant in venture.credits:
        left = np.full(compute.shape[1], grant.amount_usd)
        for month in range(grant.start_month, min(grant.expire_month, compute.shape[0])):
            pays = np.minimum(left, compute[month] - used[month])
            used[month] += pays
            left -= pays
    payments = sum(departments.values()) - used
    funding = np.zeros(compute.shape[0])
    for round_ in venture.funding:
        if round_.month < funding.size:
            funding[round_.month] += round_.amount_usd
    receipts = books.receipts * alive
    cash = venture.opening_cash_usd + np.cumsum(receipts - payments + funding[:, None], axis=0)
    return Simulation(
        customers=books.customers,
        new_customers=books.new_customers,
        tokens=books.tokens_paid + books.tokens_free,
        replicas=books.replicas,
        revenue=books.revenue,
        bookings=books.bookings,
        deferred=books.deferred,
        serving_paid=books.serving_paid,
        serving_free=books.serving_free,
        cost_of_goods=departments["cost_of_goods"],
        training=books.training,
        research=departments["research"],
        sales=departments["sales"],
        general=departments["general"],
        amortised_training=books.amortised_training,
        receipts=receipts,
        credits_used=used,
        payments=np.asarray(payments),
        funding=funding,
        cash=cash,
        alive=alive,
        opening_cash_usd=venture.opening_cash_usd,
    )
