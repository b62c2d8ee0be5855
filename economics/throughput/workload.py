"""What an optimizer step computes, and how: model, device, batch, layout, number format, kernels."""

from __future__ import annotations

from dataclasses import dataclass, field

from economics.architecture.decoder import Decoder
from economics.flop.decoder import Recompute
from economics.hardware import Accelerator
from economics.layout import Layout
from economics.memory.activations import Attention
from economics.memory.states import Optimizer, Precision

NEW_KERNELS_SINCE = 2025
"""Year of the first devices on which frameworks run kernels of their own rather than those of the generation before."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Workload:
    """What a step computes, and how."""

    decoder: Decoder
    accelerator: Accelerator
    sequence_length: int
    num_sequences: int
    """Sequences of one optimizer step, over all data ranks."""
    layout: Layout = field(default_factory=Layout)
    micro_batch: int = 1
    """Sequences per data rank and forward pass."""
    precision: Precision = "bf16"
    recompute: Recompute = "none"
    fused: bool = True
    attention: Attention = "flash"
    dropout: bool = False
    optimizer: Optimizer = "adamw"
    recent: bool = True
    """Software of 2024 and later; see `tuned`."""
    sequence_split: bool = True
    """Tensor ranks share the sequence between products (sequence parallelism); libraries of before 2022 did not."""

    @property
    def tuned(self) -> bool:
        """Kernels written for this generation of devices (attention, casts to fp8 within other operations): recent
        libraries of tensor, pipeline and expert parallelism and of divided optimizers bring them; plain data parallelism
        and divided weights run on what frameworks have for all devices, which for devices of 2025 and later was written
        anew: their matrix units take other instructions."""
        if self.accelerator.year >= NEW_KERNELS_SINCE:
            return True
        return self.recent and self.layout.zero < 3 and (self.layout.zero > 0 or self.layout.model_ranks > 1)

    @property
    def num_micro_batches(self) -> int:
        """Forward passes of each data rank per step, at least 1."""
        return max(1, round(self.num_sequences / (self.layout.data * self.micro_batch)))

    @property
    def tokens(self) -> float:
        """Tokens of a step, after rounding to whole micro-batches."""
        return float(self.num_micro_batches * self.micro_batch * self.layout.data * self.sequence_length)
