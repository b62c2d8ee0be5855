"""Whole runs: their hours predicted, and what they lose to steady state fitted again without one source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import exp, log, log2

import numpy as np

from economics.errors import InputError, NoAnswerError
from economics.flop.decoder import training_flop_per_token
from economics.training.defaults import usual_num_accelerators
from economics.training.estimate import Estimate, RunPlan, training_estimate
from economics.training.outcome import share_between_steps
from economics.validation.predictions import (
    Prediction,
    is_whole_run,
    nearest_utilisation,
    one_number,
    workload_of,
)
from economics.validation.runs import RunRow, usable

FEWEST_SOURCES = 4
"""Whole runs of fewer sources say nothing of what whole runs lose."""

_OVERHEADS = (0.0, 0.01, 0.02, 0.03)
"""Seconds per step and doubling of the nodes that a fit tries."""


def run_estimate(row: RunRow) -> Estimate | None:
    """Return the estimate of a whole run; None where no layout exists.

    A layout that cannot exist for the model as it was pieced together is left to the search.
    """
    counted = row.decoder.parameters()
    flop = 6.0 * counted.active * (row.tokens or 0.0)
    num = row.num_accelerators or usual_num_accelerators(flop, row.accelerator, 16.0 * counted.total)
    plan = RunPlan(
        workload=workload_of(row, num), tokens=row.tokens or 0.0, num_accelerators=num, layout=row.layout,
        micro_batch=row.micro_batch, recompute=row.recompute, any_virtual=not row.schedule_told,
    )  # fmt: skip
    try:
        return training_estimate(plan)
    except InputError:
        return training_estimate(replace(plan, layout=None, any_virtual=False))
    except NoAnswerError:
        return None


def run_predictions(rows: list[RunRow], only: list[RunRow] | None = None) -> list[Prediction]:
    """Predict the accelerator-hours of whole runs of one stage (or of some), from 1 B parameters on."""
    whole = [row for row in rows if is_whole_run(row)]
    basis = [row for row in whole if usable(row)]
    out: list[Prediction] = []
    for row in [r for r in whole if only is None or r in only]:
        estimate = run_estimate(row)
        if estimate is None:
            continue
        utilisation, near = one_number(row, basis), nearest_utilisation(row, basis)
        total = training_flop_per_token(row.decoder, row.sequence_length).total * (row.tokens or 0.0)
        at_peak = total / row.accelerator.peak("bf16") / 3600.0
        out.append(
            Prediction(
                model=row.model,
                cluster=row.cluster,
                group="whole runs",
                measured=row.measured_hours or 0.0,
                predicted=estimate.outcome.accelerator_hours,
                unit="accelerator-hours",
                one_number=None if utilisation is None else at_peak / utilisation,
                nearest_row=None if near is None else at_peak / near,
                counts=usable(row),
            )
        )
    return out


@dataclass(frozen=True, kw_only=True, slots=True)
class _Excess:
    """How far a run's hours exceed steady state and failures, and what may explain it."""

    source: str
    ln_excess: float
    doublings: float
    step_seconds: float


def _excesses(rows: list[RunRow]) -> list[_Excess]:
    out: list[_Excess] = []
    for row in rows:
        estimate = run_estimate(row) if is_whole_run(row) else None
        if estimate is None:
            continue
        time, device = estimate.time, row.accelerator
        steady = (row.tokens or 0.0) / time.tokens_per_second_per_accelerator / 3600.0
        failures = estimate.outcome.goodput.goodput_fraction
        nodes = max(1.0, time.num_accelerators / max(1, min(8, device.num_per_node)))
        out.append(
            _Excess(
                source=row.source, ln_excess=log((row.measured_hours or 1.0) * failures / steady),
                doublings=log2(nodes), step_seconds=time.seconds,
            )
        )  # fmt: skip
    return out


def _by_source(found: list[_Excess], values: list[float]) -> list[float]:
    sources: dict[str, list[float]] = {}
    for excess, value in zip(found, values, strict=True):
        sources.setdefault(excess.source, []).append(value)
    return [float(np.mean(v)) for v in sources.values()]


def refit_run_constants(rows: list[RunRow]) -> dict[str, float]:
    """Return what these whole runs say of `STEP_OVERHEAD_SECONDS` and `RUN_FRACTION`, sources weighing the same.

    For each overhead tried, the fraction is the median of what is left; the pair with the least mean deviation is kept.
    With whole runs of fewer than four sources nothing can be said, and the present values stay.
    """
    found = [excess for excess in _excesses(rows) if excess.doublings > 0]
    if len({excess.source for excess in found}) < FEWEST_SOURCES:
        return {}
    best = (float("inf"), 0.0, 0.0)
    for overhead in _OVERHEADS:
        left = [e.ln_excess - log(1.0 + share_between_steps(overhead * e.doublings / e.step_seconds)) for e in found]
        middle = float(np.median(_by_source(found, left)))
        miss = float(np.mean(_by_source(found, [abs(value - middle) for value in left])))
        best = min(best, (round(miss, 9), overhead, middle))
    return {"STEP_OVERHEAD_SECONDS": best[1], "RUN_FRACTION": round(min(0.98, exp(-best[2])), 6)}
