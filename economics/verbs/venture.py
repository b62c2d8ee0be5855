"""Work out a venture: monthly profit and cash, runway, the raise needed, break-even and value, before tax."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from economics.plan.toml_file import toml_read
from economics.uncertainty import interval_of
from economics.units import whole
from economics.venture import (
    Simulation,
    Venture,
    break_even_month,
    minimum_raise_usd,
    peak_cash_need_usd,
    runway_months,
    venture_irr,
    venture_npv_usd,
    venture_simulate,
)
from economics.venture.metrics import burn_multiple, margins
from economics.venture.toml_file import EXTRA_TABLES, venture_from
from economics.verbs._venture_customers import segment_value, volume_to_break_even
from economics.verbs._venture_extras import answers_of_extras

SERIES = (
    "revenue", "bookings", "deferred", "cost_of_goods", "gross_profit", "research", "sales", "general",
    "operating_profit", "receipts", "payments", "credits_used", "operating_cash", "cash", "serving_paid", "serving_free",
    "training",
)  # fmt: skip
"""Monthly figures in US dollars."""

NOTES = (
    "All figures are before tax.",
    (
        "Prepaid credits are deferred revenue until used; inference of paying users is cost of goods, of the free tier "
        "sales and marketing, training is research."
    ),
    "Quantiles are of each month alone: they do not add up over months or lines.",
)

MOST_PATHS = 1_000_000
"""Beyond them quantiles no longer move, and memory runs out."""


def venture(
    plan: Venture, *, num_paths: int = 10_000, seed: int = 0, extras: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the monthly figures, and what they mean for cash, break-even and value.

    >>> from economics.uncertainty import Fixed
    >>> from economics.venture import PricePlan, Segment
    >>> seats = Segment(name="seats", plan=PricePlan(usd_per_month=50), new_customers_per_month=Fixed(10))
    >>> found = venture(Venture(segments=(seats,), months=24, opening_cash_usd=1e5), num_paths=200)
    >>> found["months"], len(found["monthly"]["cash_usd"]["p50"]), found["before_tax"]
    (24, 24, True)
    """
    simulation = venture_simulate(plan, num_paths=num_paths, seed=seed)
    rate = plan.discounting.annual_rate
    result: dict[str, Any] = {
        "before_tax": True,
        "months": plan.months,
        "num_paths": num_paths,
        "monthly": _monthly(simulation),
        "margins": margins(simulation),
        "runway_months": _months(runway_months(simulation)),
        "break_even_month": _months(break_even_month(simulation)),
        "peak_cash_need_usd": interval_of(peak_cash_need_usd(simulation)).to_dict(),
        "minimum_raise_usd": minimum_raise_usd(simulation),
        "npv_usd": interval_of(venture_npv_usd(simulation, rate)).to_dict(),
        "discount_rate_per_year": rate,
        "failure_per_year": plan.discounting.failure_per_year,
        "irr": dataclasses.asdict(venture_irr(simulation)),
        "cost_of_a_months_delay": _delay(plan, simulation, num_paths, seed, rate),
        "burn_multiple": burn_multiple(simulation),
        "segments": [segment_value(plan, segment, simulation) for segment in plan.segments],
        "break_even_volume": volume_to_break_even(plan),
        "notes": [*NOTES, *_notes(plan)],
    }
    return result | answers_of_extras(extras or {}, simulation)


def _monthly(simulation: Simulation) -> dict[str, Any]:
    """p10, p50, p90 of each figure, month by month."""

    def quantiles(values: NDArray[np.float64]) -> dict[str, list[float]]:
        low, mid, high = np.quantile(values, [0.1, 0.5, 0.9], axis=1)
        return {"p10": low.tolist(), "p50": mid.tolist(), "p90": high.tolist()}

    found = {f"{name}_usd": quantiles(getattr(simulation, name)) for name in SERIES}
    counts = {
        f"num_{name}": quantiles(getattr(simulation, name)) for name in ("customers", "new_customers", "replicas")
    }
    return found | counts | {"num_tokens": quantiles(simulation.tokens), "funding_usd": simulation.funding.tolist()}


