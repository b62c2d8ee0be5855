"""Efficiency levers: dollars saved at equal quality by parallel training, augmentation, compression and transfer."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from economics.constants import STEP_SPREAD
from economics.errors import EconomicsError
from economics.venture import cheapest_cost_usd, repeated_data_value
from economics.verbs.serving import serving
from webapp.planning.advantage.demand import served_demand
from webapp.planning.inputs import PlanInputs
from webapp.planning.prices import PriceUsed
from webapp.planning.scale import ScaleAnswer


def efficiency_levers(
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
