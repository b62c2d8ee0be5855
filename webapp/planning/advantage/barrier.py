"""The technical barrier: a follower's cost of the same result, now and later."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from economics.uncertainty import LogNormal
from economics.venture import follower_cost
from webapp.planning.inputs import PlanInputs

BARRIER_MONTHS = (0.0, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0)


def barrier(inputs: PlanInputs, decided: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, Any]:
    """Return a follower's cost of the same result, later: rents fall, algorithms improve."""
    own = _own_cost(decided)
    cost = LogNormal.from_median(own["p50"], p10=own["p10"], p90=max(own["p90"], own["p10"] * 1.0001))
    found = follower_cost(cost, months=BARRIER_MONTHS)
    fine = follower_cost(cost, months=tuple(float(m) for m in range(61)))
    lead = next((month for month, spread in fine.items() if spread.p50 <= inputs.follower_budget_usd), None)
    return {
        "cost_usd": own,
        "rows": [{"month": month, **spread.to_dict()} for month, spread in found.items()],
        "budget_usd": inputs.follower_budget_usd,
        "lead_months": lead,
        "of": _own_name(decided),
    }


def _own_name(decided: Mapping[str, Any]) -> str:
    """The option whose cost is the barrier: the winner, or, where that is an API, training from scratch."""
    names = [row["name"] for row in decided["options"]]
    if decided["winner"] not in ("api", "wait"):
        return str(decided["winner"])
    return "scratch" if "scratch" in names else next(name for name in names if name not in ("api", "wait"))


def _own_cost(decided: Mapping[str, Any]) -> dict[str, float]:
    name = _own_name(decided)
    found: dict[str, float] = next(row["once_usd"] for row in decided["options"] if row["name"] == name)
    return found
