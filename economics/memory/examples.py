"""Memory of training models that are no decoders, per device, by part."""

from __future__ import annotations

from economics.architecture.convolution import ConvolutionalNetwork
from economics.architecture.decoder import Decoder
from economics.architecture.detector import Fcos
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.recommender import DLRM, Recommender, SASRec, TwoTower
from economics.architecture.vision import VisionTransformer
from economics.assumptions import COMMUNICATION_BUFFER_BYTES, DEVICE_CONTEXT_BYTES, LOGIT_BYTES
from economics.constants import MEMORY_FRAGMENTATION
from economics.errors import InputError
from economics.example_work import ExampleWork
from economics.memory.activations import kept_bytes_per_token, layer_saved_tensors
from economics.memory.states import Optimizer, compute_bytes, state_bytes_per_parameter
from economics.memory.training import TrainingMemory
from economics.throughput.example_passes import encoder_layers, vision_layers
from economics.throughput.sampled import candidates_of, places_of


def example_training_memory(work: ExampleWork, *, optimizer: Optimizer = "adamw") -> TrainingMemory:
    """Return the memory that one step takes on a device.

    Weights, gradients and optimizer as in a decoder. Tables of a recommender are fp32 and lie divided over all devices; their
    gradients exist only for the rows of a batch, unless tables are updated whole. What the optimizer keeps of them the
    architecture says (`table_optimizer`).
    A convolution keeps what it writes and what its norm makes of it. Recomputing in full keeps a layer's input alone.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> from economics.example_work import ExampleWork
    >>> work = ExampleWork(architecture=preset("resnet-50"), accelerator=find_accelerator("a100"), num_examples=256,
    ...                    micro_batch=256)
    >>> 8e9 < example_training_memory(work).device_total < 25e9
    True
    """
    layout, b = work.layout, float(work.micro_batch)
    counted = work.architecture.parameters()
    tables = float(counted.by_part.get("tables", 0))
    dense = counted.total - tables
    state = state_bytes_per_parameter(precision=work.precision, optimizer=optimizer, zero=layout.zero)
    weights = state.weights * dense / (layout.data if layout.zero >= 3 else 1)
    gradients = state.gradients * dense / (layout.data if layout.zero >= 2 else 1)
    moments = state.optimizer * dense / (layout.data if layout.zero >= 1 else 1)
    gathered = 0.0
    if layout.zero >= 3 and layout.data > 1:
        gathered = dense * compute_bytes(work.precision) / max(1, _num_layers(work)) * 3.0
    if tables and isinstance(work.architecture, Recommender):
        weights += 4.0 * tables / layout.num_accelerators
        whole = work.architecture.table_optimizer == "whole"
        gradients += 4.0 * tables / layout.num_accelerators if whole else 0.0
        row_wise = work.architecture.table_optimizer == "row_wise"
        moments += (4.0 / work.architecture.embedding_width if row_wise else 8.0) * tables / layout.num_accelerators
    activations, logits, workspace = _activations(work)
    allocated = weights + gradients + moments + gathered + b * (activations + logits + workspace)
    unified = work.accelerator.kind != "accelerator"
    return TrainingMemory(
        weights=weights,
        gradients=gradients,
        optimizer=moments,
        activations=b * activations,
        logits=b * logits,
        gathered=gathered,
        workspace=b * workspace,
        fragmentation=allocated * (MEMORY_FRAGMENTATION.value - 1.0),
        context=0.0 if unified else DEVICE_CONTEXT_BYTES.value,
        communication=COMMUNICATION_BUFFER_BYTES.value if layout.num_accelerators > 1 else 0.0,
    )


def _num_layers(work: ExampleWork) -> int:
    a = work.architecture
    if isinstance(a, VisionTransformer):
        return a.num_layers
    if isinstance(a, EncoderDecoder):
        return a.num_encoder_layers + a.num_decoder_layers
    return 16


def _activations(work: ExampleWork) -> tuple[float, float, float]:
    """Bytes per example: kept activations, logits, and what the layer at work needs beside them."""
    a, value_bytes = work.architecture, compute_bytes(work.precision)
    if isinstance(a, VisionTransformer):
        kept, more = _transformer(vision_layers(a), a.num_tokens, a.num_layers, work)
        return kept, 4.0 * 3 * a.num_classes, more
    if isinstance(a, EncoderDecoder):
        kept, more = _transformer(encoder_layers(a, causal=False), work.source_length, a.num_encoder_layers, work)
        across = 0.0
        if not work.full_recompute:  # queries and output of the target, keys and values of the source
            across = (
                value_bytes * a.inner * (3.0 * work.target_length + 2.0 * work.source_length) * a.num_decoder_layers
            )
        targets = _transformer(encoder_layers(a, causal=True), work.target_length, a.num_decoder_layers, work)
        return kept + targets[0] + across, LOGIT_BYTES.value * work.target_length * a.vocabulary_size, more
    if isinstance(a, ConvolutionalNetwork | Fcos):
        values = [float(layer.outputs * layer.height**2) for layer in a.layers()]
        kept = value_bytes * sum(values) * (0.5 if work.full_recompute else 2.0)
        return kept, 0.0, 3.0 * value_bytes * max(values)
    if isinstance(a, DLRM):
        widths = sum(a.bottom) + a.interaction_width * (1 + a.cross_layers * (a.interaction == "cross")) + sum(a.top)
        read = len(a.table_rows) * a.embedding_width * 4.0
        pairs = 1.0 + candidates_of(a, work.micro_batch)
        return pairs * (2.0 * value_bytes * widths + 2.0 * read), 0.0, read
    if isinstance(a, SASRec):
        kept, more = _transformer(a.as_decoder(), a.context_length, a.num_layers, work)
        return kept, _scores(a, work), more
    if isinstance(a, TwoTower):
        widths = sum(sum(w) for w in a.widths())
        read = (len(a.user_rows) + len(a.item_rows)) * a.embedding_width * 4.0
        return 2.0 * value_bytes * widths + read, _scores(a, work), read
    raise InputError("model", a.kind, "an architecture whose training this package times")


SCORE_BYTES = 20.0
"""Kept of the score of a query with a candidate: five numbers, from the product to the softmax."""


def _scores(model: Recommender, work: ExampleWork) -> float:
    """Bytes per example of the scores that items taken are told apart by."""
    return SCORE_BYTES * places_of(model) * candidates_of(model, work.micro_batch)


def _transformer(layers: Decoder, length: int, count: int, work: ExampleWork) -> tuple[float, float]:
    """Bytes per example that layers keep, and what one of them needs while it computes."""
    tensors = layer_saved_tensors(
        layers, sequence_length=length, value_bytes=compute_bytes(work.precision), fused=work.fused
    )
    whole = kept_bytes_per_token(tensors, recompute="none", fused=work.fused)
    kept = kept_bytes_per_token(tensors, recompute="full", fused=work.fused) if work.full_recompute else whole
    widest = max(t.bytes_per_token for t in tensors)
    return kept * length * count, length * (whole - kept + 2.0 * widest)
