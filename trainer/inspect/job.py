"""The job kind `inspect`: looks into a model and tells what it found as a report."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from trainer.context import JobContext
from trainer.data.shards import open_version
from trainer.events import Finished, Progress, Report, Stopped
from trainer.inference.evaluate import machine_of
from trainer.inference.loading import load_model
from trainer.inspect.contamination import contamination_report
from trainer.inspect.nearest import nearest_report
from trainer.inspect.overlap import overlap_report
from trainer.inspect.spec import InspectSpec
from trainer.training.machine import apply_machine
from trainer.training.measuring import Interrupted

SECONDS_BETWEEN_PROGRESS = 0.5


def run(spec: InspectSpec, context: JobContext) -> Finished | Stopped:
    """Do what the spec asks for and tell the report."""
    loaded = load_model(Path(spec.checkpoint), sha256=spec.sha256, device=spec.device)
    assert loaded.stored is not None
    machine = machine_of(loaded.stored, loaded.device)
    apply_machine(machine)
    context.started(device=machine.device)
    version = open_version(Path(spec.data_path or loaded.task.spec.data.path))
    say = teller(context)
    try:
        if spec.what == "contamination":
            evaluation = open_version(Path(spec.evaluation_path)) if spec.evaluation_path else version
            report = contamination_report(spec, version, evaluation, say)
        elif spec.what == "overlap":
            report = overlap_report(spec, loaded, version, say)
        else:
            report = nearest_report(spec, loaded, version, say)
    except Interrupted:
        return Stopped(sentence="Stopped before anything was found out.")
    context.emit(Report(report={**report, "content_hash": version.manifest.content_hash}))
    return Finished(result={"what": spec.what})


def teller(context: JobContext) -> Callable[[str, float, float], None]:
    """Return a function that says how far it is, once in a while, and ends the job when it was told to."""
    told = 0.0

    def say(phase: str, done: float, total: float) -> None:
        nonlocal told
        if context.should_stop():
            raise Interrupted
        if time.monotonic() - told >= SECONDS_BETWEEN_PROGRESS:
            told = time.monotonic()
            context.emit(Progress(done=done, total=total, unit="part", phase=phase))

    return say
