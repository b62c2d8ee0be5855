"""What real training steps take here: families' small presets on made-up data, done as the loop does them."""

from __future__ import annotations

from functools import cache
from itertools import zip_longest
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from trainer.calibrate.timing import median_seconds
from trainer.data.kinds import MadeUp, get_data_kind, load
from trainer.families import Family, families
from trainer.spec import BatchSpec, DataSpec, MachineSpec, TrainSpec
from trainer.training.assets import Assets
from trainer.training.machine import resolve_machine
from trainer.training.measuring import autocast, to_device
from trainer.training.optimizer import Optimizer
from trainer.training.task import count_parameters, make_task

TOKENS_PER_STEP = {"cpu": 1_024, "mps": 8_192, "cuda": 32_768}


@cache
def made_up_of(data_kind: str) -> MadeUp | None:
    """Return the made-up data of a kind; None where it has none."""
    function = get_data_kind(data_kind).made_up
    return load(function)() if function else None


def assets_of(made_up: MadeUp) -> Assets:
    return Assets(tokenizer=made_up.tokenizer, label_names=made_up.label_names, facts=made_up.facts)


def timed_presets() -> list[tuple[Family, str]]:
    """Return the presets whose steps are timed: the smallest of each family, the usual one first, then the larger ones."""
    usual_first = sorted(families().values(), key=lambda family: not family.is_default)
    in_turn = zip_longest(*(family.calibration_presets for family in usual_first))
    rounds = [zip(usual_first, presets, strict=True) for presets in in_turn]
    return [(family, preset) for each in rounds for family, preset in each if preset]


def batch_of(family: Family, model_spec: Any, device: str) -> BatchSpec:
    """Return the batch that is timed: as many tokens as suit the device, or the family's number of examples."""
    if family.unit != "token":
        return BatchSpec(sequence_length=1, sequences_per_step=family.calibration_examples)
    length = getattr(model_spec, "context_length", 256)
    return BatchSpec(sequence_length=length, sequences_per_step=max(TOKENS_PER_STEP[device.split(":")[0]] // length, 1))


def step_facts(
    family: Family, preset: str, *, made_up: MadeUp, machine: MachineSpec, budget_seconds: float
) -> dict[str, Any]:
    """Return the shape of a preset, the seconds of one training step of it, and the FLOP that torch counted in it."""
    model_spec = family.presets[preset]
    batch = batch_of(family, model_spec, machine.device)
    spec = TrainSpec(family=family.name, model=model_spec, data=DataSpec(path=""), batch=batch)
    task = make_task(spec, assets_of(made_up))
    model = task.build_model()
    machine, _ = resolve_machine(
        machine, device=machine.device, device_reason="", num_parameters=count_parameters(model)
    )
    model.to(machine.device).train()
    optimizer = Optimizer(model, spec.optimizer, hidden_matrices=())
    made = to_device(task.batch(made_up.split, np.arange(batch.sequences_per_step)), machine.device)

    def gradients() -> None:
        optimizer.zero_grad()
        with autocast(machine):
            loss = task.loss(model, made)
        torch.autograd.backward(loss)

    def step() -> None:
        gradients()
        torch.nn.utils.clip_grad_norm_(model.parameters(), spec.optimizer.gradient_clip)
        optimizer.step(1.0)

    flop = counted_flop(gradients)  # warms up, too
    device = torch.device(machine.device)
    seconds = median_seconds(step, budget_seconds=budget_seconds, device=device, is_warm=True)
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
        "tokens_per_second": task.count(made) / seconds,
        "counted_flop_per_step": flop,
        "flop_per_second": flop / seconds,
    }


def data_facts(made_up: MadeUp) -> dict[str, Any]:
    """Return what the size of a model of the data depends on, as a prepared version tells it."""
    vocabulary = {"vocab_size": made_up.tokenizer.vocab_size} if made_up.tokenizer else {}
    return {**made_up.facts, "num_labels": len(made_up.label_names), **vocabulary}


def counted_flop(work: Any) -> float:
    """Return the FLOP of the matrix products in `work`, forward and backward; attention in its plain form, all of it."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
