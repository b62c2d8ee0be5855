"""How long trainings take from their process to their first step on a machine: what its latest ones took."""

from __future__ import annotations

from statistics import median

from webapp.costs.models import Machine
from webapp.jobs.models import Attempt, JobEvent

USUAL_SECONDS = 6.0
"""Before any training ran here: starting Python, reading PyTorch and the data, building the model."""

NUM_LATEST = 12


def start_seconds(machine_id: int | None) -> float:
    """Return the median of the machine's latest trainings; the usual where none ran."""
    machine = Machine.objects.filter(pk=machine_id).only("host").first() if machine_id else None
    if machine is None:
        return USUAL_SECONDS
    attempts = Attempt.objects.filter(job__kind="train", worker__host=machine.host, outcome="succeeded")
    latest = list(attempts.order_by("-ended_at").values_list("job_id", "fence", "started_at")[:NUM_LATEST])
    said = JobEvent.objects.filter(job__in=[job for job, _f, _at in latest], type="resolved")
    ready = {(job, fence): at for job, fence, at in said.values_list("job_id", "fence", "at")}
    taken = [(ready[job, fence] - at).total_seconds() for job, fence, at in latest if (job, fence) in ready]
    usable = [seconds for seconds in taken if seconds > 0]
    return median(usable) if usable else USUAL_SECONDS
