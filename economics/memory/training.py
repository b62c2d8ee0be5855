"""Memory of training a decoder, per device, by part.

A device holds the state of its parameters (weights, gradients, what the optimizer keeps: `memory.states`), divided as the
layout says; the activations that layers keep for the backward pass (`memory.activations`), which grow with the micro-batch and
the length; the logits, tokens x vocabulary, often the peak where vocabularies are large; and, where weights are divided, whole
copies of the layers at work. Three totals, each to be compared only with its own kind:

- `allocated_peak`: live tensors at the worst moment;
- `reserved_peak`: what the allocator holds, with what fragments: what training logs print;
- `device_total`: with the device's context and buffers of collectives: what must fit.

Units: bytes, of the fullest device. Range: reserved peaks of ten measured rows are met within 1 % at the median, of eight
that nothing was fitted to within 5 %. Left out: the data loader, other processes, and workspaces that libraries choose by
themselves.

Source: Korthikanti et al. 2022 (arXiv 2205.05198); Rajbhandari et al. 2020 (arXiv 1910.02054).

Dividing the optimizer among eight data ranks, then gradients, then weights:

>>> from economics.architecture.lookup import find_decoder
>>> llama = find_decoder("llama-2-7b")[0]
>>> for zero in (0, 1, 2, 3):
...     held = training_memory(llama, sequence_length=2048, layout=Layout(data=8, zero=zero), recompute="full")
...     print(zero, round((held.weights + held.gradients + held.optimizer) / 1e9))
0 121
1 51
2 27
3 13
"""

from __future__ import annotations

from dataclasses import dataclass

