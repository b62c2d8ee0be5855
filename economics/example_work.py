"""A step of training a model that is no decoder: what it computes, and how it is divided.

An *example* is a pair of sequences, an image, or a recommendation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from economics.architecture.base import Architecture
from economics.architecture.recommender import Recommender
from economics.flop.others import flop_per_example
from economics.hardware import Accelerator
from economics.layout import Layout
from economics.memory.states import Precision
from economics.throughput.sampled import candidate_flop_per_example


@dataclass(frozen=True, kw_only=True, slots=True)
class ExampleWork:
    """What a step computes, and how."""

    architecture: Architecture
    accelerator: Accelerator
    num_examples: int
    """Examples of one optimizer step, over all devices."""
    layout: Layout = field(default_factory=Layout)
    micro_batch: int = 1
    """Examples per device and forward pass."""
    precision: Precision = "bf16"
    full_recompute: bool = False
    fused: bool = True
    source_length: int = 512
    """Tokens of the source, in an encoder-decoder."""
    target_length: int = 512

    @property
    def num_micro_batches(self) -> int:
        """Forward passes of each device per step, at least 1."""
        return max(1, round(self.num_examples / (self.layout.data * self.micro_batch)))

    @property
    def examples(self) -> float:
        """Examples of a step, after rounding to whole micro-batches."""
        return float(self.num_micro_batches * self.micro_batch * self.layout.data)

    @property
    def flop_per_example(self) -> float:
        """Model FLOP of training on one example: three forward passes."""
        forward = flop_per_example(
            self.architecture, sequence_length=self.source_length, target_length=self.target_length
        )
        more = 0.0
        if isinstance(self.architecture, Recommender):
            more = candidate_flop_per_example(self.architecture, self.micro_batch)
        return 3.0 * (forward.total + more)
