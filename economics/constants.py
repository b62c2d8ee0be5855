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
DEFAULT_CEILING_FRACTION = Constant(
    value=0.80,
    unit="measured ceiling / dense peak",
    meaning="what large matrix products reach where nobody measured it",
    source="median over the accelerators of the catalogue that have both (0.51-0.97)",
    date="2026-11-23",
    spread=0.15,
)
POWER_EXPONENT = Constant(
    value=0.5,
    unit="exponent of (watts / rated watts)",
    meaning="how product rates follow a power limit below the rating",
    source="between 1/3 (power with the cube of the clock) and 1 (fixed voltage); fitted on a 500 W variant",
    date="2026-11-23",
    spread=0.0,
)
MATMUL_FRACTION = Constant(
    value=0.88,
    unit="rate in training / measured ceiling",
    meaning="what large products keep of the best shape's rate: ordinary shapes, real data, clocks under load",
    source="fitted: steady-state training throughputs, clusters of measurements weighing the same",
    date="2026-11-23",
)
MEMORY_FRACTION = Constant(
    value=0.85,
    unit="streamed bytes per second / rated bandwidth",
    meaning="what long element-wise operations and weight reads reach of the memory's rating",
    source="stream-like measurements on data-centre accelerators, 0.80-0.93",
    date="2026-11-23",
)
ATTENTION_FRACTION = Constant(
    value=0.42,
    unit="rate of fused attention / measured ceiling",
    meaning="forward and backward of causal flash attention with heads of 128, counted by the FLOP it needs",
    source="fitted: training throughputs at 32k-262k tokens of context",
    date="2026-11-23",
)
EAGER_TRAFFIC = Constant(
    value=3.0,
    unit="bytes moved without fusing / bytes moved with",
    meaning="element-wise traffic of eager execution over that of a compiler or hand-fused kernels",
    source="fitted: the same training measured with and without a compiler",
    date="2026-11-23",
)
LINK_FRACTION = Constant(
    value=0.75,
    unit="collective bandwidth / rated link bandwidth",
    meaning="ring collectives inside a node",
    source="published collective benchmarks, 0.65-0.85",
    date="2026-11-23",
)
NETWORK_FRACTION = Constant(
    value=0.85,
    unit="collective bandwidth / rated network bandwidth",
    meaning="ring collectives between nodes",
    source="published collective benchmarks, 0.75-0.95",
    date="2026-11-23",
)
LINK_LATENCY_SECONDS = Constant(
    value=10e-6, unit="s", meaning="one collective inside a node", source="published planners", date="2026-11-23"
)
NETWORK_LATENCY_SECONDS = Constant(
    value=20e-6, unit="s", meaning="one collective between nodes", source="published planners", date="2026-11-23"
)
OVERLAP_COST = Constant(
    value=0.2,
    unit="time lost / time of a collective behind compute",
    meaning="collectives that run behind compute take memory bandwidth and processors from it",
    source="fitted with the others",
    date="2026-11-23",
)
STRAGGLER_PER_DOUBLING = Constant(
    value=0.006,
    unit="time lost / doubling of the nodes",
    meaning="every step waits for the slowest node",
    source="fitted: the same model on 1-16 nodes",
    date="2026-11-23",
)
LAUNCH_SECONDS = Constant(
    value=4.5e-6,
    unit="s / kernel",
    meaning="time the host needs to start one kernel in eager execution",
    source="common profile figures, 3-8 us",
    date="2026-11-23",
)
