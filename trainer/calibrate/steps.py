"""What real training steps take here: families' small presets on made-up data, done as the loop does them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from trainer.calibrate.timing import median_seconds
from trainer.data.kinds import MadeUp, get_data_kind, load
from trainer.families import Family, families, get_family
from trainer.models.products import multiply_by
from trainer.sections import BatchSpec, DataSpec, MachineSpec, RegularisationSpec
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.machine import resolve_machine, unhindered_clock
from trainer.training.measuring import autocast, to_device
from trainer.training.optimizer import Optimizer, clip_gradients
from trainer.training.setting import micro_batches_measured
from trainer.training.task import Batch, Task, count_parameters, make_task

MEASURING_SHARE, FEW_SHARE = 0.3, 0.2
"""Of the time of a preset, what goes into passes without gradients, and into steps of few examples."""

FEW_EXAMPLES = 8
"""An eighth of the batch: from both the part of a step is known that does not go with how much it is of."""

REPORTED_TEXTS = 1
"""Written at once for a report."""

TOKENS_PER_STEP = {"cpu": 1_024, "mps": 8_192, "cuda": 32_768}


def made_up_of(data_kind: str, folder: Path) -> MadeUp | None:
    """Return the made-up data of a kind, its files in a folder of its own; None where it has none."""
    function = get_data_kind(data_kind).made_up
    if not function:
        return None
    place = folder / data_kind
    place.mkdir(parents=True, exist_ok=True)
    made: MadeUp = load(function)(place)
    return made


def assets_of(made_up: MadeUp) -> Assets:
    return Assets(
        tokenizer=made_up.tokenizer, label_names=made_up.label_names, facts=made_up.facts, files=made_up.files
    )


def timed_presets() -> list[tuple[Family, str]]:
    """Return the presets whose steps are timed, as far as there is time: of the usual family the smallest two, of every
    other the smallest, of the usual the largest, which may take another number format, then the larger ones of others."""

    def turn(family: Family, place: int) -> tuple[int, int]:
        if family.is_default:
            return (0, place) if place < 2 else (2, place)
        return (1, 0) if place == 0 else (3, place)

    found = [
        (turn(family, place), family, preset)
        for family in families().values()
        for place, preset in enumerate(family.calibration_presets)
    ]
    return [(family, preset) for _, family, preset in sorted(found, key=lambda each: each[0])]


def batch_of(family: Family, model_spec: Any, device: str) -> BatchSpec:
    """Return the batch that is timed: as many tokens as suit the device, in the length that the family's runs have unless
    they are told another, or the family's number of examples."""
    if family.unit != "token":
        return BatchSpec(sequence_length=1, sequences_per_step=family.calibration_examples)
    longest = getattr(model_spec, "context_length", 256)
    length = min(longest, family.defaults.get("batch", {}).get("sequence_length", longest))
    return BatchSpec(sequence_length=length, sequences_per_step=max(TOKENS_PER_STEP[device.split(":")[0]] // length, 1))


def step_facts(
    family: Family, preset: str, *, made_up: MadeUp, machine: MachineSpec, budget_seconds: float
) -> dict[str, Any]:
    """Return the shape of a preset, the seconds of one training step of it, and the FLOP that torch counted in it."""
    model_spec = family.presets[preset]
    batch = batch_of(family, model_spec, machine.device)
    regularisation = RegularisationSpec(**family.defaults.get("regularisation", {}))
    spec = TrainSpec(
        family=family.name, model=model_spec, data=DataSpec(path=""), batch=batch, regularisation=regularisation
    )
    task = make_task(spec, assets_of(made_up))
    model = task.build_model()
    machine, _ = resolve_machine(
        machine, device=machine.device, device_reason="", num_parameters=count_parameters(model)
    )
    multiply_by(machine.float32_products, model)
    model.to(machine.device).train()
    optimizer = Optimizer(model, spec.optimizer, hidden_matrices=())

    def gradients(num_examples: int = batch.sequences_per_step) -> None:
        made = to_device(task.batch(made_up.split, np.arange(num_examples)), machine.device)
        optimizer.zero_grad()
        with autocast(machine):
            loss = task.loss(model, made)
        torch.autograd.backward(loss)

    def step(num_examples: int = batch.sequences_per_step) -> None:
        gradients(num_examples)
        clip_gradients(model.parameters(), spec.optimizer.gradient_clip)
        optimizer.step(1.0)

    flop = counted_flop(gradients)  # warms up, too
    device = torch.device(machine.device)
    few = max(1, batch.sequences_per_step // FEW_EXAMPLES)
    few_seconds = median_seconds(lambda: step(few), budget_seconds=FEW_SHARE * budget_seconds, device=device)
    seconds = median_seconds(
        step, budget_seconds=(1 - MEASURING_SHARE - FEW_SHARE) * budget_seconds, device=device, is_warm=True
    )
    measuring = measuring_facts(
        task,
        model,
        made_up,
        machine,
        num_examples=batch.sequences_per_step,
        budget_seconds=MEASURING_SHARE * budget_seconds,
    )
    return {
        "family": family.name,
        "preset": preset,
        **task.facts(model),
        "unit": family.unit,
        "data": data_facts(made_up),
        "sequence_length": batch.sequence_length,
        "sequences_per_step": batch.sequences_per_step,
        "dtype": machine.dtype,
        "seconds_per_step": seconds,
        "few_examples": few,
        "seconds_per_step_of_few": few_seconds,
        **measuring,
        "tokens_per_second": batch.tokens_per_step / seconds,
        "counted_flop_per_step": flop,
        "flop_per_second": flop / seconds,
    }


def measuring_facts(
    task: Task, model: nn.Module, made_up: MadeUp, machine: MachineSpec, *, num_examples: int, budget_seconds: float
) -> dict[str, float]:
    """Return what a validation takes for each example, and what the report of a split adds to that."""
    model.eval()
    is_text = get_family(task.spec.family).unit == "token"
    tokens, vocab_size = num_examples * task.spec.batch.sequence_length, data_facts(made_up).get("vocab_size", 1)
    at_once = num_examples * (micro_batches_measured(tokens, vocab_size) if is_text else 1)
    timed = {}
    for name, work, size in (
        ("measuring", task.measure, at_once),
        ("reporting", task.details, min(at_once, REPORTED_TEXTS) if is_text else at_once),
    ):
        made = next(iter(task.evaluation_batches(made_up.split, batch_size=size, max_batches=1)))
        timed[f"{name}_seconds_per_example"] = pass_seconds(
            work, model, to_device(made, machine.device), machine, budget_seconds=budget_seconds / 2
        ) / size  # fmt: skip
    return timed


@torch.no_grad()
def pass_seconds(
    work: Callable[[nn.Module, Batch], dict[str, Tensor]],
    model: nn.Module,
    batch: Batch,
    machine: MachineSpec,
    *,
    budget_seconds: float,
) -> float:
    """Return the seconds of a pass without gradients over a batch; 0 where nothing comes of it."""
    device = torch.device(machine.device)
    with autocast(machine):
        clock = unhindered_clock(device.type)
        begin = clock()
        if not work(model, batch):
            return 0.0
        first = clock() - begin
        if first > budget_seconds:  # a text that is written token by token: once is enough
            return first
        return median_seconds(lambda: work(model, batch), budget_seconds=budget_seconds, device=device, is_warm=True)


def data_facts(made_up: MadeUp) -> dict[str, Any]:
    """Return what the size of a model of the data depends on, as a prepared version tells it."""
    vocabulary = {"vocab_size": made_up.tokenizer.vocab_size} if made_up.tokenizer else {}
    return {**made_up.facts, "num_labels": len(made_up.label_names), **vocabulary}


def counted_flop(work: Any) -> float:
    """Return the FLOP of the matrix products in `work`, forward and backward; attention in its plain form, all of it."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