from economics.architecture.decoder import Decoder
from economics.assumptions import COMMUNICATION_BUFFER_BYTES, DEVICE_CONTEXT_BYTES, LOGIT_BYTES
from economics.constants import MEMORY_FRAGMENTATION
from economics.flop.decoder import Recompute
from economics.layout import Layout
from economics.memory.activations import Attention, kept_bytes_per_token, layer_saved_tensors
from economics.memory.stages import Stage, pipeline_stages
from economics.memory.states import Optimizer, Precision, compute_bytes, state_bytes_per_parameter


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainingMemory:
    """Bytes on the fullest device, by part; every total is a sum of parts."""

    weights: float
    gradients: float
    optimizer: float
    activations: float
    logits: float
    gathered: float
    """Whole weights and gradients of the layers at work, where they are divided among data ranks."""
    workspace: float
    """Gradients of activations and recomputed activations of the layer at work, and sequences gathered for its products."""
    fragmentation: float
    context: float
    communication: float

    @property
    def allocated_peak(self) -> float:
        """Live tensors at the worst moment."""
        states = self.weights + self.gradients + self.optimizer
        return states + self.activations + self.logits + self.gathered + self.workspace

    @property
    def reserved_peak(self) -> float:
        """What a caching allocator holds (what training logs print)."""
        return self.allocated_peak + self.fragmentation

    @property
    def device_total(self) -> float:
        """All that is taken on the device: what must fit."""
        return self.reserved_peak + self.context + self.communication

    def by_part(self) -> dict[str, float]:
        """The parts; they sum to `device_total`."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


def training_memory(
    decoder: Decoder,
    *,
    sequence_length: int,
    micro_batch: float = 1,
    layout: Layout | None = None,
    num_micro_batches: int = 1,
    precision: Precision = "bf16",
    optimizer: Optimizer = "adamw",
    recompute: Recompute = "none",
    attention: Attention = "flash",
    dropout: bool = False,
    fused: bool = True,
    loss_chunks: int = 1,
    sequence_parallel: bool = True,
    trainable_fraction: float = 1.0,
    unified_memory: bool = False,
    tuned: bool = False,
) -> TrainingMemory:
    """Return the memory that one training step takes on the fullest device.

    The worst moment is taken as the larger of two: at the loss, when every layer's activations are kept and the
    logits exist; and in the first layer of the backward pass, when a layer's gradients (or, recomputing, its
    activations once more) are added. The first pipeline stage holds as many micro-batches as there are stages, the
    last holds the logits; the fuller of the two counts. Left out: memory of the data loader, of other processes
    and of workspaces that libraries choose by themselves (some hundred MB).

    Parameters
    ----------
    sequence_length : tokens of a sequence
    micro_batch : sequences per data rank and forward pass
    num_micro_batches : forward passes per optimizer step (a pipeline keeps several at once)
    attention : `flash`, or `unfused` where the square of positions is stored
    dropout : keep dropout masks
    fused : a compiler fuses element-wise operations (fewer tensors kept)
    loss_chunks : parts into which the cross-entropy cuts the sequence, so that only one part's logits exist
    trainable_fraction : share of the parameters that get gradients and optimizer state (adapters: about 0.01)
    tuned : in fp8, inputs are cast by the operations before, and products keep them so

    >>> from economics.architecture import modern_decoder
    >>> llama = modern_decoder(num_layers=32, model_width=4096, num_heads=32, num_kv_heads=8, vocabulary_size=128256,
    ...                        feed_forward_width=14336)
    >>> sharded = training_memory(llama, sequence_length=8192, micro_batch=2, layout=Layout(data=8, zero=3),
    ...                           recompute="selective")
    >>> round(sharded.reserved_peak / 2**30)  # GiB; measured: 77.0
    77
    """
    layout = layout or Layout()
    candidates = [
        _stage_memory(
            decoder, stage, sequence_length=sequence_length, micro_batch=micro_batch, layout=layout,
            precision=precision, optimizer=optimizer, recompute=recompute, attention=attention, dropout=dropout,
            fused=fused, loss_chunks=loss_chunks, sequence_parallel=sequence_parallel,
            trainable_fraction=trainable_fraction, unified_memory=unified_memory, tuned=tuned,
        )
        for stage in pipeline_stages(decoder, layout, num_micro_batches)
    ]  # fmt: skip
    return max(candidates, key=lambda memory: memory.device_total)


def _stage_memory(
    decoder: Decoder,
    stage: Stage,
    *,
    sequence_length: int,
    micro_batch: float,
    layout: Layout,
    precision: Precision,
    optimizer: Optimizer,
    recompute: Recompute,
    attention: Attention,
    dropout: bool,
    fused: bool,
    loss_chunks: int,
    sequence_parallel: bool,
    trainable_fraction: float,
    unified_memory: bool,
    tuned: bool,
) -> TrainingMemory:
    value_bytes = compute_bytes(precision)
    tokens = micro_batch * sequence_length / layout.context
    kept = {"recompute": recompute, "attention": attention, "tensor": layout.tensor, "fused": fused}
    weights, gradients, moments = _states(stage, layout, precision, optimizer, trainable_fraction)
    activations = workspace = 0.0
    for expert_layer, num_layers in ((False, stage.num_dense_layers), (True, stage.num_expert_layers)):
        if not num_layers:
            continue
        tensors = layer_saved_tensors(
            decoder, sequence_length=sequence_length, value_bytes=value_bytes, attention=attention,
            dropout=dropout, fused=fused, expert_layer=expert_layer,
            input_bytes=1.0 if tuned and precision == "fp8" else None,
        )  # fmt: skip
        per_token = kept_bytes_per_token(tensors, sequence_parallel=sequence_parallel, **kept)  # type: ignore[arg-type]
        activations += per_token * tokens * num_layers * stage.micro_batches_held
        whole = kept_bytes_per_token(
            tensors, recompute="none", tensor=layout.tensor, sequence_parallel=sequence_parallel
        )
        recomputed = max(0.0, whole - per_token)
        widest = max(t.bytes_per_token for t in tensors if t.split == "tensor") / layout.tensor
        workspace = max(workspace, tokens * (recomputed + 2 * widest + 2 * value_bytes * decoder.model_width))
    logits = 0.0
    if stage.has_head:
        logits = LOGIT_BYTES.value * tokens * decoder.vocabulary_size / layout.tensor / loss_chunks
    activations += value_bytes * tokens * decoder.model_width if stage.has_embedding else 0.0
    gathered = _gathered(stage, layout, value_bytes)
    beyond_loss = max(0.0, workspace - logits)
    if layout.tensor > 1:  # split along the sequence between products, whole before them: an input and a gradient
        beyond_loss += 2 * value_bytes * tokens * decoder.model_width
    allocated = weights + gradients + moments + activations + logits + gathered + beyond_loss
    return TrainingMemory(
        weights=weights,
        gradients=gradients,
        optimizer=moments,
        activations=activations,
        logits=logits,
        gathered=gathered,
        workspace=beyond_loss,
        fragmentation=allocated * (MEMORY_FRAGMENTATION.value - 1.0),
        context=0.0 if unified_memory else DEVICE_CONTEXT_BYTES.value,
        communication=COMMUNICATION_BUFFER_BYTES.value if layout.num_accelerators > 1 else 0.0,
    )


def _states(
    stage: Stage, layout: Layout, precision: Precision, optimizer: Optimizer, trainable: float
) -> tuple[float, float, float]:
    """Weights, gradients and optimizer of a stage, after every division."""
    weights = gradients = moments = 0.0
    for group in stage.groups:
        size = state_bytes_per_parameter(
            precision=precision, optimizer=optimizer, zero=layout.zero, in_matrix=group.in_matrix
        )
        count, ranks = group.per_device, max(1.0, layout.shard_ranks / group.expert_ranks)
        weights += count * size.weights / (ranks if layout.zero >= 3 else 1)
        gradients += trainable * count * size.gradients / (ranks if layout.zero >= 2 else 1)
        moments += trainable * count * size.optimizer / (ranks if layout.zero >= 1 else 1)
    return weights, gradients, moments


def _gathered(stage: Stage, layout: Layout, value_bytes: float) -> float:
    """Whole copies that divided weights need while they compute: tables, this layer, the next, and a gradient.

    In a pipeline a stage stays whole through the step, and its gradients are summed in fp32 before they are divided.
    """
    if layout.zero < 3 or layout.shard_ranks == 1:
        return 0.0
    if layout.pipeline > 1:
        return stage.parameters * (value_bytes + 4.0)
    tables = stage.table_params * value_bytes
    layer = stage.largest_layer_params
    return tables + 2 * layer * value_bytes + layer * (value_bytes + 4.0)
