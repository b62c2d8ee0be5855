"""From a wanted size with token counts to the training specs of its rungs: one trunk that cools down several times.

The trunk's first run goes from random weights to the first token count, its rate falling over the last fifth. The next
run goes on from where that fall began, at the full rate, and falls later; and so on. So each token count costs little
more than the trunk itself, and every point ends a complete schedule. All rungs share sequence length, batch, data order
and the whole validation split, so that their losses are measured on the same tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Any

from django.utils.translation import gettext as _

from economics.architecture import Decoder
from economics.architecture.sizing import decoder_of_size
from economics.errors import EconomicsError
from economics.flop import training_flop_per_token
from trainer.errors import SpecError
from trainer.families import get_family
from trainer.sections import (
    BatchSpec,
    CheckpointSpec,
    DataSpec,
    EvaluationSpec,
    MachineSpec,
    OptimizerSpec,
    ScheduleSpec,
)
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Queue
from webapp.quotes.devices import device_of_queue
from webapp.runs.architectures import decoder_of, link_of

FAMILY = "gpt"
COOLDOWN_FRACTION = 0.2
WARMUP_FRACTION = 0.05
"""Of the shortest run of a size; the trunk's followers are past it."""

LEAST_WARMUP_STEPS = 12
"""A rate that is full after two or three steps cost a model of 84 k parameters 3.5 % of its loss after 409."""

LEAST_STEPS = 24
SAMPLE_TOKENS = 24
"""Enough to read what a size writes, and done in a moment."""

RATE_AT_1M, RATE_POWER = 3e-3, 0.25
HIGHEST_RATE, LOWEST_RATE = 6e-3, 2e-4
CHECKPOINTS_EVERY_SECONDS = 120.0


class RungRefused(Exception):
    """No run can be made of such a size or token count; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Common:
    """What all rungs of a ladder share."""

    version: DatasetVersion
    sequence_length: int = 128
    sequences_per_step: int = 16
    rate_factor: float = 1.0
    """The rate of every size is the rule's times this."""

    seed: int = 1
    sample_prompt: str = ""
    """What each of them continues, for people to read."""

    @property
    def tokens_per_step(self) -> int:
        return self.sequence_length * self.sequences_per_step

    def settings(self) -> dict[str, Any]:
        names = ("sequence_length", "sequences_per_step", "rate_factor", "seed", "sample_prompt")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rung:
    """One run to be: its spec, and what of it enters the fit."""

    spec: TrainSpec
    first_step: int
    """Where it branches off the run before; 0 from random weights."""

    branch_step: int
    """Where the next of its size may branch off."""

    num_params: int
    num_params_in_matmuls: int
    num_tokens: int
    flop: float

    @property
    def new_tokens(self) -> int:
        """Tokens that this run itself trains on."""
        return (self.spec.schedule.num_steps - self.first_step) * self.spec.batch.tokens_per_step


def model_of_size(num_params: float, common: Common) -> tuple[Any, Decoder]:
    """Return the settings of the usual model nearest to a size, and its architecture."""
    vocabulary = common.version.vocab_size
    if not vocabulary:
        raise RungRefused(_("This dataset version has no vocabulary; choose one of text."))
    family = get_family(FAMILY)
    try:
        found = replace(
            decoder_of_size(round(num_params), vocabulary_size=vocabulary), context_length=common.sequence_length
        )
        preset = next(iter(family.presets.values()))
        link = link_of(FAMILY)
        assert link is not None
        assert link.to_settings is not None
        model = link.to_settings(found, preset)
    except (EconomicsError, SpecError) as error:
        raise RungRefused(str(error)) from error
    decoder = decoder_of(FAMILY, model, common.version.model_facts)
    assert decoder is not None
    return model, decoder


def learning_rate_of(num_params: float, factor: float = 1.0) -> float:
    """Return the rate of a size by a rule: falling with the fourth root of the size. A rule is not a tuning."""
    rate = factor * RATE_AT_1M * (1e6 / num_params) ** RATE_POWER
    return float(f"{min(max(rate, LOWEST_RATE), HIGHEST_RATE):.3g}")


def trunk(num_params: float, token_counts: Sequence[float], common: Common, *, seed: int | None = None) -> list[Rung]:
    """Return the runs of one size, each going on from the one before."""
    model, decoder = model_of_size(num_params, common)
    per_token = training_flop_per_token(decoder, common.sequence_length).total
    parameters = decoder.parameters()
    steps = sorted({max(LEAST_STEPS, round(tokens / common.tokens_per_step)) for tokens in token_counts})
    warmup = max(round(WARMUP_FRACTION * steps[0]), min(LEAST_WARMUP_STEPS, steps[0] // 3))
    found: list[Rung] = []
    first = 0
    for num_steps in steps:
        num_steps = max(num_steps, ceil((first + 2) / (1 - COOLDOWN_FRACTION)) + 1 if first else 0)
        branch = num_steps - round(num_steps * COOLDOWN_FRACTION)
        spec = TrainSpec(
            family=FAMILY,
            model=model,
            data=DataSpec(path=str(common.version.path), content_hash=common.version.content_hash),
            batch=BatchSpec(sequence_length=common.sequence_length, sequences_per_step=common.sequences_per_step),
            optimizer=OptimizerSpec(learning_rate=learning_rate_of(parameters.total, common.rate_factor)),
            schedule=ScheduleSpec(
                num_steps=num_steps, warmup_steps=warmup, decay="wsd", cooldown_fraction=COOLDOWN_FRACTION
            ),
            # a validation may save a better checkpoint: both happen only where the next run branches off, and at the end
            evaluation=EvaluationSpec(
                every_steps=branch,
                max_batches=4,
                test=False,
                sample_prompt=common.sample_prompt,
                sample_tokens=SAMPLE_TOKENS,
            ),
            checkpoint=CheckpointSpec(every_steps=branch, keep_last=3),
            machine=machine_settings(),
            seed=common.seed if seed is None else seed,
        )
        found.append(
            Rung(
                spec=spec, first_step=first, branch_step=branch, num_params=parameters.total,
                num_params_in_matmuls=parameters.matmul, num_tokens=num_steps * common.tokens_per_step,
                flop=per_token * num_steps * common.tokens_per_step,
            )
        )  # fmt: skip
        first = branch
    return found


def machine_settings() -> MachineSpec:
    """Return the same settings for every rung: the threads that were measured, by number, and nothing tried out first."""
    queue = queue_of_ladders()
    if queue == Queue.GPU:
        return MachineSpec(compile="off")
    device = device_of_queue(queue)
    num_threads = int((device.calibration if device else {}).get("num_threads") or 0)
    return MachineSpec(device="cpu", compile="off", num_threads=num_threads)


def queue_of_ladders() -> Queue:
    """Return the queue whose device makes the rungs: an accelerator where a worker has one."""
    return Queue.GPU if device_of_queue(Queue.GPU) else Queue.CPU
