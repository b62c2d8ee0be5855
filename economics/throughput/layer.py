"""One layer's work for one micro-batch on one device: products, attention, element-wise traffic."""

from __future__ import annotations

from dataclasses import dataclass

from economics.architecture.decoder import Decoder
from economics.architecture.decoder_parts import (
    Matmul,
    attention_matmuls,
    dense_feed_forward_matmuls,
    expert_matmuls,
    state_matmuls,
)
from economics.architecture.state_layers import StateLayer
from economics.constants import EAGER_TRAFFIC
from economics.flop.decoder import attended_tokens, index_flop_per_token
from economics.hardware import Accelerator, Number
from economics.throughput.operations import attention_seconds, copy_seconds, matmul_seconds


@dataclass(frozen=True, kw_only=True, slots=True)
class LayerTime:
    """Seconds of one layer, forward and backward, without recomputing."""

    matmul_forward: float
    matmul_backward: float
    attention_forward: float
    attention_backward: float
    elementwise_forward: float
    elementwise_backward: float
    num_kernels: int
    half_matmul_forward: float
    """Forward time of the products that selective recomputing repeats."""
    last_matmul_forward: float
    """Forward time of the layer's last product: nothing needs its output again, so recomputing stops before it."""

    @property
    def forward(self) -> float:
        """All of the forward pass."""
        return self.matmul_forward + self.attention_forward + self.elementwise_forward

    @property
    def backward(self) -> float:
        """All of the backward pass."""
        return self.matmul_backward + self.attention_backward + self.elementwise_backward


_REPEATED_BY_SELECTIVE = ("key", "output", "up", "kv_up", "query_up")


def product_seconds(
    accelerator: Accelerator,
    m: Matmul,
    tokens: float,
    *,
    tensor: int,
    expert: int,
    number: Number,
    quantise: bool = True,
) -> tuple[float, float]:
    """Return the forward and backward time of one of a layer's matrices on one device.

    In fp8 training inputs and weights are quantised anew each time (`quantise`); in serving the weights are stored so
    and the inputs are quantised by the operation before. A tensor group holds whole experts where they divide among its
    ranks: as many bytes and FLOP as slices of all, but products that keep their width.
    """
    if m.part == "experts" and m.copies % (expert * tensor) == 0:
        tokens, tensor, expert = tokens / tensor, 1, expert * tensor
    inner, columns = float(m.rows), float(m.columns)
    if m.split == "columns":
        columns /= tensor
    elif m.split == "rows":
        inner /= tensor
    rows, times = tokens, 1.0
    if m.part == "experts":
        # each device computes its own experts on the tokens routed to them, gathered from `expert` ranks
        local = max(1.0, m.copies / expert)
        rows = max(1.0, tokens * m.uses_per_token / local)
        times = local
    forward = matmul_seconds(accelerator, rows, inner, columns, number=number)
    if number == "fp8" and quantise:  # read 2, write 1 byte each
        forward += copy_seconds(accelerator, 3.0 * (rows * inner + inner * columns))
    towards_input = matmul_seconds(accelerator, rows, columns, inner, number=number)
    towards_weight = matmul_seconds(accelerator, inner, rows, columns, number=number, out_bytes=8.0)
    if number == "fp8" and quantise:
        towards_input += copy_seconds(accelerator, 3.0 * rows * columns)
    return times * forward, times * (towards_input + towards_weight)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Shares:
    """How many of each part a layer has: 1 in usual decoders; in others the mean, since layers differ."""

    attention: float
    state: float
    feed_forward: float


def _shares(decoder: Decoder, *, expert_layer: bool) -> _Shares:
    others = decoder.num_layers - decoder.num_expert_layers
    return _Shares(
        attention=decoder.attention_layers / decoder.num_layers,
        state=decoder.num_state_layers / decoder.num_layers,
        feed_forward=1.0 if expert_layer else decoder.num_dense_layers / max(1, others),
    )


