"""The kind of job that measures a machine. What it found stays with the machine, for quotes and for utilisation."""

from __future__ import annotations

from typing import Any

from trainer.events import AnyEvent, Finished, event_payload
from webapp.costs.services import machine_ensure
from webapp.jobs.kinds import JobKind
from webapp.jobs.models import Attempt, Job


class CalibrateKind(JobKind):
    name = "calibrate"
    max_failures = 2

    def on_event(self, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
        if isinstance(event, Finished):
            machine = machine_ensure(worker=attempt.worker)
            machine.hardware = {**machine.hardware, "calibration": event.result}
            machine.save(update_fields=["hardware", "updated_at"])
        return event_payload(event)
