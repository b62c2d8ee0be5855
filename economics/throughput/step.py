"""The time of one optimizer step, as a sum of named parts.

Nothing here is one efficiency. A step is the products, attention and element-wise traffic of the layers on the slowest
pipeline stage (`throughput.micro_batch`), once per micro-batch; what is recomputed; what collectives add beyond what hides them
(`throughput.communication`); the bubble of the pipeline, (p - 1) / (v m) of it; the optimizer; and waiting for the slowest node.
So a changed bandwidth, link, length or batch moves the parts that it should, and `mfu_fraction` is an answer, not an input.

Units: seconds, tokens, FLOP/s. MFU counts model FLOP with attention over the whole square, nothing for recomputing, over the
dense bf16 peak. Range: tables of ten sources with their layout are met within 3-11 % at the median (docs/numbers/validation.md).
Left out: loading data (taken as hidden), and what one release of a library does better than the next.

Where the time of a 7 B model on eight A100 goes:

>>> from economics.architecture.lookup import find_decoder
>>> from economics.catalogue.accelerators import find_accelerator
>>> from economics.throughput.workload import Workload
>>> time = step_time(Workload(decoder=find_decoder("llama-2-7b")[0], accelerator=find_accelerator("a100"),
...                           sequence_length=4096, num_sequences=64, micro_batch=1, recompute="full",
...                           layout=Layout(data=8, zero=3)))
>>> shares = {name: round(100 * seconds / time.seconds) for name, seconds in time.by_part.items()}
>>> shares["matmul"], shares["recompute"], round(100 * time.mfu_fraction)
(62, 21, 50)
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

from economics.constants import OVERLAP_COST, STRAGGLER_PER_DOUBLING
from economics.errors import InputError
from economics.flop.decoder import training_flop_per_token
from economics.layout import Layout
from economics.memory.states import compute_bytes
from economics.throughput.communication import data_seconds, pipeline_transfer_seconds
from economics.throughput.micro_batch import micro_batch_time
from economics.throughput.workload import Workload


@dataclass(frozen=True, kw_only=True, slots=True)
class StepTime:
    """Seconds of a step by part; the total is the sum."""

    by_part: dict[str, float]
    tokens: float
    num_accelerators: int
    flop_per_token: float
    """Model FLOP, attention over the whole square, nothing for recomputing."""
    peak_flop_per_second: float

    @property
    def seconds(self) -> float:
        """The sum over the parts."""
        return sum(self.by_part.values())

    @property
    def tokens_per_second_per_accelerator(self) -> float:
        """Tokens per second, per device."""
        return self.tokens / self.seconds / self.num_accelerators

    @property
    def model_flop_per_second(self) -> float:
        """Model FLOP per second, per device."""
        return self.tokens_per_second_per_accelerator * self.flop_per_token

    @property
    def mfu_fraction(self) -> float:
        """Model FLOP per second over the dense bf16 peak."""
        return self.model_flop_per_second / self.peak_flop_per_second


def step_time(work: Workload) -> StepTime:
    """Return the time of one optimizer step, by part.

    Products, attention and element-wise traffic of the layers on the slowest pipeline stage, once per micro-batch;
    what is recomputed; collectives that nothing hides (tensor parallelism) and what of the others compute cannot
    hide; the pipeline's bubble (p-1)/(v m); the optimizer; and waiting for the slowest node. Data loading is taken as
    hidden. Nothing here is a single efficiency: change the bandwidth, the links or the context and the parts move.

    >>> from economics.architecture import modern_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> llama = modern_decoder(num_layers=32, model_width=4096, num_heads=32, vocabulary_size=32000)
    >>> time = step_time(Workload(decoder=llama, accelerator=find_accelerator("a100"), sequence_length=2048,
    ...                           num_sequences=512, micro_batch=4, layout=Layout(data=8, zero=3)))
    >>> 0.5 < time.mfu_fraction < 0.7
    True
    """
    layout = work.layout
    if work.num_sequences < 1:
        raise InputError("num_sequences", work.num_sequences, "at least 1")
    passes = micro_batch_time(work)
    m = work.num_micro_batches
    transfer = pipeline_transfer_seconds(work.accelerator, layout, num_bytes=_transfer_bytes(work))
    per_micro_batch = passes.total()
    bubble = (layout.pipeline - 1) / layout.virtual * per_micro_batch
    communication = data_seconds(
        work.accelerator, work.decoder, layout,
        num_micro_batches=m, value_bytes=compute_bytes(work.precision), compute=per_micro_batch,
        backward=passes.backward,
    )  # fmt: skip
    parts = {
        "matmul": m * passes.matmul,
        "attention": m * passes.attention,
        "elementwise": m * passes.elementwise,
        "recompute": m * passes.recompute,
        "output_head": m * passes.head,
        "launch": m * passes.launch,
        "tensor_communication": m * passes.tensor,
        "context_communication": m * passes.context,
        "expert_communication": m * passes.expert,
        "pipeline_communication": m * _exposed_transfer(layout, transfer, per_micro_batch),
        "pipeline_bubble": bubble,
        "data_communication": communication.exposed + OVERLAP_COST.value * communication.hidden,
        "optimizer": communication.optimizer,
    }
    nodes = max(1.0, layout.num_accelerators / max(1, work.accelerator.num_per_node))
    doublings = log2(nodes)
    parts["waiting"] = sum(parts.values()) * STRAGGLER_PER_DOUBLING.value * doublings
    flop = training_flop_per_token(work.decoder, work.sequence_length).total
    return StepTime(
        by_part={name: seconds for name, seconds in parts.items() if seconds},
        tokens=work.tokens,
        num_accelerators=layout.num_accelerators,
        flop_per_token=flop,
        peak_flop_per_second=work.accelerator.peak("bf16"),
    )


def _exposed_transfer(layout: Layout, transfer: float, compute: float) -> float:
    """What handing a micro-batch on costs: all of it in a plain pipeline, where each stage waits for its input; in an
    interleaved one it travels while another chunk computes."""
    if layout.virtual == 1:
        return transfer
    return max(0.0, transfer - compute) + OVERLAP_COST.value * min(transfer, compute)


def _transfer_bytes(work: Workload) -> float:
    tokens = work.micro_batch * work.sequence_length / work.layout.context / work.layout.tensor
    return tokens * work.decoder.model_width * compute_bytes(work.precision)
