"""The estimate of a run: throughput, goodput, hours, energy, money; each an interval with its assumptions."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from economics.assumptions import (
    ABLATION_MULTIPLIER,
    EVALUATION_FRACTION,
    GRID_KG_PER_KWH,
    POWER_USAGE_EFFECTIVENESS,
    RESTART_SECONDS,
    SERVER_LOAD_FRACTION,
)
from economics.constants import CHOICE_SPREAD, FAILURES_PER_ACCELERATOR_DAY, RUN_FRACTION, STEP_SPREAD, Constant
from economics.energy import two_digits
from economics.flop.decoder import Recompute, training_flop_per_token
from economics.layout import Layout, check_layout
from economics.memory.training import TrainingMemory
from economics.throughput.search import Choice, best_layout, with_practice
from economics.throughput.step import StepTime, Workload
from economics.training.billing import Term, run_bill
from economics.training.goodput import Goodput, run_goodput
from economics.uncertainty import Interval, interval_of

_DRAWS = 4000


@dataclass(frozen=True, kw_only=True, slots=True)
class RunPlan:
    """A run to be estimated. What is None is chosen, and the choice is said."""

    workload: Workload
    """Model, device, sequence length, batch, precision."""
    tokens: float
    num_accelerators: int
    layout: Layout | None = None
    micro_batch: int | None = None
    recompute: Recompute | None = None
    any_virtual: bool = False
    steady_state: bool = False
    """No failures, no checkpoints, nothing but steps."""
    term: Term = "on-demand"
    """How the devices are paid for; spot is not charged while it is taken away."""
    preemptions_per_node_day: float = 0.0
    """How often spot capacity is taken away, per node and day."""
    hot_spares: bool = False
    """Spare nodes stand ready: restarts are half as long."""
    usd_per_accelerator_hour: float | None = None
    usd_spread: float = 0.0
    """Standard deviation of the price's logarithm."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What a run is expected to take."""

    choice: Choice
    goodput: Goodput
    training_flop: float
    training_flop_6nd: float
    tokens_per_second_per_accelerator: Interval
    model_flop_per_second: Interval
    mfu_fraction: Interval
    effective_mfu_fraction: Interval
    goodput_fraction: Interval
    accelerator_hours: Interval
    wall_seconds: Interval
    energy_kwh: Interval | None
    co2e_kg: Interval | None
    cost_usd: Interval | None
    """Compute of this one run."""
    project_cost_usd: Interval | None
    """The same with the usual ablations and failed runs."""
    checkpoint_storage_usd: float | None
    """Keeping three checkpoints for the run's time: apart from the compute."""
    assumptions: list[dict[str, Any]] = field(default_factory=list)

    @property
    def time(self) -> StepTime:
        """The central step."""
        return self.choice.time

    @property
    def memory(self) -> TrainingMemory:
        """The central memory."""
        return self.choice.memory


