"""Training runs of models that are no decoders: tokens, images or examples to time, memory, energy and money."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.recommender import Recommender
from economics.constants import CHOICE_SPREAD, STEP_SPREAD
from economics.errors import InputError
from economics.example_work import ExampleWork
from economics.layout import Layout
from economics.memory.examples import example_training_memory
from economics.memory.states import Optimizer
from economics.memory.training import TrainingMemory
from economics.throughput.examples import example_step_time
from economics.throughput.step import StepTime
from economics.training.outcome import Conditions, Outcome, outcome_of

_UNTESTED_SPREAD = 0.2
"""Standard deviation of ln(throughput) added because no published rows of these kinds were validated on."""


def unit_of(work: ExampleWork) -> tuple[str, float]:
    """Return what a run of this model counts, and how many of it make an example.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> unit_of(ExampleWork(architecture=preset("t5-base"), accelerator=find_accelerator("a100"), num_examples=1,
    ...                     source_length=512, target_length=114))
    ('token', 626.0)
    """
    if isinstance(work.architecture, EncoderDecoder):
        return "token", float(work.source_length + work.target_length)
    return ("example" if isinstance(work.architecture, Recommender) else "image"), 1.0


def usual_batch_examples(work: ExampleWork, num_accelerators: int = 1) -> int:
    """Return a usual batch: 1,024 images or 32 a device, 65,536 recommendations, half a million tokens of source and target.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> usual_batch_examples(ExampleWork(architecture=preset("dlrm"), accelerator=find_accelerator("a100"),
    ...                                  num_examples=1))
    65536
    """
    unit, size = unit_of(work)
    return {"token": max(1, round(2**19 / size)), "image": max(1024, 32 * num_accelerators), "example": 65_536}[unit]


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleChoice:
    """A micro-batch, a division of the state and a level of recomputing, with all that follows."""

    work: ExampleWork
    time: StepTime
    memory: TrainingMemory
    fits: bool


def check_example_layout(layout: Layout) -> None:
    """Raise InputError where a layout divides more than examples and state.

    >>> check_example_layout(Layout(data=8, zero=3))
    """
    for name in ("tensor", "pipeline", "context", "expert", "virtual"):
        if getattr(layout, name) != 1:
            right = "1: models that are no decoders are estimated as data-parallel (data and zero)"
            raise InputError(f"parallelism.{name}", getattr(layout, name), right)


def best_example_choice(
    work: ExampleWork,
    num_accelerators: int,
    *,
    layout: Layout | None = None,
    micro_batch: int | None = None,
    full_recompute: bool | None = None,
    optimizer: Optimizer = "adamw",
) -> ExampleChoice:
    """Return the fastest choice that fits of micro-batch, division and recomputing, or the smallest where none fits.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> work = ExampleWork(architecture=preset("vit-b-16"), accelerator=find_accelerator("a100"), num_examples=1024)
    >>> best_example_choice(work, 8).fits
    True
    """
    if layout:
        check_example_layout(layout)
    layouts = [layout] if layout else [Layout(data=num_accelerators, zero=z) for z in (1, 3)]
    if num_accelerators == 1 and not layout:
        layouts = [Layout()]
    work = replace(work, num_examples=max(work.num_examples, num_accelerators))
    per_device = max(1, work.num_examples // layouts[0].data)
    sizes = [micro_batch] if micro_batch else [2**k for k in range(17) if 2**k <= per_device]
    capacity = work.accelerator.memory_bytes or float("inf")
    found: list[ExampleChoice] = []
    for chosen in layouts:
        for again in (False, True) if full_recompute is None else (full_recompute,):
            for size in sizes:
                candidate = replace(work, layout=chosen, micro_batch=size, full_recompute=again)
                memory = example_training_memory(candidate, optimizer=optimizer)
                fits = memory.device_total <= capacity
                found.append(ExampleChoice(work=candidate, time=example_step_time(candidate), memory=memory, fits=fits))
    fitting = [choice for choice in found if choice.fits]
    if fitting:
        return min(fitting, key=lambda choice: choice.time.seconds / choice.time.tokens)
    return min(found, key=lambda choice: choice.memory.device_total)


def example_outcome(choice: ExampleChoice, conditions: Conditions, *, units: float) -> Outcome:
    """Return what a run over `units` tokens, images or examples takes.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> a100 = find_accelerator("a100")
    >>> work = ExampleWork(architecture=preset("resnet-50"), accelerator=a100, num_examples=2048)
    >>> where = Conditions(accelerator=a100, num_accelerators=8, num_params=25_557_032)
    >>> run = example_outcome(best_example_choice(work, 8), where, units=90 * 1.28e6)
    >>> 5 < run.accelerator_hours.p50 < 20
    True
    """
    _, size = unit_of(choice.work)
    sd = float(np.sqrt(STEP_SPREAD.value**2 + CHOICE_SPREAD.value**2 + _UNTESTED_SPREAD**2))
    return outcome_of(
        conditions, rate=choice.time.tokens_per_second_per_accelerator * size, rate_sd=sd, units=units,
        flop_per_unit=choice.work.flop_per_example / size,
    )  # fmt: skip
