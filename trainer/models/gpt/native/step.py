"""The step of step.cpp, for a decoder laid out on a processor.

Sizes: M tokens, W of them wanted, D model width, V vocabulary, K head width.
"""

from __future__ import annotations

import ctypes
import time
from ctypes import POINTER, c_float, c_int64, c_void_p
from typing import TYPE_CHECKING, cast

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from trainer.compress.quantised import Int4Linear, Int8Linear
from trainer.inference.projection import LayerProjection, Projection
from trainer.models.gpt.native.library import library
from trainer.models.gpt.native.threads import Threads

if TYPE_CHECKING:
    from trainer.inference.cache import KVCache
    from trainer.models.gpt.decoder import Decoder, Layer
    from trainer.models.gpt.model import Block

MOST_TOKENS = 64
"""A longer prompt is a matter of whole matrix products, which torch does well."""
ROWS, PIECE = 4, 32
"""Weights lie in pieces of so many inputs, those of four rows side by side."""
FLOAT32, BFLOAT16, INT8, INT4 = range(4)


class CMatrix(ctypes.Structure):
    _fields_ = [
        ("weights", c_void_p),
        ("scales", c_void_p),
        ("bias", c_void_p),
        ("outputs", c_int64),
        ("inputs", c_int64),
        ("kind", c_int64),
    ]


class CNorm(ctypes.Structure):
    _fields_ = [("weight", c_void_p), ("bias", c_void_p), ("width", c_int64), ("eps", c_float)]


class CLayer(ctypes.Structure):
    _fields_ = [
        *((name, CNorm) for name in ("attention_norm", "feed_forward_norm", "query_norm", "key_norm")),
        *((name, CMatrix) for name in ("qkv", "out", "up", "down")),
        ("keys", c_void_p),
        ("values", c_void_p),
    ]


class CModel(ctypes.Structure):
    _fields_ = [
        ("layers", POINTER(CLayer)),
        ("norm", CNorm),
        ("head", CMatrix),
        *(
            (name, c_int64)
            for name in (
                "num_layers", "width", "inner_width", "num_heads", "num_kv_heads", "head_width", "room", "gated", "silu",
            )
        ),
    ]  # fmt: skip


class CTokens(ctypes.Structure):
    _fields_ = [
        *((name, c_void_p) for name in ("rows", "positions", "cosines", "sines")),
        ("count", c_int64),
        ("wanted", c_void_p),
        ("num_wanted", c_int64),
    ]