@lru_cache(maxsize=8)
def normal_draws(name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Standard normal draws of one uncertainty: the same for every estimate, so that options compare on equal luck."""
    seed = int.from_bytes(name.encode()[:8], "little")
    draws = np.random.default_rng(seed).standard_normal(_DRAWS // 2)
    return np.concatenate([draws, -draws])


def spread_draws(name: str, constant: Constant, sd: float | None = None) -> np.ndarray[Any, np.dtype[np.float64]]:
    """Return lognormal draws around a constant's value.

    >>> from economics.constants import RUN_FRACTION
    >>> abs(float(np.median(spread_draws("run", RUN_FRACTION))) - RUN_FRACTION.value) < 0.01
    True
    """
    width = constant.spread if sd is None else sd
    return np.asarray(constant.value * np.exp(width * normal_draws(name)))


def training_estimate(plan: RunPlan) -> Estimate:
    """Return the estimate of a training run.

    Draws of what is uncertain (the step's speed, the rate of failures, restarts, how far whole runs stay behind
    steady state, server load, PUE, price) go jointly through the formulas; p10, p50 and p90 are quantiles of the
    results. Memory is the central scenario. Accelerator-hours are accelerators x wall time of this one run.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> work = Workload(decoder=find_decoder("llama-7b")[0], accelerator=find_accelerator("a100"),
    ...                 sequence_length=2048, num_sequences=2048)
    >>> hours = training_estimate(RunPlan(workload=work, tokens=1e12, num_accelerators=1024)).accelerator_hours
    >>> hours.p10 < 82_432 < hours.p90       # published
    True
    """
    work = plan.workload
    decoder = work.decoder
    if plan.layout:
        experts = decoder.mixture.num_experts if decoder.mixture else 0
        check_layout(plan.layout, num_layers=decoder.num_layers, num_heads=decoder.num_heads, num_experts=experts)
    choice = best_layout(
        work, plan.num_accelerators, layout=plan.layout, micro_batch=plan.micro_batch, recompute=plan.recompute,
        any_virtual=plan.any_virtual,
    )  # fmt: skip
    known = plan.layout is not None and plan.micro_batch is not None and plan.recompute is not None
    if plan.layout is None:
        choice = with_practice(choice)
    rate = choice.time.tokens_per_second_per_accelerator
    sd = STEP_SPREAD.value if known else float(np.hypot(STEP_SPREAD.value, CHOICE_SPREAD.value))
    rates = rate * np.exp(sd * normal_draws("step"))
    goodput, useful = _goodput_draws(plan)
    per_device = rates * useful
    seconds = plan.tokens / (per_device * plan.num_accelerators)
    hours = seconds * plan.num_accelerators / 3600.0
    flop = training_flop_per_token(decoder, work.sequence_length).total
    peak = work.accelerator.peak("bf16")
    kwh = _energy_draws(plan, hours)
    cost = _cost_draws(plan, hours)
    return Estimate(
        choice=choice,
        goodput=goodput,
        training_flop=flop * plan.tokens,
        training_flop_6nd=6.0 * decoder.parameters().active_matmul * plan.tokens,
        tokens_per_second_per_accelerator=interval_of(rates),
        model_flop_per_second=interval_of(rates * flop),
        mfu_fraction=interval_of(np.minimum(1.0, rates * flop / peak)),
        effective_mfu_fraction=interval_of(np.minimum(1.0, per_device * flop / peak)),
        goodput_fraction=interval_of(np.asarray(useful) * np.ones(_DRAWS)),
        accelerator_hours=interval_of(hours),
        wall_seconds=interval_of(seconds),
        energy_kwh=None if kwh is None else interval_of(kwh),
        co2e_kg=None if kwh is None else _rounded(interval_of(kwh * spread_draws("grid", GRID_KG_PER_KWH))),
        cost_usd=None if cost is None else interval_of(cost),
        project_cost_usd=None
        if cost is None
        else interval_of(cost * np.clip(spread_draws("ablations", ABLATION_MULTIPLIER), 1.0, None)),
        checkpoint_storage_usd=None if cost is None else _storage_usd(plan, float(np.median(seconds))),
        assumptions=run_assumptions(plan),
    )


def _rounded(interval: Interval) -> Interval:
    return Interval(*(two_digits(value) for value in interval))


def _goodput_draws(plan: RunPlan) -> tuple[Goodput, Any]:
    """The central goodput, and draws of useful time over wall time."""
    work = plan.workload
    size = 14.0 * work.decoder.parameters().total

    def at(rate: float, restart: float) -> Goodput:
        return run_goodput(
            num_accelerators=plan.num_accelerators, num_per_node=work.accelerator.num_per_node, checkpoint_bytes=size,
            failures_per_accelerator_day=rate, restart_seconds=restart, hot_spares=plan.hot_spares,
            preemptions_per_node_day=plan.preemptions_per_node_day if plan.term == "spot" else 0.0,
        )  # fmt: skip

    if plan.steady_state:
        return at(0.0, 0.0), np.ones(_DRAWS)
    central = at(FAILURES_PER_ACCELERATOR_DAY.value, RESTART_SECONDS.value)
    rates = spread_draws("failures", FAILURES_PER_ACCELERATOR_DAY)
    grid = np.quantile(rates, np.linspace(0.005, 0.995, 24))
    useful = np.interp(rates, grid, [at(float(rate), RESTART_SECONDS.value).goodput_fraction for rate in grid])
    return central, useful * _behind_steady_state(plan)


def _behind_steady_state(plan: RunPlan) -> Any:
    """Draws of what a whole run keeps of steady state: evaluation's share taken off, and the constant to the power
    1 - 1/nodes; never above 1."""
    device = plan.workload.accelerator
    nodes = max(1.0, plan.num_accelerators / max(1, min(8, device.num_per_node)))
    shared = spread_draws("whole run", RUN_FRACTION) ** (1.0 - 1.0 / nodes)
    return np.minimum(1.0, (1.0 - EVALUATION_FRACTION.value) * shared)


def _energy_draws(plan: RunPlan, hours: Any) -> Any:
    watts = plan.workload.accelerator.watts_of_server
    if not watts:
        return None
    load = np.minimum(1.0, spread_draws("load", SERVER_LOAD_FRACTION))
    pue = np.maximum(1.02, spread_draws("pue", POWER_USAGE_EFFECTIVENESS))
    return hours * watts * load * pue / 1000.0


def _cost_draws(plan: RunPlan, hours: Any) -> Any:
    if plan.usd_per_accelerator_hour is None:
        return None
    charged = 1.0 - taken_away_fraction(plan)
    return hours * charged * plan.usd_per_accelerator_hour * np.exp(plan.usd_spread * normal_draws("price"))


def taken_away_fraction(plan: RunPlan) -> float:
    """Return the share of a spot run's time without its capacity, which is not charged: from a preemption until the
    nodes are back, taken as the restart without its warm-up (two thirds).

    >>> from economics.architecture import decoder_of_size
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> work = Workload(decoder=decoder_of_size(1e9), accelerator=find_accelerator("h100"), sequence_length=2048,
    ...                 num_sequences=64)
    >>> plan = RunPlan(workload=work, tokens=1e9, num_accelerators=64, term="spot", preemptions_per_node_day=1.0)
    >>> 0.03 < taken_away_fraction(plan) < 0.08
    True
    """
    if plan.term != "spot":
        return 0.0
    nodes = max(1.0, plan.num_accelerators / max(1, min(8, plan.workload.accelerator.num_per_node)))
    per_second = nodes * plan.preemptions_per_node_day / 86_400.0
    away = per_second * RESTART_SECONDS.value * 2.0 / 3.0
    return away / (1.0 + away)


def _storage_usd(plan: RunPlan, seconds: float) -> float:
    return run_bill(
        charged_accelerator_hours=0.0, usd_per_accelerator_hour=0.0,
        stored_bytes=3 * 14.0 * plan.workload.decoder.parameters().total, stored_hours=seconds / 3600.0,
    ).storage_usd  # fmt: skip


def run_assumptions(plan: RunPlan) -> list[dict[str, Any]]:
    """List what was assumed, with unit and source."""
    used: list[tuple[str, Constant]] = []
    if not plan.steady_state:
        used += [
            ("failures_per_accelerator_day", FAILURES_PER_ACCELERATOR_DAY),
            ("restart_seconds", RESTART_SECONDS),
            ("whole_run_fraction", RUN_FRACTION),
            ("evaluation_fraction", EVALUATION_FRACTION),
        ]
    used += [
        ("server_load_fraction", SERVER_LOAD_FRACTION),
        ("power_usage_effectiveness", POWER_USAGE_EFFECTIVENESS),
        ("grid_kg_per_kwh", GRID_KG_PER_KWH),
        ("ablation_multiplier", ABLATION_MULTIPLIER),
    ]
    return [
        {"name": name, "value": constant.value, "unit": constant.unit, "source": f"{constant.source} ({constant.date})"}
        for name, constant in used
    ]
