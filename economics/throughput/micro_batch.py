"""Seconds of one micro-batch in the layers of the slowest pipeline stage, and in the output head.

The layers' products, attention and element-wise traffic (`throughput.layer`), what is recomputed of them, what the device
waits for its host, and what collectives within layers add (`throughput.communication`).
"""

from __future__ import annotations

from dataclasses import dataclass

from economics.architecture.decoder import Decoder
from economics.assumptions import LAUNCH_SECONDS
from economics.constants import MIXTURE_HOST_SECONDS
from economics.hardware import Number
from economics.memory.states import compute_bytes
from economics.throughput.communication import (
    context_seconds_per_layer,
    expert_seconds_per_layer,
    tensor_seconds_per_layer,
)
from economics.throughput.layer import LayerTime, layer_time
from economics.throughput.operations import copy_seconds, matmul_seconds
from economics.throughput.workload import Workload


@dataclass(frozen=True, kw_only=True, slots=True)
class MicroBatchTime:
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
        """All parts of both passes."""
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


def micro_batch_time(work: Workload) -> MicroBatchTime:
    """Return the seconds of one micro-batch.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> work = Workload(decoder=find_decoder("gpt2")[0], accelerator=find_accelerator("a100"), sequence_length=1024,
    ...                 num_sequences=64, micro_batch=16)
    >>> time = micro_batch_time(work)
    >>> time.matmul > time.head > time.recompute == 0.0
    True
    """
    layout, decoder, device = work.layout, work.decoder, work.accelerator
    value_bytes = compute_bytes(work.precision)
    tokens = work.micro_batch * work.sequence_length / layout.context
    sums: dict[str, float] = dict.fromkeys(MicroBatchTime.__dataclass_fields__, 0.0)
    for expert_layer, count in _layer_kinds(decoder, layout.pipeline):
        layer = layer_time(
            decoder, device, micro_batch=work.micro_batch, sequence_length=work.sequence_length,
            number=work.precision, tensor=layout.tensor, context=layout.context, expert=layout.expert,
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
        # the forward pass is one of the passes that the host starts
        sums["backward"] += count * max(layer.backward + again, (passes - 1) * host)
    sums["head"] = _head_seconds(work, tokens) / (layout.pipeline if _balances(decoder, layout.pipeline) else 1)
    return MicroBatchTime(**sums)


def _head_seconds(work: Workload, tokens: float) -> float:
    """The output head and the loss, forward and backward, and the embedding's look-up."""
    decoder, device, number = work.decoder, work.accelerator, work.precision
    columns = decoder.vocabulary_size / work.layout.tensor
    d = decoder.table_width
    precise: Number = "bf16" if number == "fp8" else number
    products = matmul_seconds(device, tokens, d, columns, number=precise)
    products += matmul_seconds(device, tokens, columns, d, number=precise)
    products += matmul_seconds(device, d, tokens, columns, number=precise, out_bytes=8.0)
    # logits written, read in fp32 for the softmax, gradient written and read
    loss = copy_seconds(device, (16.0 if work.fused else 28.0) * tokens * columns)
    return products + loss + copy_seconds(device, 12.0 * tokens * d)
