"""Why an attempt ended, and what follows from it. Decided from facts alone, so that every case is a test."""

from __future__ import annotations

import signal
from dataclasses import dataclass
from typing import Literal

from trainer.events import AnyEvent, Failed, Finished, Stopped

Outcome = Literal["succeeded", "stopped", "failed", "cancelled", "released", "died"]

OUT_OF_MEMORY_HOST = (
    "The machine ran out of memory and the operating system ended the job. Choose a smaller batch (or micro-batch), "
    "model or context, or let fewer jobs run at once on this machine."
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What the supervisor knows when the trainer is gone."""

    last_event: AnyEvent | None
    exit_code: int | None
    """As subprocess gives it: minus the signal's number when a signal ended it."""

    stop_request: str = ""
    """What a person asked: empty, `stop` or `cancel`."""

    was_leaving: bool = False
    """The worker was told to shut down."""

    was_hung: bool = False
    """The supervisor ended it because it had said nothing for too long."""

    out_of_memory: bool = False
    """The kernel ended a process for want of memory while this one ran."""


@dataclass(frozen=True, kw_only=True, slots=True)
class End:
    """How an attempt ended. `released` and `died` attempts leave the job to be tried again."""

    outcome: Outcome
    code: str
    sentence: str


def end_of(facts: Facts) -> End:
    """Return how the attempt ended."""
    last = facts.last_event
    if isinstance(last, Finished):
        return End(outcome="succeeded", code=last.code, sentence=last.sentence)
    if facts.stop_request == "cancel":
        return End(outcome="cancelled", code="cancelled", sentence="Cancelled on request.")
    if isinstance(last, Failed):
        return End(outcome="failed", code=last.code, sentence=last.sentence)
    if isinstance(last, Stopped) and facts.stop_request == "stop":
        return End(outcome="stopped", code="stopped", sentence=last.sentence or "Stopped on request; all is saved.")
    if facts.was_leaving:
        return End(outcome="released", code="worker_left", sentence="The worker shut down; the job goes on elsewhere.")
    if facts.stop_request == "stop":
        sentence = "Stopped on request, but the process ended before it had saved; the last checkpoint is kept."
        return End(outcome="stopped", code="stopped_unsaved", sentence=sentence)
    return _end_unasked(facts)


def _end_unasked(facts: Facts) -> End:
    """Nobody asked, and the trainer did not say why."""
    if facts.was_hung:
        sentence = "The job said nothing for too long and was ended; it is tried again from its last checkpoint."
        return End(outcome="died", code="hung", sentence=sentence)
    if isinstance(facts.last_event, Stopped):
        sentence = "The job's process was told to end by somebody outside; it had saved what it had."
        return End(outcome="died", code="killed_trainer", sentence=sentence)
    if facts.exit_code == -signal.SIGKILL and facts.out_of_memory:
        return End(outcome="died", code="out_of_memory_host", sentence=OUT_OF_MEMORY_HOST)
    if facts.exit_code is not None and facts.exit_code < 0:
        name = _signal_name(-facts.exit_code)
        sentence = f"The job's process was ended by {name}, not by itself. The log's last lines may tell more."
        return End(outcome="died", code="killed_trainer", sentence=sentence)
    sentence = f"The job's process ended with exit code {facts.exit_code} without a word; the log's last lines say why."
    return End(outcome="failed", code="crash", sentence=sentence)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


NUM_RETRIES_BY_CODE = {"out_of_memory_host": 1}
"""Deaths that are tried again less often than the job's `max_failures` allows: the same will happen again."""
