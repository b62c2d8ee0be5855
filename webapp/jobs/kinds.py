"""What the job machinery needs to know of a kind of job. `jobs` knows no kind: apps register theirs in AppConfig.ready.

register_kind(TrainKind())          in runs.apps
register_gate(budget_gate)          in costs.apps: may refuse a job before it is made
register_made_hook(quote_store)     in quotes.apps: called once for each job that was made, in the same transaction
register_end_hook(ledger_write)     in costs.apps: called once for each attempt that ended, in the same transaction
register_stop_reason(stop_reason)   in budgets.apps: why an app asked a job to stop, which no person did
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from economics.hardware import Accelerator
from economics.training.outcome import Outcome
from trainer.events import AnyEvent, event_payload
from webapp.jobs.models import Attempt, Job
from webapp.projects.models import Project
from webapp.teams.models import User


class Portable(Protocol):
    """Work that can be reckoned on an accelerator where nothing was measured."""

    def elsewhere(
        self, accelerator: Accelerator, *, units: float, usd_per_hour: float, usd_spread: float
    ) -> Outcome | None:
        """Return what so many units take on one rented accelerator; None where they do not fit."""


class Bound(StrEnum):
    """Why work that is not portable is not: what its form says in place of other machines."""

    UNCOUNTED = "uncounted"  # only jobs that ended here tell how long it takes
    FILES = "files"  # reading and writing by the processor is nearly all of it
    MACHINE = "machine"  # it is about this very machine


@dataclass(frozen=True, kw_only=True, slots=True)
class WorkFacts:
    """What a job is going to do, counted, so that it can be quoted. Knows no price; None is unknown, never a guess."""

    group: str
    """Jobs of the same group tell most about one another: kind, family and order of size."""

    amount: float
    """How much there is to do, in `unit`s; 0 where the kind always takes about as long."""

    unit: str
    """token, byte, ..."""

    flop_per_unit: float = 1.0
    """Model FLOP of one unit; 1 where work is not counted in FLOP."""

    units_per_second: float | None = None
    """What the device reaches on such work, as far as a calibration tells; None: only own finished jobs can."""

    num_devices: int = 1
    """That do it together, each billed: the rate is that of all."""

    rate_spread: float = 0.0
    """Standard deviation of ln(rate) where it is less well known than a calibration usually tells; 0: as usual."""

    rate_source: str = ""
    """Where that comes from, for people."""

    fixed_seconds: float = 0.0
    """Start, checkpoints, samples: what does not grow with the amount."""

    memory_by_part: dict[str, float] = field(default_factory=dict)
    """Bytes on the device, by part."""

    assumptions: tuple[dict[str, Any], ...] = ()
    """Rows of name, value, unit and source."""

    portable: Portable | None = None
    """The same units on a machine of the catalogue; None where they cannot be reckoned there, for the reason of `bound`."""

    bound: Bound = Bound.UNCOUNTED


class JobKind:
    """One kind of job. Subclass, set `name`, override what differs, register."""

    name: str
    queue = "cpu"
    max_failures = 3
    uses_torch = True
    """Its process begins with loading PyTorch, so that one that has done so already is a good start."""

    def url(self, job: Job) -> str | None:
        """Return the page that shows what this job works on (its run, its dataset version)."""
        return None

    def model_label(self, job: Job) -> str:
        """Return the family and size of the model that the job works on, as the ledger groups by it; empty for none."""
        return ""

    def quote(self, job: Job) -> WorkFacts | None:
        """Return what the job is going to do, for its quote; None where the kind cannot say. The row may not be saved yet."""
        return None

    def planned(self, project: Project, data: Mapping[str, str]) -> Job | None:
        """Return the job, not saved, that a form with these values would make, for the quote beside its button.

        None where the values do not name one. Whoever asks may see the project, and nothing of another must be told.
        """
        return None

    def again(self, job: Job) -> Job:
        """Return the job, not saved, that `retry` would make of an ended one, for the quote beside its button."""
        return Job(
            project=job.project, team=job.team, kind=job.kind, spec=job.spec, title=job.title, queue=job.queue,
            max_failures=job.max_failures, num_devices=job.num_devices,
        )  # fmt: skip

    def resume_from(self, job: Job) -> list[str]:
        """Return folders of published checkpoints to go on from, best candidate first; here: those this job told of."""
        told = job.events.filter(type__in=("checkpoint", "checkpoint_removed")).values_list("type", "payload")
        removed = {payload["path"] for type_, payload in told if type_ == "checkpoint_removed"}
        kept = [payload for type_, payload in told if type_ == "checkpoint" and payload["path"] not in removed]
        kept.sort(key=lambda payload: payload["step"], reverse=True)
        return [str(job.folder.path / payload["path"]) for payload in kept]

    def on_start(self, job: Job, attempt: Attempt) -> None:
        """Called in the claim's transaction."""

    def on_event(self, job: Job, attempt: Attempt, event: AnyEvent) -> dict[str, Any] | None:
        """Take in one event and return what to keep of it in the event list; None keeps nothing.

        Called in the transaction that checked the fence and that gives the event its number; raise nothing for bad data.
        """
        return event_payload(event)

    def on_events(self, job: Job, attempt: Attempt, events: Sequence[AnyEvent]) -> list[dict[str, Any] | None]:
        """Take in a batch of events, in order, and return what to keep of each. Override to write several at once."""
        return [self.on_event(job, attempt, event) for event in events]

    def on_end(self, job: Job, attempt: Attempt | None) -> None:
        """Called in the transaction in which the job reached a final state, after the end hooks.

        `attempt` is its latest one, None for a job that was ended before it ever started.
        """

    def retry(self, job: Job, by: User | None) -> Job:
        """Make a new job that does again what an ended one did not do, and return it."""
        from webapp.jobs.services import job_create

        return job_create(
            project=job.project,
            kind=job.kind,
            spec=job.spec,
            created_by=by,
            title=job.title,
            queue=job.queue,
            max_failures=job.max_failures,
            num_devices=job.num_devices,
        )


