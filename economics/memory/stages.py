"""What the stages of a pipeline hold: layers, tables, and micro-batches on their way."""

from __future__ import annotations

from dataclasses import dataclass

from economics.architecture.decoder import Decoder
from economics.architecture.decoder_parts import attention_matmuls, expert_matmuls, state_matmuls
from economics.layout import Layout


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """Parameters that are divided alike."""

    per_device: float
    """Parameters on one device, after tensor, pipeline and expert parallelism, before ZeRO."""
    in_matrix: bool
    expert_ranks: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Stage:
    """One pipeline stage, as its memory sees it."""

    num_dense_layers: float
    num_expert_layers: float
    micro_batches_held: float
    has_embedding: bool
    has_head: bool
    groups: tuple[Group, ...]
    table_params: float
    largest_layer_params: float

    @property
    def parameters(self) -> float:
        """Parameters on one device, before ZeRO."""
        return sum(group.per_device for group in self.groups)


def _layer_params(decoder: Decoder, layout: Layout) -> tuple[float, float, float]:
    """Parameters on one device of a dense layer, of a mixture layer without experts, and of its experts."""
    parameters = decoder.parameters()
    parts, num_layers, num_expert = parameters.by_part, decoder.num_layers, decoder.num_expert_layers
    norms = parts.get("norms", 0) / num_layers
    split = (
        sum(m.stored for m in attention_matmuls(decoder) if m.split != "none") * decoder.attention_layers / num_layers
    )
    split += sum(m.stored for m in state_matmuls(decoder)) * decoder.num_state_layers / num_layers
    attention = (parts.get("attention", 0) + parts.get("state", 0)) / num_layers
    attention = attention - split + split / layout.tensor
    num_dense = num_layers - num_expert
    dense = parts.get("feed_forward", 0) / num_dense / layout.tensor if num_dense else 0.0
    shared = experts = 0.0
    if num_expert:
        shared = (parts.get("shared_experts", 0) / layout.tensor + parts.get("router", 0)) / num_expert
        experts = sum(m.stored for m in expert_matmuls(decoder) if m.part == "experts")
        experts /= layout.tensor * layout.expert
    return attention + norms + dense, attention + norms + shared, experts


def held_micro_batches(layout: Layout, num_micro_batches: int) -> float:
    """Return how many micro-batches' activations the first stage keeps, in units of its own layers.

    Plain 1F1B keeps one per stage; interleaving keeps 1 + (p - 1)/(p v) times as many (Korthikanti et al. 2022,
    §4.2.3). With fewer micro-batches than stages, only those.

    >>> round(held_micro_batches(Layout(pipeline=8, virtual=3), 64), 3)
    10.333
    """
    p, v = layout.pipeline, layout.virtual
    if p == 1:
        return 1.0
    factor = 1.0 + (p - 1) / (p * v) if v > 1 else 1.0
    return min(p, num_micro_batches) * factor


def pipeline_stages(decoder: Decoder, layout: Layout, num_micro_batches: int) -> tuple[Stage, ...]:
    """Return the first and the last stage: one of them is the fullest."""
    p = layout.pipeline
    dense_layer, mixture_layer, experts = _layer_params(decoder, layout)
    table = (decoder.vocabulary_size * decoder.table_width + decoder.widening) / layout.tensor
    positions = decoder.parameters().by_part.get("positions", 0)
    num_expert = decoder.num_expert_layers / p
    num_dense = (decoder.num_layers - decoder.num_expert_layers) / p
    # where layers do not divide evenly, the first stage has one more
    uneven = -(-decoder.num_layers // p) * p / decoder.num_layers
    stages = []
    for first in (True, False) if p > 1 else (True,):
        has_head = not first or p == 1
        factor = uneven if first else 1.0
        tables = (table + positions if first else 0.0) + (
            table if has_head and not (decoder.tied_embeddings and p == 1) else 0.0
        )
        layers = factor * (num_dense * dense_layer + num_expert * mixture_layer)
        groups = [Group(per_device=layers, in_matrix=True), Group(per_device=tables, in_matrix=False)]
        if experts:
            groups.append(Group(per_device=factor * num_expert * experts, in_matrix=True, expert_ranks=layout.expert))
        stages.append(
            Stage(
                num_dense_layers=num_dense * factor,
                num_expert_layers=num_expert * factor,
                micro_batches_held=held_micro_batches(layout, num_micro_batches) if first else 1.0,
                has_embedding=first,
                has_head=has_head,
                groups=tuple(groups),
                table_params=tables,
                largest_layer_params=max(dense_layer if num_dense else 0.0, mixture_layer + experts),
            )
        )
    return tuple(stages)
