"""The decision card: who wins how often, at what regret, what flips it, break-even, cash, delay, and when to stop."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from economics.plan.options import SECONDS_PER_MONTH, Demand, option_cost
from economics.plan.toml_file import option_from
from economics.scaling.predict import predict_loss
from economics.uncertainty import draw_jointly, interval_of
from economics.venture import Staircase, break_even_volume
from economics.verbs.plan import serving_flop
from webapp.planning.inputs import PlanInputs
from webapp.planning.prices import PriceUsed
from webapp.planning.scale import ScaleAnswer, ready_seconds
from webapp.planning.sources import LawUsed
from webapp.planning.tables import api_usd_per_million, option_tables

PREPARING_MONTHS = 1.0
"""Labels, data and an evaluation come before any model of one's own is served."""

STOP_FRACTION = 0.25
"""Share of the final run after which its loss tells enough to go on or to stop."""


def decision(
    inputs: PlanInputs, law: LawUsed, price: PriceUsed, found: ScaleAnswer, *, num_draws: int
) -> dict[str, Any]:
    """Return what the card shows of the options; the cash comes from the business."""
    result = found.result
    tables = {row["name"]: row for row in option_tables(inputs, found.best)}
    winner = result["options"][0]
    once = _once(tables, found, num_draws)
    chosen = inputs.business_option if inputs.business_option in tables else winner["name"]
    rate = tokens_per_second(inputs, found, _served_params(inputs, tables[chosen]))
    rate_of_own = tokens_per_second(inputs, found, _best_own_params(inputs, tables, result["options"]))
    return {
        "winner": winner["name"],
        "probability": winner["probability_cheapest"],
        "expected_regret_usd": winner["expected_regret_usd"],
        "options": [
            row | {"once_usd": once[row["name"]], "table": tables[row["name"]]} for row in result["options"]
        ],
        "probability_cheaper": result["probability_cheaper"],
        "thresholds": [row | flip_in_units(inputs, row) for row in result["thresholds"]],
        "break_even": _break_even(inputs, price, rate_of_own),
        "carried": chosen,
        "tokens_per_second_per_replica": rate,
        "ready_months": _ready_months(inputs, found, tables[chosen]),
        "stop": stop_rule(inputs, law, found, winner["name"], once[winner["name"]]),
    }  # fmt: skip


def _once(tables: dict[str, dict[str, Any]], found: ScaleAnswer, num_draws: int) -> dict[str, dict[str, float]]:
    """What each option costs before it serves: the same joint draws, nothing served."""
    draws = draw_jointly(found.option_inputs, num_draws=num_draws, seed=0)
    nothing = Demand(months=1, least_replicas=0)
    return {
        name: interval_of(np.broadcast_to(option_cost(option_from(table), nothing, draws), (num_draws,))).to_dict()
        for name, table in tables.items()
    }


def _served_params(inputs: PlanInputs, table: dict[str, Any]) -> float:
    return float(table.get("num_params") or inputs.base_params)


def _best_own_params(inputs: PlanInputs, tables: dict[str, dict[str, Any]], ranked: list[dict[str, Any]]) -> float:
    """Size of the best model that is served on one's own machines."""
    own = next((row["name"] for row in ranked if row["name"] not in ("api", "wait")), None)
    return _served_params(inputs, tables[own]) if own else inputs.base_params


def tokens_per_second(inputs: PlanInputs, found: ScaleAnswer, num_params: float) -> float:
    """Return tokens, read and written as they come, that one accelerator serves at full load.

    2 N FLOP a token, at prefill's speed for those read and at decode's for those written.
    """
    decode, prefill = serving_flop(found.offer, 8e9)
    share = inputs.output_fraction
    seconds = 2 * num_params * ((1 - share) / prefill + share / decode)
    return 1 / seconds


def _break_even(inputs: PlanInputs, price: PriceUsed, rate: float) -> dict[str, Any]:
    own = Staircase(
        tokens_per_second_per_replica=rate, usd_per_replica_hour=price.usd_per_hour,
        peak_over_mean=inputs.peak_over_mean, least_replicas=int(inputs.least_replicas),
    )  # fmt: skip
    api = api_usd_per_million(inputs)
    found = break_even_volume(own, api) if api > 0 else None
    first = found.first_tokens_per_month if found else None
    most = 2.2 * max(first or 0.0, inputs.tokens_per_month, own.tokens_per_replica_month * inputs.least_replicas)
    volumes = np.unique(np.concatenate([np.linspace(0, most, 60), _edges(own, most)]))
    return {
        "first_tokens_per_month": first,
        "always_tokens_per_month": found.always_tokens_per_month if found else None,
        "api_usd_per_million": api,
        "tokens": [float(f"{x:.5g}") for x in volumes],
        "own_usd": [float(f"{x:.5g}") for x in own.usd_per_month(volumes)],
        "api_usd": [float(f"{x:.5g}") for x in volumes * api / 1e6],
    }


def _edges(own: Staircase, most: float) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Volumes just below and above each step, so that steps are drawn upright."""
    width = own.tokens_per_replica_month
    count = min(40, int(most / width))
    steps = width * np.arange(max(own.least_replicas, 1), max(own.least_replicas, 1) + count)
    return np.asarray(np.concatenate([steps * (1 - 1e-6), steps * (1 + 1e-6)]))


def _ready_months(inputs: PlanInputs, found: ScaleAnswer, table: dict[str, Any]) -> float:
    if table["kind"] in ("api", "wait"):
        return 0.0
    return PREPARING_MONTHS + ready_seconds(inputs, found, table) / SECONDS_PER_MONTH


def flip_in_units(inputs: PlanInputs, row: dict[str, Any]) -> dict[str, Any]:
    """Return a threshold in what people negotiate: tokens a month for the volume, dollars for the API."""
    if row["input"] == "volume_factor":
        return {"shown": row["flips_at"] * inputs.tokens_per_month, "unit": "tokens a month"}
    if row["input"] == "api_price_factor":
        return {"shown": row["flips_at"] * api_usd_per_million(inputs), "unit": "USD per million API tokens"}
    if row["input"] == "usd_per_accelerator_hour":
        return {"shown": row["flips_at"], "unit": "USD a GPU-hour"}
    return {"shown": row["flips_at"], "unit": ""}


def stop_rule(
    inputs: PlanInputs, law: LawUsed, found: ScaleAnswer, winner: str, once: dict[str, float]
) -> dict[str, Any]:
    """Return when to stop: a quarter into the final run by the law's p90; for tuning, once its money is spent."""
    if winner in ("api", "wait"):
        return {"kind": winner, "after_months": inputs.wait_months if winner == "wait" else 1.0}
    if winner != "scratch":
        return {"kind": "money", "after_usd": once["p90"]}
    best = found.best
    final = best["training_usd"]["p50"] / found.arguments["multiplier"].median
    prediction = predict_loss(
        law.fitted, best["num_params"], STOP_FRACTION * best["num_tokens"], num_unique_tokens=inputs.unique_tokens
    )
    unit = law.fitted.conventions.loss_unit
    return {
        "kind": "loss",
        "after_usd": STOP_FRACTION * final,
        "loss": prediction.loss.to_dict(),
        "bits_per_byte": bits_per_byte(prediction.loss.p90, unit, inputs.bytes_per_token),
    }


def bits_per_byte(loss: float, unit: str, bytes_per_token: float) -> float:
    """Return a loss in bits per byte: nats per token over ln 2 and the bytes of a token."""
    return loss if unit == "bits_per_byte" else loss / math.log(2) / bytes_per_token
