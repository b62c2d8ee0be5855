"""What a run is expected to take, from its spec alone: parameters, tokens, FLOP, and its quote.

Every formula is economics'; this file asks it, and says `None` for what it cannot know.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from economics.flop import training_flop_per_token
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Queue, Worker
from webapp.quotes import devices
from webapp.quotes.devices import device_of_worker, memory_of
from webapp.quotes.figures import QuoteFigures
from webapp.quotes.services import NOWHERE, quote_on
from webapp.runs.alternatives import Alternative, alternatives
from webapp.runs.architectures import decoder_of, num_parameters_of
from webapp.runs.work import split_tokens, train_work
from webapp.teams.models import Team

__all__ = ["Estimate", "estimate", "likely_worker", "memory_of", "queue_of", "spec_flop_per_token"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What is known of a run before it starts. None is unknown."""

    quote: QuoteFigures
    num_tokens: int
    num_parameters: int | None = None
    epochs: float | None = None
    flop_per_token: float | None = None
    flop: float | None = None
    machine_memory_bytes: float | None = None
    alternatives: list[Alternative] = field(default_factory=list)
    has_worker: bool = True
    """Somebody is there to do it."""

    @property
    def needs_probe(self) -> bool:
        """The machine was never measured, and a measurement would tell the time."""
        return not self.quote.has_basis and self.has_worker and self.flop_per_token is not None

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
    def tokens_per_parameter(self) -> float | None:
        return self.num_tokens / self.num_parameters if self.num_parameters else None

    @property
    def memory_fraction(self) -> float | None:
        if self.memory_bytes is None or not self.machine_memory_bytes:
            return None
        return self.memory_bytes / self.machine_memory_bytes


def spec_flop_per_token(spec: TrainSpec, vocab_size: int | None) -> float | None:
    """Return the training FLOP of one token, as economics counts it; None where it does not know the family."""
    decoder = decoder_of(spec.family, spec.model, vocab_size)
    return None if decoder is None else training_flop_per_token(decoder, spec.batch.sequence_length).total


def estimate(spec: TrainSpec, version: DatasetVersion, *, team: Team | None = None) -> Estimate:
    """Return what the run is expected to take on the machine that would do it."""
    worker = likely_worker(spec)
    device = device_of_worker(worker) if worker else NOWHERE
    num_tokens = spec.batch.tokens_per_step * spec.schedule.num_steps
    train_tokens = split_tokens(version, "train")
    decoder = decoder_of(spec.family, spec.model, version.vocab_size)
    per_token = training_flop_per_token(decoder, spec.batch.sequence_length).total if decoder else None
    work = train_work(spec, version, device)
    quote = quote_on(work, device, team=team or version.owning_team, kind="train")
    return Estimate(
        quote=quote,
        alternatives=alternatives(spec, decoder, work, quote) if decoder else [],
        has_worker=worker is not None and worker.stopped_at is None,
        num_tokens=num_tokens,
        num_parameters=num_parameters_of(spec.family, spec.model, version.vocab_size),
        epochs=num_tokens / train_tokens if train_tokens else None,
        flop_per_token=per_token,
        flop=per_token * num_tokens if per_token else None,
        machine_memory_bytes=memory_of(worker),
    )


def likely_worker(spec: TrainSpec) -> Worker | None:
    """Return the worker that would probably take the run: one of its queue that was seen last."""
    return devices.likely_worker(queue_of(spec))


def queue_of(spec: TrainSpec) -> Queue:
    """Return the queue for the spec's device; `auto` takes an accelerator where a worker has one."""
    return devices.queue_of_device(spec.machine.device)
