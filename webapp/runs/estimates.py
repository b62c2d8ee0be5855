"""What a run is expected to take, from its spec alone: parameters, tokens or examples, FLOP, and its quote.

Every formula is economics'; this file asks it, and says `None` for what it cannot know.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trainer.families import get_family
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Queue, Worker
from webapp.quotes import devices
from webapp.quotes.devices import device_of_worker, memory_of
from webapp.quotes.elsewhere import Elsewhere, elsewhere
from webapp.quotes.figures import QuoteFigures
from webapp.quotes.services import NOWHERE, quote_on
from webapp.runs.architectures import num_parameters_of
from webapp.runs.batch_lengths import are_documents
from webapp.runs.recommending import Recommending, recommending_of
from webapp.runs.spreading import Spread, most_devices, spreads
from webapp.runs.step_models import num_processes
from webapp.runs.taught_step import step_model_of
from webapp.runs.work import train_work
from webapp.teams.models import Team

__all__ = ["Estimate", "estimate", "likely_worker", "memory_of", "queue_of", "spec_flop_per_unit"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What is known of a run before it starts. None is unknown."""

    quote: QuoteFigures
    num_units: int
    """What it trains on in all, in `unit`s."""

    unit: str = "token"
    num_parameters: int | None = None
    epochs: float | None = None
    flop_per_unit: float | None = None
    flop: float | None = None
    machine_memory_bytes: float | None = None
    elsewhere: Elsewhere = field(default_factory=Elsewhere)
    spreads: list[Spread] = field(default_factory=list)
    """On each number of devices that the installation has; empty where that is one."""

    num_devices: int = 1
    """Of those: set by hand, or chosen."""

    recommending: Recommending | None = None
    """What it costs when it serves, where it recommends."""

    has_worker: bool = True
    """Somebody is there to do it."""

    is_on_processor: bool = True

    @property
    def needs_probe(self) -> bool:
        """The machine was never measured, and a measurement would tell the time."""
        return not self.quote.has_basis and self.has_worker and self.flop_per_unit is not None

    @property
    def memory_by_part(self) -> dict[str, float]:
        return self.quote.memory_by_part

    @property
    def memory_bytes(self) -> float | None:
        """The sum of the parts."""
        return sum(self.quote.memory_by_part.values()) or None

    @property
    def fits(self) -> bool | None:
        if self.memory_bytes is None or self.machine_memory_bytes is None:
            return None
        return self.memory_bytes <= self.machine_memory_bytes

    @property
    def seconds(self) -> float | None:
        return self.quote.seconds.p50 if self.quote.seconds else None

    @property
    def usd(self) -> float | None:
        return self.quote.usd.p50 if self.quote.usd else None

    @property
    def units_per_parameter(self) -> float | None:
        return self.num_units / self.num_parameters if self.num_parameters else None

    @property
    def memory_fraction(self) -> float | None:
        if self.memory_bytes is None or not self.machine_memory_bytes:
            return None
        return self.memory_bytes / self.machine_memory_bytes


def spec_flop_per_unit(spec: TrainSpec, version: DatasetVersion) -> float | None:
    """Return the training FLOP of one token or example, as economics counts it; None where it does not know the family."""
    step = step_model_of(spec, version.model_facts)
    return step.flop_per_unit if step else None


def estimate(spec: TrainSpec, version: DatasetVersion, *, team: Team | None = None) -> Estimate:
    """Return what the run is expected to take on the machine that would do it."""
    worker = likely_worker(spec)
    device = device_of_worker(worker) if worker else NOWHERE
    num_units = spec.batch.tokens_per_step * spec.schedule.num_steps
    paying = team or version.owning_team
    several = spreads(spec, version, device, paying) if most_devices(spec.machine.device) > 1 else []
    if spec.parallel.processes == "auto":
        spec = next((each.spec for each in several if each.is_chosen), spec)
    step = step_model_of(spec, version.model_facts)
    work = train_work(spec, version, device)
    quote = quote_on(work, device, team=paying, kind="train")
    return Estimate(
        quote=quote,
        spreads=several,
        is_on_processor=queue_of(spec) == Queue.CPU,
        num_devices=num_processes(spec),
        elsewhere=elsewhere(work, quote, paying),
        has_worker=worker is not None and worker.stopped_at is None,
        num_units=num_units,
        unit=get_family(spec.family).unit,
        num_parameters=num_parameters_of(spec.family, spec.model, version.model_facts),
        epochs=epochs(spec, version),
        flop_per_unit=step.flop_per_unit if step else None,
        flop=step.flop_per_unit * num_units if step else None,
        machine_memory_bytes=memory_of(worker),
        recommending=recommending_of(spec, version.model_facts, device),
    )


def epochs(spec: TrainSpec, version: DatasetVersion) -> float | None:
    """Return how often the run reads the training split; a document counts once, however much of the window it fills."""
    if are_documents(spec.family, spec.model, version.model_facts):
        read, there = spec.batch.sequences_per_step, version.num_documents_of("train")
    else:
        read, there = spec.batch.tokens_per_step, version.num_units("train")
    return read * spec.schedule.num_steps / there if there else None


def likely_worker(spec: TrainSpec) -> Worker | None:
    """Return the worker that would probably take the run: one of its queue that was seen last."""
    return devices.likely_worker(queue_of(spec))


def queue_of(spec: TrainSpec) -> Queue:
    """Return the queue for the spec's device; `auto` takes an accelerator where a worker has one."""
    return devices.queue_of_device(spec.machine.device)
