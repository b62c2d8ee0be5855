"""What moves the answer: the tornado in dollars and in months of runway, and elasticities of the month cash runs out."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from economics.plan.options import option_cost
from economics.plan.toml_file import demand_from, option_from
from economics.uncertainty import tornado_of
from economics.venture import cash_out_month, peak_cash_need_usd, venture_simulate
from economics.venture.toml_file import venture_from
from webapp.planning.business import scaled
from webapp.planning.inputs import PlanInputs
from webapp.planning.scale import ScaleAnswer
from webapp.planning.tables import demand_table

PATHS = 400
"""Paths behind each lever; the same luck for all, so that differences are the lever's."""

LONG_MONTHS = 60
"""Cash is followed so far to find the month it runs out in."""


def _segment(name: str) -> Callable[[dict[str, Any], float], None]:
    def change(table: dict[str, Any], factor: float) -> None:
        table["segments"][0][name] = scaled(table["segments"][0][name], factor)

    return change


def _price(table: dict[str, Any], factor: float) -> None:
    plan = table["segments"][0]["plan"]
    plan["usd_per_month"] *= factor
    plan["usd_per_million_tokens"] *= factor


def _churn(table: dict[str, Any], factor: float) -> None:
    a, b = table["segments"][0]["churn_per_month"]["beta"]
    share = min(0.95, factor * a / (a + b))
    table["segments"][0]["churn_per_month"] = {"beta": [share * (a + b), (1 - share) * (a + b)]}


def _payroll(table: dict[str, Any], factor: float) -> None:
    for person in table["people"]:
        person["usd_per_year"] *= factor


def _serving_cost(table: dict[str, Any], factor: float) -> None:
    serving = table["serving"]
    serving["usd_per_accelerator_hour"] = scaled(serving["usd_per_accelerator_hour"], factor)
    serving["api_usd_per_million_tokens"] *= factor


def _training_cost(table: dict[str, Any], factor: float) -> None:
    for project in table.get("training", []):
        project["cost_usd"] = scaled(project["cost_usd"], factor)


LEVERS: dict[str, tuple[Callable[[dict[str, Any], float], None], float, float]] = {
    "price": (_price, 0.8, 1.2),
    "new customers": (_segment("new_customers_per_month"), 0.5, 1.7),
    "churn": (_churn, 0.5, 1.6),
    "use per customer": (_segment("tokens_per_customer_month"), 0.6, 1.6),
    "acquisition cost": (_segment("acquisition_usd"), 0.7, 1.5),
    "payroll": (_payroll, 0.8, 1.2),
    "serving cost": (_serving_cost, 0.7, 1.4),
    "training cost": (_training_cost, 0.6, 2.0),
}
"""Eight levers: how each changes the venture's file, and how far it is moved for the tornado."""


def dollars_tornado(inputs: PlanInputs, found: ScaleAnswer, table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return how far each input alone moves the cost of an option over the horizon."""
    option, demand = option_from(table), demand_from(demand_table(inputs))

    def cost(values: dict[str, float]) -> float:
        return float(option_cost(option, demand, {name: np.array([value]) for name, value in values.items()})[0])

    bars = tornado_of(cost, found.option_inputs)
    centre = cost({name: _median(value) for name, value in found.option_inputs.items()})
    return [
        {
            "name": bar.name, "low": bar.answer_low - centre, "high": bar.answer_high - centre,
            "input_low": bar.input_low, "input_high": bar.input_high,
        }
        for bar in bars
        if bar.swing > 0.001 * max(abs(centre), 1e-9)
    ]  # fmt: skip


def _median(value: Any) -> float:
    return float(getattr(value, "median", value))


def cash_out(table: dict[str, Any]) -> float | None:
    """Return the month in which the cash has run out in half of the paths, looked for over five years."""
    return cash_out_month(venture_simulate(venture_from(table), num_paths=PATHS))


def runway_tornado(table: dict[str, Any]) -> dict[str, Any]:
    """Return months of runway gained and lost as each lever moves; a path that never runs dry counts as five years."""
    long = copy.deepcopy(table) | {"months": max(LONG_MONTHS, table["months"])}
    centre = cash_out(long)
    most = float(long["months"])
    bars: list[dict[str, Any]] = []
    for name, (change, low, high) in LEVERS.items():
        moved = []
        for factor in (low, high):
            other = copy.deepcopy(long)
            change(other, factor)
            month = cash_out(other)
            moved.append((month if month is not None else most) - (centre if centre is not None else most))
        bars.append({"name": name, "low": moved[0], "high": moved[1], "input_low": low, "input_high": high})
    bars.sort(key=lambda bar: -abs(bar["high"] - bar["low"]))
    return {"months": centre, "horizon": most, "bars": bars}


def elasticities(table: dict[str, Any], *, step: float = 0.05) -> list[dict[str, Any]]:
    """Return per cent by which the cash-out month moves for one per cent of each lever, the strongest first.

    Where the cash does not run out in most paths, it is the peak cash need instead; the row says which.
    """
    long = copy.deepcopy(table) | {"months": max(LONG_MONTHS, table["months"])}
    of_month = cash_out(long) is not None
    rows: list[dict[str, Any]] = []
    for name, (change, _low, _high) in LEVERS.items():
        values = []
        for sign in (1, -1):
            other = copy.deepcopy(long)
            change(other, float(np.exp(sign * step)))
            values.append(cash_out(other) if of_month else _peak_need(other))
        up, down = values
        known = up is not None and down is not None and up > 0 and down > 0
        rows.append({"name": name, "elasticity": float(np.log(up / down) / (2 * step)) if known else None})  # type: ignore[operator]
    rows.sort(key=lambda row: -abs(row["elasticity"] or 0.0))
    return [row | {"of": "cash-out month" if of_month else "peak cash need"} for row in rows]


def _peak_need(table: dict[str, Any]) -> float:
    found = venture_simulate(venture_from(table), num_paths=PATHS)
    return float(np.median(peak_cash_need_usd(found)))
