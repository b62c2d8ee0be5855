"""A usual dense decoder of about N parameters, when nothing else of the model is known."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import lru_cache

from economics.architecture.decoder import Decoder
from economics.architecture.decoder_shape import Mixture
from economics.architecture.forms import modern_decoder
from economics.errors import InputError


def _candidate(num_layers: int, width: int, head: int, vocabulary_size: int, grouped: bool, tied: bool) -> Decoder:
    num_heads = width // head
    groups = 8 if grouped and num_heads % 8 == 0 and num_heads >= 16 else num_heads
    inner = max(64, round(2.6875 * width / 64) * 64)
    if grouped and groups < num_heads:
        inner = max(64, round(3.25 * width / 64) * 64)
    return modern_decoder(
        num_layers=num_layers,
        model_width=width,
        num_heads=num_heads,
        num_kv_heads=groups,
        head_width=head,
        feed_forward_width=inner,
        vocabulary_size=vocabulary_size,
        tied_embeddings=tied,
        context_length=8192,
    )


def usual_vocabulary(num_params: float) -> int:
    """Return a vocabulary in proportion to the model: 2,048 for a toy, 128k from 3 B parameters on.

    >>> usual_vocabulary(8e9), usual_vocabulary(1.3e8), usual_vocabulary(1e6)
    (128256, 50304, 2048)
    """
    if num_params >= 3e9:
        return 128_256
    if num_params >= 5e7:
        return 50_304
    return 8_192 if num_params >= 5e6 else 2_048


@lru_cache(maxsize=512)
def decoder_of_size(num_params: float, *, vocabulary_size: int = 0) -> Decoder:
    """Return a usual dense decoder whose parameter count is as near `num_params` as whole layers and heads allow.

    The form is today's common one (rotary positions, RMSNorm, gated feed-forward; heads of 128, of 64 below
    1 B; 8 key-value heads from 3 B on). Depth follows width in the ratio d = 128 L of published families (4096/32,
    8192/80; the largest are wider), with freedom for the nearest count. The choice of shape moves time and memory by
    a few per cent only; the count moves them in proportion.

    Parameters
    ----------
    num_params : parameters wanted, embeddings included; 1e4 to 1e14
    vocabulary_size : 0 takes a usual one for the size

    Raises
    ------
    InputError : if `num_params` is outside the range

    >>> wanted = decoder_of_size(7e9)
    >>> abs(wanted.parameters().total / 7e9 - 1) < 0.02
    True
    """
    if not 1e4 <= num_params <= 1e14:
        raise InputError("params", num_params, "between 1e4 and 1e14")
    vocabulary = vocabulary_size or usual_vocabulary(num_params)
    head = 128 if num_params >= 1e9 else 64 if num_params >= 1e8 else 32 if num_params >= 5e6 else 16
    grouped, tied = num_params >= 3e9, num_params < 1e9
    ideal_width = _ideal_width(num_params, vocabulary, tied)
    best: tuple[float, Decoder] | None = None
    for width in _widths_near(ideal_width, head):
        per_layer = _one_layer(width, head, vocabulary, grouped, tied)
        fixed = _candidate(1, width, head, vocabulary, grouped, tied).parameters().total - per_layer
        for num_layers in {
            max(1, math.floor((num_params - fixed) / per_layer)),
            _ceil((num_params - fixed) / per_layer),
        }:
            miss = abs(math.log((fixed + num_layers * per_layer) / num_params))
            shape = 0.15 * abs(math.log(width / ideal_width))
            decoder = _candidate(num_layers, width, head, vocabulary, grouped, tied)
            if best is None or miss + shape < best[0]:
                best = (miss + shape, decoder)
    assert best is not None
    return best[1]


@lru_cache(maxsize=128)
def mixture_of_size(total_params: float, active_params: float, *, experts_per_token: int = 8) -> Decoder:
    """Return a mixture of experts of about so many parameters in all and per token.

    Attention and tables are those of the dense decoder of the active size; half of the active feed-forward width
    that remains goes to each token's experts in equal shares, and as many experts exist as the total asks for.

    Raises
    ------
    InputError : if the active parameters are not fewer than the total

    >>> found = mixture_of_size(671e9, 37e9).parameters()
    >>> abs(found.total / 671e9 - 1) < 0.05, abs(found.active / 37e9 - 1) < 0.05
    (True, True)
    """
    if not 0 < active_params < total_params:
        raise InputError("active_params", active_params, f"above 0 and below params ({total_params:g})")
    dense = decoder_of_size(float(active_params))
    per_token = 2 if total_params / active_params < 4.5 else experts_per_token
    width = max(64, round(dense.feed_forward_width / per_token / 64) * 64)
    one = dense.num_layers * 3 * dense.model_width * width
    spare = total_params - (dense.parameters().total - per_token * one)
    num_experts = max(per_token + 1, round(spare / one))
    if num_experts > 16:
        num_experts = 8 * round(num_experts / 8)
    # whole experts are coarse where few exist: their width takes up the rest
    mixture = Mixture(num_experts=num_experts, experts_per_token=per_token, expert_width=width)
    return replace(dense, mixture=mixture)


def _ceil(value: float) -> int:
    return max(1, math.ceil(value))


def _one_layer(width: int, head: int, vocabulary: int, grouped: bool, tied: bool) -> int:
    one = _candidate(1, width, head, vocabulary, grouped, tied).parameters().total
    return _candidate(2, width, head, vocabulary, grouped, tied).parameters().total - one


def usual_aspect(num_params: float) -> float:
    """Return the usual model width over the number of layers: 128, and wider from 200 B parameters on.

    >>> usual_aspect(7e9), round(usual_aspect(1e12))
    (128.0, 207)
    """
    return 128.0 * float(max(1.0, num_params / 2e11) ** 0.3)


def _ideal_width(num_params: float, vocabulary: int, tied: bool) -> float:
    """Solve 12 L d² + tables = N with L = d / 128 (or fewer layers where that leaves under one)."""
    low, high = 16.0, 1e6
    for _ in range(80):
        width = math.sqrt(low * high)
        layers = max(1.0, width / usual_aspect(num_params) if width > 1024 else 8 * width / 1024)
        total = 12.5 * layers * width**2 + vocabulary * width * (1 if tied else 2)
        low, high = (width, high) if total < num_params else (low, width)
    return math.sqrt(low * high)


def _widths_near(ideal: float, head: int) -> list[int]:
    steps = max(1, round(ideal / head))
    step = 1 if steps < 16 else 2 if steps < 32 else 8
    centre = max(step, round(steps / step) * step)
    return [head * (centre + step * offset) for offset in range(-3, 4) if centre + step * offset >= 1]