class NativeStep:
    """A decoder's weights, laid out as the library reads them."""

    def __init__(self, decoder: Decoder, compiled: ctypes.CDLL) -> None:
        self._step, self._kept = compiled.step, list[Tensor]()
        self._cache, self._cached_at = decoder.cache, 0
        self._threads = Threads(torch.get_num_threads())
        blocks = cast("list[Block]", decoder.model.blocks)
        self._layers = (CLayer * len(decoder.layers))(*map(self._layer, decoder.layers, blocks))
        first, spec = decoder.layers[0], decoder.model.spec
        self._model = CModel(
            layers=self._layers,
            norm=self._norm(decoder.model.norm),
            head=self._matrix(decoder.head),
            num_layers=len(decoder.layers),
            width=spec.model_width,
            inner_width=spec.width_of_feed_forward,
            num_heads=first.num_heads,
            num_kv_heads=first.num_kv_heads,
            head_width=first.head_width,
            gated=first.gated,
            silu=first.activation == "silu",
        )

    def __call__(
        self, x: Tensor, rows: Tensor, positions: Tensor, wanted: Tensor, rotation: tuple[Tensor, Tensor] | None
    ) -> tuple[Tensor, Tensor]:
        """Return hidden states (W, D) and logits (W, V) behind the wanted ones (W,) of some tokens (M).

        Their vectors x (M, D) are written over. `rows` and `positions` (M,) say where their keys and values go;
        `rotation` are cosines and sines (M, K).
        """
        self._follow_cache()
        hidden, logits = (x.new_empty(len(wanted), size) for size in (x.size(1), self._model.head.outputs))
        cosines, sines = rotation or (None, None)
        tokens = CTokens(
            rows=rows.data_ptr(),
            positions=positions.data_ptr(),
            cosines=cosines.data_ptr() if cosines is not None else None,
            sines=sines.data_ptr() if sines is not None else None,
            count=len(x),
            wanted=wanted.data_ptr(),
            num_wanted=len(wanted),
        )
        addresses = (c_void_p(each.data_ptr()) for each in (x, hidden, logits))
        number, began = self._threads.number(), time.perf_counter()
        self._step(ctypes.byref(self._model), ctypes.byref(tokens), c_int64(number), *addresses)
        self._threads.took(number, len(x), time.perf_counter() - began)
        return hidden, logits

    @property
    def size_bytes(self) -> int:
        return sum(each.numel() * each.element_size() for each in self._kept)

    def _follow_cache(self) -> None:
        """Point to the keys and values where they are now."""
        cache: KVCache = self._cache
        if cache.keys.data_ptr() != self._cached_at:
            self._cached_at, self._model.room = cache.keys.data_ptr(), cache.length
            for layer, keys, values in zip(self._layers, cache.keys, cache.values, strict=True):
                layer.keys, layer.values = keys.data_ptr(), values.data_ptr()

    def _layer(self, layer: Layer, block: Block) -> CLayer:
        attention = block.attention
        norms = (block.attention_norm, block.feed_forward_norm, attention.query_norm, attention.key_norm)
        return CLayer(*map(self._norm, norms), *map(self._matrix, layer.projections))

    def _norm(self, norm: nn.Module) -> CNorm:
        if isinstance(norm, nn.Identity):
            return CNorm()
        assert isinstance(norm, nn.LayerNorm | nn.RMSNorm)
        bias = norm.bias if isinstance(norm, nn.LayerNorm) else None
        assert norm.eps is not None
        return CNorm(self._floats(norm.weight), self._floats(bias), norm.weight.numel(), norm.eps)

    def _matrix(self, matrix: Projection | LayerProjection) -> CMatrix:
        if isinstance(matrix, Projection):
            kind = BFLOAT16 if matrix.dtype == torch.bfloat16 else FLOAT32
            weights, bias, scales, num_inputs = matrix.weight.to(matrix.dtype), matrix.bias, None, matrix.weight.size(1)
        else:
            layer = matrix.layer
            assert isinstance(layer, Int8Linear | Int4Linear)
            kind = INT8 if isinstance(layer, Int8Linear) else INT4
            weights, bias, num_inputs = layer.q, layer.bias, layer.q.size(1) * (2 if kind == INT4 else 1)
            scales = self._floats(layer.scale) if kind == INT8 else self._address(in_fours(layer.scale, 1))
        per_number = weights.size(1) / num_inputs
        return CMatrix(
            weights=self._address(in_fours(weights, round(PIECE * per_number))),
            scales=scales,
            bias=self._floats(bias),
            outputs=weights.size(0),
            inputs=-(-num_inputs // PIECE) * PIECE,
            kind=kind,
        )

    def _floats(self, numbers: Tensor | None) -> int | None:
        return None if numbers is None else self._address(numbers.detach().float().contiguous())

    def _address(self, numbers: Tensor) -> int:
        """Return where numbers lie, and keep them there."""
        self._kept.append(numbers)
        return numbers.data_ptr()


def in_fours(weights: Tensor, piece: int) -> Tensor:
    """Return weights (N, K) as (N / 4, K / piece, 4, piece), filled up with zeros."""
    padded = F.pad(weights.detach(), (0, -weights.size(1) % piece, 0, -weights.size(0) % ROWS))
    return padded.view(padded.size(0) // ROWS, ROWS, -1, piece).transpose(1, 2).contiguous()


def native_step(decoder: Decoder) -> NativeStep | None:
    """Return the library's step for a decoder; None where there is no library, or it does not know the numbers."""
    if decoder.cache.keys.device.type != "cpu" or not all(map(is_known, decoder.projections)):
        return None
    if any(layer.gated and decoder.model.spec.width_of_feed_forward % ROWS for layer in decoder.layers):
        return None  # both halves of a gated matrix begin with whole fours of rows
    compiled = library()
    return None if compiled is None else NativeStep(decoder, compiled)


def is_known(matrix: Projection | LayerProjection) -> bool:
    if isinstance(matrix, Projection):
        return matrix.dtype in {torch.float32, torch.bfloat16}
    return type(matrix.layer) in {Int8Linear, Int4Linear}
