"""How fast a machine takes the steps of a run: economics' model of a step, set right by the steps that it measured.

The model knows what a step computes and moves, and so how its time changes with batch, context, threads and number
format; the calibration knows what this machine makes of it. Measured over modelled, between the measured shapes
nearest in size, is the factor in which all else goes: the program, the processor, its caches.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import hypot
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from economics.architecture.convolution import ConvolutionalNetwork
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.errors import EconomicsError
from economics.hardware import Accelerator, calibrated
from trainer.dtypes import dtype_on_processor
from trainer.errors import SpecError
from trainer.families import get_family
from trainer.sections import BatchSpec, Dtype
from trainer.spec import TrainSpec
from webapp.quotes.load import CALIBRATED_SPREAD
from webapp.runs.architectures import Facts, link_of
from webapp.runs.step_models import FORWARD_SHARE, StepForm, StepModel, precision_of, step_model

THREADS_EXPONENT = 0.8
"""Products go with the number of threads to this power: cores share caches, clock and what the program does alone."""

THREADS_MEMORY_EXPONENT = 0.4
"""Memory bandwidth goes with it much less: one core alone nearly fills it."""


BYTES_MOVED_PER_BYTE_SENT = 4
"""From one process of a processor to another."""

SPREAD_BEYOND, MOST_SPREAD_BEYOND = 0.15, 0.5
"""Of ln(rate), for each factor of e in the FLOP of a position beyond what was timed."""

MOST_OVERHEAD = 0.9
"""Of a timed step: the rest is what it computes, however noisily both were timed."""

Floats = NDArray[np.float64]
TRANSFORMERS = ("decoder", "encoder", "encoder-decoder", "vision-transformer")


@dataclass(frozen=True, kw_only=True, slots=True)
class StepSpeed:
    """Seconds of one step, and what that is made of."""

    seconds: float
    overhead_seconds: float
    """Of it, what every step takes however little it is of: the program itself."""

    modelled_seconds: float
    measured_over_modelled: float
    num_threads: int
    num_shapes: int
    rate_spread: float
    """Standard deviation of ln(rate) beyond the sizes that were timed; 0 among them."""


def step_speed(spec: TrainSpec, step: StepModel, calibration: dict[str, Any]) -> StepSpeed | None:
    """Return how long a step of the run takes on the machine that was calibrated; None if none of its kind was timed."""
    dtype = dtype_of(spec, step.architecture.parameters().total, calibration)
    timed = _timed(calibration, family=spec.family, sort=sort_of(step), dtype=dtype)
    if not timed:
        return None
    threads = _threads(spec.machine.num_threads, calibration) / max(1, _threads(0, calibration))
    each = _each_of(step.form.num_devices, _accelerator(calibration, dtype, threads))
    try:
        modelled = step.of_one().seconds(each, precision_of(dtype))
        exchange = step.seconds(each, precision_of(dtype)) - modelled if step.form.num_devices > 1 else 0.0
    except EconomicsError:
        return None
    sizes, factors, overheads = zip(*sorted(timed), strict=True)
    size = np.log(step.flop_per_position)
    factor = float(np.exp(np.interp(size, np.log(sizes), np.log(factors))))
    overhead = float(np.interp(size, np.log(sizes), overheads)) * _depth(step)
    return StepSpeed(
        seconds=overhead + modelled * factor + exchange, overhead_seconds=overhead, modelled_seconds=modelled,
        measured_over_modelled=factor, num_threads=_threads(spec.machine.num_threads, calibration), num_shapes=len(timed),
        rate_spread=_spread_beyond(size, np.log(sizes)),
    )  # fmt: skip


def _spread_beyond(size: float, timed: Floats) -> float:
    """Return how well the rate of a size is known, by how far it lies outside those that were timed (logarithms)."""
    beyond = max(float(timed[0] - size), float(size - timed[-1]), 0.0)
    return hypot(CALIBRATED_SPREAD, min(SPREAD_BEYOND * beyond, MOST_SPREAD_BEYOND)) if beyond else 0.0


def measuring_seconds(
    spec: TrainSpec, step: StepModel, facts: Facts, calibration: dict[str, Any], *, what: str = "measuring"
) -> float | None:
    """Return what `measuring` one example takes (a validation, the test) or `reporting` on it; None where nothing was timed.

    It goes with the FLOP of an example, or with what the family's link says it goes with, from the timed size nearest. A
    ViT is not told by nets of convolutions: where none of its sort was timed, it takes what forward is of its own step.
    """
    wanted = work_of_measuring(spec.family, spec.model, step, spec.batch.sequence_length, facts)
    dtype = dtype_of(spec, step.architecture.parameters().total, calibration)
    steps = [each for each in calibration.get("steps") or [] if each.get("family") == spec.family]
    steps = [each for each in steps if each.get(f"{what}_seconds_per_example")]
    alike = [each for each in steps if (found := _timed_step(each)) and sort_of(found[1]) == sort_of(step)]
    if steps and not alike:
        speed = step_speed(spec, step, calibration)
        return FORWARD_SHARE * speed.seconds / spec.batch.sequences_per_step if speed else None
    alike = [each for each in alike if each.get("dtype", "float32") == dtype] or alike
    timed = [each for each in (_timed_measuring(of_one, what) for of_one in alike) if each]
    if not timed:
        return None
    works, rates = (np.log(column) for column in zip(*sorted(timed), strict=True))
    return wanted / float(np.exp(np.interp(np.log(wanted), works, rates)))


def work_of_measuring(family: str, model: Any, step: StepModel, sequence_length: int, facts: Facts) -> float:
    """Return how much there is to do to measure an example: comparable within a family."""
    link = link_of(family)
    if link is not None and link.measuring_work is not None:
        return link.measuring_work(model, facts)
    return step.flop_per_unit * sequence_length


def _timed_measuring(timed: dict[str, Any], what: str) -> tuple[float, float] | None:
    """Return (work, work per second) of a timed pass without gradients."""
    seconds = timed.get(f"{what}_seconds_per_example") or 0.0
    found = _timed_step(timed) if seconds > 0 else None
    if found is None:
        return None
    model, step, facts = found
    work = work_of_measuring(str(timed["family"]), model, step, int(timed["sequence_length"]), facts)
    return work, work / seconds


def machine_accelerator(calibration: dict[str, Any]) -> Accelerator | None:
    """Return the machine as it measured itself; None if it never did."""
    if not calibration.get("matmul_flop_per_second") or not calibration.get("memory_bytes_per_second"):
        return None
    return _accelerator(calibration, _usual_dtype(calibration))


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


def _each_of(num_devices: int, machine: Accelerator) -> Accelerator:
    """Return what each of several has: the machine again where they are devices, its part where processes share one
    processor. Those hand each other gradients through memory, where each byte is written, read, added and written."""
    if num_devices == 1:
        return machine
    if machine.kind != "cpu":
        return replace(machine, num_per_node=num_devices)
    threads = 1 / num_devices
    rate = machine.bf16_flop_per_second * threads**THREADS_EXPONENT
    return replace(
        machine, bf16_flop_per_second=rate, fp32_flop_per_second=rate, bf16_ceiling_flop_per_second=rate,
        memory_bytes_per_second=machine.memory_bytes_per_second * threads,
        link_bytes_per_second=machine.memory_bytes_per_second * threads / BYTES_MOVED_PER_BYTE_SENT, num_per_node=num_devices,
    )  # fmt: skip


def _threads(wanted: int, calibration: dict[str, Any]) -> int:
    """Return the threads that work: those asked for, at most those that were measured."""
    measured = int(calibration.get("num_threads") or 1)
    return min(wanted, measured) if wanted and calibration.get("device", "cpu") == "cpu" else measured


def dtype_of(spec: TrainSpec, num_parameters: float, calibration: dict[str, Any]) -> Dtype:
    """Return the number format of a run's products: the one of its spec, or what it will take by itself on the machine.

    A processor's format goes with the size of the model, so that no one format stands for all runs there.
    """
    if spec.machine.dtype != "auto":
        return spec.machine.dtype
    if calibration.get("device", "cpu") != "cpu":
        return _usual_dtype(calibration)
    return dtype_on_processor(num_parameters, _bfloat16_speedup(calibration))[0]


def _bfloat16_speedup(calibration: dict[str, Any]) -> float | None:
    """Return it as the calibration measured it; of an older one, the ratio of its rates."""
    rates = calibration.get("matmul_flop_per_second_by_dtype") or {}
    if "bfloat16_speedup" in calibration or not {"float32", "bfloat16"} <= rates.keys():
        return calibration.get("bfloat16_speedup")
    return float(rates["bfloat16"] / rates["float32"])


def _usual_dtype(calibration: dict[str, Any]) -> Dtype:
    """Return the number format that training takes by itself on an accelerator: the one its steps were measured in."""
    return next((cast(Dtype, step["dtype"]) for step in calibration.get("steps") or [] if step.get("dtype")), "float32")


def sort_of(step: StepModel) -> str:
    """Return which architectures spend their time alike: those made of Transformer layers do."""
    kind = step.architecture.kind
    return "attention" if kind in TRANSFORMERS else kind


def _timed(calibration: dict[str, Any], *, family: str, sort: str, dtype: str) -> list[tuple[float, float, float]]:
    """Return (FLOP per position, measured over modelled seconds, overhead of a layer) of each step that was measured.

    Those of the same family tell alone, where there are any, and of them those in the same number format: what a program
    makes of a step is much its own, and casts cost what the model does not know.
    """
    if not calibration.get("matmul_flop_per_second") or not calibration.get("memory_bytes_per_second"):
        return []
    steps = calibration.get("steps") or []
    own, others = ([s for s in steps if (s.get("family") == family) == is_own] for is_own in (True, False))
    own_alike, others_alike = ([s for s in each if s.get("dtype", "float32") == dtype] for each in (own, others))
    for candidates in (own_alike, own, others_alike, others):
        found = [_shape(step, calibration, sort=sort) for step in candidates]
        if shapes := [shape for shape in found if shape is not None]:
            return shapes
    return []


def _shape(timed: dict[str, Any], calibration: dict[str, Any], *, sort: str) -> tuple[float, float, float] | None:
    found, seconds = _timed_step(timed), timed.get("seconds_per_step") or 0.0
    if found is None or sort_of(found[1]) != sort or not seconds > 0:
        return None
    modelled = _modelled(timed, calibration)
    overhead = _overhead(timed, seconds, modelled, calibration)
    return found[1].flop_per_position, (seconds - overhead) / modelled, overhead / _depth(found[1])


def _modelled(timed: dict[str, Any], calibration: dict[str, Any]) -> float:
    """Return what the model says of a timed step."""
    found, dtype = _timed_step(timed), str(timed.get("dtype", "float32"))
    assert found is not None
    return found[1].seconds(_accelerator(calibration, dtype), precision_of(dtype))


def _overhead(timed: dict[str, Any], seconds: float, modelled: float, calibration: dict[str, Any]) -> float:
    """Return the part of a timed step that the model knows nothing of: of the line through two batches, of what they took
    over what they are modelled at, what it has at nothing. What a step does once for all examples the model does know."""
    few, of_few = timed.get("few_examples") or 0, timed.get("seconds_per_step_of_few") or 0.0
    if not of_few or not 0 < few < timed["sequences_per_step"]:
        return 0.0
    grown = modelled - _modelled({**timed, "sequences_per_step": few}, calibration)
    factor = max(seconds - of_few, 0.0) / grown if grown > 0 else 0.0
    return float(min(max(seconds - factor * modelled, 0.0), MOST_OVERHEAD * seconds))


def _depth(step: StepModel) -> float:
    """Return how many layers a program goes through; 1 where nothing alike is counted."""
    architecture = step.architecture
    if isinstance(architecture, ConvolutionalNetwork):
        return float(len(architecture.layers()))
    if isinstance(architecture, EncoderDecoder):
        return float(architecture.num_encoder_layers + architecture.num_decoder_layers)
    return float(getattr(architecture, "num_layers", 0) or 1)


def _timed_step(timed: dict[str, Any]) -> tuple[Any, StepModel, Facts] | None:
    """Return settings, step and data of what was timed; None where this release does not know it."""
    try:
        model = get_family(str(timed.get("family"))).presets[str(timed.get("preset"))]
    except (SpecError, KeyError):
        return None  # of another release, with other sizes
    batch = BatchSpec(
        sequence_length=int(timed["sequence_length"]), sequences_per_step=int(timed["sequences_per_step"])
    )
    facts = {**timed, **timed.get("data", {})}
    step = step_model(str(timed["family"]), model, facts, StepForm(batch=batch))
    return None if step is None else (model, step, facts)
