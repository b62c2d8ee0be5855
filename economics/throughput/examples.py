"""Step time of models that are no decoders: encoder-decoders, Vision Transformers, convolutions, recommenders.

They are taken as data-parallel: every device holds the model (or, with `zero=3`, its share of it) and sees its own
examples.
"""

from __future__ import annotations

from math import log2

from economics.assumptions import LAUNCH_SECONDS
from economics.constants import OVERLAP_COST, STRAGGLER_PER_DOUBLING
from economics.example_work import ExampleWork
from economics.throughput.collectives import all_gather_seconds, all_reduce_seconds, all_to_all_seconds, ring_of
from economics.throughput.example_passes import Passes, passes_of
from economics.throughput.operations import copy_seconds
from economics.throughput.step import StepTime

WHOLE_TABLE_BYTES = 64.0
"""Moved in each step of a parameter of a table that is updated whole: gradients of its two uses are set to nothing, added
together and measured, then Adam reads four numbers and writes three."""


def example_step_time(work: ExampleWork) -> StepTime:
    """Return the time of one optimizer step by part; its `tokens` are examples.

    Products, attention and element-wise traffic as in a decoder; look-ups in tables by bytes, four times what is read
    (read, gradient, update); exchanging looked-up rows when tables lie on several devices; gradients of the dense part
    behind the backward pass.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> time = example_step_time(ExampleWork(architecture=preset("resnet-50"), accelerator=find_accelerator("a100"),
    ...                                      num_examples=256, micro_batch=256))
    >>> 1500 < time.tokens_per_second_per_accelerator < 5000        # images / s
    True
    """
    passes, m = passes_of(work), work.num_micro_batches
    again = passes.forward if work.full_recompute else 0.0
    busy = passes.forward + passes.backward + again
    host = passes.num_kernels * LAUNCH_SECONDS.value
    # while the device waits for its host, two thirds of it in the backward pass, gradients travel all the same
    exposed, hidden, optimizer = _data_seconds(work, cover=max(passes.backward, host * 2 / 3))
    parts = {
        "matmul": m * passes.matmul,
        "attention": m * passes.attention,
        "elementwise": m * passes.elementwise,
        "lookup": m * passes.lookup,
        "recompute": m * again,
        "launch": m * max(0.0, host - busy),
        "table_communication": m * _table_seconds(work, passes),
        "data_communication": exposed + OVERLAP_COST.value * hidden,
        "optimizer": optimizer,
    }
    nodes = max(1.0, work.layout.num_accelerators / max(1, work.accelerator.num_per_node))
    parts["waiting"] = sum(parts.values()) * STRAGGLER_PER_DOUBLING.value * log2(nodes)
    return StepTime(
        by_part={name: seconds for name, seconds in parts.items() if seconds},
        tokens=work.examples,
        num_accelerators=work.layout.num_accelerators,
        flop_per_token=work.flop_per_example,
        peak_flop_per_second=work.accelerator.peak("bf16"),
    )


def _table_seconds(work: ExampleWork, passes: Passes) -> float:
    """Looked-up rows travel from the devices that hold them, and their gradients back."""
    if not passes.exchanged_bytes or work.layout.num_accelerators == 1:
        return 0.0
    return 2.0 * all_to_all_seconds(work.accelerator, passes.exchanged_bytes, size=work.layout.num_accelerators)


def _data_seconds(work: ExampleWork, *, cover: float) -> tuple[float, float, float]:
    """Exposed and hidden time of the gradients' collectives, and the update, per step; a backward pass covers so much."""
    counted = work.architecture.parameters()
    dense = float(counted.total - counted.by_part.get("tables", 0))
    layout = work.layout
    optimizer = copy_seconds(work.accelerator, 32.0 * dense / (layout.data if layout.zero else 1))
    if getattr(work.architecture, "table_optimizer", "") == "whole":
        optimizer += copy_seconds(work.accelerator, WHOLE_TABLE_BYTES * counted.by_part["tables"])
    if layout.data == 1:
        return 0.0, 0.0, optimizer
    ring = ring_of(work.accelerator, size=layout.data)
    if layout.zero >= 3:
        seconds, times = 3.0 * all_gather_seconds(ring, 2.0 * dense), work.num_micro_batches
    elif layout.zero:
        seconds = all_gather_seconds(ring, 4.0 * dense) + all_gather_seconds(ring, 2.0 * dense)
        times = 1
    else:
        seconds, times = all_reduce_seconds(ring, 4.0 * dense), 1
    return times * max(0.0, seconds - cover), times * min(seconds, cover), optimizer