_kinds: dict[str, JobKind] = {}
_gates: list[Callable[[Job], None]] = []
_made_hooks: list[Callable[[Job], None]] = []
_end_hooks: list[Callable[[Attempt], None]] = []
_stop_reasons: list[Callable[[Job], tuple[str, str] | None]] = []


def register_kind(kind: JobKind) -> None:
    _kinds[kind.name] = kind


def register_gate(gate: Callable[[Job], None]) -> None:
    """Register a check made before a job's row is inserted; it raises `JobRefused` with a sentence to refuse."""
    _gates.append(gate)


def register_made_hook(hook: Callable[[Job], None]) -> None:
    """Register what is done for every job whose row was inserted; it may still raise `JobRefused`."""
    _made_hooks.append(hook)


def register_end_hook(hook: Callable[[Attempt], None]) -> None:
    """Register what is done for every attempt that ended, however it ended."""
    _end_hooks.append(hook)


def register_stop_reason(reason: Callable[[Job], tuple[str, str] | None]) -> None:
    """Register who may have asked a job to stop: it returns (reason code, sentence), None if it did not."""
    _stop_reasons.append(reason)


def kind_of(name: str) -> JobKind:
    return _kinds[name]


def kinds() -> dict[str, JobKind]:
    return dict(_kinds)


def gates() -> list[Callable[[Job], None]]:
    return list(_gates)


def made_hooks() -> list[Callable[[Job], None]]:
    return list(_made_hooks)


def end_hooks() -> list[Callable[[Attempt], None]]:
    return list(_end_hooks)


def stop_reason_of(job: Job) -> tuple[str, str] | None:
    """Return why an app asked the job to stop; None if a person did."""
    return next((found for reason in _stop_reasons if (found := reason(job)) is not None), None)
