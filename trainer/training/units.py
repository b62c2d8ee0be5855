"""The sums of a split unit by unit, so that two models can be compared on the same stretches of it: `units-<split>.json`.

A unit is a batch of few examples, so small that a split has up to `MAX_UNITS` of them. Metrics that are a ratio of two
sums (loss by token, accuracy, bits per byte) can then be resampled by whoever reads the file, without torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from torch import Tensor, nn

from trainer.context import JobContext
from trainer.events import Artifact
from trainer.sections import MachineSpec
from trainer.training.measuring import measure_split
from trainer.training.task import Batch, Task

MAX_UNITS, ENOUGH_UNITS = 2_000, 200
CLOSE = 1e-3
"""A finer pass whose metrics differ more from those of the whole is not told: the family's batches are not independent."""


class Units(msgspec.Struct, kw_only=True):
    """Sums by unit, and which metrics are made of them."""

    split: str
    content_hash: str
    counts: list[int] = []
    """How much each unit holds, in the unit of throughput."""

    sums: dict[str, list[float]] = {}
    ratios: dict[str, tuple[str, str, float]] = {}
    """Metric -> (sum above, sum below, factor)."""

    def add(self, count: int, sums: dict[str, Tensor]) -> None:
        self.counts.append(count)
        for name, value in sums.items():
            if value.numel() == 1:
                self.sums.setdefault(name, []).append(float(value))


def collector(task: Task, units: Units) -> Callable[[Batch, dict[str, Tensor]], None]:
    """Return a function that takes in each batch with its sums."""
    return lambda batch, sums: units.add(task.count(batch), sums)


def finished_units(
    units: Units,
    task: Task,
    model: nn.Module,
    split: Any,
    *,
    machine: MachineSpec,
    batch_size: int,
    metrics: dict[str, float],
    should_stop: Callable[[], object],
    num_shares: int = 1,
) -> Units | None:
    """Return the units to keep: those of the pass that was made, or of a finer one where they are few.

    Of a pass that several processes shared the units are one share alone, so that a pass of its own is made.
    """
    if num_shares > 1 or (len(units.counts) < ENOUGH_UNITS and batch_size > 1):
        num_examples = len(units.counts) * batch_size * num_shares
        finer = Units(split=units.split, content_hash=units.content_hash)
        found = measure_split(
            task,
            model,
            split,
            machine=machine,
            batch_size=max(1, math.ceil(num_examples / MAX_UNITS)),
            should_stop=should_stop,
            on_sums=collector(task, finer),
        )
        if all(math.isclose(found[name], value, rel_tol=CLOSE, abs_tol=1e-9) for name, value in metrics.items()):
            units = finer
        elif num_shares > 1:
            return None
    units.ratios = ratios_of(task.summarise, units.sums)
    return units if units.ratios else None


def ratios_of(summarise: Callable[[dict[str, float]], dict[str, float]], sums: dict[str, list[float]]) -> Any:
    """Return the metrics that are a ratio of two sums, found by summarising parts: the factor is the same in each.

    The trivial metrics (counts) are left out.
    """
    columns = {name: np.asarray(values) for name, values in sums.items()}
    num_units = min((len(values) for values in columns.values()), default=0)
    if num_units < 2:
        return {}
    chance = np.random.default_rng(0)
    parts = [chance.random(num_units) < 0.5 for _ in range(6)] + [np.ones(num_units, bool)]
    totals = [{name: float(values[part].sum()) for name, values in columns.items()} for part in parts if part.any()]
    found = [summarised(summarise, each) for each in totals]
    ratios = {}
    for metric in found[-1]:
        if metric.startswith("num_"):
            continue
        for above in columns:
            for below in columns:
                factor = _common_factor(metric, above, below, totals, found)
                if factor is not None and metric not in ratios:
                    ratios[metric] = (above, below, factor)
    return ratios


def summarised(summarise: Callable[[dict[str, float]], dict[str, float]], totals: dict[str, float]) -> dict[str, float]:
    """Return the metrics of sums; none where the family makes them of more than sums."""
    try:
        return summarise(totals)
    except (ZeroDivisionError, ValueError, KeyError):
        return {}


def _common_factor(
    metric: str, above: str, below: str, totals: list[dict[str, float]], found: list[dict[str, float]]
) -> float | None:
    """Return the factor between the metric and above / below where it is the same in every part."""
    factors = []
    for sums, values in zip(totals, found, strict=True):
        if above == below or not sums[below] or not sums[above] or metric not in values:
            return None
        factors.append(values[metric] * sums[below] / sums[above])
    if not all(math.isfinite(factor) for factor in factors) or factors[0] == 0:
        return None
    same = all(math.isclose(factor, factors[0], rel_tol=1e-9) for factor in factors)
    return factors[0] if same else None


def tell_units(context: JobContext, units: Units) -> None:
    """Write the file beside what the job makes, and tell of it."""
    path: Path = context.attempt.artifacts / f"units-{units.split}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(msgspec.json.encode(units))
    name = f"units-{units.split}"
    context.emit(Artifact(name=name, path=context.path_in_job(path), size_bytes=path.stat().st_size))