def _months(values: NDArray[np.float64]) -> dict[str, Any]:
    """Quantiles of a month that may never come: null beyond the horizon, with the share of paths in which it comes."""
    interval = interval_of(values)
    shown: dict[str, Any] = {
        name: (float(value) if np.isfinite(value) else None) for name, value in interval.to_dict().items()
    }
    return shown | {"probability_within_horizon": float(np.isfinite(values).mean())}


def _delay(plan: Venture, simulation: Simulation, num_paths: int, seed: int, rate: float) -> dict[str, Any]:
    """What launching one month later costs, under the same luck."""
    if plan.launch_month + 1 >= plan.months:
        return {"npv_usd": None, "peak_cash_need_usd": None}
    later = venture_simulate(
        dataclasses.replace(plan, launch_month=plan.launch_month + 1), num_paths=num_paths, seed=seed
    )
    lost = venture_npv_usd(simulation, rate) - venture_npv_usd(later, rate)
    more = peak_cash_need_usd(later) - peak_cash_need_usd(simulation)
    return {"npv_usd": interval_of(lost).to_dict(), "peak_cash_need_usd": interval_of(more).to_dict()}


def _notes(plan: Venture) -> list[str]:
    found = [
        f"Churn of {segment.name} is an assumption: fewer than 30 customers were observed."
        for segment in plan.segments
        if segment.churn_customers_observed < 30
    ]
    if plan.discounting.venture_rate_per_year is None and plan.discounting.rate_per_year is None:
        found.append(f"No rate was given: {plan.discounting.annual_rate:.0%} a year is used.")
    return found


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", help="TOML: segments, serving, training, people, other_costs, funding, credits")
    parser.add_argument("--paths", default="10000", help="simulated paths (10000)")
    parser.add_argument("--seed", default="0", help="makes the paths repeatable")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the file and simulate."""
    return venture_from_table(
        toml_read(arguments.file),
        num_paths=whole(arguments.paths, field="paths", lowest=10, highest=MOST_PATHS),
        seed=whole(arguments.seed, field="seed", lowest=0),
    )


def venture_from_table(table: Mapping[str, Any], *, num_paths: int = 10_000, seed: int = 0) -> dict[str, Any]:
    """Work out a venture from the tables of its file, as a program may hold them.

    >>> found = venture_from_table({"months": 12, "segments": [{"name": "a", "new_customers_per_month": 10}]}, num_paths=20)
    >>> found["months"]
    12
    """
    extras = {name: table[name] for name in EXTRA_TABLES if name in table}
    return venture(venture_from(table), num_paths=num_paths, seed=seed, extras=extras)


def show(result: dict[str, Any], console: Any) -> None:
    """A readable table: each quarter's medians, then the answers."""
    from economics.tables import show_plainly, show_rows

    monthly = result["monthly"]
    rows = [
        {"month": month + 1, "customers": monthly["num_customers"]["p50"][month]}
        | {
            f"{name}_usd": monthly[f"{name}_usd"]["p50"][month]
            for name in ("revenue", "gross_profit", "operating_profit", "cash")
        }
        for month in sorted({*range(2, result["months"], 6), result["months"] - 1})
    ]
    show_rows(rows, console, title="Medians, before tax")
    hidden = ("monthly", "margins", "notes", "before_tax")
    show_plainly({name: value for name, value in result.items() if name not in hidden}, console)
    for note in result["notes"]:
        console.print(f"- {note}", markup=False)


def explain(result: dict[str, Any]) -> list[str]:
    """How the answers came about."""
    rate = result["discount_rate_per_year"]
    return [
        f"NPV = sum of monthly operating cash / (1 + r)^(t + 1/2), r = (1 + {rate:g})^(1/12) - 1",
        f"Minimum raise = p90 of the peak cash need - cash in hand = {result['minimum_raise_usd']:,.0f} USD",
        "Operating profit = revenue - cost of goods - research - sales - general, before tax",
    ]
