"""What a run is expected to take, from its spec alone: parameters, tokens, FLOP, memory; time and money where measured.

Every formula is economics'; this file asks it, and says `None` for what it cannot know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import psutil

from economics.architecture import Decoder
from economics.errors import EconomicsError
from economics.flop import training_flop_per_token
from economics.memory import training_memory
from economics.memory.states import Precision
from trainer.spec import TrainSpec
from webapp.costs.queries import worker_usd_per_hour
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Queue, Worker
from webapp.runs.architectures import decoder_of, num_parameters_of
from webapp.runs.machines import flop_per_second

MEMORY_PARTS = (
    "weights", "gradients", "optimizer", "activations", "logits", "gathered", "workspace", "fragmentation", "context",
    "communication",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What is known of a run before it starts. None is unknown."""

    num_parameters: int | None = None
    num_tokens: int
    epochs: float | None = None
    flop_per_token: float | None = None
    flop: float | None = None
    memory_by_part: dict[str, float] = field(default_factory=dict)
    memory_bytes: float | None = None
    machine_memory_bytes: float | None = None
    seconds: float | None = None
    usd: float | None = None

    @property
    def fits(self) -> bool | None:
        if self.memory_bytes is None or self.machine_memory_bytes is None:
            return None
        return self.memory_bytes <= self.machine_memory_bytes

    @property
    def tokens_per_parameter(self) -> float | None:
        return self.num_tokens / self.num_parameters if self.num_parameters else None

    @property
    def memory_fraction(self) -> float | None:
        if self.memory_bytes is None or not self.machine_memory_bytes:
            return None
        return self.memory_bytes / self.machine_memory_bytes


def spec_flop_per_token(spec: TrainSpec, vocab_size: int | None) -> float | None:
    """Return the training FLOP of one token, as economics counts it; None where it does not know the family."""
    decoder = decoder_of(spec.family, spec.model, vocab_size)
    return None if decoder is None else training_flop_per_token(decoder, spec.batch.sequence_length).total


def estimate(spec: TrainSpec, version: DatasetVersion | None) -> Estimate:
    """Return what the run is expected to take on the machine that would do it."""
    num_tokens = spec.batch.tokens_per_step * spec.schedule.num_steps
    train_tokens = (version.splits.get("train") or {}).get("num_tokens") if version else None
    decoder = decoder_of(spec.family, spec.model, version.vocab_size if version else None)
    worker = likely_worker(spec)
    common: dict[str, Any] = {
        "num_tokens": num_tokens,
        "epochs": num_tokens / train_tokens if train_tokens else None,
        "machine_memory_bytes": memory_of(worker),
    }
    if decoder is None:
        return Estimate(**common)
    per_token = training_flop_per_token(decoder, spec.batch.sequence_length).total
    flop = per_token * num_tokens
    speed = flop_per_second(worker, flop_per_token=per_token)
    seconds = flop / speed if speed else None
    price = worker_usd_per_hour(worker) if worker else None
    memory = memory_parts(spec, decoder, on_processor=worker is None or worker.device == "cpu")
    return Estimate(
        **common,
        num_parameters=num_parameters_of(spec.family, spec.model, version.vocab_size if version else None),
        flop_per_token=per_token,
        flop=flop,
        memory_by_part=memory,
        memory_bytes=sum(memory.values()) or None,
        seconds=seconds,
        usd=None if seconds is None or price is None else seconds * price / 3600,
    )


def memory_parts(spec: TrainSpec, decoder: Decoder, *, on_processor: bool) -> dict[str, float]:
    """Return the memory of a training step by part, parts of nothing left out; empty where economics has no answer."""
    precision: Precision = "bf16" if spec.machine.dtype in ("bfloat16", "float16") else "fp32"
    try:
        memory = training_memory(
            decoder,
            sequence_length=spec.batch.sequence_length,
            micro_batch=spec.batch.micro_batch or spec.batch.sequences_per_step,
            precision=precision,
            optimizer=spec.optimizer.name,
            recompute="full" if spec.machine.activation_checkpointing else "none",
            dropout=spec.regularisation.dropout > 0,
            unified_memory=on_processor,
        )
    except EconomicsError:
        return {}
    return {name: size for name in MEMORY_PARTS if (size := getattr(memory, name)) > 0}


def likely_worker(spec: TrainSpec) -> Worker | None:
    """Return the worker that would probably take the run: one of its queue that was seen last."""
    queue = queue_of(spec)
    return Worker.objects.filter(queue=queue, stopped_at=None).order_by("-seen_at").first()


def queue_of(spec: TrainSpec) -> Queue:
    """Return the queue for the spec's device; `auto` takes an accelerator where a worker has one."""
    device = spec.machine.device
    if device == "auto":
        has_gpu = Worker.objects.filter(queue=Queue.GPU, stopped_at=None).exists()
        return Queue.GPU if has_gpu else Queue.CPU
    return Queue.CPU if device == "cpu" else Queue.GPU


def memory_of(worker: Worker | None) -> float | None:
    """Return the memory that a run may fill: the device's, or the host's where it has no own."""
    if worker is None:
        return float(psutil.virtual_memory().total)  # the installation's own machine
    own = {each.get("device"): each.get("memory_bytes") for each in worker.hardware.get("devices") or []}
    known = own.get(worker.device) if worker.device in own else worker.hardware.get("memory_bytes")
    return float(known) if known else None
