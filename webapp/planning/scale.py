"""What to train: the best mix, the band about it, all alternatives, the loss surface with its isocost lines, the waterfall."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from economics.catalogue.accelerators import find_accelerator
from economics.errors import EconomicsError
from economics.plan import HardwareOffer, plan_scan
from economics.plan.options import SECONDS_PER_MONTH
from economics.scaling.published import published_data_constrained_law
from economics.verbs.plan import option_inputs, plan, plan_arguments
from economics.verbs.training import training
from webapp.planning.inputs import PlanInputs
from webapp.planning.prices import PriceUsed
from webapp.planning.sources import LawUsed
from webapp.planning.tables import option_tables, plan_table

SURFACE = 48
"""Sizes and token counts of the drawn loss surface."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleAnswer:
    """The plan's own part of an answer, and what the others go on from."""

    result: dict[str, Any]
    """What `python -m economics plan` prints for the same file."""

    offer: HardwareOffer
    """The hardware."""

    arguments: dict[str, Any]
    """What the plan was worked out with."""

    @property
    def best(self) -> dict[str, Any]:
        found: dict[str, Any] = self.result["best"]
        return found

    @property
    def option_inputs(self) -> dict[str, Any]:
        """Return the joint distributions that every option draws on."""
        mix = _Mix(self.best["num_params"], self.best["num_accelerators"])
        return option_inputs(self.offer, mix, self.arguments["multiplier"], {})  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True)
class _Mix:
    num_params: float
    count: float


def scale_answer(inputs: PlanInputs, law: LawUsed, price: PriceUsed, *, num_draws: int) -> ScaleAnswer:
    """Scan all mixes and compare the options, as the command line would for the same file."""
    table = plan_table(inputs, law, price)
    named = table | {"law": {"name": "besiroglu-2024"}} if law.is_own else table
    arguments, offers, notes = plan_arguments(named)
    arguments["fitted"] = law.fitted
    from economics.plan.toml_file import option_from

    arguments["options"] = lambda best: [option_from(row) for row in option_tables(inputs, best)]
    result = plan(**arguments, num_draws=num_draws)
    result.pop("configurations_per_second", None)  # differs from one call to the next, and says nothing of the plan
    result["assumptions"] += notes
    return ScaleAnswer(result=result, offer=offers[0], arguments=arguments)


def surface(inputs: PlanInputs, law: LawUsed, found: ScaleAnswer) -> dict[str, Any]:
    """Return the loss over sizes and tokens, and the isocost lines of the hardware and price."""
    best = found.best
    sizes = np.geomspace(best["num_params"] / 40, best["num_params"] * 40, SURFACE)
    tokens = np.geomspace(best["num_tokens"] / 40, best["num_tokens"] * 40, SURFACE)
    assert law.fitted.law is not None
    loss = law.fitted.law.loss(sizes[None, :], tokens[:, None])
    spent = best["training_usd"]["p50"]
    lines = []
    for factor in (1 / 6, 1.0, 6.0):
        along = _isocost(inputs, found, spent * factor, sizes)
        lines.append({"usd": spent * factor, "is_plan": factor == 1.0, "num_tokens": along})
    return {
        "num_params": [float(f"{x:.4g}") for x in sizes],
        "num_tokens": [float(f"{x:.4g}") for x in tokens],
        "loss": [[float(f"{x:.4g}") for x in row] for row in loss],
        "isocost": lines,
        "own_points": [list(point) for point in law.points],
    }


def _isocost(inputs: PlanInputs, found: ScaleAnswer, usd: float, sizes: Any) -> list[float | None]:
    """Tokens that this money buys at each size: cost = 6 N D x multiplier / speed x price."""
    offer, count = found.offer, found.best["num_accelerators"]
    speed = offer.speed(sizes, float(count))
    seconds = usd / (offer.usd_per_accelerator_hour / 3600 * found.arguments["multiplier"].median)
    flop = found.arguments["fitted"].conventions.flop_per_param_token
    tokens = seconds * speed / (flop * sizes)
    return [float(f"{x:.4g}") if math.isfinite(x) else None for x in tokens]


