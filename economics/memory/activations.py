"""Activations that a layer keeps for its backward pass, tensor by tensor."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from economics.architecture.decoder import Decoder
from economics.flop.decoder import Recompute

Attention = Literal["flash", "unfused"]


@dataclass(frozen=True, kw_only=True, slots=True)
class SavedTensor:
    """One tensor kept from the forward to the backward pass."""

    name: str
    bytes_per_token: float
    split: Literal["tensor", "sequence"]
    """tensor: divided by tensor parallelism itself; sequence: only with sequence parallelism beside it."""
    kept_by_selective: bool = False
    """Selective recomputing keeps it (outputs of attention and of every second product)."""


def layer_saved_tensors(
    decoder: Decoder,
    *,
    sequence_length: int,
    value_bytes: float = 2.0,
    attention: Attention = "flash",
    dropout: bool = False,
    fused: bool = True,
    expert_layer: bool = False,
    input_bytes: float | None = None,
) -> tuple[SavedTensor, ...]:
    """List what one layer keeps per token when nothing is recomputed.

    A product keeps its input (for the weight's gradient), a non-linearity its input, a norm its input, and fused
    attention its queries, keys, values, output and one fp32 number per head and token. Unfused attention also
    keeps the softmax of every pair of positions: the square that flash attention removed. Dropout keeps masks of
    one byte. A compiler (`fused`) recomputes the activation between gate and up; eager execution keeps it. Where inputs
    are cast to fp8 by the operation before, products keep them so (`input_bytes` 1; None: as all values).

    With LayerNorm, GELU, dropout and two matrices of 4d the list adds up to the closed form 34 d + 5 h s bytes per
    token (Korthikanti et al. 2022, arXiv 2205.05198, §4.1):

    >>> from economics.architecture import classic_decoder
    >>> gpt = classic_decoder(num_layers=1, model_width=64, num_heads=4, vocabulary_size=10, context_length=32)
    >>> kept = layer_saved_tensors(gpt, sequence_length=32, attention="unfused", dropout=True)
    >>> sum(t.bytes_per_token for t in kept) == 34 * 64 + 5 * 4 * 32
    True
    """
    d, h, b = decoder.model_width, decoder.num_heads, value_bytes
    product = b if input_bytes is None else input_bytes
    tensors = [SavedTensor(name="layer_input", bytes_per_token=b * d, split="sequence", kept_by_selective=True)]
    core = _attention_tensors(decoder, b, product, dropout=dropout)
    if attention == "unfused":
        square = float(h * sequence_length)
        core.append(SavedTensor(name="softmax", bytes_per_token=b * square, split="tensor"))
        if dropout:
            core.append(SavedTensor(name="softmax_dropout", bytes_per_token=(1 + b) * square, split="tensor"))
    else:
        core.append(SavedTensor(name="log_sum_exp", bytes_per_token=4.0 * h, split="tensor", kept_by_selective=True))
    tensors += _times(core, decoder.attention_layers / decoder.num_layers)
    if decoder.state:
        values = b * decoder.state.saved_values_per_token(d) * decoder.num_state_layers / decoder.num_layers
        tensors.append(SavedTensor(name="state", bytes_per_token=values, split="tensor", kept_by_selective=True))
    if decoder.norms_per_layer > 1:
        tensors.append(SavedTensor(name="feed_forward_norm_input", bytes_per_token=b * d, split="sequence"))
    if decoder.norms_per_layer > 2:
        tensors.append(SavedTensor(name="post_norm_inputs", bytes_per_token=2 * b * d, split="sequence"))
    inner = _feed_forward_tensors(decoder, b, product, dropout=dropout, fused=fused, expert_layer=expert_layer)
    others = decoder.num_layers - decoder.num_expert_layers
    tensors += inner if expert_layer else _times(inner, decoder.num_dense_layers / max(1, others))
    return tuple(tensors)


def _times(tensors: list[SavedTensor], share: float) -> list[SavedTensor]:
    """The mean over layers of which only a share has these tensors."""
    if share == 1.0:
        return tensors
    return [replace(tensor, bytes_per_token=share * tensor.bytes_per_token) for tensor in tensors] if share else []


def _attention_tensors(decoder: Decoder, b: float, product: float, *, dropout: bool) -> list[SavedTensor]:
    d, h, k, e = decoder.model_width, decoder.num_heads, decoder.kv_heads, decoder.head
    values = h * decoder.value_head
    keys = h * e if decoder.latent else k * e
    value_inputs = values if decoder.latent else k * e
    tensors = [
        SavedTensor(name="projection_input", bytes_per_token=product * d, split="sequence"),
        SavedTensor(name="queries", bytes_per_token=b * h * e, split="tensor", kept_by_selective=True),
        SavedTensor(name="keys", bytes_per_token=b * keys, split="tensor"),
        SavedTensor(name="values", bytes_per_token=b * value_inputs, split="tensor", kept_by_selective=True),
        SavedTensor(name="attention_output", bytes_per_token=b * values, split="tensor", kept_by_selective=True),
    ]
    if decoder.latent:
        narrow = decoder.latent.kv_rank + decoder.latent.rope_width + decoder.latent.query_rank
        tensors.append(SavedTensor(name="latent", bytes_per_token=2 * b * narrow, split="sequence"))
    if decoder.qk_norm != "none":
        tensors.append(SavedTensor(name="qk_norm_inputs", bytes_per_token=b * (h + k) * e, split="tensor"))
    if dropout:
        tensors.append(SavedTensor(name="attention_dropout_mask", bytes_per_token=1.0 * d, split="sequence"))
    return tensors


def _feed_forward_tensors(
    decoder: Decoder, b: float, product: float, *, dropout: bool, fused: bool, expert_layer: bool
) -> list[SavedTensor]:
    d, mixture = decoder.model_width, decoder.mixture
    tensors = [SavedTensor(name="feed_forward_input", bytes_per_token=product * d, split="sequence")]
    if expert_layer and mixture:
        width = float(mixture.experts_per_token * mixture.expert_width + mixture.shared_width)
        dispatched = b * d * mixture.experts_per_token
        tensors.append(SavedTensor(name="dispatched", bytes_per_token=2 * dispatched, split="sequence"))
        tensors.append(SavedTensor(name="router", bytes_per_token=4.0 * mixture.num_experts, split="sequence"))
    else:
        width = float(decoder.feed_forward_width)
    if decoder.gated:
        tensors.append(SavedTensor(name="gate", bytes_per_token=b * width, split="tensor", kept_by_selective=True))
        tensors.append(SavedTensor(name="up", bytes_per_token=b * width, split="tensor"))
        if not fused:
            tensors.append(SavedTensor(name="activation", bytes_per_token=b * width, split="tensor"))
    else:
        tensors.append(SavedTensor(name="up", bytes_per_token=b * width, split="tensor", kept_by_selective=True))
    tensors.append(SavedTensor(name="down_input", bytes_per_token=product * width, split="tensor"))
    if dropout:
        tensors.append(SavedTensor(name="feed_forward_dropout_mask", bytes_per_token=1.0 * d, split="sequence"))
    return tensors


def kept_bytes_per_token(
    tensors: tuple[SavedTensor, ...],
    *,
    recompute: Recompute,
    attention: Attention = "flash",
    tensor: int = 1,
    sequence_parallel: bool = True,
    fused: bool = True,
) -> float:
    """Return the bytes per token that a layer keeps, after recomputing and the division among tensor ranks.

    `full` keeps the layer's input alone. `selective` gives up what is cheap for its size: with unfused attention the
    softmax square (Korthikanti); with flash attention, where no square is left, every second product and all that
    lies between (an eager policy also keeps the last product's output, which a compiler knows to be unused).
    """

    def share(tensor_: SavedTensor) -> float:
        divided = tensor > 1 and (tensor_.split == "tensor" or sequence_parallel)
        return tensor_.bytes_per_token / tensor if divided else tensor_.bytes_per_token

    if recompute == "full":
        return share(tensors[0])
    if recompute == "none":
        return sum(share(t) for t in tensors)
    if attention == "unfused":
        return sum(share(t) for t in tensors if not t.name.startswith("softmax"))
    kept = sum(share(t) for t in tensors if t.kept_by_selective)
    return kept if fused else kept + share(tensors[0])
