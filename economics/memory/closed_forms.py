"""Closed forms from the literature, kept as exact checks of the counting from tensors."""

from __future__ import annotations

from economics.errors import InputError


def layer_activation_bytes(
    *,
    sequence_length: int,
    micro_batch: int,
    model_width: int,
    num_heads: int,
    tensor: int = 1,
    sequence_parallel: bool = False,
    selective: bool = False,
) -> float:
    """Return the activations of one classic layer with dropout, in bytes, by the published closed form.

    s b d (10 + 24/t + 5 h s / (d t)) with tensor parallelism alone, s b d (34 + 5 h s / d)/t with sequence
    parallelism beside it; recomputing selectively (or flash attention) removes the term in h s.

    Source
    ------
    Korthikanti et al. 2022, arXiv 2205.05198, equations 1-4.

    >>> layer_activation_bytes(sequence_length=2048, micro_batch=4, model_width=6144, num_heads=64, tensor=8
    ...                        ) * 48 / 2**30   # 48 layers, in GiB
    59.25
    """
    if tensor < 1:
        raise InputError("tensor", tensor, "at least 1")
    s, b, d, h, t = sequence_length, micro_batch, model_width, num_heads, tensor
    square = 0.0 if selective else 5.0 * h * s / d
    if sequence_parallel:
        return s * b * d * (34.0 + square) / t
    return s * b * d * (10.0 + 24.0 / t + square / t)


def pipeline_activation_bytes(
    *,
    num_layers: int,
    pipeline: int,
    virtual: int = 1,
    **layer: int | bool,
) -> float:
    """Return the activations of the first pipeline stage: L layers' worth, times 1 + (p-1)/(p v) if interleaved.

    >>> pipeline_activation_bytes(num_layers=96, pipeline=8, virtual=3, sequence_length=2048, micro_batch=1,
    ...     model_width=12288, num_heads=96, tensor=8) / 2**30
    66.84375
    """
    factor = 1.0 + (pipeline - 1) / (pipeline * virtual) if virtual > 1 else 1.0
    return num_layers * factor * layer_activation_bytes(**layer)  # type: ignore[arg-type]


def state_bytes_on_first_stage(*, num_layers: int, model_width: int, vocabulary_size: int, tensor: int, pipeline: int,
                               bytes_per_parameter: float = 18.0) -> float:  # fmt: skip
    """Return weights, gradients and optimizer state of one device, with layers counted as 12 d².

    >>> round(state_bytes_on_first_stage(num_layers=2, model_width=8, vocabulary_size=0, tensor=1, pipeline=1))
    27648
    """
    layers = 12.0 * num_layers * model_width**2 / pipeline
    table = vocabulary_size * model_width
    return bytes_per_parameter * (layers + table) / tensor


def divided_state_bytes(*, num_params: float, data: int, zero: int, largest_layer_params: float = 0.0) -> float:
    """Return training state with ZeRO by its common closed forms: 2P + 18P/N (stage 2), 4 L_max + 18P/N (stage 3).

    They bound what DeepSpeed's estimator prints for mixed precision with fp32 gradients in the optimizer.

    >>> divided_state_bytes(num_params=1e9, data=8, zero=2)
    4250000000.0
    """
    if zero == 2:
        return 2.0 * num_params + 18.0 * num_params / data
    if zero == 3:
        return 4.0 * largest_layer_params + 18.0 * num_params / data
    raise InputError("zero", zero, "2 or 3")
