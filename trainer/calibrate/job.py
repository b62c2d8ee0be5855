"""The job kind `calibrate`: what this machine can do at best, and what training steps take on it."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import torch

from trainer.calibrate.machine import (
    disk_write_bytes_per_second,
    dtypes_to_measure,
    matmul_flop_per_second,
    memory_bytes_per_second,
)
from trainer.calibrate.spec import CalibrateSpec
from trainer.calibrate.steps import made_up_of, step_facts, timed_presets
from trainer.context import JobContext, hardware_facts
from trainer.cores import usable_cores
from trainer.events import Finished, Progress, Stopped
from trainer.sections import MachineSpec
from trainer.training.machine import DTYPES, apply_machine, bfloat16_speedup, resolve_device

MATMUL_SHARE, MEMORY_SHARE, STEPS_SHARE = 0.1, 0.05, 0.8
"""Of the time; the rest goes into building models and the disk."""


def run(spec: CalibrateSpec, context: JobContext) -> Finished | Stopped:
    """Measure one thing after the other; the result is a plain dictionary."""
    name, _ = resolve_device(spec.device, attempt_device=context.attempt_spec.device)
    machine = MachineSpec(device=name, num_threads=spec.num_threads or usable_cores(), deterministic=False)
    apply_machine(machine)
    context.started(device=name, versions={"torch": str(torch.__version__)})
    began = time.monotonic()
    result: dict[str, Any] = {"device": name, "num_threads": machine.num_threads, "hardware": hardware_facts()}
    work: list[tuple[str, Callable[[], dict[str, Any]]]] = [
        ("matrix products", lambda: measure_matmul(name, spec.seconds)),
        ("memory", lambda: measure_memory(name, spec.seconds)),
        ("disk", lambda: {"disk_write_bytes_per_second": disk_write_bytes_per_second(context.attempt.path)}),
        ("training steps", lambda: measure_steps(machine, spec.seconds, context.attempt.path)),
    ]
    for done, (phase, measure) in enumerate(work):
        if context.should_stop():
            return Stopped(sentence="The calibration was stopped; it has to be done again as a whole.")
        context.emit(Progress(done=done, total=len(work), unit="measurement", phase=phase))
        result |= measure()
    result["seconds"] = time.monotonic() - began
    return Finished(result=result)


def measure_matmul(name: str, seconds: float) -> dict[str, Any]:
    device = torch.device(name)
    dtypes = dtypes_to_measure(device)
    budget = seconds * MATMUL_SHARE / len(dtypes)
    rates = {dtype: matmul_flop_per_second(DTYPES[dtype], device, budget_seconds=budget) for dtype in dtypes}
    speedup = bfloat16_speedup() if device.type == "cpu" else None  # as a run that chooses its format asks
    return {
        "matmul_flop_per_second": max(rates.values()),
        "matmul_flop_per_second_by_dtype": rates,
        "bfloat16_speedup": speedup,
    }


def measure_memory(name: str, seconds: float) -> dict[str, Any]:
    device = torch.device(name)
    total = psutil.virtual_memory().total
    if device.type == "cuda":
        total = torch.cuda.mem_get_info(device)[1]
    rate = memory_bytes_per_second(device, budget_seconds=seconds * MEMORY_SHARE)
    return {"memory_bytes_per_second": rate, "memory_bytes": total}


def measure_steps(machine: MachineSpec, seconds: float, folder: Path) -> dict[str, Any]:
    """Time a step of each preset, of every family at least one. The best rate is what training reaches here."""
    presets, end = timed_presets(), time.monotonic() + seconds * STEPS_SHARE
    steps: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(dir=folder) as place:
        made = {kind: made_up_of(kind, Path(place)) for kind in {family.data_kind for family, _ in presets}}
        for number, (family, preset) in enumerate(presets):
            left, made_up = end - time.monotonic(), made[family.data_kind]
            is_known = any(step["family"] == family.name for step in steps)
            if (is_known and left <= 0) or made_up is None:
                continue
            budget = max(left, 0) / (len(presets) - number)
            steps.append(step_facts(family, preset, made_up=made_up, machine=machine, budget_seconds=budget))
    rates = [step["flop_per_second"] for step in steps]
    return {"steps": steps, "training_flop_per_second": max(rates, default=None)}
