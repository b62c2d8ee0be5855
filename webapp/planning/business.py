"""The business of one option: monthly profit and cash, value, scenarios under the same luck, tenths of customers."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from economics.uncertainty import interval_of
from economics.venture import (
    Simulation,
    Venture,
    cash_out_month,
    central_venture,
    margin_by_decile,
    minimum_raise_usd,
    peak_cash_need_usd,
    ruin_probability,
    runway_months,
    venture_npv_usd,
    venture_simulate,
)
from economics.venture.toml_file import venture_from
from economics.verbs.venture import venture_from_table
from webapp.planning.inputs import PlanInputs
from webapp.planning.prices import PriceUsed
from webapp.planning.tables import venture_table

FULL_PATHS, QUICK_PATHS = 10_000, 1_000
Change = Callable[[dict[str, Any]], None]


def business_table(inputs: PlanInputs, decided: Mapping[str, Any], price: PriceUsed) -> dict[str, Any]:
    """Return the venture's file for the option that is carried."""
    once = next(row["once_usd"] for row in decided["options"] if row["name"] == decided["carried"])
    waits = decided["carried"] == "wait"
    if waits:  # until then the API serves, and its bill is in the cost of goods
        once = {"p10": 0.0, "p50": 0.0, "p90": 0.0}
    return venture_table(
        inputs, option="api" if waits else decided["carried"],
        tokens_per_second=decided["tokens_per_second_per_replica"], once=once,
        ready_months=decided["ready_months"], price=price,
    )  # fmt: skip


def cash_answer(table: dict[str, Any], *, num_paths: int) -> dict[str, Any]:
    """Return what the decision card needs of the cash: fan, month it runs out, the raise, what a month's delay costs."""
    venture = venture_from(table)
    found = venture_simulate(venture, num_paths=num_paths)
    rate = venture.discounting.annual_rate
    return {
        "fan": fan_of(found),
        "runway_months": months_of(runway_months(found)),
        "minimum_raise_usd": minimum_raise_usd(found),
        "npv_usd": interval_of(venture_npv_usd(found, rate)).to_dict(),
        "delay": _delay(table, found, rate, num_paths),
        "num_paths": num_paths,
    }


def _delay(table: dict[str, Any], found: Simulation, rate: float, num_paths: int) -> dict[str, Any] | None:
    """Return the value lost by launching a month later, under the same luck; None at the end of the horizon."""
    if table["launch_month"] + 1 >= table["months"]:
        return None
    later = venture_simulate(venture_from(table | {"launch_month": table["launch_month"] + 1}), num_paths=num_paths)
    return interval_of(venture_npv_usd(found, rate) - venture_npv_usd(later, rate)).to_dict()


def fan_of(found: Simulation) -> dict[str, list[float]]:
    """Cash by month, p10, p50, p90, and the chance that it has run out by then."""
    low, mid, high = np.quantile(found.cash, [0.1, 0.5, 0.9], axis=1)
    ruined = ruin_probability(found)
    return {name: [float(f"{x:.6g}") for x in row] for name, row in
            (("p10", low), ("p50", mid), ("p90", high), ("ruin", ruined))}  # fmt: skip


def months_of(values: Any) -> dict[str, Any]:
    """Quantiles of a month that may never come: None beyond the horizon."""
    shown = {k: (v if math.isfinite(v) else None) for k, v in interval_of(values).to_dict().items()}
    return shown | {"probability_within_horizon": float(np.isfinite(values).mean())}


def business_answer(inputs: PlanInputs, table: dict[str, Any]) -> dict[str, Any]:
    """Return the business page's figures: the command line's own, the fan, scenarios, tenths and the central case."""
    venture = venture_from(table)
    central = venture_simulate(central_venture(venture), num_paths=1)
    return {
        "table": table,
        "venture": venture_from_table(table, num_paths=FULL_PATHS),
        "scenarios": scenarios(table, num_paths=FULL_PATHS),
        "deciles": _deciles(inputs, venture, central),
        "central": central_case(venture, central),
    }


