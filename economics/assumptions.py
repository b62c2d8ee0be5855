"""Defaults that are assumed where nothing is said: figures of practice that a person may change, with their source.

Unlike `economics.constants` nothing here was fitted to measurements: these are inputs with a usual value.
"""

from __future__ import annotations

from economics.constants import Constant

DEFAULT_CEILING_FRACTION = Constant(
    value=0.80,
    unit="measured ceiling / dense peak",
    meaning="what large matrix products reach where nobody measured it",
    source="median over the accelerators of the catalogue that have both (0.51-0.97)",
    date="2026-11-23",
    spread=0.15,
)
STEADY_CEILING_FRACTION = Constant(
    value=0.95,
    unit="measured ceiling / dense peak",
    meaning="the same for devices whose peak is named at the clock that they keep under load",
    source="systolic arrays in training with everything recomputed reach 0.85-0.9 of their peak over whole steps",
    date="2026-11-30",
    spread=0.05,
)
RESTART_SECONDS = Constant(
    value=900.0,
    unit="s",
    meaning="from a failure to the first useful step: detection, swap, reload, warm-up",
    source="common practice, 10-20 minutes",
    date="2026-11-23",
    spread=0.3,
)
CHECKPOINT_BYTES_PER_SECOND_PER_NODE = Constant(
    value=1.3e9,
    unit="byte / s / node",
    meaning="writing a checkpoint to shared storage",
    source="2.4 TB in 40 s from 48 nodes, published 2022",
    date="2026-11-23",
    spread=0.7,
)
SERVER_LOAD_FRACTION = Constant(
    value=0.80,
    unit="mean power / rated power of the server",
    meaning="what a server draws while it trains",
    source="published power traces of training, 0.7-0.9",
    date="2026-11-23",
    spread=0.08,
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
LINK_LATENCY_SECONDS = Constant(
    value=10e-6, unit="s", meaning="one collective inside a node", source="published planners", date="2026-11-23"
)
NETWORK_LATENCY_SECONDS = Constant(
    value=20e-6, unit="s", meaning="one collective between nodes", source="published planners", date="2026-11-23"
)
LAUNCH_SECONDS = Constant(
    value=4.5e-6,
    unit="s / kernel",
    meaning="time the host needs to start one kernel in eager execution",
    source="common profile figures, 3-8 us",
    date="2026-11-23",
)
POWER_USAGE_EFFECTIVENESS = Constant(
    value=1.2,
    unit="power of the building / power of its computers",
    meaning="cooling and conversion",
    source="large operators report 1.1-1.2, the mean data centre 1.5",
    date="2026-11-23",
    spread=0.06,
)
GRID_KG_PER_KWH = Constant(
    value=0.4,
    unit="kg CO2e / kWh",
    meaning="what the grid emits; 0.05 where it is nuclear or hydro, 0.9 where it is coal",
    source="world mean of recent years, rounded",
    date="2026-11-23",
    spread=0.3,
)
ABLATION_MULTIPLIER = Constant(
    value=2.5,
    unit="all compute of a project / its final run",
    meaning="small runs before, failed runs and repeats; usual range 1.5-5",
    source="common practice; published final runs leave it out",
    date="2026-11-23",
    spread=0.4,
)
SERVING_UTILISATION = Constant(
    value=0.30,
    unit="load served / load that could be served",
    meaning="nights, peaks and spare replicas of a fleet that people use",
    source="common practice for interactive services, 0.2-0.5",
    date="2026-11-23",
    spread=0.3,
)
FAILURES_PER_ACCELERATOR_DAY = Constant(
    value=4.74e-4,
    unit="interruptions / (accelerator x day)",
    meaning="unexpected interruptions of a synchronous run",
    source="419 interruptions of 16,384 accelerators in 54 days, published 2024",
    date="2026-11-23",
    spread=0.7,
)
MEMORY_FRACTION = Constant(
    value=0.85,
    unit="streamed bytes per second / rated bandwidth",
    meaning="what long element-wise operations and weight reads reach of the memory's rating",
    source="stream-like measurements on data-centre accelerators, 0.80-0.93",
    date="2026-11-23",
)
COLLECTIVE_FRACTION = Constant(
    value=0.8,
    unit="bandwidth of a ring collective / rated bandwidth of its slowest link",
    meaning="what collectives of large messages reach, inside nodes and between them",
    source="published collective benchmarks: 0.65-0.85 inside nodes, 0.75-0.95 between",
    date="2026-11-23",
)
