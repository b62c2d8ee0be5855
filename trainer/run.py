"""Do one attempt of one job, of any kind.

    python -m trainer run <job folder> --attempt <fence> [--supervised]

Reads `spec.json` and `attempts/<fence>/attempt.json`, writes only inside its attempt, and ends its journal with
`finished` (exit 0), `stopped` (exit 3) or `failed` (exit 1). SIGTERM and SIGINT mean: save, then end. With
`--supervised` standard input carries the lines `stop`, `cancel` and `stored <line>` (the journal is safe up to there),
and the process ends at once when it closes, for then its supervisor is gone and another attempt may already be running
elsewhere.
"""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from trainer.context import JobContext
from trainer.errors import InputError, SpecError
from trainer.events import AnyEvent, Failed, Finished, Stopped
from trainer.failures import failed_event
from trainer.folder import AttemptSpec, JobFolder
from trainer.lines import EventLog
from trainer.parallel.place import open_journal, place_here
from trainer.spec import decode_spec

EXIT_FINISHED, EXIT_FAILED, EXIT_STOPPED = 0, 1, 3


@dataclass(frozen=True, kw_only=True, slots=True)
class Handler:
    """The code that does a kind of job: `function(spec, context)`, which may return its last event."""

    function: str
    """`module:function`, imported only when such a job runs."""

    emits_started: bool = False
    """It says `started` itself, once it knows the device and the step."""


HANDLERS = {
    "train": Handler(function="trainer.parallel.launch:run", emits_started=True),
    "prepare": Handler(function="trainer.data.kinds:run"),
    "evaluate": Handler(function="trainer.inference.evaluate:run", emits_started=True),
    "predict": Handler(function="trainer.inference.table:run", emits_started=True),
    "recommend": Handler(function="trainer.recommend.lists:run", emits_started=True),
    "calibrate": Handler(function="trainer.calibrate.job:run"),
    "profile": Handler(function="trainer.profile.job:run", emits_started=True),
    "compress": Handler(function="trainer.compress.job:run", emits_started=True),
    "export": Handler(function="trainer.formats.job:run"),
    "inspect": Handler(function="trainer.inspect.job:run", emits_started=True),
}


def run_attempt(folder: Path, fence: int, *, supervised: bool = False) -> int:
    """Do the attempt as a supervisor asks for it, and return the exit code."""
    place = place_here()
    if place is None:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
        on_event = EventLog(logging.getLogger("trainer"))
        return exit_code(start_attempt(folder, fence, supervised=supervised, on_event=on_event))
    text = f"%(asctime)s %(levelname)s rank {place.rank}: %(message)s"  # what happens, its launcher logs
    logging.basicConfig(level=logging.WARNING, format=text, stream=sys.stderr)
    code = exit_code(start_attempt(folder, fence, supervised=supervised))
    logging.shutdown()
    os._exit(code)  # all is written; connections that both ends take down at once were seen to wait for each other


def start_attempt(
    folder: Path, fence: int, *, supervised: bool = False, on_event: Callable[[AnyEvent], None] = lambda _: None
) -> AnyEvent:
    """Do the attempt and return its last event."""
    job = JobFolder(folder)
    attempt = job.attempt(fence)
    try:
        journal = open_journal(attempt.journal)
    except FileExistsError as error:
        raise InputError(
            f"attempt {fence} of {folder} already has a journal; give the next attempt a new number"
        ) from error
    attempt_spec = attempt.read_spec() if attempt.spec.exists() else AttemptSpec(fence=fence)
    context = JobContext(
        folder=job,
        attempt=attempt,
        attempt_spec=attempt_spec,
        journal=journal,
        on_event=on_event,
        is_supervised=supervised,
    )
    stop_on_signals(context)
    if supervised:
        threading.Thread(target=follow_supervisor, args=(context, sys.stdin), name="supervisor", daemon=True).start()
    try:
        do_job(context)
    finally:
        journal.close()
    assert context.last_event is not None
    return context.last_event


def do_job(context: JobContext) -> None:
    """Call the handler of the job's kind and see to it that the journal has a last event."""
    try:
        kind, spec = read_spec(context.folder)
        handler = HANDLERS[kind]
        if not handler.emits_started:
            context.started(device="cpu")
        last = load_function(handler.function)(spec, context)
        if context.last_event is None:
            context.emit(last if isinstance(last, (Finished, Stopped, Failed)) else _default_end(context))
    except (Exception, KeyboardInterrupt) as error:
        event = failed_event(error)
        context.log.error(event.sentence, exc_info=not isinstance(error, InputError))
        context.emit(event)


def read_spec(folder: JobFolder) -> tuple[str, Any]:
    """Return (kind, spec) of a job folder."""
    if not folder.spec.is_file():
        raise SpecError(f"{folder.spec} does not exist; a job folder has its spec there")
    return decode_spec(folder.spec.read_bytes())


def load_function(name: str) -> Callable[[Any, JobContext], Any]:
    module, function = name.split(":")
    loaded: Callable[[Any, JobContext], Any] = getattr(importlib.import_module(module), function)
    return loaded


def stop_on_signals(context: JobContext) -> None:
    """Let SIGTERM and SIGINT ask for a stop that saves first."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: context.request_stop("stop"))


def follow_supervisor(context: JobContext, lines: TextIO) -> None:
    """Pass on what the supervisor says; end the whole process when it is gone."""
    for line in lines:
        word = line.strip()
        if word == "stop":
            context.request_stop("stop")
        elif word == "cancel":
            context.request_stop("cancel")
        elif word.startswith("stored ") and word[7:].isdigit():
            context.stored(int(word[7:]))
        elif word:
            context.log.warning("the supervisor said %r, which means nothing here", word)
    end_now()


def end_now() -> None:
    """End without another write: this attempt's place may have been taken. Children in our own group end too."""
    if os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(EXIT_FAILED)


def exit_code(last: AnyEvent) -> int:
    if isinstance(last, Finished):
        return EXIT_FINISHED
    return EXIT_STOPPED if isinstance(last, Stopped) else EXIT_FAILED


def _default_end(context: JobContext) -> Finished | Stopped:
    if context.should_stop():
        return Stopped(sentence="The job was stopped.")
    return Finished()
