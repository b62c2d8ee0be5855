"""What the forms of parallelism send, and how much of it compute can hide.

| form | what is sent | when | hidden behind |
|---|---|---|---|
| data | gradients, once a step | after the last backward pass | that pass |
| divided weights (ZeRO-3, FSDP) | weights twice, gradients once, every micro-batch | each layer | its neighbours |
| tensor | activations, four times a layer | between products | half, in slices |
| pipeline | activations, once a stage | between stages | other chunks, if interleaved |
| context | keys and values round a ring | in attention | attention |
| expert | tokens to their experts and back | in mixture layers | half |

Units: seconds of a step, or of a layer and micro-batch. Left out: contention between two forms that send at once.

Source: Rajbhandari et al. 2020 (arXiv 1910.02054); Narayanan et al. 2021 (arXiv 2104.04473); Liu et al. 2023 (arXiv 2310.01889).

More tensor ranks send no less, while each has less to do. Milliseconds of a layer of 8 B over 8,192 tokens:

>>> from economics.architecture.lookup import find_decoder
>>> from economics.catalogue.accelerators import find_accelerator
>>> llama, h100 = find_decoder("llama-3.1-8b")[0], find_accelerator("h100")
>>> for tensor in (2, 4, 8):
...     seconds = tensor_seconds_per_layer(
...         h100, llama, Layout(tensor=tensor), tokens=8192, value_bytes=2.0, recompute="none"
...     )
...     print(tensor, round(1000 * seconds, 2))
2 0.41
4 0.68
8 0.93
"""

from __future__ import annotations

from dataclasses import dataclass

from economics.architecture.decoder import Decoder
from economics.constants import OVERLAP_COST, TENSOR_HIDDEN
from economics.flop.decoder import Recompute
from economics.hardware import Accelerator
from economics.layout import Layout
from economics.memory.stages import pipeline_stages
from economics.throughput.collectives import (
    all_gather_seconds,
    all_reduce_seconds,
    all_to_all_seconds,
    ring_of,
)
from economics.throughput.operations import copy_seconds

# Devices are numbered with tensor ranks next to each other, then context, then data, then pipeline.


def tensor_seconds_per_layer(
    accelerator: Accelerator,
    decoder: Decoder,
    layout: Layout,
    *,
    tokens: float,
    value_bytes: float,
    recompute: Recompute,
) -> float:
    """Return the time of a layer's all-reduces: two forward, two backward, two more when all is recomputed.

    With the sequence split they are pairs of gather and scatter of the same volume. Each product waits for its input,
    so only a part hides behind products (in slices).

    >>> from economics.architecture import modern_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> llama = modern_decoder(num_layers=2, model_width=4096, num_heads=32, vocabulary_size=32000)
    >>> tensor_seconds_per_layer(find_accelerator("h100"), llama, Layout(), tokens=2048, value_bytes=2.0,
    ...                          recompute="none")
    0.0
    """
    if layout.tensor == 1:
        return 0.0
    ring = ring_of(accelerator, size=layout.tensor)
    times = 6 if recompute == "full" else 4
    seconds = all_reduce_seconds(ring, tokens * decoder.model_width * value_bytes)
    return times * seconds * (1.0 - TENSOR_HIDDEN.value)


def context_seconds_per_layer(
    accelerator: Accelerator, decoder: Decoder, layout: Layout, *, tokens: float, value_bytes: float, behind: float
) -> float:
    """Return what the ring of keys and values costs beyond the attention that it runs behind.

    Forward passes keys and values once round the ring, backward them and their gradients.
    """
    if layout.context == 1:
        return 0.0
    ring = ring_of(accelerator, size=layout.context, stride=layout.tensor)
    width = (
        decoder.num_heads * (decoder.head + decoder.value_head)
        if decoder.latent
        else 2 * decoder.kv_heads * decoder.head
    )
    seconds = 3.0 * all_gather_seconds(ring, tokens * layout.context * width * value_bytes / layout.tensor)
    return max(0.0, seconds - behind) + OVERLAP_COST.value * min(seconds, behind)


