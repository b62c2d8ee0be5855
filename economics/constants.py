"""Every constant that was fitted to measurements or taken as a default, in one place (at most 25).

Each has a value, a unit, its interval where one is known, where it comes from and when. None belongs to one
model, paper or organisation: they describe hardware and software in general, and the same ones serve every
prediction. Figures of single accelerators and prices are facts of the catalogue, not constants.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Constant:
    """A number with its unit, meaning and origin."""

    value: float
    unit: str
    meaning: str
    source: str
    date: str
    spread: float = 0.0
    """Standard deviation of its logarithm, where it enters the intervals."""


MEMORY_FRAGMENTATION = Constant(
    value=1.11,
    unit="reserved bytes / allocated bytes",
    meaning="what a caching allocator holds at its peak over what tensors need",
    source="fitted: reserved peaks of sharded decoder training, 10 rows, with the tensors counted from first principles",
    date="2026-11-23",
)
DEVICE_CONTEXT_BYTES = Constant(
    value=0.75e9,
    unit="byte",
    meaning="driver context and loaded kernels of one process",
    source="measured range 0.5-1.0 GB on data-centre accelerators",
    date="2026-11-23",
)
COMMUNICATION_BUFFER_BYTES = Constant(
    value=0.9e9,
    unit="byte",
    meaning="buffers of the collective library when more than one device works together",
    source="published planners: 0.34-0.39 GB per communicator, two to three communicators",
    date="2026-11-23",
)
LOGIT_BYTES = Constant(
    value=12.0,
    unit="byte / (token x vocabulary entry)",
    meaning="logits (2), their fp32 copy (4), its log-softmax or gradient (4) and the gradient in bf16 (2) at once",
    source="derived from the tensors of a cross-entropy; confirmed on the rows of MEMORY_FRAGMENTATION",
    date="2026-11-23",
)
