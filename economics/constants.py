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
POWER_EXPONENT = Constant(
    value=0.43,
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
ATTENTION_FRACTION = Constant(
    value=0.52,
    unit="rate of fused attention / measured ceiling",
    meaning="forward and backward of causal flash attention with heads of 128, counted by the FLOP it needs, on a device "
    "of 100 TFLOP/s",
    source="fitted: training throughputs at 8k-262k tokens of context",
    date="2026-11-30",
)
ATTENTION_EXPONENT = Constant(
    value=0.34,
    unit="exponent of (ceiling / 100 TFLOP/s), negative",
    meaning="how the share falls on faster devices for kernels that were not written for them",
    source="fitted: the same models and contexts on devices a factor of three apart",
    date="2026-11-30",
)
TUNED_ATTENTION_FRACTION = Constant(
    value=0.66,
    unit="rate of fused attention / measured ceiling",
    meaning="the same for kernels written for the device's generation, whose softmax runs behind products",
    source="fitted: throughputs of libraries of tensor and pipeline parallelism at 4k-8k tokens since 2024",
    date="2026-11-30",
)
EAGER_TRAFFIC = Constant(
    value=4.0,
    unit="bytes moved without fusing / bytes moved with",
    meaning="element-wise traffic of eager execution over that of a compiler or hand-fused kernels",
    source="fitted: the same training measured with and without a compiler",
    date="2026-11-23",
)
OVERLAP_COST = Constant(
    value=0.05,
    unit="time lost / time of a collective behind compute",
    meaning="collectives that run behind compute take memory bandwidth and processors from it",
    source="fitted with the others",
    date="2026-11-23",
)
STRAGGLER_PER_DOUBLING = Constant(
    value=0.004,
    unit="time lost / doubling of the nodes",
    meaning="every step waits for the slowest node",
    source="fitted: the same model on 1-16 nodes",
    date="2026-11-23",
)
OVERLAP_EXPONENT = Constant(
    value=1.6,
    unit="exponent x of (a^x + b^x)^(1/x)",
    meaning="how far a product's arithmetic hides its own memory traffic: 1 not at all, infinite wholly",
    source="fitted with the others; narrow and wide models",
    date="2026-11-23",
)
TENSOR_HIDDEN = Constant(
    value=0.5,
    unit="share of time",
    meaning="share of the collectives within layers (tensor and expert parallelism) that run behind products",
    source="fitted with the others",
    date="2026-11-23",
)
SPEED_EXPONENT = Constant(
    value=0.1,
    unit="exponent of (ceiling / 100 TFLOP/s), negative",
    meaning="the faster a device, the less of its measured ceiling it sustains: power, feeding, launch gaps",
    source="fitted: the same kinds of training on devices a factor of three apart",
    date="2026-11-23",
)
RUN_FRACTION = Constant(
    value=0.83,
    unit="throughput over a whole run on many nodes / steady state, failures and time between steps apart",
    meaning="stalls of what nodes share (storage, network), evaluation, slow phases, planned stops and runs that are not "
    "tuned like benchmarks; to the power 1 - 1/nodes, since one node shares nothing",
    source="fitted: 20 whole runs of 12 sources against steady state, sources weighing the same",
    date="2026-11-30",
    spread=0.25,
)
STEP_OVERHEAD_SECONDS = Constant(
    value=0.01,
    unit="s / step / doubling of the nodes",
    meaning="between the steps of a run: fetching data, agreeing on norms, logging, the slowest host; benchmarks of a few "
    "nodes on synthetic data do not show it, runs with short steps suffer from it",
    source="fitted with RUN_FRACTION to the same runs",
    date="2026-11-30",
)
MOST_STEP_OVERHEAD = Constant(
    value=0.3,
    unit="share of a step",
    meaning="what the time between steps adds at most: the shorter the step, the more of it hides behind the one before",
    source="fitted with RUN_FRACTION: median error of 20 whole runs, sources left out in turn, 11.5 % at 0.2, 11.7 % at 0.3, "
    "12.6 % at 0.5, 15.0 % without a bound",
    date="2026-11-30",
)
STEP_SPREAD = Constant(
    value=0.08,
    unit="standard deviation of ln(throughput)",
    meaning="what a steady-state prediction misses when layout, micro-batch and recomputing are known; the software is one "
    "that nothing was fitted to",
    source="residuals of ten sources that weigh the same: interval score 0.47 at 0.065, 0.43 at 0.08, 0.42 at 0.1; wider "
    "bands hold more than 87 % of the rows that were fitted to",
    date="2026-11-30",
)
CHOICE_SPREAD = Constant(
    value=0.11,
    unit="standard deviation of ln(throughput)",
    meaning="what is added when layout, micro-batch or recomputing are chosen by the search",
    source="residuals of the validation, clusters weighing the same",
    date="2026-11-23",
)
MIXTURE_SPREAD = Constant(
    value=0.25,
    unit="standard deviation of ln(throughput)",
    meaning="what is added for mixtures of experts, in training and in engines: dispatch, small products, waiting for the "
    "host; releases of one library a year apart differ by a factor of two",
    source="residuals of mixtures among rows that nothing else was fitted to",
    date="2026-11-30",
)
MIXTURE_HOST_SECONDS = Constant(
    value=2.5e-3,
    unit="s / mixture layer and pass",
    meaning="how long the host is busy with a layer whose experts lie on several ranks: it must learn how many tokens go "
    "where before it can start the exchange and each expert's kernels; hides behind the device's work",
    source="fitted: 28 rows of mixtures of 30-1,000 B parameters that were looked at, without graphs of kernels",
    date="2026-11-30",
)
DECODE_FRACTION = Constant(
    value=0.76,
    unit="weight bytes read per second / rated bandwidth",
    meaning="what one step of decoding reads of the memory's rating, its fixed times apart",
    source="fitted: batch-1 decode on 1-8 devices in bf16",
    date="2026-11-23",
)
LAYER_SECONDS = Constant(
    value=30e-6,
    unit="s / layer and step",
    meaning="kernels of a decoding layer that wait for each other: norms, rotation, attention over few tokens",
    source="fitted: batch-1 decode of models of 32-80 layers",
    date="2026-11-23",
)
DEQUANTISE_OPERATIONS = Constant(
    value=2.6,
    unit="vector operations / weight",
    meaning="unpacking weights of 4 and 8 bits that the matrix units do not take as they are",
    source="fitted: batch-1 decode with int8 and int4 against bf16",
    date="2026-11-23",
)
SERVING_SPREAD = Constant(
    value=0.14,
    unit="standard deviation of ln(speed)",
    meaning="what serving predictions miss: engines, kernels, scheduling",
    source="residuals of the validation",
    date="2026-11-23",
)
LAW_FORM_NOISE = Constant(
    value=2.0,
    unit="sd of ln loss per factor of ten of compute / sd of ln loss among the runs",
    meaning="how far a scaling law errs beyond the runs it was fitted to, over how far it errs among them",
    source="fitted: 45 splits of published ladders by compute; interval score least at 1.5-2, 77 % inside p10-p90 at 2",
    date="2026-11-23",
)
CHOICE_FRACTION = Constant(
    value=0.95,
    unit="throughput in practice / of the fastest layout",
    meaning="people run near the best layout, not at it: margins of memory, rounder numbers, what a framework offers",
    source="fitted: steady-state rows predicted with and without their layout",
    date="2026-11-23",
)
