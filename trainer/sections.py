"""The parts of a training spec. The docstring under each field is also the help text of its form."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from trainer.errors import SpecError
from trainer.limits import check_above, check_at_least, check_fraction

Dtype = Literal["auto", "float32", "bfloat16", "float16"]
Products = Literal["auto", "torch", "onednn", "both"]


@dataclass(frozen=True, kw_only=True, slots=True)
class DataSpec:
    """The prepared dataset version that a run learns from."""

    path: str
    """Folder of the prepared version."""

    content_hash: str = ""
    """Hash of its shards; checked before the first step when given."""

    copies: bool = True
    """Learn from the changed copies that the preparation added, too, where it added any."""


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchSpec:
    """How much the model sees in one optimiser step."""

    sequence_length: int = 256
    """Tokens the model sees at once; at most the model's context length."""

    sequences_per_step: int = 32
    """Sequences, pictures or other examples in one optimiser step, over all micro-batches and devices."""

    micro_batch: int = 0
    """Of them in one forward pass; 0: all at once. Smaller needs less memory and gives the same result."""

    def __post_init__(self) -> None:
        check_at_least("batch.sequence_length", self.sequence_length, 1)
        check_at_least("batch.sequences_per_step", self.sequences_per_step, 1)
        check_at_least("batch.micro_batch", self.micro_batch, 0)
        if self.micro_batch and self.sequences_per_step % self.micro_batch:
            raise SpecError(
                f"batch.micro_batch ({self.micro_batch}) must divide batch.sequences_per_step ({self.sequences_per_step})"
            )

    @property
    def tokens_per_step(self) -> int:
        return self.sequence_length * self.sequences_per_step


