"""How long trainings take from being claimed until their model stands on a machine: what its latest ones took.

Right after another job it is a fraction of a second (webapp.jobs.warm), else PyTorch is loaded first: two times, each told
by the trainings that began in the same way.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from statistics import median
from typing import NamedTuple

from django.conf import settings
from django.utils import timezone

from webapp.costs.models import Machine
from webapp.jobs.kinds import kinds
from webapp.jobs.models import Attempt, JobEvent
from webapp.jobs.warm import is_possible

USUAL_WARM_SECONDS, USUAL_COLD_SECONDS = 0.4, 4.0
"""Before any training began so here: opening the data and building the model, after starting Python and reading PyTorch."""

NUM_LATEST, NUM_LOOKED_AT = 12, 60


class Begun(NamedTuple):
    """An attempt of a job that needs PyTorch."""

    job_id: int
    fence: int
    kind: str
    outcome: str
    started_at: datetime
    ended_at: datetime | None


def start_seconds(machine_id: int | None) -> float:
    """Return the median of the machine's latest trainings that began as one would now; the usual where none did."""
    machine = Machine.objects.filter(pk=machine_id).only("host").first() if machine_id else None
    if machine is None:
        return USUAL_COLD_SECONDS
    latest = _latest(machine.host)
    is_warm = _is_warm(latest, timezone.now())
    alike = [
        each
        for place, each in enumerate(latest)
        if (each.kind, each.outcome) == ("train", "succeeded")
        and _is_warm(latest[place + 1 :], each.started_at) == is_warm
    ][:NUM_LATEST]
    said = JobEvent.objects.filter(job__in=[each.job_id for each in alike], type="started")
    ready = {(job, fence): at for job, fence, at in said.order_by("-seq").values_list("job_id", "fence", "at")}
    taken = [
        (at - each.started_at).total_seconds() for each in alike if (at := ready.get((each.job_id, each.fence)))
    ]  # fmt: skip
    usable = [seconds for seconds in taken if seconds > 0]
    return median(usable) if usable else (USUAL_WARM_SECONDS if is_warm else USUAL_COLD_SECONDS)


def _latest(host: str) -> list[Begun]:
    """Return the latest attempts on a host that need PyTorch, the newest first."""
    names = [name for name, kind in kinds().items() if kind.uses_torch]
    rows = Attempt.objects.filter(worker__host=host, job__kind__in=names).order_by("-started_at")
    fields = ("job_id", "fence", "job__kind", "outcome", "started_at", "ended_at")
    return [Begun(*row) for row in rows.values_list(*fields)[:NUM_LOOKED_AT]]


def _is_warm(earlier: Sequence[Begun], at: datetime) -> bool:
    """Say whether a process with PyTorch in memory was there at a time, after these attempts."""
    if not earlier or not is_possible():
        return False
    ended = earlier[0].ended_at
    return ended is None or ended > at - timedelta(seconds=settings.ISOCOST_WARM_SECONDS)
