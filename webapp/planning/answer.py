"""The whole answer to a plan's inputs: quickly while a slider moves, in full on release. Plain JSON, as a version keeps it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping
from typing import Any

from webapp.planning.advantage import advantage
from webapp.planning.business import FULL_PATHS, QUICK_PATHS, business_answer, business_table, cash_answer
from webapp.planning.decision import decision
from webapp.planning.inputs import PlanInputs
from webapp.planning.levers import dollars_tornado, runway_tornado
from webapp.planning.prices import PriceUsed
from webapp.planning.scale import (
    ScaleAnswer,
    alternatives,
    cost_by_part,
    scale_answer,
    surface,
    training_of_best,
)
from webapp.planning.sources import LawUsed

FULL_DRAWS, QUICK_DRAWS = 4_000, 1_000


def quick_answer(inputs: PlanInputs, law: LawUsed, price: PriceUsed) -> dict[str, Any]:
    """Return what changes under one's fingers: mix, cost, time, decision, cash, on 1,000 paths."""
    found, decided, table = _core(inputs, law, price, QUICK_DRAWS)
    cash = cash_answer(table, num_paths=QUICK_PATHS)
    answer: dict[str, Any] = plain(_result(inputs, law, price, found, decided) | {"cash": cash, "is_full": False})
    return answer


def full_answer(
    inputs: PlanInputs, law: LawUsed, price: PriceUsed, day: dt.date, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return everything that the pages show."""
    found, decided, table = _core(inputs, law, price, FULL_DRAWS)
    trained = training_of_best(inputs, found)
    business = business_answer(inputs, table)
    carried = next(row["table"] for row in decided["options"] if row["name"] == decided["carried"])
    result = _result(inputs, law, price, found, decided) | {
        "is_full": True,
        "day": day.isoformat(),
        "cash": cash_answer(table, num_paths=FULL_PATHS),
        "training": trained,
        "parts": cost_by_part(inputs, found, trained),
        "alternatives": alternatives(inputs, law, found),
        "tornado_usd": dollars_tornado(inputs, found, carried),
        "tornado_months": runway_tornado(table),
        "business": business,
        "advantage": advantage(inputs, law, price, found, decided, business, facts),
    }
    answer: dict[str, Any] = plain(result)
    return answer


def _core(
    inputs: PlanInputs, law: LawUsed, price: PriceUsed, num_draws: int
) -> tuple[ScaleAnswer, dict[str, Any], dict[str, Any]]:
    found = scale_answer(inputs, law, price, num_draws=num_draws)
    decided = decision(inputs, law, price, found, num_draws=num_draws)
    return found, decided, business_table(inputs, decided, price)


def _result(
    inputs: PlanInputs, law: LawUsed, price: PriceUsed, found: ScaleAnswer, decided: dict[str, Any]
) -> dict[str, Any]:
    return {
        "scale": {key: value for key, value in found.result.items() if key not in ("options", "thresholds")},
        "decision": decided,
        "parts": cost_by_part(inputs, found, None),
        "surface": surface(inputs, law, found),
        "unique_tokens": inputs.unique_tokens,
        "law": {
            "label": law.label,
            "is_own": law.is_own,
            "loss_unit": law.fitted.conventions.loss_unit,
            "largest_compute_flop": law.fitted.largest_compute_flop,
            "num_points": law.fitted.num_points,
        },
        "price": {"usd_per_hour": price.usd_per_hour, "low": price.low, "high": price.high, "note": price.note},
    }


def plain(value: Any) -> Any:
    """Return the value as JSON can hold it: infinities and nan, which mean never and unknown, become None."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, bool | str) or value is None:
        return value
    if isinstance(value, int):
        return value
    number = float(value)
    return number if math.isfinite(number) else None
