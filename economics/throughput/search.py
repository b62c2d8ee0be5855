"""Choose the parallelism: every layout that can exist is timed, and the fastest that fits is taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from economics.constants import CHOICE_FRACTION
from economics.errors import NoAnswerError
from economics.flop.decoder import Recompute
from economics.layout import Layout
from economics.memory.training import TrainingMemory, training_memory
from economics.throughput.step import StepTime, step_time
from economics.throughput.workload import Workload

NEARLY = 1.12
"""What misses the memory by this much is run in practice with a trick or two."""
_MICRO_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128)


@dataclass(frozen=True, kw_only=True, slots=True)
class Choice:
    """A layout with all that follows from it."""

    workload: Workload
    time: StepTime
    memory: TrainingMemory
    fits: bool


def with_practice(choice: Choice) -> Choice:
    """Return a choice of the search with the time that practice adds to the best layout, as a part of its own.

    >>> from economics.architecture import decoder_of_size
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> work = Workload(decoder=decoder_of_size(1e9), accelerator=find_accelerator("h100"), sequence_length=2048,
    ...                 num_sequences=64)
    >>> best = best_layout(work, 8)
    >>> with_practice(best).time.seconds > best.time.seconds
    True
    """
    added = choice.time.seconds * (1.0 / CHOICE_FRACTION.value - 1.0)
    return replace(choice, time=replace(choice.time, by_part={**choice.time.by_part, "not_the_best_layout": added}))


def _divisors(n: int, limit: int) -> list[int]:
    return [k for k in range(1, min(n, limit) + 1) if n % k == 0]


def valid_layouts(work: Workload, num_accelerators: int) -> Iterator[Layout]:
    """Yield every layout that can exist: degrees that divide heads, layers, experts and devices.

    Tensor ranks stay within a node; context parallelism is for sequences that need it (from 16k tokens).

    >>> from economics.architecture import modern_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> small = modern_decoder(num_layers=4, model_width=512, num_heads=8, vocabulary_size=1000)
    >>> work = Workload(decoder=small, accelerator=find_accelerator("a100"), sequence_length=512, num_sequences=64)
    >>> all(layout.num_accelerators == 8 for layout in valid_layouts(work, 8))
    True
    """
    decoder, device = work.decoder, work.accelerator
    experts = decoder.mixture.num_experts if decoder.mixture else 0
    node = min(num_accelerators, max(1, min(8, device.num_per_node)))
    for tensor in _divisors(num_accelerators, node):
        if decoder.num_heads % tensor:
            continue
        for pipeline in _divisors(num_accelerators // tensor, min(64, decoder.num_layers)):
            # uneven stages lose more than a neighbouring degree
            if pipeline > 1 and -(-decoder.num_layers // pipeline) * pipeline > 1.15 * decoder.num_layers:
                continue
            rest = num_accelerators // (tensor * pipeline)
            contexts = [1]
            if work.sequence_length >= 16384:
                contexts = [c for c in _divisors(rest, 16) if work.sequence_length % c == 0]
            for context in contexts:
                data = rest // context
                if data > work.num_sequences:
                    continue
                yield from _with_sharding(data, tensor, pipeline, context, experts, decoder.num_layers, node)


def _with_sharding(
    data: int, tensor: int, pipeline: int, context: int, experts: int, num_layers: int, node: int
) -> Iterator[Layout]:
    virtuals = [1] if pipeline == 1 else [v for v in (1, 2, 4, 8) if pipeline * v <= 1.05 * num_layers]
    degrees = [k for k in (1, 2, 4, 8, 16, 32, 64) if experts and experts % k == 0 and (data * context) % k == 0] or [1]
    for expert in degrees:
        for virtual in virtuals:
            for zero in (0,) if data * context == 1 else (1, 3) if pipeline == 1 else (1,):
                yield Layout(
                    data=data, tensor=tensor, pipeline=pipeline, context=context, expert=expert, virtual=virtual,
                    zero=zero,
                )  # fmt: skip
            if pipeline == 1 and tensor == 1 and data > node and data % node == 0 and virtual == 1:
                yield Layout(data=data, tensor=1, context=context, expert=expert, zero=3, shard=node)


def memory_of(work: Workload) -> TrainingMemory:
    """Return the memory that a workload takes."""
    return training_memory(
        work.decoder, sequence_length=work.sequence_length, micro_batch=work.micro_batch, layout=work.layout,
        num_micro_batches=work.num_micro_batches, precision=work.precision, optimizer=work.optimizer,
        recompute=work.recompute, attention=work.attention, dropout=work.dropout, fused=work.fused,
        sequence_parallel=work.sequence_split, unified_memory=work.accelerator.kind != "accelerator", tuned=work.tuned,
    )  # fmt: skip


def _nearly_divides(micro_batch: int, per_rank: int) -> bool:
    """Whether whole micro-batches make up a rank's share of the batch, to 5 %: batches are round numbers, not sacred.

    >>> [_nearly_divides(b, 61) for b in (1, 16, 32, 64)]
    [True, True, True, False]
    """
    return micro_batch <= per_rank and abs(round(per_rank / micro_batch) * micro_batch / per_rank - 1.0) <= 0.05


def _micro_batches(per_rank: int) -> list[int]:
    """Sequences per forward pass that are tried: powers of two, and halves and thirds of a rank's odd share.

    >>> _micro_batches(7), _micro_batches(8)
    ([1, 7], [1, 2, 4, 8])
    """
    usual = [b for b in _MICRO_BATCHES if _nearly_divides(b, per_rank)]
    parts = [per_rank // k for k in (1, 2, 3) if per_rank % k == 0 and per_rank // k <= _MICRO_BATCHES[-1]]
    return sorted({*usual, *parts}) or [1]


def _choices(
    work: Workload, layout: Layout, micro_batch: int | None, recompute: Recompute | None
) -> Iterator[Workload]:
    per_rank = max(1, work.num_sequences // layout.data)
    sizes = [micro_batch] if micro_batch else _micro_batches(per_rank)
    levels: tuple[Recompute, ...] = (recompute,) if recompute else ("none", "selective", "full")
    for size in sizes:
        for level in levels:
            yield replace(work, layout=layout, micro_batch=size, recompute=level)


def best_layout(
    work: Workload,
    num_accelerators: int,
    *,
    layout: Layout | None = None,
    micro_batch: int | None = None,
    recompute: Recompute | None = None,
    any_virtual: bool = False,
) -> Choice:
    """Return the fastest choice that fits, of layout, micro-batch and recomputing where they are not given.

    A layout that is not given says nothing of the library: its kernels are taken to be those made for all devices, but in
    fp8, which recent libraries brought. With `any_virtual` a given layout's stages per pipeline rank are searched too,
    where a source does not say them.

    Where nothing fits, `fits` is false and it is still an estimate: the fastest that misses by at most 12 %, else
    the one with the least memory.
    Memory is checked first, since it is cheap to compute and excludes most.

    Raises
    ------
    NoAnswerError : if no layout can exist for the model and the number of devices

    >>> from economics.architecture import modern_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> llama = modern_decoder(num_layers=32, model_width=4096, num_heads=32, vocabulary_size=32000)
    >>> work = Workload(decoder=llama, accelerator=find_accelerator("a100"), sequence_length=2048, num_sequences=1024)
    >>> best_layout(work, 64).fits
    True
    """
    capacity = work.accelerator.memory_bytes or float("inf")
    if layout is None and work.precision != "fp8":
        work = replace(work, recent=False)
    layouts = [layout] if layout else list(valid_layouts(work, num_accelerators))
    if not layouts:  # fewer sequences than data ranks: the batch is rounded up to one each
        work = replace(work, num_sequences=max(work.num_sequences, num_accelerators))
        layouts = list(valid_layouts(work, num_accelerators))
    if layout and any_virtual and layout.pipeline > 1:
        layers = -(-work.decoder.num_layers // layout.pipeline)
        layouts = [replace(layout, virtual=v) for v in range(1, min(layers, 8) + 1) if layers % v == 0]
    levels: tuple[Recompute, ...] = (recompute,) if recompute else ("none", "selective", "full")
    best, smallest = _fastest(work, layouts, levels, micro_batch, capacity)
    if best:
        return best
    if smallest is None:
        raise NoAnswerError(f"No layout of {num_accelerators} devices exists for this model and batch.")
    nearly, _ = _fastest(work, layouts, levels, micro_batch, NEARLY * capacity)  # judge its speed by what nearly fits
    if nearly:
        return replace(nearly, fits=False)
    return Choice(workload=smallest, time=step_time(smallest), memory=memory_of(smallest), fits=False)


def _fastest(
    work: Workload,
    layouts: list[Layout],
    levels: tuple[Recompute, ...],
    micro_batch: int | None,
    capacity: float,
) -> tuple[Choice | None, Workload | None]:
    """The fastest choice within a capacity, and the one that takes the least memory whether it fits or not."""
    best: Choice | None = None
    smallest: tuple[float, Workload] | None = None
    for layout in layouts:
        for level in levels:
            # work shrinks with larger micro-batches, a pipeline's bubble with smaller ones: from the largest that fits
            # downwards until it gets no better
            here = float("inf")
            for candidate in reversed(list(_choices(work, layout, micro_batch, level))):
                memory = memory_of(candidate)
                if smallest is None or memory.device_total < smallest[0]:
                    smallest = (memory.device_total, candidate)
                if memory.device_total > capacity:
                    continue
                time = step_time(candidate)
                per_token = time.seconds / time.tokens
                # of equals the first, whatever the last bit of a sum says
                if best is None or per_token < (1.0 - 1e-9) * best.time.seconds / best.time.tokens:
                    best = Choice(workload=candidate, time=time, memory=memory, fits=True)
                if per_token >= here:
                    break
                here = per_token
    return best, smallest[1] if smallest else None
