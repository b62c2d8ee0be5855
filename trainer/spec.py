"""What a job is to do: typed, versioned specs. Imports without torch; the web app makes them, `python -m trainer` too.

A spec is a frozen dataclass; the docstring under each field is also the help text of its form. A wrong value raises
`SpecError` with the field, the value and what would be right. `encode_spec` and `decode_spec` are the only way to and
from JSON. Kinds other than training live beside the code that does them and register here by name.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, cast, get_type_hints

import msgspec

from trainer.converting import convert
from trainer.errors import SpecError
from trainer.families import get_family

SPEC_VERSION = 1
MOST = 2**31 - 1
"""The largest whole number of a spec: what is counted in products of two of them still fits into 64 bits."""

Dtype = Literal["auto", "float32", "bfloat16", "float16"]


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
        _at_least("batch.sequence_length", self.sequence_length, 1)
        _at_least("batch.sequences_per_step", self.sequences_per_step, 1)
        _at_least("batch.micro_batch", self.micro_batch, 0)
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
        _above("optimizer.learning_rate", self.learning_rate, 0)
        _above("optimizer.muon_learning_rate", self.muon_learning_rate, 0)
        _at_least("optimizer.weight_decay", self.weight_decay, 0)
        _fraction("optimizer.beta1", self.beta1)
        _fraction("optimizer.beta2", self.beta2)
        _above("optimizer.eps", self.eps, 0)
        _at_least("optimizer.gradient_clip", self.gradient_clip, 0)


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
        _at_least("schedule.num_steps", self.num_steps, 0)
        _at_least("schedule.warmup_steps", self.warmup_steps, 0)
        _fraction("schedule.cooldown_fraction", self.cooldown_fraction)
        _fraction("schedule.final_fraction", self.final_fraction)


@dataclass(frozen=True, kw_only=True, slots=True)
class RegularisationSpec:
    """What keeps the model from learning its data by heart. Weight decay is with the optimiser."""

    dropout: float = 0.0
    """Fraction of activations set to zero in training."""

    label_smoothing: float = 0.0
    """Probability taken from the right answer and spread over all."""

    def __post_init__(self) -> None:
        _fraction("regularisation.dropout", self.dropout, below_one=True)
        _fraction("regularisation.label_smoothing", self.label_smoothing, below_one=True)


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
        _at_least("evaluation.every_steps", self.every_steps, 1)
        _at_least("evaluation.max_batches", self.max_batches, 0)
        _at_least("evaluation.patience", self.patience, 0)
        _at_least("evaluation.sample_tokens", self.sample_tokens, 0)


@dataclass(frozen=True, kw_only=True, slots=True)
class CheckpointSpec:
    """What is kept on disk. The best one is always kept."""

    every_steps: int = 100
    """Steps between two checkpoints; one at the end always. After a crash at most so many steps are repeated."""

    keep_last: int = 2
    """Latest checkpoints kept, besides the best and those that a user pins."""

    def __post_init__(self) -> None:
        _at_least("checkpoint.every_steps", self.every_steps, 1)
        _at_least("checkpoint.keep_last", self.keep_last, 1)


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineSpec:
    """How the machine is used. `auto` is decided once, at the first step of the first attempt, and then kept."""

    device: str = "auto"
    """auto, cpu, mps or cuda."""

    dtype: Dtype = "auto"
    """Number format of the matrix products."""

    compile: Literal["auto", "on", "off"] = "auto"
    """torch.compile: takes a while to begin with and is faster after."""

    num_threads: int = 0
    """Processor threads; 0: all cores."""

    activation_checkpointing: bool = False
    """Recompute activations in the backward pass: less memory, about a third more time."""

    deterministic: bool = True
    """Only operations that give the same bits each time, so that a resumed run equals an uninterrupted one."""

    def __post_init__(self) -> None:
        _at_least("machine.num_threads", self.num_threads, 0, most=1024)
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
            _at_least("parallel.processes", self.processes, 1, most=1024)


@dataclass(frozen=True, kw_only=True, slots=True)
class TransferSpec:
    """What is taken over from a model that was trained before, and how much of it may change."""

    source: str = ""
    """Folder of the weights to start from: a checkpoint, an exported model, or one of Hugging Face. Empty: random weights."""

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
        _at_least("transfer.freeze_layers", self.freeze_layers, -1)
        _above("transfer.layer_rate_decay", self.layer_rate_decay, 0)
        _fraction("transfer.layer_rate_decay", self.layer_rate_decay)
        _at_least("transfer.adapter_rank", self.adapter_rank, 1)
        _above("transfer.adapter_alpha", self.adapter_alpha, 0)


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
        _above("distil.temperature", self.temperature, 0)
        _fraction("distil.weight", self.weight)


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSpec:
    """One training run from first step to last. `model` is the typed part of its family."""

    family: str
    model: Any
    data: DataSpec
    batch: BatchSpec = field(default_factory=BatchSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    regularisation: RegularisationSpec = field(default_factory=RegularisationSpec)
    evaluation: EvaluationSpec = field(default_factory=EvaluationSpec)
    checkpoint: CheckpointSpec = field(default_factory=CheckpointSpec)
    machine: MachineSpec = field(default_factory=MachineSpec)
    parallel: ParallelSpec = field(default_factory=ParallelSpec)
    transfer: TransferSpec = field(default_factory=TransferSpec)
    prune: PruneSpec = field(default_factory=PruneSpec)
    distil: DistilSpec = field(default_factory=DistilSpec)
    seed: int = 1
    """Seed of the initial weights, of the order of the data and of dropout."""

    flop_per_token: float | None = None
    """Training FLOP per token (or per example), as economics counts it; written by the web app, for throughput and MFU."""

    branch_from: str = ""
    """Folder of a checkpoint of another run that this one goes on from (a wsd trunk, say); empty: from random weights."""

    def __post_init__(self) -> None:
        _at_least("seed", self.seed, 0, most=2**53)
        wanted = get_family(self.family).spec_type
        if not isinstance(self.model, wanted):
            raise SpecError(
                f"model must be a {wanted.__name__} for family {self.family}, not {type(self.model).__name__}"
            )
        if self.prune.method != "none":
            self._check_pruning()

    def _check_pruning(self) -> None:
        method = self.prune.method
        if self.branch_from:
            raise SpecError(f"prune.method is {method}, and a branch goes on as it was; set it to none")
        if not self.transfer.source:
            raise SpecError(
                f"prune.method is {method}, but there is nothing to prune: say in transfer.source which model to start from"
            )
        if self.transfer.adapter != "none":
            raise SpecError(
                f"prune.method is {method} and transfer.adapter is {self.transfer.adapter}, under which the weights stay as "
                "they are: set one of them to none"
            )


# kind of job -> where its spec lies; the rest of the job is found by trainer.run
SPEC_TYPES = {
    "train": "trainer.spec:TrainSpec",
    "prepare": "trainer.data.spec:PrepareSpec",
    "evaluate": "trainer.inference.spec:EvaluateSpec",
    "predict": "trainer.inference.table_spec:PredictSpec",
    "recommend": "trainer.recommend.lists_spec:RecommendSpec",
    "calibrate": "trainer.calibrate.spec:CalibrateSpec",
    "profile": "trainer.profile.spec:ProfileSpec",
    "inspect": "trainer.inspect.spec:InspectSpec",
    "compress": "trainer.compress.spec:CompressSpec",
    "export": "trainer.formats.spec:ExportSpec",
}


def spec_type(kind: str) -> type:
    """Return the dataclass of a kind of job."""
    if kind not in SPEC_TYPES:
        raise SpecError(f"kind {kind!r} is unknown; the kinds are {', '.join(sorted(SPEC_TYPES))}")
    module, name = SPEC_TYPES[kind].split(":")
    found: type = getattr(importlib.import_module(module), name)
    return found


def encode_spec(kind: str, spec: Any) -> bytes:
    """Return the JSON text of a spec, with its kind and version."""
    return msgspec.json.format(msgspec.json.encode(spec_to_dict(kind, spec)), indent=2)


def spec_to_dict(kind: str, spec: Any) -> dict[str, Any]:
    """Return a spec as plain JSON types, with its kind and version."""
    return {"kind": kind, "version": SPEC_VERSION, **msgspec.to_builtins(spec)}


def decode_spec(text: bytes) -> tuple[str, Any]:
    """Return (kind, spec) of JSON text made by `encode_spec`; raise `SpecError` with a sentence if it is not right."""
    try:
        raw = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise SpecError(f"spec.json is not valid JSON: {error}") from error
    return spec_from_dict(raw)


def spec_from_dict(raw: Mapping[str, Any]) -> tuple[str, Any]:
    """Return (kind, spec) of the plain form; unknown fields are refused, for a misspelt one would be ignored silently."""
    values = dict(raw)
    kind = values.pop("kind", None)
    version = values.pop("version", SPEC_VERSION)
    if version > SPEC_VERSION:
        raise SpecError(f"version {version} of the spec is newer than this trainer understands ({SPEC_VERSION})")
    wanted = spec_type(str(kind))
    _refuse_unknown(values, wanted, str(kind))
    if wanted is TrainSpec and isinstance(values.get("model"), Mapping):
        family = get_family(str(values.get("family", "")))
        _refuse_unknown(values["model"], family.spec_type, "model")
        values["model"] = convert(values["model"], family.spec_type, name="model")
    if kind == "prepare" and isinstance(values.get("recipe", {}), Mapping):
        values["recipe"] = _recipe(str(values.get("data_kind", "text")), dict(values.get("recipe", {})))
    return str(kind), convert(values, wanted)


def _recipe(data_kind: str, raw: dict[str, Any]) -> Any:
    from trainer.data.kinds import get_data_kind  # most specs have no recipe

    return get_data_kind(data_kind).recipe_type.from_dict(raw)


def _refuse_unknown(values: Mapping[str, Any], wanted: type, name: str) -> None:
    """Raise `SpecError` for fields that `wanted` and the dataclasses inside it do not have."""
    types = get_type_hints(wanted)
    known = {f.name for f in fields(wanted)}
    if unknown := sorted(set(values) - known):
        raise SpecError(f"{name} has no field {', '.join(unknown)}; its fields are {', '.join(sorted(known))}")
    for key, value in values.items():
        if is_dataclass(types[key]) and isinstance(value, Mapping):
            _refuse_unknown(value, cast(type, types[key]), key)


def _at_least(name: str, value: float, low: float, *, most: int = MOST) -> None:
    if not value >= low:
        raise SpecError(f"{name} is {value}; it must be at least {low}")
    if isinstance(value, int) and value > most:
        raise SpecError(f"{name} is {value:,}; it must be at most {most:,}")


def _above(name: str, value: float, low: float) -> None:
    if not value > low:
        raise SpecError(f"{name} is {value}; it must be above {low}")


def _fraction(name: str, value: float, *, below_one: bool = False) -> None:
    if not 0 <= value <= 1 or (below_one and value == 1):
        raise SpecError(f"{name} is {value}; it must be a fraction from 0 to {'below 1' if below_one else '1'}")