def scenarios(table: dict[str, Any], *, num_paths: int) -> list[dict[str, Any]]:
    """Return each scenario under the same random numbers: only what it changes differs."""
    found = []
    for name, change in SCENARIOS.items():
        changed = copy.deepcopy(table)
        change(changed)
        venture = venture_from(changed)
        simulation = venture_simulate(venture, num_paths=num_paths)
        found.append(
            {
                "name": name,
                "cash_p50": [float(f"{x:.6g}") for x in np.median(simulation.cash, axis=1)],
                "runway_months": months_of(runway_months(simulation)),
                "peak_cash_need_usd": interval_of(peak_cash_need_usd(simulation)).to_dict(),
                "minimum_raise_usd": minimum_raise_usd(simulation),
                "npv_usd": interval_of(venture_npv_usd(simulation, venture.discounting.annual_rate)).to_dict(),
                "ruin": float(ruin_probability(simulation)[-1]),
            }
        )
    return found


def scaled(value: Any, factor: float) -> Any:
    """Return a number, or its quantiles, times a factor."""
    if isinstance(value, Mapping):
        return {key: item * factor for key, item in value.items()}
    return value * factor


def _customers(new: float, churn: float) -> Change:
    def change(table: dict[str, Any]) -> None:
        segment = table["segments"][0]
        segment["new_customers_per_month"] = scaled(segment["new_customers_per_month"], new)
        a, b = segment["churn_per_month"]["beta"]
        share = min(0.95, churn * a / (a + b))
        segment["churn_per_month"] = {"beta": [share * (a + b), (1 - share) * (a + b)]}

    return change


def _price_war(table: dict[str, Any]) -> None:
    plan = table["segments"][0]["plan"]
    plan["usd_per_month"] *= 0.7
    plan["usd_per_million_tokens"] *= 0.7
    table["serving"]["api_usd_per_million_tokens"] *= 0.6
    _customers(0.9, 1.1)(table)


def _shortage(table: dict[str, Any]) -> None:
    table["serving"]["usd_per_accelerator_hour"] = scaled(table["serving"]["usd_per_accelerator_hour"], 1.8)
    for project in table.get("training", []):
        project["cost_usd"] = scaled(project["cost_usd"], 1.8)
    table["launch_month"] = min(table["launch_month"] + 2, table["months"] - 1)


def _nothing(table: dict[str, Any]) -> None:
    del table


SCENARIOS: dict[str, Change] = {
    "base": _nothing,
    "optimistic": _customers(1.4, 0.8),
    "pessimistic": _customers(0.6, 1.4),
    "price war": _price_war,
    "GPU shortage": _shortage,
}
SCENARIO_TEXT = {
    "base": "the inputs as they are",
    "optimistic": "40 % more new customers, a fifth less churn",
    "pessimistic": "40 % fewer new customers, 40 % more churn",
    "price war": "your prices -30 %, the API's -40 %, 10 % fewer new customers, 10 % more churn",
    "GPU shortage": "GPU-hours and training 80 % dearer, launch two months later",
}


def _deciles(inputs: PlanInputs, venture: Venture, central: Simulation) -> list[dict[str, Any]]:
    """Margin of each tenth of the customers at the last month's cost of a served token."""
    tokens = float(central.tokens[-1, 0])
    per_million = float(central.serving_paid[-1, 0]) / tokens * 1e6 if tokens > 0 else 0.0
    segment = venture.segments[0]
    rows = margin_by_decile(
        segment.plan, mean_tokens=segment.tokens_per_customer_month.median, sigma=segment.heaviness_sigma,
        serving_usd_per_million_tokens=per_million,
        support_usd=venture.serving.support_usd_per_customer_month,
        payment_fee_fraction=venture.serving.payment_fee_fraction,
    )  # fmt: skip
    return [
        {
            "number": row.number, "tokens": row.tokens, "revenue_usd": row.revenue_usd, "cost_usd": row.cost_usd,
            "margin_fraction": row.margin_fraction,
        }
        for row in rows
    ]  # fmt: skip


def central_case(venture: Venture, central: Simulation) -> dict[str, Any]:
    """The case without luck, line by line: what the workbook works out again with live formulas."""
    names = (
        "new_customers", "customers", "tokens", "replicas", "revenue", "serving_paid", "cost_of_goods", "training",
        "research", "sales", "general", "operating_profit", "receipts", "payments", "operating_cash", "cash",
    )  # fmt: skip
    lines = {name: [float(x) for x in getattr(central, name)[:, 0]] for name in names}
    npv = float(venture_npv_usd(central, venture.discounting.annual_rate)[0])
    out = cash_out_month(central)
    return lines | {"npv_usd": npv, "cash_out_month": out, "peak_cash_need_usd": float(peak_cash_need_usd(central)[0])}
