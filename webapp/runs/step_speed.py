"""How fast a machine takes the steps of a run: economics' model of a step, set right by the steps that it measured.

The model knows what a step computes and moves, and so how its time changes with batch, context, threads and number
format; the calibration knows what this machine makes of it. Measured over modelled, between the measured shapes
nearest in size, is the factor in which all else goes: the program, the processor, its caches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from economics.architecture import Decoder
from economics.errors import EconomicsError
from economics.flop import training_flop_per_token
from economics.hardware import Accelerator, calibrated
from economics.memory.states import Precision
from economics.throughput.step import Workload, step_time
from trainer.errors import SpecError
from trainer.families import get_family
from trainer.spec import TrainSpec
from webapp.runs.architectures import decoder_of

THREADS_EXPONENT = 0.8
"""Products go with the number of threads to this power: cores share caches, clock and what the program does alone."""

THREADS_MEMORY_EXPONENT = 0.4
"""Memory bandwidth goes with it much less: one core alone nearly fills it."""

DTYPES = {"bfloat16": "bf16", "float16": "bf16"}


@dataclass(frozen=True, kw_only=True, slots=True)
class StepSpeed:
    """Seconds of one step, and what that is made of."""

    seconds: float
    modelled_seconds: float
    measured_over_modelled: float
    num_threads: int
    num_shapes: int


def step_speed(spec: TrainSpec, decoder: Decoder, calibration: dict[str, Any]) -> StepSpeed | None:
    """Return how long a step of the run takes on the machine that was calibrated; None if it never was."""
    shapes = _shapes(calibration)
    if not shapes:
        return None
    try:
        modelled = step_time(_workload(spec, decoder, calibration)).seconds
    except EconomicsError:
        return None
    sizes, factors = (np.log(column) for column in zip(*sorted(shapes), strict=True))
    size = training_flop_per_token(decoder, spec.batch.sequence_length).total
    factor = float(np.exp(np.interp(np.log(size), sizes, factors)))
    return StepSpeed(
        seconds=modelled * factor, modelled_seconds=modelled, measured_over_modelled=factor,
        num_threads=_threads(spec.machine.num_threads, calibration), num_shapes=len(shapes),
    )  # fmt: skip


def _workload(spec: TrainSpec, decoder: Decoder, calibration: dict[str, Any]) -> Workload:
    dtype = spec.machine.dtype if spec.machine.dtype != "auto" else _usual_dtype(calibration)
    threads = _threads(spec.machine.num_threads, calibration) / max(1, _threads(0, calibration))
    return Workload(
        decoder=decoder,
        accelerator=_accelerator(calibration, dtype, threads),
        sequence_length=spec.batch.sequence_length,
        num_sequences=spec.batch.sequences_per_step,
        micro_batch=spec.batch.micro_batch or spec.batch.sequences_per_step,
        precision=_precision(dtype),
        recompute="full" if spec.machine.activation_checkpointing else "none",
        fused=spec.machine.compile == "on",
        dropout=spec.regularisation.dropout > 0,
        optimizer=spec.optimizer.name,
    )


def _accelerator(calibration: dict[str, Any], dtype: str, threads_fraction: float = 1.0) -> Accelerator:
    by_dtype = calibration.get("matmul_flop_per_second_by_dtype") or {}
    rate = by_dtype.get(dtype) or calibration["matmul_flop_per_second"]
    return calibrated(
        name="this machine",
        flop_per_second=rate * threads_fraction**THREADS_EXPONENT,
        memory_bytes=calibration.get("memory_bytes") or 1.0,
        memory_bytes_per_second=calibration["memory_bytes_per_second"] * threads_fraction**THREADS_MEMORY_EXPONENT,
        kind="cpu" if calibration.get("device", "cpu") == "cpu" else "accelerator",
    )


def _threads(wanted: int, calibration: dict[str, Any]) -> int:
    """Return the threads that work: those asked for, at most those that were measured."""
    measured = int(calibration.get("num_threads") or 1)
    return min(wanted, measured) if wanted and calibration.get("device", "cpu") == "cpu" else measured


def _usual_dtype(calibration: dict[str, Any]) -> str:
    """Return the number format that training takes by itself on the machine: the one its steps were measured in."""
    return next((str(step["dtype"]) for step in calibration.get("steps") or [] if step.get("dtype")), "float32")


def _precision(dtype: str) -> Precision:
    return "bf16" if dtype in DTYPES else "fp32"


def _shapes(calibration: dict[str, Any]) -> list[tuple[float, float]]:
    """Return (FLOP per token, measured over modelled seconds) of each step that was measured and can be modelled."""
    if not calibration.get("matmul_flop_per_second") or not calibration.get("memory_bytes_per_second"):
        return []
    return [found for step in calibration.get("steps") or [] if (found := _shape(step, calibration)) is not None]


def _shape(step: dict[str, Any], calibration: dict[str, Any]) -> tuple[float, float] | None:
    try:
        model = get_family(str(step.get("family"))).presets[str(step.get("preset"))]
    except (SpecError, KeyError):
        return None  # of another release, with other sizes
    decoder = decoder_of(str(step["family"]), model, step.get("vocab_size"))
    seconds = step.get("seconds_per_step") or 0.0
    if decoder is None or not seconds > 0:
        return None
    dtype, length = str(step.get("dtype", "float32")), int(step["sequence_length"])
    work = Workload(
        decoder=decoder, accelerator=_accelerator(calibration, dtype), sequence_length=length,
        num_sequences=int(step["sequences_per_step"]), micro_batch=int(step["sequences_per_step"]),
        precision=_precision(dtype), fused=False,
    )  # fmt: skip
    return training_flop_per_token(decoder, length).total, seconds / step_time(work).seconds
