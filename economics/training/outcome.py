"""What a run's speed comes to: goodput, time, energy, emissions and money, as joint draws, whatever is trained."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log2
from typing import Any

import numpy as np

from economics.assumptions import (
    ABLATION_MULTIPLIER,
    FAILURES_PER_ACCELERATOR_DAY,
    GRID_KG_PER_KWH,
    POWER_USAGE_EFFECTIVENESS,
    RESTART_SECONDS,
    SERVER_LOAD_FRACTION,
)
from economics.constants import MOST_STEP_OVERHEAD, RUN_FRACTION, STEP_OVERHEAD_SECONDS, Constant
from economics.energy import two_digits
from economics.hardware import Accelerator
from economics.training.billing import Term, run_bill
from economics.training.draws import NUM_DRAWS, normal_draws, spread_draws
from economics.training.goodput import Goodput, run_goodput
from economics.uncertainty import Interval, interval_of


@dataclass(frozen=True, kw_only=True, slots=True)
class Conditions:
    """Where and on what terms a run takes place."""

    accelerator: Accelerator
    num_accelerators: int
    num_params: int
    """Parameters with optimizer state: they are what a checkpoint holds."""
    state_bytes_per_param: float = 14.0
    step_seconds: float = float("inf")
    """Time of one step: what each step loses between nodes weighs the more, the shorter it is."""
    steady_state: bool = False
    """No failures, no checkpoints, nothing but steps."""
    term: Term = "on-demand"
    preemptions_per_node_day: float = 0.0
    hot_spares: bool = False
    usd_per_accelerator_hour: float | None = None
    usd_spread: float = 0.0

    @property
    def num_nodes(self) -> float:
        """Servers at work; at most eight devices share one, however large the pod of links."""
        return max(1.0, self.num_accelerators / max(1, min(8, self.accelerator.num_per_node)))

    @property
    def checkpoint_bytes(self) -> float:
        """Bytes of one checkpoint."""
        return self.state_bytes_per_param * self.num_params


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What a run takes, each an interval."""

    goodput: Goodput
    units_per_second_per_accelerator: Interval
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


def outcome_of(conditions: Conditions, *, rate: float, rate_sd: float, units: float, flop_per_unit: float) -> Outcome:
    """Return what processing `units` (tokens, images, examples) takes at a steady rate per device.

    Draws of the rate, of failures, of what whole runs lose to steady state, of server load, PUE and price go jointly
    through the formulas; p10, p50 and p90 are quantiles of the results.

    Parameters
    ----------
    rate : units per second and device in steady state, > 0
    rate_sd : standard deviation of its logarithm

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> steady = Conditions(accelerator=find_accelerator("a100"), num_accelerators=8, num_params=10**8, steady_state=True)
    >>> round(outcome_of(steady, rate=100.0, rate_sd=0.0, units=8e5, flop_per_unit=1e9).wall_seconds.p50)
    1000
    """
    rates = rate * np.exp(rate_sd * normal_draws("step"))
    goodput, useful = goodput_draws(conditions)
    per_device = rates * useful
    seconds = units / (per_device * conditions.num_accelerators)
    hours = seconds * conditions.num_accelerators / 3600.0
    peak = conditions.accelerator.peak("bf16")
    kwh, cost = _energy_draws(conditions, hours), _cost_draws(conditions, hours)
    return Outcome(
        goodput=goodput,
        units_per_second_per_accelerator=interval_of(rates),
        model_flop_per_second=interval_of(rates * flop_per_unit),
        mfu_fraction=interval_of(np.minimum(1.0, rates * flop_per_unit / peak)),
        effective_mfu_fraction=interval_of(np.minimum(1.0, per_device * flop_per_unit / peak)),
        goodput_fraction=interval_of(np.asarray(useful) * np.ones(NUM_DRAWS)),
        accelerator_hours=interval_of(hours),
        wall_seconds=interval_of(seconds),
        energy_kwh=None if kwh is None else interval_of(kwh),
        co2e_kg=None if kwh is None else _rounded(interval_of(kwh * spread_draws("grid", GRID_KG_PER_KWH))),
        cost_usd=None if cost is None else interval_of(cost),
        project_cost_usd=None
        if cost is None
        else interval_of(cost * np.clip(spread_draws("ablations", ABLATION_MULTIPLIER), 1.0, None)),
        checkpoint_storage_usd=None if cost is None else _storage_usd(conditions, float(np.median(seconds))),
    )


def _rounded(interval: Interval) -> Interval:
    return Interval(*(two_digits(value) for value in interval))


