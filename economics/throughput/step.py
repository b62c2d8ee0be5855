"""The time of one optimizer step, as a sum of named parts.

Nothing here is one efficiency. A step is the products, attention and element-wise traffic of the layers on the slowest
pipeline stage (`throughput.layer`), once per micro-batch; what is recomputed; what collectives add beyond what hides them
(`throughput.communication`); the bubble of the pipeline, (p - 1) / (v m) of it; the optimizer; and waiting for the slowest node.
So a changed bandwidth, link, length or batch moves the parts that it should, and `mfu_fraction` is an answer, not an input.

Units: seconds, tokens, FLOP/s. MFU counts model FLOP with attention over the whole square, nothing for recomputing, over the
dense bf16 peak. Range: tables of ten sources with their layout are met within 3-11 % at the median (docs/numbers/validation.md).
Left out: loading data (taken as hidden), and what one release of a library does better than the next.

Where the time of a 7 B model on eight A100 goes:

>>> from economics.architecture.lookup import find_decoder
>>> from economics.catalogue.accelerators import find_accelerator
>>> time = step_time(Workload(decoder=find_decoder("llama-2-7b")[0], accelerator=find_accelerator("a100"),
...                           sequence_length=4096, num_sequences=64, micro_batch=1, recompute="full",
...                           layout=Layout(data=8, zero=3)))
>>> shares = {name: round(100 * seconds / time.seconds) for name, seconds in time.by_part.items()}
>>> shares["matmul"], shares["recompute"], round(100 * time.mfu_fraction)
(62, 21, 50)
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import log2

from economics.architecture.decoder import Decoder
from economics.assumptions import LAUNCH_SECONDS
from economics.constants import MIXTURE_HOST_SECONDS, OVERLAP_COST, STRAGGLER_PER_DOUBLING
from economics.errors import InputError
from economics.flop.decoder import Recompute, training_flop_per_token
from economics.hardware import Accelerator, Number
from economics.layout import Layout
from economics.memory.activations import Attention
from economics.memory.states import Optimizer, Precision, compute_bytes
from economics.throughput.communication import (
    context_seconds_per_layer,
    data_seconds,
    expert_seconds_per_layer,
    pipeline_transfer_seconds,
    tensor_seconds_per_layer,
)
from economics.throughput.layer import LayerTime, layer_time
from economics.throughput.operations import copy_seconds, matmul_seconds

NEW_KERNELS_SINCE = 2025
"""Year of the first devices on which frameworks run kernels of their own rather than those of the generation before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What a step computes, and how."""

    decoder: Decoder
    accelerator: Accelerator
    sequence_length: int
    num_sequences: int
    """Sequences of one optimizer step, over all data ranks."""
    layout: Layout = field(default_factory=Layout)
    micro_batch: int = 1
    """Sequences per data rank and forward pass."""
    precision: Precision = "bf16"
    recompute: Recompute = "none"
    fused: bool = True
    attention: Attention = "flash"
    dropout: bool = False
    optimizer: Optimizer = "adamw"
    recent: bool = True
    """Software of 2024 and later; see `tuned`."""
    sequence_split: bool = True
    """Tensor ranks share the sequence between products (sequence parallelism); libraries of before 2022 did not."""

    @property
    def tuned(self) -> bool:
        """Kernels written for this generation of devices (attention, casts to fp8 within other operations): recent
        libraries of tensor, pipeline and expert parallelism and of divided optimizers bring them; plain data parallelism
        and divided weights run on what frameworks have for all devices, which for devices of 2025 and later was written
        anew: their matrix units take other instructions."""
        if self.accelerator.year >= NEW_KERNELS_SINCE:
            return True
        return self.recent and self.layout.zero < 3 and (self.layout.zero > 0 or self.layout.model_ranks > 1)

    @property
    def num_micro_batches(self) -> int:
        """Forward passes of each data rank per step, at least 1."""
        return max(1, round(self.num_sequences / (self.layout.data * self.micro_batch)))

    @property
    def tokens(self) -> float:
        """Tokens of a step, after rounding to whole micro-batches."""
        return float(self.num_micro_batches * self.micro_batch * self.layout.data * self.sequence_length)


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTime:
    """Seconds of a step by part; the total is the sum."""

    by_part: dict[str, float]
    tokens: float
    num_accelerators: int
    flop_per_token: float
    """Model FLOP, attention over the whole square, nothing for recomputing."""
    peak_flop_per_second: float

    @property
    def seconds(self) -> float:
        """The sum over the parts."""
        return sum(self.by_part.values())

    @property
    def tokens_per_second_per_accelerator(self) -> float:
        """Tokens per second, per device."""
        return self.tokens / self.seconds / self.num_accelerators

    @property
    def model_flop_per_second(self) -> float:
        """Model FLOP per second, per device."""
        return self.tokens_per_second_per_accelerator * self.flop_per_token

    @property
    def mfu_fraction(self) -> float:
        """Model FLOP per second over the dense bf16 peak."""
        return self.model_flop_per_second / self.peak_flop_per_second


def _number(precision: Precision) -> Number:
    return precision


@dataclass(frozen=True, kw_only=True, slots=True)
class _Passes:
    """Seconds of one micro-batch in the layers of the slowest pipeline stage."""

    matmul: float = 0.0
    attention: float = 0.0
    elementwise: float = 0.0
    recompute: float = 0.0
    launch: float = 0.0
    tensor: float = 0.0
    context: float = 0.0
    expert: float = 0.0
    head: float = 0.0
    backward: float = 0.0

    def total(self) -> float:
        parts = (self.matmul, self.attention, self.elementwise, self.recompute, self.launch, self.tensor)
        return sum(parts) + self.context + self.expert + self.head


def _balances(decoder: Decoder, pipeline: int) -> bool:
    """Whether stages can be evened out: one or a few layers are missing to whole stages, and the stages with the
    embedding and the head go without them."""
    return pipeline > 1 and 0 < -decoder.num_layers % pipeline <= max(2, pipeline // 4)


def _layer_kinds(decoder: Decoder, pipeline: int) -> list[tuple[bool, float]]:
    """Kinds of layer (is it a mixture?) and how many of each the slowest stage has."""
    share = 1.0 / pipeline if _balances(decoder, pipeline) else -(-decoder.num_layers // pipeline) / decoder.num_layers
    num_expert = decoder.num_expert_layers
    kinds = [(False, (decoder.num_layers - num_expert) * share), (True, num_expert * share)]
    return [(kind, count) for kind, count in kinds if count]


def _recomputed(work: Workload, layer: LayerTime) -> float:
    if work.recompute == "full":
        return layer.forward - layer.last_matmul_forward
    if work.recompute == "selective":
        if work.attention == "unfused":
            return layer.attention_forward
        return layer.half_matmul_forward + layer.elementwise_forward
    return 0.0


def _passes(work: Workload) -> _Passes:
    layout, decoder, device = work.layout, work.decoder, work.accelerator
    value_bytes = compute_bytes(work.precision)
    tokens = work.micro_batch * work.sequence_length / layout.context
    sums: dict[str, float] = dict.fromkeys(_Passes.__dataclass_fields__, 0.0)
    for expert_layer, count in _layer_kinds(decoder, layout.pipeline):
        layer = layer_time(
            decoder, device, micro_batch=work.micro_batch, sequence_length=work.sequence_length,
            number=_number(work.precision), tensor=layout.tensor, context=layout.context, expert=layout.expert,
            fused=work.fused, unfused_attention=work.attention == "unfused", expert_layer=expert_layer,
            value_bytes=value_bytes, tuned=work.tuned, dropout=work.dropout, sequence_split=work.sequence_split,
        )  # fmt: skip
        again = _recomputed(work, layer)
        busy = layer.forward + layer.backward + again
        passes = 3 if work.recompute == "none" else 4
        host = layer.num_kernels * LAUNCH_SECONDS.value
        if expert_layer and layout.expert > 1:
            host += MIXTURE_HOST_SECONDS.value
        launch = max(0.0, passes * host - busy)
        sums["matmul"] += count * (layer.matmul_forward + layer.matmul_backward)
        sums["attention"] += count * (layer.attention_forward + layer.attention_backward)
        sums["elementwise"] += count * (layer.elementwise_forward + layer.elementwise_backward)
        sums["recompute"] += count * again
        sums["launch"] += count * launch
        sums["tensor"] += count * tensor_seconds_per_layer(
            device, decoder, layout, tokens=tokens, value_bytes=value_bytes, recompute=work.recompute
        )
        sums["context"] += count * context_seconds_per_layer(
            device, decoder, layout, tokens=tokens, value_bytes=value_bytes,
            behind=layer.attention_forward + layer.attention_backward,
        )  # fmt: skip
        if expert_layer:
            sums["expert"] += count * expert_seconds_per_layer(
                device, decoder, layout, tokens=tokens, fp8=work.tuned and work.precision == "fp8"
            )
        sums["backward"] += count * (layer.backward + again)
    sums["head"] = _head_seconds(work, tokens) / (layout.pipeline if _balances(decoder, layout.pipeline) else 1)
    return _Passes(**sums)


def _head_seconds(work: Workload, tokens: float) -> float:
    """The output head and the loss, forward and backward, and the embedding's look-up."""
    decoder, device, number = work.decoder, work.accelerator, _number(work.precision)
    columns = decoder.vocabulary_size / work.layout.tensor
    d = decoder.model_width
    precise: Number = "bf16" if number == "fp8" else number
    products = matmul_seconds(device, tokens, d, columns, number=precise)
    products += matmul_seconds(device, tokens, columns, d, number=precise)
    products += matmul_seconds(device, d, tokens, columns, number=precise, out_bytes=8.0)
    # logits written, read in fp32 for the softmax, gradient written and read
    loss = copy_seconds(device, (16.0 if work.fused else 28.0) * tokens * columns)
    return products + loss + copy_seconds(device, 12.0 * tokens * d)


