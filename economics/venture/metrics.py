"""What the paths say: margins, runway, break-even, the raise needed, value; and what one customer is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from economics.errors import InputError
from economics.uncertainty import Beta, Distribution, Interval, interval_of, uniforms_for
from economics.venture.books import Simulation
from economics.venture.finance import Irr, discount_factors, irr, npv

Floats = NDArray[np.float64]
LTV_MONTHS = 36
"""Months of a customer's life that count: beyond three years nobody knows."""

STEADY_MONTHS = 3
"""Months in a row above zero that make a break-even."""

FEWEST_CUSTOMERS = 30
"""Below so many customers observed, churn is an assumption."""


def runway_months(simulation: Simulation) -> Floats:
    """Months until cash falls below zero, path by path; infinite where it never does.

    From the simulated cash, not from cash over the last month's burn: burn changes.
    """
    below = simulation.cash < 0
    return np.where(below.any(axis=0), below.argmax(axis=0).astype(float), np.inf)


def break_even_month(simulation: Simulation) -> Floats:
    """First month from which the operating profit stays at zero or above for three months; infinite if none."""
    good = simulation.operating_profit >= 0
    months = good.shape[0]
    if months < STEADY_MONTHS:
        return np.full(good.shape[1], np.inf)
    run = np.all([good[k : months - STEADY_MONTHS + 1 + k] for k in range(STEADY_MONTHS)], axis=0)
    return np.where(run.any(axis=0), run.argmax(axis=0).astype(float), np.inf)


def peak_cash_need_usd(simulation: Simulation) -> Floats:
    """Cash that must be there from the start so that it never runs out: the depth of the valley, funding left out.

    >>> from types import SimpleNamespace
    >>> flows = SimpleNamespace(operating_cash=np.array([[-10.0], [-5.0], [20.0]]))
    >>> peak_cash_need_usd(flows)
    array([15.])
    """
    return np.asarray(np.maximum(0.0, -np.cumsum(simulation.operating_cash, axis=0).min(axis=0)))


def minimum_raise_usd(simulation: Simulation) -> float:
    """p90 of the peak cash need less the cash in hand: with it, nine paths in ten never run dry."""
    return max(0.0, float(np.quantile(peak_cash_need_usd(simulation), 0.9)) - simulation.opening_cash_usd)


def venture_npv_usd(simulation: Simulation, rate_per_year: float) -> Floats:
    """Present value of operating cash, path by path; what lies beyond the horizon counts nothing."""
    return npv(simulation.operating_cash.T, rate_per_year)


def venture_irr(simulation: Simulation) -> Irr:
    """Internal rate of return of the mean operating cash."""
    return irr(simulation.operating_cash.mean(axis=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerValue:
    """What one customer brings."""

    ltv_usd: Interval
    """Gross profit over 36 months of cohort survival, discounted."""

    payback_months: Interval
    """Months until the gross profit of a surviving cohort has paid its acquisition; infinite if never."""

    ltv_over_acquisition: float | None
    """Median LTV over the median acquisition cost; None where acquisition costs nothing."""

    churn_is_assumption: bool
    """Whether too few customers were observed to call churn a measurement."""


def customer_value(
    *,
    usd_per_month: float,
    gross_margin_fraction: float,
    churn_per_month: Distribution,
    first_month_churn: float = 0.0,
    acquisition_usd: float = 0.0,
    rate_per_year: float = 0.15,
    num_customers_observed: int = 0,
    num_draws: int = 4000,
    seed: int = 0,
) -> CustomerValue:
    r"""Lifetime value and payback of a customer.

    LTV = m sum_{k=0}^{35} S_k / (1 + r)^(k + 1/2), with S_k the share of a cohort still there after k months. The
    closed form m / (churn + r) runs to infinity and is larger, most of all where churn is small and least known.

    Parameters
    ----------
    usd_per_month : revenue per customer
    gross_margin_fraction : of it
    churn_per_month : a number's distribution, best a Beta posterior (`churn_posterior`)
    num_customers_observed : behind the churn; below 30 it is called an assumption

    >>> from economics.uncertainty import Fixed
    >>> found = customer_value(usd_per_month=100, gross_margin_fraction=0.8, churn_per_month=Fixed(0.03), acquisition_usd=600)
    >>> round(found.ltv_usd.p50), found.payback_months.p50
    (1505, 9.0)
    """
    churn = churn_per_month.ppf(uniforms_for("churn", num_draws, seed))
    survival = np.empty((LTV_MONTHS, num_draws))
    survival[0] = 1.0
    for month in range(1, LTV_MONTHS):
        lost = np.maximum(churn, first_month_churn) if month == 1 else churn
        survival[month] = survival[month - 1] * (1 - lost)
    profit = usd_per_month * gross_margin_fraction
    ltv = profit * (discount_factors(rate_per_year, LTV_MONTHS) @ survival)
    earned = profit * np.cumsum(survival, axis=0)
    paid = earned >= acquisition_usd
    payback = np.where(paid.any(axis=0), paid.argmax(axis=0) + 1.0, np.inf)
    return CustomerValue(
        ltv_usd=interval_of(ltv),
        payback_months=interval_of(np.where(acquisition_usd > 0, payback, 0.0)),
        ltv_over_acquisition=float(np.median(ltv) / acquisition_usd) if acquisition_usd > 0 else None,
        churn_is_assumption=num_customers_observed < FEWEST_CUSTOMERS,
    )


def churn_posterior(*, customer_months: int, lost_customers: int, prior: Beta | None = None) -> Beta:
    """Belief about monthly churn after so many customer-months with so many losses.

    The prior, Beta(2, 38), is a mean of 5 % worth 40 customer-months: a usual young product for small businesses.

    >>> found = churn_posterior(customer_months=400, lost_customers=12)
    >>> round(found.mean, 4), found.a, found.b
    (0.0318, 14.0, 426.0)
    """
    if not 0 <= lost_customers <= customer_months:
        raise InputError("lost_customers", lost_customers, f"between 0 and customer_months ({customer_months})")
    start = prior or Beta(2.0, 38.0)
    return start.updated(successes=lost_customers, failures=customer_months - lost_customers)


def margins(simulation: Simulation) -> dict[str, list[float | None]]:
    """Median gross margin by month, and fully loaded with amortised training; None where nothing is sold."""
    found: dict[str, list[float | None]] = {"gross_margin_fraction": [], "fully_loaded_margin_fraction": []}
    for name, extra in (
        ("gross_margin_fraction", 0.0),
        ("fully_loaded_margin_fraction", simulation.amortised_training),
    ):
        cost = simulation.cost_of_goods + extra
        for revenue, row in zip(simulation.revenue, cost, strict=True):
            sold = revenue > 0
            share = 1 - row[sold] / revenue[sold]
            found[name].append(float(np.median(share)) if sold.mean() > 0.5 else None)
    return found


def burn_multiple(simulation: Simulation, *, months: int = 12) -> float | None:
    """Cash burned over yearly recurring revenue added, in the first year: below 1.5 is good; None if none is added."""
    last = min(months, simulation.revenue.shape[0]) - 1
    added = 12 * float(np.median(simulation.revenue[last] - simulation.revenue[0]))
    burned = -float(np.median(simulation.operating_cash[: last + 1].sum(axis=0)))
    return burned / added if added > 0 else None