@dataclass(frozen=True, kw_only=True, slots=True)
class OptimizerSpec:
    """How the weights are changed."""

    name: Literal["adamw", "muon"] = "adamw"
    """AdamW, or Muon for the matrices inside the model with AdamW for the rest."""

    learning_rate: float = 1e-3
    """Peak rate after the warm-up, per step."""

    muon_learning_rate: float = 0.02
    """Peak rate of the matrices that Muon updates; used only with muon."""

    weight_decay: float = 0.1
    """Pull towards zero, on matrices only, per step and unit of learning rate."""

    beta1: float = 0.9
    """Memory of the gradient's mean."""

    beta2: float = 0.95
    """Memory of the gradient's square."""

    eps: float = 1e-8
    """Added to the denominator of AdamW."""

    gradient_clip: float = 1.0
    """Largest norm of the gradient; longer ones are scaled down to it. 0: no clipping."""

    def __post_init__(self) -> None:
        check_above("optimizer.learning_rate", self.learning_rate, 0)
        check_above("optimizer.muon_learning_rate", self.muon_learning_rate, 0)
        check_at_least("optimizer.weight_decay", self.weight_decay, 0)
        check_fraction("optimizer.beta1", self.beta1)
        check_fraction("optimizer.beta2", self.beta2)
        check_above("optimizer.eps", self.eps, 0)
        check_at_least("optimizer.gradient_clip", self.gradient_clip, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class ScheduleSpec:
    """How long the run is and how the learning rate moves over it."""

    num_steps: int = 1_000
    """Optimiser steps of the whole run."""

    warmup_steps: int = 100
    """Steps over which the rate rises from 0 to its peak."""

    decay: Literal["cosine", "wsd", "constant"] = "cosine"
    """cosine: falls from the peak to the end. wsd: stays, then falls over the last part (a trunk can branch into several)."""

    cooldown_fraction: float = 0.2
    """wsd only: the part of the run, at its end, over which the rate falls."""

    final_fraction: float = 0.1
    """Learning rate at the end, as a fraction of the peak."""

    def __post_init__(self) -> None:
        check_at_least("schedule.num_steps", self.num_steps, 0)
        check_at_least("schedule.warmup_steps", self.warmup_steps, 0)
        check_fraction("schedule.cooldown_fraction", self.cooldown_fraction)
        check_fraction("schedule.final_fraction", self.final_fraction)


@dataclass(frozen=True, kw_only=True, slots=True)
class RegularisationSpec:
    """What keeps the model from learning its data by heart. Weight decay is with the optimiser."""

    dropout: float = 0.0
    """Fraction of activations set to zero in training."""

    label_smoothing: float = 0.0
    """Probability taken from the right answer and spread over all."""

    def __post_init__(self) -> None:
        check_fraction("regularisation.dropout", self.dropout, below_one=True)
        check_fraction("regularisation.label_smoothing", self.label_smoothing, below_one=True)


@dataclass(frozen=True, kw_only=True, slots=True)
class EvaluationSpec:
    """When the run is measured, and when it has had enough."""

    every_steps: int = 100
    """Steps between two passes over the validation split; one at the end always."""

    max_batches: int = 50
    """Most batches of a validation pass during the run; the last pass and the test are whole. 0: whole each time."""

    test: bool = True
    """Measure the best weights on the test split at the end: the figure that is told of the model. Off: no such figure."""

    patience: int = 0
    """Validations without a better result after which the run ends. 0: never."""

    sample_prompt: str = ""
    """Text that the model continues at each validation."""

    sample_tokens: int = 64
    """Length of that continuation. 0: no sample."""

    def __post_init__(self) -> None:
        check_at_least("evaluation.every_steps", self.every_steps, 1)
        check_at_least("evaluation.max_batches", self.max_batches, 0)
        check_at_least("evaluation.patience", self.patience, 0)
        check_at_least("evaluation.sample_tokens", self.sample_tokens, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointSpec:
    """What is kept on disk. The best one is always kept."""

    every_steps: int = 100
    """Steps between two checkpoints; one at the end always. After a crash at most so many steps are repeated."""

    keep_last: int = 2
    """Latest checkpoints kept, besides the best and those that a user pins."""

    def __post_init__(self) -> None:
        check_at_least("checkpoint.every_steps", self.every_steps, 1)
        check_at_least("checkpoint.keep_last", self.keep_last, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineSpec:
    """How the machine is used. `auto` is decided once, at the first step of the first attempt, and then kept."""

    device: str = "auto"
    """auto, cpu, mps or cuda."""

    dtype: Dtype = "auto"
    """Number format of the matrix products."""

    float32_products: Products = "auto"
    """What multiplies float32 matrices on a processor: the library that torch was built with, oneDNN, or both, each where it
    is faster."""

    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile: takes a while to begin with and is faster after."""

    num_threads: int = 0
    """Processor threads; 0: all cores."""

    activation_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""

    deterministic: bool = True
    """Only operations that give the same bits each time, so that a resumed run equals an uninterrupted one."""

    def __post_init__(self) -> None:
        check_at_least("machine.num_threads", self.num_threads, 0, most=1024)
        if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", self.device):
            raise SpecError(f"machine.device is {self.device!r}; it must be auto, cpu, mps, cuda or cuda:<number>")


@dataclass(frozen=True, kw_only=True, slots=True)
class ParallelSpec:
    """How many processes share each step, and what each of them holds. A step sees the same examples with any number."""

    processes: int | Literal["auto"] = "auto"
    """Processes that share each step, one a device. auto: one for each CUDA device here; one where there is none."""

    strategy: Literal["auto", "ddp", "fsdp"] = "auto"
    """ddp: each process holds the whole model. fsdp: each holds a part of it. auto: ddp where the model fits."""

    def __post_init__(self) -> None:
        if self.processes != "auto":
            check_at_least("parallel.processes", self.processes, 1, most=1024)


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferSpec:
    """What is taken over from a model that was trained before, and how much of it may change."""

    source: str = ""
    """Folder of the weights to start from: a checkpoint, an exported model, or one of Hugging Face. Empty: random weights."""

    source_name: str = ""
    """What people call that model, for the run's log. Empty: the name of the folder."""

    freeze_layers: int = 0
    """Blocks, counted from the input, that stay as they are; with any, the embeddings stay too. -1: all but the head."""

    layer_rate_decay: float = 1.0
    """Learning rate of each block as a fraction of that of the block above it. 1: the same for all."""

    adapter: Literal["none", "lora", "dora"] = "none"
    """lora, dora: the weights stay as they are, and small matrices beside them learn; only the head learns as a whole."""

    adapter_rank: int = 8
    """Width of an adapter's matrices."""

    adapter_alpha: float = 16.0
    """What the adapter writes counts alpha / rank."""

    adapter_parts: Literal["attention", "feed_forward", "all"] = "all"
    """Which matrices of the blocks get an adapter."""

    def __post_init__(self) -> None:
        check_at_least("transfer.freeze_layers", self.freeze_layers, -1)
        check_above("transfer.layer_rate_decay", self.layer_rate_decay, 0)
        check_fraction("transfer.layer_rate_decay", self.layer_rate_decay)
        check_at_least("transfer.adapter_rank", self.adapter_rank, 1)
        check_above("transfer.adapter_alpha", self.adapter_alpha, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class PruneSpec:
    """What is taken out of the model that the run starts from, before it learns to do without."""

    method: Literal["none", "magnitude", "structured"] = "none"
    """magnitude: the weights nearest to zero become zero and stay it. structured: whole heads, neurons and channels go, and
    the model's sizes say how many stay: they may be smaller than those of the one that it starts from."""

    fraction: float = 0.5
    """magnitude only: share of the weights of the inner matrices and convolutions that become zero."""

    scope: Literal["layer", "global"] = "layer"
    """magnitude only. layer: that share of each matrix. global: that share of all together, more where they are small."""

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise SpecError(f"prune.fraction is {self.fraction}; it must be a fraction above 0 and below 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class DistilSpec:
    """A trained model whose answers are learnt from besides those in the data (Hinton et al. 2015)."""

    teacher: str = ""
    """Folder of the teacher's checkpoint: of the same family, with the same tokenizer and the same classes. Empty: none."""

    temperature: float = 2.0
    """Both models' answers are softened by it before they are compared; higher shows more of what the teacher rules out."""

    weight: float = 0.5
    """Share of the teacher in the loss; the rest is that against the data."""

    def __post_init__(self) -> None:
        check_above("distil.temperature", self.temperature, 0)
        check_fraction("distil.weight", self.weight)