def goodput_draws(conditions: Conditions) -> tuple[Goodput, Any]:
    """Return the central goodput, and draws of useful time over wall time.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> few, many = (Conditions(accelerator=find_accelerator("h100"), num_accelerators=n, num_params=10**10)
    ...              for n in (8, 16384))
    >>> float(np.median(goodput_draws(few)[1])) > float(np.median(goodput_draws(many)[1]))
    True
    """

    def at(rate: float, restart: float) -> Goodput:
        return run_goodput(
            num_accelerators=conditions.num_accelerators, num_per_node=conditions.accelerator.num_per_node,
            checkpoint_bytes=conditions.checkpoint_bytes, failures_per_accelerator_day=rate, restart_seconds=restart,
            hot_spares=conditions.hot_spares,
            preemptions_per_node_day=conditions.preemptions_per_node_day if conditions.term == "spot" else 0.0,
        )  # fmt: skip

    if conditions.steady_state:
        return at(0.0, 0.0), np.ones(NUM_DRAWS)
    central = at(FAILURES_PER_ACCELERATOR_DAY.value, RESTART_SECONDS.value)
    rates = spread_draws("failures", FAILURES_PER_ACCELERATOR_DAY)
    grid = np.quantile(rates, np.linspace(0.005, 0.995, 24))
    useful = np.interp(rates, grid, [at(float(rate), RESTART_SECONDS.value).goodput_fraction for rate in grid])
    return central, useful * _behind_steady_state(conditions)


def _behind_steady_state(conditions: Conditions) -> Any:
    """Draws of what a whole run keeps of steady state: the constant to the power 1 - 1/nodes, and the time between
    steps, of which more and more hides behind the steps as they get shorter; never above 1. A single node shares
    nothing and loses nothing."""
    shared = spread_draws("whole run", RUN_FRACTION) ** (1.0 - 1.0 / conditions.num_nodes)
    between = STEP_OVERHEAD_SECONDS.value * log2(conditions.num_nodes) / conditions.step_seconds
    return np.minimum(1.0, shared / (1.0 + share_between_steps(between)))


def share_between_steps(share: float) -> float:
    """Return what the time between steps adds to a step, as a share of it: at most 30 %, since the rest hides.

    >>> share_between_steps(0.0), round(share_between_steps(0.1), 3), round(share_between_steps(10.0), 3)
    (0.0, 0.085, 0.3)
    """
    most = MOST_STEP_OVERHEAD.value
    return most * (1.0 - exp(-share / most))


def _energy_draws(conditions: Conditions, hours: Any) -> Any:
    watts = conditions.accelerator.watts_of_server
    if not watts:
        return None
    load = np.minimum(1.0, spread_draws("load", SERVER_LOAD_FRACTION))
    pue = np.maximum(1.02, spread_draws("pue", POWER_USAGE_EFFECTIVENESS))
    return hours * watts * load * pue / 1000.0


def _cost_draws(conditions: Conditions, hours: Any) -> Any:
    if conditions.usd_per_accelerator_hour is None:
        return None
    charged = 1.0 - taken_away_fraction(conditions)
    prices = conditions.usd_per_accelerator_hour * np.exp(conditions.usd_spread * normal_draws("price"))
    return hours * charged * prices


def taken_away_fraction(conditions: Conditions) -> float:
    """Return the share of a spot run's time without its capacity, which is not charged: from a preemption until the
    nodes are back, taken as the restart without its warm-up (two thirds).

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> spot = Conditions(accelerator=find_accelerator("h100"), num_accelerators=64, num_params=10**9, term="spot",
    ...                   preemptions_per_node_day=1.0)
    >>> 0.03 < taken_away_fraction(spot) < 0.08
    True
    """
    if conditions.term != "spot":
        return 0.0
    per_second = conditions.num_nodes * conditions.preemptions_per_node_day / 86_400.0
    away = per_second * RESTART_SECONDS.value * 2.0 / 3.0
    return away / (1.0 + away)


def _storage_usd(conditions: Conditions, seconds: float) -> float:
    return run_bill(
        charged_accelerator_hours=0.0, usd_per_accelerator_hour=0.0, stored_bytes=3 * conditions.checkpoint_bytes,
        stored_hours=seconds / 3600.0,
    ).storage_usd  # fmt: skip


def run_assumptions(*, steady_state: bool) -> list[dict[str, Any]]:
    """List what was assumed, with unit and source.

    >>> any(row["name"] == "restart_seconds" for row in run_assumptions(steady_state=True))
    False
    """
    used: list[tuple[str, Constant]] = []
    if not steady_state:
        used += [
            ("failures_per_accelerator_day", FAILURES_PER_ACCELERATOR_DAY),
            ("restart_seconds", RESTART_SECONDS),
            ("whole_run_fraction", RUN_FRACTION),
            ("step_overhead_seconds", STEP_OVERHEAD_SECONDS),
            ("most_step_overhead", MOST_STEP_OVERHEAD),
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


def outcome_as_dict(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome as the verbs print it; what it counts is called tokens, whatever its unit.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> where = Conditions(accelerator=find_accelerator("a100"), num_accelerators=8, num_params=10**8)
    >>> outcome_as_dict(outcome_of(where, rate=100.0, rate_sd=0.1, units=8e5, flop_per_unit=1e9))["cost_usd"] is None
    True
    """

    def shown(name: str) -> dict[str, float] | None:
        interval: Interval | None = getattr(outcome, name)
        return interval.to_dict() if interval else None

    names = (
        "model_flop_per_second", "mfu_fraction", "effective_mfu_fraction", "goodput_fraction", "accelerator_hours",
        "wall_seconds", "energy_kwh", "co2e_kg", "cost_usd", "project_cost_usd",
    )  # fmt: skip
    return {
        "tokens_per_second_per_accelerator": shown("units_per_second_per_accelerator"),
        **{name: shown(name) for name in names},
        "checkpoint_storage_usd": outcome.checkpoint_storage_usd,
    }
