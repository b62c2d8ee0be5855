"""Events as lines of text: for the terminal, and for the log of a job that a supervisor started."""

from __future__ import annotations

import logging
import time

from trainer import events as e

SECONDS_BETWEEN_LOSSES = 5.0


def line_of(event: e.AnyEvent) -> str | None:
    """Return the line that a person reads of an event; None for those that only machines need."""
    if isinstance(event, e.Resolved):
        found = ", ".join(f"{key} {event.machine[key]}" for key in ("device", "dtype", "num_threads", "compile"))
        return f"{event.facts.get('num_parameters', 0):,} parameters; {found}"
    if isinstance(event, e.Evaluation):
        return f"{event.split}: " + ", ".join(f"{key} {number(value)}" for key, value in event.metrics.items())
    if isinstance(event, e.Sample):
        return f"sample: {event.prompt}{event.output}"
    if isinstance(event, e.Message):
        return f"{event.level}: {event.text}"
    if isinstance(event, e.Failed):
        return f"failed: {event.sentence}"
    if isinstance(event, e.Stopped | e.Finished):
        return event.sentence or None
    return None


def number(value: float | None) -> str:
    return "not a number" if value is None else f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.4g}"


class EventLog:
    """Logs what a person would want to find in a job's log: losses now and then, and whatever is worth a line."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log
        self._told = float("-inf")

    def __call__(self, event: e.AnyEvent) -> None:
        if isinstance(event, e.Metrics):
            self.log_metrics(event)
        elif isinstance(event, e.Checkpoint):
            self._log.info("checkpoint of step %s: %s, %s bytes", event.step, event.path, f"{event.size_bytes:,}")
        elif isinstance(event, e.Started):
            where = "" if event.resumed_from_step is None else f", from step {event.resumed_from_step}"
            self._log.info("started on %s%s", event.device, where)
        elif (line := line_of(event)) is not None and not isinstance(event, e.Failed):  # a failure logs itself
            self._log.info("%s", line)

    def log_metrics(self, event: e.Metrics) -> None:
        step, is_validation = event.steps[-1], "validation/loss" in event.values
        due = time.monotonic() - self._told >= SECONDS_BETWEEN_LOSSES and "train/loss" in event.values
        if is_validation or due:
            named = ", ".join(f"{key} {number(values[-1])}" for key, values in event.values.items())
            self._log.info("step %s: %s", step, named)
            self._told = self._told if is_validation else time.monotonic()
