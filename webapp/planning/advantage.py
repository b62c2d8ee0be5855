"""Which economic advantages does this company have? Data, barrier, market, levers, success factors, challenges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from economics.constants import STEP_SPREAD
from economics.errors import EconomicsError
from economics.plan.rates import rate
from economics.scaling.inference_aware import ServedDemand
from economics.scaling.laws import LossLaw
from economics.uncertainty import LogNormal
from economics.venture import Market, cheapest_cost_usd, follower_cost, repeated_data_value
from economics.verbs.plan import serving_flop
from economics.verbs.serving import serving
from webapp.planning.inputs import PlanInputs
from webapp.planning.levers import elasticities
from webapp.planning.prices import PriceUsed
from webapp.planning.scale import ScaleAnswer
from webapp.planning.sources import LawUsed

BARRIER_MONTHS = (0.0, 3.0, 6.0, 9.0, 12.0, 18.0, 24.0)
BIND_MONTHS = 120
"""Looked so far ahead for the month in which data bind."""

FLOP_THRESHOLDS = {
    1e23: "EU AI Act guideline for general-purpose models (Commission guidelines of July 2025)",
    1e25: "EU AI Act, article 51: presumption of systemic risk",
}


def advantage(
    inputs: PlanInputs, law: LawUsed, price: PriceUsed, found: ScaleAnswer, decided: Mapping[str, Any],
    business: Mapping[str, Any], facts: Mapping[str, Any],
) -> dict[str, Any]:  # fmt: skip
    """Return the advantage page's figures; `facts` are the project's measured ones (data reports, evidence of levers)."""
    best = found.best
    return {
        "data": _data(inputs, law, price, found, facts),
        "barrier": _barrier(inputs, decided, best),
        "market": _market(inputs, business),
        "levers": _levers(inputs, price, found, decided, facts),
        "factors": elasticities(business["table"]),
        "challenges": _challenges(found, facts),
    }


def served_demand(inputs: PlanInputs, price: PriceUsed, found: ScaleAnswer) -> ServedDemand:
    """Return what a FLOP costs in training, reading and writing, and the tokens of the horizon."""
    per_second = price.usd_per_hour / 3600
    speed = float(found.offer.speed(found.best["num_params"], found.best["num_accelerators"]))
    decode, prefill = serving_flop(found.offer, 8e9)
    months = int(inputs.horizon_months)
    growth = sum((1 + inputs.growth_per_month) ** month for month in range(months))
    total = inputs.tokens_per_month * growth
    return ServedDemand(
        num_input_tokens=total * (1 - inputs.output_fraction), num_output_tokens=total * inputs.output_fraction,
        training_usd_per_flop=per_second / speed * inputs.rnd_multiplier,
        prefill_usd_per_flop=per_second / prefill, decode_usd_per_flop=per_second / decode,
    )  # fmt: skip


def _data(
    inputs: PlanInputs, law: LawUsed, price: PriceUsed, found: ScaleAnswer, facts: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the next million tokens are worth where the plan stands, and when data begin to bind."""
    assert law.fitted.law is not None
    result: dict[str, Any] = {"unique_tokens": inputs.unique_tokens, "best_tokens": found.best["num_tokens"]}
    demand = served_demand(inputs, price, found)
    try:
        value = repeated_data_value(
            law.fitted.law, loss=found.best["loss"]["p50"], unique_tokens=inputs.unique_tokens, demand=demand
        )
        result |= {"usd_per_million": value.usd_per_million_tokens, "binds": value.binds, "why": ""}
        result["num_epochs"] = value.num_epochs
    except EconomicsError as error:
        result |= {"usd_per_million": None, "binds": True, "why": str(error)}
    result["months_until_binding"] = months_until_binding(inputs, law.fitted.law, found)
    result["price_usd_per_million"] = inputs.usd_per_million_tokens
    result["usd_per_thousand_labels"] = inputs.usd_per_thousand_labels
    result["duplicates"] = _duplicates(facts, result)
    return result