def alternatives(inputs: PlanInputs, law: LawUsed, found: ScaleAnswer) -> dict[str, Any]:
    """Return how many of all configurations lie where in money and loss, a coarse scan over the same ranges."""
    repeated = published_data_constrained_law()
    best = found.best
    usd, loss_at = best["training_usd"]["p50"], best["loss"]["p50"]
    assert law.fitted.law is not None
    scan = plan_scan(
        law.fitted.law, [found.offer], found.arguments["limits"],
        sizes=np.geomspace(best["num_params"] / 100, best["num_params"] * 100, 60),
        tokens=np.geomspace(best["num_tokens"] / 100, best["num_tokens"] * 100, 60),
        multiplier=found.arguments["multiplier"].median, repeats=(repeated.R_D_star, repeated.R_N_star),
    )  # fmt: skip
    usd_edges = np.geomspace(usd / 100, usd * 30, 37)
    loss_edges = np.linspace(loss_at * 0.95, loss_at * 1.5, 33)
    known = np.isfinite(scan.training_usd)
    counted = np.histogram2d(scan.training_usd[known], scan.loss[known], bins=(usd_edges, loss_edges))[0]
    return {
        "usd": [float(f"{x:.4g}") for x in np.sqrt(usd_edges[1:] * usd_edges[:-1])],
        "loss": [float(f"{x:.4g}") for x in (loss_edges[1:] + loss_edges[:-1]) / 2],
        "count": counted.T.astype(int).tolist(),
        "num_configurations": found.result["num_configurations"],
    }


def training_of_best(inputs: PlanInputs, found: ScaleAnswer) -> dict[str, Any]:
    """Return layout, memory, time, energy and the waterfall of the best mix, by the full estimate of training."""
    best = found.best
    result = training(
        params=best["num_params"], tokens=best["num_tokens"], accelerator=found.offer.name,
        num_accelerators=best["num_accelerators"], price_usd_per_accelerator_hour=found.offer.usd_per_accelerator_hour,
        preemptions_per_node_day=inputs.preemptions_per_node_day,
    )  # fmt: skip
    device = find_accelerator(found.offer.name)
    step = result["model_flop_per_second"]
    per_device = {name: value / best["num_accelerators"] for name, value in step.items()}
    if per_device["p50"] < 1e9:  # already per device
        per_device = dict(step)
    kept = (
        "parallelism", "memory_bytes_per_accelerator", "mfu_fraction", "goodput_fraction", "effective_mfu_fraction",
        "fits", "energy_kwh", "co2e_kg", "training_flop", "micro_batch", "recompute", "batch_tokens", "sequence_length",
        "precision", "checkpoint_storage_usd", "ways_to_fit", "wall_seconds", "assumptions",
    )  # fmt: skip
    return {name: result[name] for name in kept} | {
        "waterfall": {
            "device": device.name,
            "peak": device.peak("bf16"),
            "ceiling": device.ceiling("bf16"),
            "step": device.peak("bf16") * result["mfu_fraction"]["p50"],
            "goodput": device.peak("bf16") * result["effective_mfu_fraction"]["p50"],
        },
        "memory_bytes": device.memory_bytes,
    }


def cost_by_part(inputs: PlanInputs, found: ScaleAnswer, training_found: dict[str, Any] | None) -> dict[str, float]:
    """Return the central cost of the project by part: final run, all else that was trained, people, kept checkpoints."""
    project = found.best["training_usd"]["p50"]
    final = project / found.arguments["multiplier"].median
    months = found.best["wall_seconds"]["p50"] / SECONDS_PER_MONTH
    parts = {
        "final_run": final,
        "ablations": project - final,
        "staff": months * inputs.staff * inputs.usd_per_person_month,
    }
    if training_found and training_found["checkpoint_storage_usd"]:
        parts["storage"] = training_found["checkpoint_storage_usd"]
    return parts


def ready_seconds(inputs: PlanInputs, found: ScaleAnswer, option: dict[str, Any]) -> float:
    """Return the central time of an option's own training on the plan's machines."""
    from economics.plan.options import FLOP_PER_PARAM_TOKEN

    if option["kind"] in ("api", "wait"):
        return 0.0
    flop = FLOP_PER_PARAM_TOKEN[option["kind"]] * option["num_params"] * option["num_tokens"]
    count = float(found.best["num_accelerators"])
    try:
        speed = float(found.offer.speed(option["num_params"], count))
    except EconomicsError:
        speed = float("nan")
    return flop / (speed * count) if math.isfinite(speed) else 0.0