def step_time(work: Workload) -> StepTime:
    """Return the time of one optimizer step, by part.

    Products, attention and element-wise traffic of the layers on the slowest pipeline stage, once per micro-batch;
    what is recomputed; collectives that nothing hides (tensor parallelism) and what of the others compute cannot
    hide; the pipeline's bubble (p-1)/(v m); the optimizer; and waiting for the slowest node. Data loading is taken as
    hidden. Nothing here is a single efficiency: change the bandwidth, the links or the context and the parts move.

    >>> from economics.architecture import modern_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> llama = modern_decoder(num_layers=32, model_width=4096, num_heads=32, vocabulary_size=32000)
    >>> time = step_time(Workload(decoder=llama, accelerator=find_accelerator("a100"), sequence_length=2048,
    ...                           num_sequences=512, micro_batch=4, layout=Layout(data=8, zero=3)))
    >>> 0.5 < time.mfu_fraction < 0.7
    True
    """
    layout = work.layout
    if work.num_sequences < 1:
        raise InputError("num_sequences", work.num_sequences, "at least 1")
    passes = _passes(work)
    m = work.num_micro_batches
    transfer = pipeline_transfer_seconds(work.accelerator, layout, num_bytes=_transfer_bytes(work))
    per_micro_batch = passes.total()
    bubble = (layout.pipeline - 1) / layout.virtual * per_micro_batch
    communication = data_seconds(
        work.accelerator, work.decoder, layout,
        num_micro_batches=m, value_bytes=compute_bytes(work.precision), compute=per_micro_batch,
        backward=passes.backward,
    )  # fmt: skip
    parts = {
        "matmul": m * passes.matmul,
        "attention": m * passes.attention,
        "elementwise": m * passes.elementwise,
        "recompute": m * passes.recompute,
        "output_head": m * passes.head,
        "launch": m * passes.launch,
        "tensor_communication": m * passes.tensor,
        "context_communication": m * passes.context,
        "expert_communication": m * passes.expert,
        "pipeline_communication": m * _exposed_transfer(layout, transfer, per_micro_batch),
        "pipeline_bubble": bubble,
        "data_communication": communication.exposed + OVERLAP_COST.value * communication.hidden,
        "optimizer": communication.optimizer,
    }
    nodes = max(1.0, layout.num_accelerators / max(1, work.accelerator.num_per_node))
    doublings = log2(nodes)
    parts["waiting"] = sum(parts.values()) * STRAGGLER_PER_DOUBLING.value * doublings
    flop = training_flop_per_token(work.decoder, work.sequence_length).total
    return StepTime(
        by_part={name: seconds for name, seconds in parts.items() if seconds},
        tokens=work.tokens,
        num_accelerators=layout.num_accelerators,
        flop_per_token=flop,
        peak_flop_per_second=work.accelerator.peak("bf16"),
    )


def _exposed_transfer(layout: Layout, transfer: float, compute: float) -> float:
    """What handing a micro-batch on costs: all of it in a plain pipeline, where each stage waits for its input; in an
    interleaved one it travels while another chunk computes."""
    if layout.virtual == 1:
        return transfer
    return max(0.0, transfer - compute) + OVERLAP_COST.value * min(transfer, compute)


def _transfer_bytes(work: Workload) -> float:
    tokens = work.micro_batch * work.sequence_length / work.layout.context / work.layout.tensor
    return tokens * work.decoder.model_width * compute_bytes(work.precision)
