"""Events as lines of text: for the terminal, and for the log of a job that a supervisor started."""

from __future__ import annotations

import logging
import time
from typing import Any

from trainer import events as e

SECONDS_BETWEEN_LOSSES = 5.0


def line_of(event: e.AnyEvent) -> str | None:
    """Return the line that a person reads of an event; None for those that only machines need."""
    if isinstance(event, e.Resolved):
        found = ", ".join(f"{key} {event.machine[key]}" for key in ("device", "dtype", "num_threads", "compile"))
        parallel = event.facts.get("parallel") or {}
        shared = f", {parallel['processes']} processes with {parallel['strategy']}" if parallel else ""
        return f"{event.facts.get('num_parameters', 0):,} parameters; {found}{shared}"
    if isinstance(event, e.Evaluation):
        return f"{event.split}: " + ", ".join(f"{key} {number(value)}" for key, value in event.metrics.items())
    if isinstance(event, e.Sample):
        return f"sample: {event.prompt}{event.output}"
    if isinstance(event, e.Message):
        return f"{event.level}: {event.text}"
    if isinstance(event, e.Failed):
        return f"failed: {event.sentence}"
    if isinstance(event, e.Stopped):
        return event.sentence or "stopped"
    if isinstance(event, e.Finished):
        return event.sentence or ", ".join(["finished", *named(event.result)])
    return None


def named(result: dict[str, Any]) -> list[str]:
    """Return the plain figures of a result as words; what is nested has been told already."""
    figures = {name: value for name, value in result.items() if type(value) in (int, float)}
    return [f"{name} {number(value)}" for name, value in figures.items()]


def lines_of_resolved(event: e.Resolved) -> list[str]:
    """Return what was decided for this machine, and why, and how large everything is."""
    sizes = named(event.facts)
    decided = [
        f"{name} {value}" + (f" ({event.reasons[name].rstrip('.')})" if name in event.reasons else "")
        for name, value in event.machine.items()
        if value not in ("", None)
    ]
    if parallel := event.facts.get("parallel"):
        decided += [f"{name} {value} ({event.reasons.get(name, '')})" for name, value in parallel.items()]
    return [f"machine: {text}" for text in decided] + ([f"sizes: {', '.join(sizes)}"] if sizes else [])


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
        elif isinstance(event, e.Resolved):
            for text in lines_of_resolved(event):
                self._log.info("%s", text)
        elif isinstance(event, e.Started):
            where = "" if event.resumed_from_step is None else f", from step {event.resumed_from_step}"
            hardware, versions = event.hardware, ", ".join(f"{k} {v}" for k, v in event.versions.items())
            self._log.info("started on %s%s; %s", event.device, where, versions)
            if hardware:
                memory = f"{hardware.get('memory_bytes', 0) / 2**30:.1f} GiB"
                self._log.info(
                    "machine: %s, %s cores, %s", hardware.get("processor"), hardware.get("num_cores"), memory
                )
        elif (line := line_of(event)) is not None and not isinstance(event, e.Failed):  # a failure logs itself
            self._log.info("%s", line)

    def log_metrics(self, event: e.Metrics) -> None:
        step, is_validation = event.steps[-1], "validation/loss" in event.values
        due = time.monotonic() - self._told >= SECONDS_BETWEEN_LOSSES and "train/loss" in event.values
        if is_validation or due:
            named = ", ".join(f"{key} {number(values[-1])}" for key, values in event.values.items())
            self._log.info("step %s: %s", step, named)
            self._told = self._told if is_validation else time.monotonic()
