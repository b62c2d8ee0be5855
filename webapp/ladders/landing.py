"""What a rung's run left behind when it ended: its loss over the whole validation split, its time and its cost."""

from __future__ import annotations

from collections.abc import Iterable

from django.utils import timezone

from webapp.costs.queries import job_spend
from webapp.jobs.models import Job, JobEvent, State
from webapp.ladders.models import LadderPoint
from webapp.runs.checkpoints import checkpoint_pin
from webapp.runs.models import Checkpoint, Run


def point_land(point: LadderPoint) -> bool:
    """Take in the result of a run that did all its steps; say whether there was one to take in."""
    run = point.run
    if run is None or point.has_landed or run.latest_job.state != State.SUCCEEDED:
        return False
    measured = last_validation(run)
    if measured is None or measured.get("loss") is None:
        return False
    spent = job_spend(jobs=Job.objects.filter(train_job__run=run))
    point.loss = float(measured["loss"])
    point.bits_per_byte = measured.get("bits_per_byte")
    point.num_evaluation_tokens = measured.get("num_tokens")
    point.seconds, point.usd = spent.seconds, float(spent.effective_usd)
    point.landed_at = timezone.now()
    point.save(
        update_fields=["loss", "bits_per_byte", "num_evaluation_tokens", "seconds", "usd", "landed_at"]
    )  # fmt: skip
    branch = branch_checkpoint(point)
    if branch is not None:
        checkpoint_pin(checkpoint=branch, pinned=True)
    return True


def last_validation(run: Run) -> dict[str, float] | None:
    """Return what the pass over the whole validation split at the run's end measured; None if there was none."""
    return last_validations([run]).get(run.pk)


def last_validations(runs: Iterable[Run]) -> dict[int, dict[str, float]]:
    """Return the same of many runs, by their keys."""
    said = JobEvent.objects.filter(job__train_job__run__in=runs, type="evaluation", payload__split="validation")
    rows = said.order_by("job__train_job__run_id", "-job_id", "-seq").distinct("job__train_job__run_id")
    found = rows.values_list("job__train_job__run_id", "payload")
    return {run: dict(payload.get("metrics") or {}) for run, payload in found}


def branch_checkpoint(point: LadderPoint) -> Checkpoint | None:
    """Return the checkpoint that the next rung of the size goes on from; None where its files are gone."""
    if point.run is None:
        return None
    rows = Checkpoint.objects.filter(run=point.run, step=point.branch_step, removed_at=None, compression="")
    return rows.order_by("-id").first()
