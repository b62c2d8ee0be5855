"""What sweeps tell the ledger and the jobs: which jobs were for a sweep, and why a run was stopped."""

from __future__ import annotations

from django.utils.translation import gettext as _

from webapp.jobs.models import Job
from webapp.sweeps.models import Trial


def sweep_purpose(job: Job) -> str:
    """Return `sweep` for a job of a trial."""
    return "sweep" if Trial.objects.filter(run__train_jobs__job=job).exists() else ""


def sweep_stop_reason(job: Job) -> tuple[str, str] | None:
    """Return why a sweep stopped a run of its own; None for runs that it did not stop."""
    trial = (
        Trial.objects.filter(run__train_jobs__job=job, stopped_at_step__isnull=False).select_related("sweep").first()
    )
    if trial is None:
        return None
    sentence = _("Other runs of %(sweep)s were better at step %(step)d, or its budget was spent; what it had counts.")
    return "sweep", sentence % {"sweep": trial.sweep, "step": trial.stopped_at_step}