def expert_seconds_per_layer(
    accelerator: Accelerator, decoder: Decoder, layout: Layout, *, tokens: float, fp8: bool = False
) -> float:
    """Return the time of a mixture layer's exchanges: out and back, forward and backward, K values of d per token.

    Tokens travel to the ranks that hold their experts, a copy to each; routing that is limited to groups of experts sends
    one copy to a node. A part hides behind products of other tokens, as with tensor parallelism. Values are bf16; in `fp8`
    they leave cast (1 byte) and come back whole (2).
    """
    mixture = decoder.mixture
    if mixture is None or layout.expert == 1:
        return 0.0
    copies = min(mixture.experts_per_token, layout.expert)
    num_bytes = copies * tokens * decoder.model_width * (1.5 if fp8 else 2.0) / layout.tensor
    seconds = all_to_all_seconds(
        accelerator, num_bytes, size=layout.expert, stride=layout.tensor * layout.context,
        most_leaving=mixture.groups_per_token / copies if mixture.groups_per_token else 1.0,
    )  # fmt: skip
    return 4.0 * seconds * (1.0 - TENSOR_HIDDEN.value)


def pipeline_transfer_seconds(accelerator: Accelerator, layout: Layout, *, num_bytes: float) -> float:
    """Return the time to hand one micro-batch on, there and back, for each virtual stage."""
    if layout.pipeline == 1:
        return 0.0
    stride = layout.tensor * layout.context * layout.data
    ring = ring_of(accelerator, size=2, stride=stride)
    return 2.0 * layout.virtual * (num_bytes / ring.bytes_per_second + ring.latency_seconds)


@dataclass(frozen=True, kw_only=True, slots=True)
class DataTime:
    """Seconds per step that data parallelism takes: not hidden, hidden behind compute, and the optimizer's update."""

    exposed: float
    hidden: float
    optimizer: float


def data_seconds(
    accelerator: Accelerator,
    decoder: Decoder,
    layout: Layout,
    *,
    num_micro_batches: int,
    value_bytes: float,
    compute: float,
    backward: float,
) -> DataTime:
    """Return the time that data parallelism adds to a step.

    Undivided and with divided optimizer: one all-reduce of the gradients (fp32) per step, behind the last backward.
    Divided weights (`zero=3`): each micro-batch gathers the weights twice and scatters the gradients once, 1.5 times
    one all-reduce, behind its own compute; in a pipeline, whose micro-batches overlap, a stage keeps its weights whole
    through the step and scatters its gradients at the end, as with a divided optimizer. The
    optimizer reads and writes about 32 bytes per parameter it owns.

    >>> from economics.architecture import modern_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> llama = modern_decoder(num_layers=2, model_width=1024, num_heads=8, vocabulary_size=32000)
    >>> both = [data_seconds(find_accelerator("h100"), llama, Layout(data=64, zero=3), num_micro_batches=m,
    ...                      value_bytes=2.0, compute=0.0, backward=0.0).exposed for m in (1, 2)]
    >>> round(both[1] / both[0], 6)
    2.0
    """
    exposed = hidden = optimizer = 0.0
    stages = pipeline_stages(decoder, layout, num_micro_batches)
    stage = max(stages, key=lambda s: s.parameters)
    for group in stage.groups:
        if not group.per_device:
            continue
        ranks = max(1, layout.data * layout.context // group.expert_ranks)
        owned = group.per_device / (ranks if layout.zero >= 1 else 1)
        optimizer += copy_seconds(accelerator, 32.0 * owned)
        if ranks == 1:
            continue
        ring = ring_of(accelerator, size=ranks, stride=layout.tensor * group.expert_ranks)
        share = group.per_device / max(1.0, stage.parameters)
        if layout.zero >= 3 and layout.pipeline == 1:
            shards = max(1, layout.shard_ranks // group.expert_ranks)
            inner = ring_of(accelerator, size=shards, stride=layout.tensor * group.expert_ranks)
            each = 3.0 * all_gather_seconds(inner, group.per_device * value_bytes)
            if shards < ranks:  # hybrid: the copies agree on their gradients once per step
                exposed += all_reduce_seconds(ring, group.per_device * value_bytes / shards) * 0.5
            cover = share * compute
            exposed += num_micro_batches * max(0.0, each - cover)
            hidden += num_micro_batches * min(each, cover)
        else:
            seconds = all_reduce_seconds(ring, group.per_device * 4.0)
            if layout.zero >= 1:
                seconds = all_gather_seconds(ring, group.per_device * 4.0)
                seconds += all_gather_seconds(ring, group.per_device * value_bytes)
            # gradients travel behind the last backward, new weights behind the next forward
            cover = share * (compute if layout.zero >= 1 else backward)
            exposed += max(0.0, seconds - cover)
            hidden += min(seconds, cover)
    return DataTime(exposed=exposed, hidden=hidden, optimizer=optimizer)