def months_until_binding(inputs: PlanInputs, law: LossLaw, found: ScaleAnswer) -> float | None:
    """Return the month in which the budget's best mix uses more tokens than there are; None beyond ten years.

    The same money buys more compute as rents fall; own data grow by what the plan says.
    """
    flop_now = law.conventions.flop_per_param_token * found.best["num_params"] * found.best["num_tokens"]
    decline = min(rate("rent_decline_per_year").median, 0.9)
    for month in range(BIND_MONTHS + 1):
        flop = flop_now / (1 - decline) ** (month / 12)
        tokens = law.optimum(flop).num_tokens
        if tokens > inputs.unique_tokens + month * inputs.data_growth_tokens_per_month:
            return float(month)
    return None


def _duplicates(facts: Mapping[str, Any], result: Mapping[str, Any]) -> dict[str, Any] | None:
    """What removing duplicates and bad text gave, from the project's own preparation; None where nothing was prepared."""
    data = facts.get("data")
    if not data:
        return None
    worth = result["usd_per_million"]
    return dict(data) | {"usd": None if worth is None else worth * data["removed_tokens"] / 1e6}


def _barrier(inputs: PlanInputs, decided: Mapping[str, Any], best: Mapping[str, Any]) -> dict[str, Any]:
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


def _market(inputs: PlanInputs, business: Mapping[str, Any]) -> dict[str, Any]:
    """Return the share of reachable customers that pays all fixed costs, by month, counted from below."""
    central = business["central"]
    rows = []
    for month in range(2, len(central["revenue"]), 3):
        revenue, customers = central["revenue"][month], central["customers"][month]
        if revenue <= 0 or customers <= 0:
            continue
        market = Market(
            customers=inputs.market_customers, reachable_fraction=inputs.reachable_fraction, obtainable_fraction=1.0,
            usd_per_customer_year=12 * revenue / customers,
        )  # fmt: skip
        fixed = 12 * sum(central[name][month] for name in ("research", "sales", "general"))
        share = market.share_to_break_even(
            fixed_usd_per_year=fixed, gross_margin_fraction=1 - central["cost_of_goods"][month] / revenue
        )
        rows.append(
            {"month": month, "share": share, "reached": customers / (market.customers * market.reachable_fraction)}
        )
    paying = [central["revenue"][m] / c for m, c in enumerate(central["customers"]) if c > 0]
    yearly = 12 * (paying[-1] if paying else inputs.usd_per_customer_month)
    total = inputs.market_customers * yearly
    return {
        "rows": rows,
        "tam_usd_per_year": total,
        "sam_usd_per_year": total * inputs.reachable_fraction,
        "reachable_customers": inputs.market_customers * inputs.reachable_fraction,
    }


