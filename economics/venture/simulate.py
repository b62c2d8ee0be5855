"""The venture month by month, all paths at once: customers, use, revenue, costs, cash.

One loop over months; every line works on a vector of paths. Each random input has a stream of its own, so that a
venture with one thing changed is simulated under the same luck (`economics.uncertainty.draws`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from economics.uncertainty import Distribution, stream_for, uniforms_for
from economics.venture.books import Books, Draw, Floats, Simulation
from economics.venture.customers import segment_run
from economics.venture.inputs import Venture
from economics.venture.staircase import HOURS_PER_MONTH, SECONDS_PER_MONTH


def venture_simulate(venture: Venture, *, num_paths: int = 10_000, seed: int = 0) -> Simulation:
    """Simulate a venture.

    Parameters
    ----------
    num_paths : paths, >= 1; 10,000 of 60 months take well under a second
    seed : equal seeds give equal luck, input by input

    >>> from economics.uncertainty import Fixed
    >>> from economics.venture.selling import PricePlan, Segment
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
    books = Books.empty(months, paths)
    for segment in venture.segments:
        segment_run(venture, segment, draw, books, alive, seed)
    _serve(venture, draw, books)
    _spend(venture, draw, books, alive)
    return _settle(venture, books, alive)


def _alive(venture: Venture, paths: int, seed: int) -> NDArray[np.bool_]:
    """Which paths go on, month by month."""
    hazard = 1 - (1 - venture.discounting.failure_per_year) ** (1 / 12)
    if hazard == 0:
        return np.ones((venture.months, paths), dtype=bool)
    month_of_end = stream_for(seed, "failure").geometric(hazard, size=paths)
    return np.asarray(np.arange(venture.months)[:, None] < month_of_end)


def _serve(venture: Venture, draw: Draw, books: Books) -> None:
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


def _spend(venture: Venture, draw: Draw, books: Books, alive: NDArray[np.bool_]) -> None:
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


def _settle(venture: Venture, books: Books, alive: NDArray[np.bool_]) -> Simulation:
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
