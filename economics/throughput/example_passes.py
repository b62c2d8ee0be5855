"""Seconds of one micro-batch, forward and backward, in models that are no decoders."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

from economics.architecture.convolution import Convolution, ConvolutionalNetwork
from economics.architecture.decoder import Decoder
from economics.architecture.detector import Fcos
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.recommender import DLRM, Recommender, SASRec, TwoTower
from economics.architecture.vision import VisionTransformer
from economics.errors import InputError
from economics.example_work import ExampleWork
from economics.hardware import Accelerator, Number
from economics.memory.states import compute_bytes
from economics.throughput.layer import LayerTime, layer_time
from economics.throughput.operations import attention_seconds, copy_seconds, matmul_seconds
from economics.throughput.sampled import (
    PAIR_PASSES_BACKWARD,
    PAIR_PASSES_FORWARD,
    candidates_of,
    places_of,
    rows_read,
)


def lookup_fraction(row_bytes: float) -> float:
    """Return the share of the streaming rate that reading rows from anywhere in a table reaches.

    Each row costs as much as half a kilobyte more: pages opened for it, and the parts of bursts that nobody asked for.

    >>> lookup_fraction(512.0), round(lookup_fraction(64.0), 2)
    (0.5, 0.11)
    """
    return row_bytes / (row_bytes + 512.0)


CHANNELS_AT_ONCE = {"cpu": (16, 16), "accelerator": (64, 128)}
"""Channels in and out that a convolution works on together, a vector of 16 on a processor, a tile of matrix units
elsewhere: narrower ones leave a part of them empty."""


@dataclass(slots=True)
class Passes:
    """Seconds of one micro-batch by part, forward and backward."""

    forward: float = 0.0
    backward: float = 0.0
    matmul: float = 0.0
    attention: float = 0.0
    elementwise: float = 0.0
    lookup: float = 0.0
    exchanged_bytes: float = 0.0
    """Looked-up rows of one micro-batch that devices exchange."""
    num_kernels: float = 0.0

    def add(self, part: str, forward: float, backward: float, kernels: float = 0.0) -> None:
        """Add to a part, and to the pass that it belongs to."""
        setattr(self, part, getattr(self, part) + forward + backward)
        self.forward += forward
        self.backward += backward
        self.num_kernels += kernels

    def product(
        self, device: Accelerator, rows: float, inner: float, columns: float, number: Number, *, times: float = 1.0
    ) -> None:
        """Add a product: once forward, and backward for the gradients of its input and of its weights."""
        forward = matmul_seconds(device, rows, inner, columns, number=number)
        backward = matmul_seconds(device, rows, columns, inner, number=number)
        backward += matmul_seconds(device, inner, rows, columns, number=number, out_bytes=4.0)
        self.add("matmul", times * forward, times * backward, 3 * times)

    def layers(self, layer: LayerTime, count: int) -> None:
        """Add layers of a Transformer."""
        for part in ("matmul", "attention", "elementwise"):
            forward, backward = getattr(layer, f"{part}_forward"), getattr(layer, f"{part}_backward")
            self.add(part, count * forward, count * backward)
        self.num_kernels += 3 * count * layer.num_kernels


def passes_of(work: ExampleWork) -> Passes:
    """Return the seconds of one micro-batch.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> from economics.example_work import ExampleWork
    >>> found = passes_of(ExampleWork(architecture=preset("vit-b-16"), accelerator=find_accelerator("a100"),
    ...                               num_examples=128, micro_batch=128))
    >>> 1.9 < found.backward / found.forward < 2.6
    True
    """
    architecture, number = work.architecture, work.precision
    if isinstance(architecture, VisionTransformer):
        return _vision(architecture, work, number)
    if isinstance(architecture, EncoderDecoder):
        return _encoder_decoder(architecture, work, number)
    if isinstance(architecture, ConvolutionalNetwork | Fcos):
        return _convolutions(architecture.layers(), work, number)
    if isinstance(architecture, Recommender):
        return _recommender(architecture, work, number)
    raise InputError("model", architecture.kind, "an architecture whose training this package times")


def _layer(decoder: Decoder, work: ExampleWork, length: int, number: Number) -> LayerTime:
    return layer_time(
        decoder, work.accelerator, micro_batch=work.micro_batch, sequence_length=length, number=number, fused=work.fused,
        value_bytes=4.0 if number in ("fp32", "tf32") else 2.0,
    )  # fmt: skip


def vision_layers(v: VisionTransformer) -> Decoder:
    """The layers of a Vision Transformer, as a decoder that sees everything."""
    return Decoder(
        num_layers=v.num_layers, model_width=v.model_width, num_heads=v.num_heads, vocabulary_size=max(1, v.num_classes),
        feed_forward_width=v.feed_forward, context_length=v.num_tokens, norm="layer", gated=False, positions="learned",
        causal=False,
    )  # fmt: skip


def encoder_layers(e: EncoderDecoder, *, causal: bool) -> Decoder:
    """One side of an encoder-decoder, without the attention across."""
    return Decoder(
        num_layers=e.num_decoder_layers if causal else e.num_encoder_layers, model_width=e.model_width,
        num_heads=e.num_heads, head_width=e.inner // e.num_heads, vocabulary_size=e.vocabulary_size,
        feed_forward_width=e.feed_forward_width, gated=e.gated, norm=e.norm, positions="none", causal=causal,
        tied_embeddings=e.tied_embeddings,
    )  # fmt: skip


def _vision(v: VisionTransformer, work: ExampleWork, number: Number) -> Passes:
    out, b = Passes(), float(work.micro_batch)
    out.layers(_layer(vision_layers(v), work, v.num_tokens, number), v.num_layers)
    out.product(work.accelerator, b * (v.num_tokens - 1), v.patch_matmul / v.model_width, v.model_width, number)
    if v.num_classes:
        out.product(work.accelerator, b, v.model_width, v.num_classes, number)
    return out


def _encoder_decoder(e: EncoderDecoder, work: ExampleWork, number: Number) -> Passes:
    out, device = Passes(), work.accelerator
    b, d, inner = float(work.micro_batch), e.model_width, e.inner
    source, target = b * work.source_length, b * work.target_length
    out.layers(_layer(encoder_layers(e, causal=False), work, work.source_length, number), e.num_encoder_layers)
    out.layers(_layer(encoder_layers(e, causal=True), work, work.target_length, number), e.num_decoder_layers)
    # attention across: queries and output of the target, keys and values of the source
    for rows, width, columns in ((target, d, inner), (target, inner, d), (source, d, inner), (source, d, inner)):
        out.product(device, rows, width, columns, number, times=e.num_decoder_layers)
    core = attention_seconds(
        device, 4.0 * target * work.source_length * inner, head_width=inner // e.num_heads, number=number
    )
    out.add("attention", e.num_decoder_layers * core, 2.5 * e.num_decoder_layers * core, 2 * e.num_decoder_layers)
    out.product(device, target, d, e.vocabulary_size, number)
    loss = copy_seconds(device, target * e.vocabulary_size)
    out.add("elementwise", 6.0 * loss, 10.0 * loss)
    return out


def _convolutions(layers: Iterable[Convolution], work: ExampleWork, number: Number) -> Passes:
    """Convolutions as products over positions; their norms and activations stream each output three times forward and
    five times backward (half as often again without a compiler)."""
    out, device, b = Passes(), work.accelerator, float(work.micro_batch)
    value_bytes = 4.0 if number in ("fp32", "tf32") else 2.0
    eager = 1.0 if work.fused else 1.5
    tile = CHANNELS_AT_ONCE["cpu" if device.kind == "cpu" else "accelerator"]
    for layer in layers:
        rows, inner = b * layer.height**2, float(layer.inputs * layer.kernel**2)
        moved = value_bytes * (rows * layer.inputs + layer.weights + rows * layer.outputs)
        forward = matmul_seconds(
            device, rows, -(-inner // tile[0]) * tile[0], -(-layer.outputs // tile[1]) * tile[1], number=number,
            moved_bytes=moved,
        )  # fmt: skip
        out.add("matmul", forward, 2.0 * forward, 9)
        values = copy_seconds(device, eager * value_bytes * rows * layer.outputs) if layer.height > 1 else 0.0
        out.add("elementwise", 3.0 * values, 5.0 * values, 6)
    return out


def _recommender(m: Recommender, work: ExampleWork, number: Number) -> Passes:
    out, device, b = Passes(), work.accelerator, float(work.micro_batch)
    candidates = candidates_of(m, b)
    chains: list[tuple[float, tuple[int, ...]]] = []
    """Rows, and widths of the dense layers that they pass."""
    if isinstance(m, SASRec):
        out.layers(_layer(m.as_decoder(), work, m.context_length, number), m.num_layers)
        num_tables, pairs = len(m.table_rows), b
    elif isinstance(m, DLRM):
        num_tables, pairs = len(m.table_rows), b * (1 + candidates)
        chains = [(pairs, m.bottom), (pairs, (m.interaction_width, *m.top))]
        if m.interaction == "cross":
            chains += m.cross_layers * [(pairs, (m.interaction_width, m.cross_rank, m.interaction_width))]
    else:
        num_tables, pairs = len(m.user_rows) + len(m.item_rows), b
        chains = list(zip((b, b + candidates), m.widths(), strict=True))
    for rows, chain in chains:
        for inner, columns in pairwise(chain):
            out.product(device, rows, inner, columns, number)
            values = copy_seconds(device, 2.0 * rows * columns)
            out.add("elementwise", 3.0 * values, 4.0 * values, 4)
    interacting = copy_seconds(device, 2.0 * pairs * (num_tables + 1) * m.embedding_width)
    out.add("elementwise", 3.0 * interacting, 4.0 * interacting, 8)
    if candidates:
        queries = b * places_of(m)
        if not isinstance(m, DLRM):
            width = m.tower[-1] if isinstance(m, TwoTower) else m.embedding_width
            out.product(device, queries, width, candidates, number)
        scores = copy_seconds(device, 4.0 * queries * candidates)
        out.add("elementwise", PAIR_PASSES_FORWARD * scores, PAIR_PASSES_BACKWARD * scores, 24)
    row_bytes = 4.0 * m.embedding_width
    read = copy_seconds(device, rows_read(m, b) * row_bytes / lookup_fraction(row_bytes))
    out.add("lookup", read, 3.0 * read, 6)
    # rows travel in the precision that computes
    out.exchanged_bytes = compute_bytes(work.precision) * b * num_tables * m.embedding_width
    return out
