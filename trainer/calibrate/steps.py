"""What real training steps take here: a family's small presets on made-up text, done as the loop does them."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from trainer.calibrate.timing import median_seconds
from trainer.data.tokenizer import Tokenizer
from trainer.families import Family
from trainer.spec import BatchSpec, DataSpec, MachineSpec, TrainSpec
from trainer.training.assets import Assets
from trainer.training.machine import resolve_machine
from trainer.training.measuring import autocast, to_device
from trainer.training.optimizer import Optimizer
from trainer.training.task import count_parameters, make_task

VOCAB_SIZE = 4_096
TOKENS_PER_STEP = {"cpu": 1_024, "mps": 8_192, "cuda": 32_768}
DOCUMENT_TOKENS = 2_048
"""More than the context of any preset that is timed: every example then fills its window, whatever the family makes of it."""


class MadeUpSplit:
    """Random tokens in documents of equal length with two labels: enough for any family to make a batch of."""

    name = "train"
    num_documents = 500
    num_tokens = num_documents * DOCUMENT_TOKENS

    def __init__(self) -> None:
        self._tokens = np.random.default_rng(1).integers(0, VOCAB_SIZE, self.num_tokens, dtype=np.int32)
        self.document_starts = np.arange(0, self.num_tokens + 1, DOCUMENT_TOKENS)
        self.label_ids = np.arange(self.num_documents, dtype=np.int32) % 2

    def read(self, start: int, length: int) -> np.ndarray:
        return self._tokens[start : start + length]


def made_up_assets() -> Assets:
    """Return a tokenizer of `VOCAB_SIZE` ids that means nothing, and two labels."""
    singles = [bytes([byte]) for byte in range(256)]
    pairs = [bytes(pair) for pair in product(range(97, 160), repeat=2)]
    return Assets(tokenizer=Tokenizer.from_tokens([*singles, *pairs][: VOCAB_SIZE - 1]), label_names=("a", "b"))


def step_facts(
    family: Family, preset: str, *, assets: Assets, split: MadeUpSplit, machine: MachineSpec, budget_seconds: float
) -> dict[str, Any]:
    """Return the shape of a preset, the seconds of one training step of it, and the FLOP that torch counted in it."""
    model_spec = family.presets[preset]
    length = getattr(model_spec, "context_length", 256)
    batch = BatchSpec(
        sequence_length=length, sequences_per_step=max(TOKENS_PER_STEP[machine.device.split(":")[0]] // length, 1)
    )
    spec = TrainSpec(family=family.name, model=model_spec, data=DataSpec(path=""), batch=batch)
    task = make_task(spec, assets)
    model = task.build_model()
    machine, _ = resolve_machine(
        machine, device=machine.device, device_reason="", num_parameters=count_parameters(model)
    )
    model.to(machine.device).train()
    optimizer = Optimizer(model, spec.optimizer, hidden_matrices=())
    made = to_device(task.batch(split, np.arange(batch.sequences_per_step)), machine.device)  # type: ignore[arg-type]

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
        "sequence_length": length,
        "sequences_per_step": batch.sequences_per_step,
        "dtype": machine.dtype,
        "seconds_per_step": seconds,
        "tokens_per_second": task.count(made) / seconds,
        "counted_flop_per_step": flop,
        "flop_per_second": flop / seconds,
    }


def counted_flop(work: Any) -> float:
    """Return the FLOP of the matrix products in `work`, forward and backward; attention in its plain form, all of it."""
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        work()
    return float(counter.get_total_flops())