def _levers(
    inputs: PlanInputs, price: PriceUsed, found: ScaleAnswer, decided: Mapping[str, Any], facts: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return dollars saved by each lever at equal quality: measured by two runs, or an estimate that says so."""
    evidence = facts.get("evidence", {})
    estimates = {
        "parallel": _parallel(inputs, found),
        "augmentation": _augmentation(inputs, price, found),
        "compression": _compression(inputs, found, (evidence.get("compression") or {}).get("share")),
        "transfer": _transfer(decided),
    }
    rows = []
    for name, (saved, how) in estimates.items():
        row: dict[str, Any] = {"name": name, "saved_usd": saved, "how": how, "is_measured": False}
        if name in evidence:
            row |= {"is_measured": True, **evidence[name]}
        rows.append(row)
    return rows


def _interval(value: float, low: float, high: float) -> dict[str, float]:
    ends = sorted((value * low, value * high))
    return {"p10": ends[0], "p50": value, "p90": ends[1]}


def _parallel(inputs: PlanInputs, found: ScaleAnswer) -> tuple[dict[str, float] | None, str]:
    """Waiting that is saved: people and a month's delay cost money while one node trains instead of all."""
    count, node = float(found.best["num_accelerators"]), 8.0
    fast = found.best["wall_seconds"]["p50"]
    speed_all = float(found.offer.speed(found.best["num_params"], count))
    speed_node = float(found.offer.speed(found.best["num_params"], node))
    if not (math.isfinite(speed_node) and count > node):
        return None, "one node is the plan already, or the model does not fit into one"
    slow = fast * count * speed_all / (node * speed_node)
    months = (slow - fast) / (730.5 * 3600)
    dearer = found.best["training_usd"]["p50"] * (1 - speed_all / speed_node)
    saved = months * inputs.staff * inputs.usd_per_person_month - max(0.0, dearer)
    spread = float(np.exp(1.28 * STEP_SPREAD.value))
    return _interval(saved, 1 / spread, spread), f"people wait {months:.1f} months less than with one node of 8"


def _augmentation(inputs: PlanInputs, price: PriceUsed, found: ScaleAnswer) -> tuple[dict[str, float] | None, str]:
    """Twice the data, if augmented tokens were worth a half of new ones: nothing where data do not bind."""
    law = found.arguments["fitted"].law
    demand, loss = served_demand(inputs, price, found), found.best["loss"]["p50"]
    try:
        now = repeated_data_value(law, loss=loss, unique_tokens=inputs.unique_tokens, demand=demand)
    except EconomicsError as error:
        return None, str(error)
    if not now.binds:
        return {"p10": 0.0, "p50": 0.0, "p90": 0.0}, "data do not bind here: more of it saves nothing"
    more, _tokens = cheapest_cost_usd(law, loss=loss, unique_tokens=1.5 * inputs.unique_tokens, demand=demand)
    return (
        _interval(max(0.0, now.cost_usd - more), 0.3, 1.5),
        "half as much again in effective tokens, an assumption",
    )


def _compression(
    inputs: PlanInputs, found: ScaleAnswer, share: Mapping[str, float] | None
) -> tuple[dict[str, float] | None, str]:
    """Serving in 8 bits instead of 16 over the horizon, at the estimate's own cost of a token; `share` where it was measured."""
    size = inputs.base_params
    costs = {}
    for weights in ("bf16", "int8"):
        try:
            result = serving(
                params=size, accelerator=found.offer.name, batch=32, weights=weights,  # type: ignore[arg-type]
                price_usd_per_accelerator_hour=found.offer.usd_per_accelerator_hour,
            )  # fmt: skip
        except EconomicsError as error:
            return None, str(error)
        costs[weights] = result["cost_usd_per_million_output_tokens"]
    written = inputs.tokens_per_month * inputs.output_fraction * inputs.horizon_months
    if share is not None:
        saved = {k: costs["bf16"][k] * share[k] * written / 1e6 for k in ("p10", "p50", "p90")}
    else:
        saved = {k: (costs["bf16"][k] - costs["int8"][k]) * written / 1e6 for k in ("p10", "p50", "p90")}
    low, mid, high = sorted(saved.values())
    return {
        "p10": low,
        "p50": mid,
        "p90": high,
    }, "int8 weights instead of bf16 for the tokens written, floor of replicas left out"


def _transfer(decided: Mapping[str, Any]) -> tuple[dict[str, float] | None, str]:
    """Building on an open model instead of training from scratch."""
    once = {row["name"]: row["once_usd"] for row in decided["options"]}
    tuned = next((once[name] for name in ("lora", "fine-tune", "continue") if name in once), None)
    if "scratch" not in once or tuned is None:
        return None, "both training from scratch and tuning must be among the options"
    scratch = once["scratch"]
    return (
        {
            "p10": max(0.0, scratch["p10"] - tuned["p90"]),
            "p50": scratch["p50"] - tuned["p50"],
            "p90": scratch["p90"] - tuned["p10"],
        },
        "training from scratch less tuning an open model, if that meets the bar",
    )  # fmt: skip


def _challenges(found: ScaleAnswer, facts: Mapping[str, Any]) -> dict[str, Any]:
    best = found.best
    law = found.arguments["fitted"].conventions
    flop = law.flop_per_param_token * best["num_params"] * best["num_tokens"]
    return {
        "probability_within_budget": best["probability_within_budget"],
        "probability_within_deadline": best["probability_within_deadline"],
        "training_flop": flop,
        "thresholds": [{"flop": limit, "share": flop / limit, "what": what} for limit, what in FLOP_THRESHOLDS.items()],
        "personal_data": facts.get("personal_data"),
    }
