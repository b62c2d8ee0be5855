"""Failures, checkpoints and restarts: how much of a run's time is useful work.

A synchronous job stops when any of its devices does, so the mean time between failures falls with their number: one failure
in some six years per device is one in three hours on 16,384. What was computed since the last checkpoint is lost, and
finding the fault, replacing the node, loading and warming up take 10-20 minutes. Checkpoints more often lose less when it
happens and stall more when it does not; the best interval is near sqrt(2 x stall x time between failures).

Units: seconds; shares of wall time, which sum to 1. Range: above 0.98 on a few nodes unless checkpoints are large for them,
0.85-0.95 on thousands. Left out: failures that corrupt silently, loss spikes, and how far whole runs stay behind steady
state (`constants.RUN_FRACTION`).

Source: Young 1974; Daly 2006; rate of failures from a published run of 54 days on 16,384 devices (`assumptions`).

>>> for devices in (64, 1024, 16384):
...     good = run_goodput(num_accelerators=devices, checkpoint_bytes=14 * 8e9)
...     print(devices, round(good.mean_seconds_between_failures / 3600, 1), round(good.goodput_fraction, 3))
64 791.1 0.996
1024 49.4 0.99
16384 3.1 0.905
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, expm1, sqrt

from economics.assumptions import (
    CHECKPOINT_BYTES_PER_SECOND_PER_NODE,
    FAILURES_PER_ACCELERATOR_DAY,
    RESTART_SECONDS,
)
from economics.errors import InputError

SECONDS_PER_DAY = 86_400.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Goodput:
    """Useful time over wall time, and where the rest goes; the shares and the goodput sum to 1."""

    goodput_fraction: float
    checkpoint_fraction: float
    restart_fraction: float
    rework_fraction: float
    mean_seconds_between_failures: float
    checkpoint_interval_seconds: float
    checkpoint_seconds: float


def mean_seconds_between_failures(num_accelerators: float, failures_per_accelerator_day: float) -> float:
    """Return the mean time between failures of a synchronous job: any device stops all of them.

    >>> round(mean_seconds_between_failures(16384, 419 / (16384 * 54)) / 3600, 2)
    3.09
    """
    if failures_per_accelerator_day <= 0:
        return float("inf")
    return SECONDS_PER_DAY / (num_accelerators * failures_per_accelerator_day)


def young_interval_seconds(checkpoint_seconds: float, mean_between_failures_seconds: float) -> float:
    """Return Young's interval between checkpoints, sqrt(2 d M): time lost writing equals time lost repeating.

    Source
    ------
    Young 1974, "A first order approximation to the optimum checkpoint interval".

    >>> round(young_interval_seconds(40.0, 12 * 3600.0), 1)
    1859.0
    """
    return sqrt(2.0 * checkpoint_seconds * mean_between_failures_seconds)


def daly_interval_seconds(checkpoint_seconds: float, mean_between_failures_seconds: float) -> float:
    """Return Daly's interval: Young's with the terms of higher order, for checkpoints that are not short against M.

    sqrt(2 d M) [1 + (1/3) sqrt(d / 2M) + (1/9)(d / 2M)] - d for d < 2M, else M.

    Source
    ------
    Daly 2006, "A higher order estimate of the optimum checkpoint interval for restart dumps". Checked here against
    the minimum of the exact expected time (see the tests).

    >>> round(daly_interval_seconds(40.0, 12 * 3600.0), 1)
    1832.5
    """
    d, m = checkpoint_seconds, mean_between_failures_seconds
    if d >= 2.0 * m:
        return m
    ratio = d / (2.0 * m)
    return sqrt(2.0 * d * m) * (1.0 + sqrt(ratio) / 3.0 + ratio / 9.0) - d


def expected_wall_factor(interval: float, checkpoint: float, restart: float, mean_between_failures: float) -> float:
    """Return expected wall time over useful time, exactly, for failures that strike at a constant rate.

    M e^(R/M) (e^((tau + d)/M) - 1) / tau: each segment of useful time tau and its checkpoint d is repeated until it
    is survived, and each failure costs a restart R, which may fail as well.

    >>> round(expected_wall_factor(1800.0, 40.0, 900.0, 43200.0), 3)
    1.066
    """
    m = mean_between_failures
    return m * exp(restart / m) * expm1((interval + checkpoint) / m) / interval


def run_goodput(
    *,
    num_accelerators: int,
    num_per_node: int = 8,
    checkpoint_bytes: float,
    failures_per_accelerator_day: float = FAILURES_PER_ACCELERATOR_DAY.value,
    restart_seconds: float = RESTART_SECONDS.value,
    storage_bytes_per_second: float | None = None,
    asynchronous: bool = False,
    preemptions_per_node_day: float = 0.0,
    hot_spares: bool = False,
) -> Goodput:
    """Return the share of a run's time that is useful work, at the best checkpoint interval.

    Failures strike devices independently at a constant rate, and any one stops the job; spot preemptions add theirs
    per node. A checkpoint stalls the run while it is written (asynchronous ones only while they are copied to host
    memory, taken as a tenth). Hot spares take the place of a broken node without waiting for its repair: the restart
    then is half as long. Left out: failures that corrupt silently, and loss spikes (see the constant for whole runs).

    Parameters
    ----------
    checkpoint_bytes : weights and optimizer, about 14 bytes per parameter
    storage_bytes_per_second : of all nodes together; None: the usual rate per node times the nodes
    preemptions_per_node_day : of spot capacity

    >>> good = run_goodput(num_accelerators=16384, checkpoint_bytes=14 * 405e9)
    >>> 0.85 < good.goodput_fraction < 0.95
    True
    """
    if num_accelerators < 1:
        raise InputError("num_accelerators", num_accelerators, "at least 1")
    # hosts write checkpoints: at most eight devices share one, however large the pod of links
    nodes = max(1.0, num_accelerators / max(1, min(8, num_per_node)))
    storage = storage_bytes_per_second or CHECKPOINT_BYTES_PER_SECOND_PER_NODE.value * nodes
    checkpoint = max(2.0, checkpoint_bytes / storage) * (0.1 if asynchronous else 1.0)
    per_day = num_accelerators * failures_per_accelerator_day + nodes * preemptions_per_node_day
    m = SECONDS_PER_DAY / per_day if per_day else float("inf")
    restart = restart_seconds * (0.5 if hot_spares else 1.0)
    if m == float("inf"):
        return Goodput(
            goodput_fraction=1.0, checkpoint_fraction=0.0, restart_fraction=0.0, rework_fraction=0.0,
            mean_seconds_between_failures=m, checkpoint_interval_seconds=m, checkpoint_seconds=checkpoint,
        )  # fmt: skip
    # at most hourly: people save more often than the optimum where failures are rare
    interval = min(3600.0, daly_interval_seconds(checkpoint, m))
    # a job that fails during most restarts makes no progress; report a vanishing share instead of overflowing
    exponent = min(50.0, (restart + interval + checkpoint) / m)
    factor = expected_wall_factor(interval, checkpoint, restart, m) if exponent < 50 else 1e20
    useful = 1.0 / factor
    failures_per_useful_second = factor / m
    checkpoint_share = useful * checkpoint / interval
    restart_share = min(1.0 - useful - checkpoint_share, useful * failures_per_useful_second * restart)
    return Goodput(
        goodput_fraction=useful,
        checkpoint_fraction=checkpoint_share,
        restart_fraction=restart_share,
        rework_fraction=max(0.0, 1.0 - useful - checkpoint_share - restart_share),
        mean_seconds_between_failures=m,
        checkpoint_interval_seconds=interval,
        checkpoint_seconds=checkpoint,
    )
