"""Training as a kind of job: what a run's events do to its rows. Everything happens in the event's own transaction."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatchmethod
from itertools import groupby
from typing import Any

from trainer.events import (
    AnyEvent,
    CheckpointRemoved,
    Evaluation,
    Message,
    Metrics,
    Progress,
    Resolved,
    Sample,
    Shared,
    Started,
    event_payload,
)
from trainer.events import Checkpoint as CheckpointWritten
from trainer.families import families
from webapp.jobs.kinds import JobKind, WorkFacts
from webapp.jobs.models import Attempt, Job
from webapp.runs import checkpoints as checkpoint_services
from webapp.runs import models
from webapp.runs.metric_events import metrics_take, payload_of
from webapp.runs.metrics import metrics_truncate
from webapp.runs.transfer import worth_store
from webapp.teams.models import User
from webapp.ui.templatetags.figures import count


class TrainKind(JobKind):
    name = "train"

    def url(self, job: Job) -> str | None:
        run = run_of(job)
        return None if run is None else run.get_absolute_url()

    def model_label(self, job: Job) -> str:
        run = run_of(job)
        if run is None:
            return ""
        family, size = families().get(run.family), run.facts.get("num_parameters")
        return f"{family.title if family else run.family} {count(size) if size else ''}".strip()

    def quote(self, job: Job) -> WorkFacts | None:
        from webapp.runs.work import work_of_job

        return work_of_job(job)

    def resume_from(self, job: Job) -> list[str]:
        run = run_of(job)
        return [] if run is None else [str(c.path) for c in checkpoint_services.candidates(run)]

    def retry(self, job: Job, by: User | None) -> Job:
        from webapp.runs.services import run_resume

        run = run_of(job)
        if run is None:
            return super().retry(job, by)
        return run_resume(run=run, by=by).latest_job

    def again(self, job: Job) -> Job:
        from webapp.runs.services import resuming

        run = run_of(job)
        return Job(project=run.project, team=run.project.team, **resuming(run)) if run else super().again(job)

    def on_event(self, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
        run = run_of(job)
        return event_payload(event) if run is None else self._take(event, run, job, attempt)

    def on_events(self, job: Job, attempt: Attempt, events: Sequence[AnyEvent]) -> list[dict[str, Any] | None]:
        """Take in a batch: metrics that stand together are stored together, and the run is looked up once."""
        run = run_of(job)
        if run is None:
            return [event_payload(event) for event in events]
        payloads: list[dict[str, Any] | None] = []
        for is_points, group in groupby(events, key=lambda event: isinstance(event, Metrics | Progress | Message)):
            stretch = list(group)
            if is_points:
                metrics_take(run=run, events=[event for event in stretch if isinstance(event, Metrics)])
            payloads += [
                (payload_of(event) if isinstance(event, Metrics) else event_payload(event))
                if is_points
                else self._take(event, run, job, attempt)
                for event in stretch
            ]
        return payloads

    def on_end(self, job: Job, attempt: Attempt | None) -> None:
        run = run_of(job)
        if run is not None:
            checkpoint_services.checkpoints_retire(run=run)
            worth_store(run)

    @singledispatchmethod
    def _take(self, event: AnyEvent, run: models.Run, job: Job, attempt: Attempt) -> dict[str, Any] | None:
        return event_payload(event)

    @_take.register
    def _(self, event: Started, run: models.Run, job: Job, attempt: Attempt) -> dict[str, Any] | None:
        """What an earlier attempt measured behind the step this one begins at will be measured again."""
        begins = event.resumed_from_step
        metrics_truncate(run=run, after_step=-1 if begins is None else begins)
        models.Sample.objects.filter(run=run, step__gt=begins or 0).delete()
        return event_payload(event)

    @_take.register
    def _(self, event: Resolved, run: models.Run, job: Job, attempt: Attempt) -> dict[str, Any] | None:
        run.resolved_reasons = {**run.resolved_reasons, **event.reasons}
        models.Run.objects.filter(pk=run.pk).update(
            resolved=event.machine, resolved_reasons=run.resolved_reasons, facts=event.facts, shared={}
        )
        if event.machine.get("device", "").startswith("cuda"):  # the processes of a processor share its one price
            num_devices = (event.facts.get("parallel") or {}).get("processes", 1)
            num_devices = max(num_devices, attempt.num_devices)  # what was claimed is held, used or not
            Attempt.objects.filter(pk=attempt.pk).update(num_devices=num_devices)
        return event_payload(event)

    @_take.register
    def _(self, event: Shared, run: models.Run, job: Job, attempt: Attempt) -> dict[str, Any] | None:
        models.Run.objects.filter(pk=run.pk).update(shared=event_payload(event))
        return None  # the next one takes its place

    @_take.register
    def _(self, event: Metrics, run: models.Run, job: Job, attempt: Attempt) -> dict[str, Any] | None:
        """Store the points; the event keeps only where they are."""
        metrics_take(run=run, events=[event])
        return payload_of(event)

    @_take.register
    def _(self, event: Sample, run: models.Run, job: Job, attempt: Attempt) -> dict[str, Any] | None:
        texts = {"prompt": _text(event.prompt), "output": _text(event.output)}
        models.Sample.objects.update_or_create(run=run, step=event.step, defaults={**texts, "pictures": event.pictures})
        return {**event_payload(event), **texts, "pictures": []}  # they are read from their row

    @_take.register
    def _(self, event: CheckpointWritten, run: models.Run, job: Job, attempt: Attempt) -> dict[str, Any] | None:
        checkpoint_services.checkpoint_publish(run=run, job=job, fence=attempt.fence, event=event)
        return event_payload(event)

    @_take.register
    def _(self, event: CheckpointRemoved, run: models.Run, job: Job, attempt: Attempt) -> dict[str, Any] | None:
        checkpoint_services.checkpoint_gone(job=job, fence=attempt.fence, step=event.step)
        return None  # housekeeping; nobody wants to read it

    @_take.register
    def _(self, event: Evaluation, run: models.Run, job: Job, attempt: Attempt) -> dict[str, Any] | None:
        if event.split == "test":
            models.Run.objects.filter(pk=run.pk).update(test_metrics={**event.metrics, "step": event.step})
        return event_payload(event)


def run_of(job: Job) -> models.Run | None:
    return models.Run.objects.filter(train_jobs__job=job).first()


def _text(text: str) -> str:
    """Return text as PostgreSQL takes it: a model may well write a NUL."""
    return text.replace("\x00", "\ufffd")
