"""What other programs take of a machine's processor while a quote is made, and what that says of the next job's time.

A calibration tells what the machine does when it is let alone (an older one, what it did among whatever ran beside it).
Where others run beside a job, it gets a smaller share of the cores; how long they stay nobody knows. So the likely rate
moves half way (in logarithms) to what the job would have if nothing changed, and the interval reaches from a machine set
free to one that stays so.
"""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import exp, hypot, log

from django.db.models import Q
from django.utils import timezone

from webapp.jobs.models import HELD_STATES, Attempt, Queue, Worker

CALIBRATED_SPREAD = 0.13
"""Standard deviation of ln(rate) of a calibrated machine that is let alone, as economics has it."""

Z90 = 1.2816
AVERAGED_SECONDS = 60.0
"""Of the load average that is looked at."""

LEAST_FACTOR = 1.15
"""A difference below this is what any machine does beside a job."""


BUSY_FRACTION = 0.25
"""Of the processor that others had before a calibration, above which it should be made again when they are gone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Load:
    """Cores that programs other than our jobs want, averaged over the last minute."""

    others_cores: float
    num_cores: int

    @property
    def share_lost(self) -> float:
        """By how much a job that uses every core slows down beside them: 1 is not at all."""
        return 1.0 + self.others_cores / self.num_cores


@dataclass(frozen=True, kw_only=True, slots=True)
class Slowdown:
    """What the load of now makes of a calibrated rate."""

    rate_factor: float
    rate_spread: float
    job_spread: float
    """From one job to the next: others come and go."""

    others_cores: float
    num_cores: int


def load_of(worker: Worker) -> Load | None:
    """Return what others take of the worker's processor now; None where this process cannot see it."""
    if worker.queue == Queue.GPU or worker.host != socket.gethostname():
        return None
    num_cores = int((worker.hardware or {}).get("num_cores") or os.cpu_count() or 1)
    others = os.getloadavg()[0] - num_cores * own_share(worker.host)
    return Load(others_cores=max(0.0, others), num_cores=num_cores)


def own_share(host: str) -> float:
    """Return how much of the load average jobs of ours make up, each of which uses every core.

    The average forgets with a time constant of a minute: a job that has just ended still stands in it.
    """
    now = timezone.now()
    recent = Attempt.objects.filter(
        Q(ended_at=None, job__state__in=HELD_STATES) | Q(ended_at__gt=now - timedelta(seconds=5 * AVERAGED_SECONDS)),
        worker__host=host,
    )

    def faded(at: datetime | None) -> float:
        return exp(-max(0.0, (now - at).total_seconds()) / AVERAGED_SECONDS) if at else 1.0

    spans = recent.values_list("started_at", "ended_at")
    return min(1.0, sum(faded(ended) - faded(started) for started, ended in spans))


def slowdown(load: Load | None, busy_fraction_then: float | None) -> Slowdown | None:
    """Return how the load of now differs from what a calibration was timed beside; None where it does not by much.

    What was timed among others is noisy besides: their share came and went while it was timed, between none of them and
    all that was counted.

    Parameters
    ----------
    busy_fraction_then : share of the processor that others had before a calibration that counted them; None counts as none
    """
    if load is None:
        return None
    then = 1.0 + (busy_fraction_then or 0.0)
    factor, is_noisy = load.share_lost / then, then > 1 + BUSY_FRACTION
    if 1 / LEAST_FACTOR < factor < LEAST_FACTOR:
        if not is_noisy:
            return None
        factor = 1.0
    half, noise = log(factor) / 2, log(then) / 2 / Z90 if is_noisy else 0.0
    return Slowdown(
        rate_factor=exp(-half), rate_spread=hypot(CALIBRATED_SPREAD, half / Z90, noise), job_spread=abs(half) / Z90,
        others_cores=load.others_cores, num_cores=load.num_cores,
    )  # fmt: skip
