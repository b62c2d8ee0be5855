"""The kind of job that measures a machine. What it found stays with the machine, for quotes and for utilisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainer.calibrate.spec import CalibrateSpec
from trainer.events import AnyEvent, Finished, event_payload
from trainer.spec import spec_to_dict
from webapp.costs.services import machine_ensure
from webapp.jobs.kinds import Bound, JobKind, WorkFacts
from webapp.jobs.models import Attempt, Job
from webapp.projects.models import Project

START_SECONDS = 5.0
"""Starting Python and PyTorch."""

OVERRUN = 1.1
"""Measurements end with the one at hand."""


class CalibrateKind(JobKind):
    name = "calibrate"
    max_failures = 2

    def quote(self, job: Job) -> WorkFacts | None:
        """It measures for as long as its spec says; only the start comes on top."""
        seconds = float(job.spec.get("seconds") or CalibrateSpec().seconds)
        return WorkFacts(
            group="calibrate", amount=seconds, unit="second", units_per_second=1 / OVERRUN, fixed_seconds=START_SECONDS,
            rate_source="the time that its spec gives it", bound=Bound.MACHINE,
        )  # fmt: skip

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        spec = spec_to_dict("calibrate", CalibrateSpec())
        return Job(project=project, team=project.team, kind=self.name, spec=spec, queue=self.queue)

    def on_event(self, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
        if isinstance(event, Finished):
            machine = machine_ensure(worker=attempt.worker)
            machine.hardware = {**machine.hardware, "calibration": event.result}
            machine.save(update_fields=["hardware", "updated_at"])
        return event_payload(event)