def layer_time(
    decoder: Decoder,
    accelerator: Accelerator,
    *,
    micro_batch: float,
    sequence_length: int,
    number: Number,
    tensor: int = 1,
    context: int = 1,
    expert: int = 1,
    fused: bool = True,
    unfused_attention: bool = False,
    expert_layer: bool = False,
    value_bytes: float = 2.0,
    quantise: bool = True,
    tuned: bool = False,
    dropout: bool = False,
    sequence_split: bool = True,
) -> LayerTime:
    """Return the time of one layer for one micro-batch.

    Kernels written for the device (`tuned`) attend faster and cast to fp8 within the operations before. Attention that is
    not fused writes and reads the square of positions: forward once by the first product, twice by softmax and once by
    the second product, twice more and a mask with dropout; backward seven times, two more and the mask with dropout.
    Without `sequence_split` every tensor rank norms the whole sequence. Where layers differ (attention in some, a state in
    others), it is their mean; a state streams through memory what it takes in and gives out, and what chunks leave of it.

    >>> from economics.architecture import modern_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> llama = modern_decoder(num_layers=32, model_width=4096, num_heads=32, vocabulary_size=32000)
    >>> time = layer_time(llama, find_accelerator("a100"), micro_batch=4, sequence_length=2048, number="bf16")
    >>> 1.9 < time.backward / time.forward < 2.6
    True
    """
    tokens = micro_batch * sequence_length / context
    shares = _shares(decoder, expert_layer=expert_layer)
    feed_forward = expert_matmuls(decoder) if expert_layer else dense_feed_forward_matmuls(decoder)
    forward = backward = half = last = num_products = 0.0
    for matmuls, share in (
        (attention_matmuls(decoder), shares.attention),
        (state_matmuls(decoder), shares.state),
        (feed_forward, shares.feed_forward),
    ):
        for m in matmuls if share else ():
            seconds = product_seconds(
                accelerator, m, tokens, tensor=tensor, expert=expert, number=number, quantise=quantise and not tuned
            )
            forward, backward = forward + share * seconds[0], backward + share * seconds[1]
            num_products += share
            if m.name in _REPEATED_BY_SELECTIVE:
                half += share * seconds[0]
            if m.name == "down":
                last += share * seconds[0]
    keys = attended_tokens(decoder, sequence_length, causal=True) / decoder.num_layers
    heads = decoder.num_heads / tensor
    core = 2.0 * heads * (decoder.head + decoder.value_head) * keys * tokens
    core += index_flop_per_token(decoder, sequence_length, causal=True) / decoder.num_layers * tokens
    elementwise_forward, elementwise_backward = elementwise_bytes_per_token(
        decoder, tensor=tensor, fused=fused, expert_layer=expert_layer, value_bytes=value_bytes, dropout=dropout,
        sequence_split=sequence_split,
    )  # fmt: skip
    if unfused_attention:
        core *= 2.0  # the whole square is computed
        square = shares.attention * heads * sequence_length
        elementwise_forward += (4 * value_bytes + (2 * value_bytes + 1 if dropout else 0)) * square
        elementwise_backward += (7 * value_bytes + (2 * value_bytes + 1 if dropout else 0)) * square
        attention_forward = 2 * core / (2 * accelerator.ceiling(number) * 0.7)
        attention_backward = 2.0 * attention_forward
    else:
        attention_forward = attention_seconds(accelerator, core, head_width=decoder.head, number=number, tuned=tuned)
        attention_backward = 2.5 * attention_forward
    if decoder.state and shares.state:
        state = shares.state * tokens / tensor * _state_seconds_per_token(decoder.state, accelerator, number)
        attention_forward, attention_backward = attention_forward + state, attention_backward + 2.5 * state
    return LayerTime(
        matmul_forward=forward,
        matmul_backward=backward,
        attention_forward=attention_forward,
        attention_backward=attention_backward,
        elementwise_forward=copy_seconds(accelerator, elementwise_forward * tokens),
        elementwise_backward=copy_seconds(accelerator, elementwise_backward * tokens),
        num_kernels=round(num_products * 3) + (15 if fused else 45),
        half_matmul_forward=half,
        last_matmul_forward=last,
    )


def _state_seconds_per_token(state: StateLayer, accelerator: Accelerator, number: Number) -> float:
    """How long a state takes beyond its matrices: in chunks of small products, like attention; one decay per channel
    leaves no products, and vector units do it."""
    if state.kind == "mamba":
        return state.flop_per_token / accelerator.peak("fp32")
    return attention_seconds(accelerator, state.flop_per_token, head_width=state.state_width or 128, number=number)


def elementwise_bytes_per_token(
    decoder: Decoder, *, tensor: int = 1, fused: bool = True, expert_layer: bool = False, value_bytes: float = 2.0,
    dropout: bool = False, sequence_split: bool = True,
) -> tuple[float, float]:  # fmt: skip
    """Return the bytes that norms, residuals, activations and rotations move per token, forward and backward.

    Counted as values read and written by fused kernels: a norm with its residual 2 + 2 forward and 3 backward, an
    activation its inputs and outputs (gated: 2 in, 1 out; backward 3 in, 2 out), rotation both ways. Eager execution
    moves the same values several times (`constants.EAGER_TRAFFIC`). With tensor parallelism (and the sequence split
    beside it) each device has its share; without `sequence_split` each norms, drops and adds the whole sequence. Dropout
    writes and reads a mask of one byte at both residuals.

    >>> from economics.architecture import modern_decoder
    >>> tiny = modern_decoder(num_layers=1, model_width=64, num_heads=1, vocabulary_size=10, feed_forward_width=128)
    >>> elementwise_bytes_per_token(tiny)
    (2048.0, 2816.0)
    """
    d = decoder.model_width
    norms = decoder.norms_per_layer
    mixture = decoder.mixture if expert_layer else None
    width = (
        float(mixture.experts_per_token * mixture.expert_width + mixture.shared_width)
        if mixture
        else float(decoder.feed_forward_width)
    )
    rotated = float((decoder.num_heads + decoder.kv_heads) * decoder.head if decoder.positions == "rotary" else 0)
    passes = 2 if decoder.qk_norm != "none" else 1
    shares = _shares(decoder, expert_layer=expert_layer)
    state = shares.state * decoder.state.saved_values_per_token(d) if decoder.state else 0.0
    masks = 2.0 * d / value_bytes if dropout else 0.0
    residual = 3.0 * d * norms + masks, 4.0 * d * norms + masks
    width *= shares.feed_forward
    rotated = shares.attention * rotated * passes
    # a state is written and read once forward, and again with its gradient backward
    forward = (3.0 if decoder.gated else 2.0) * width + 2.0 * rotated + 2.0 * state
    backward = (5.0 if decoder.gated else 3.0) * width + 2.0 * rotated + 4.0 * state
    if mixture:
        # tokens are copied to their experts and back, and weighed
        forward += 4.0 * d * mixture.experts_per_token
        backward += 4.0 * d * mixture.experts_per_token
    traffic = value_bytes * (1.0 if fused else EAGER_TRAFFIC.value)
    split = tensor if sequence_split else 1
    return traffic * (residual[0] / split + forward / tensor), traffic * (residual[1] / split + backward / tensor)
