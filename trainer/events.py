"""What a job says while it runs: typed events, one JSON object a line, in the journal of one attempt.

    jobs/<id>/attempts/<fence>/events.jsonl      lines numbered from 1, one writer, flushed at once

The worker's supervisor reads the journal into PostgreSQL; `python -m trainer` draws it in the terminal. Events are
msgspec structs and not dataclasses because a line has to say its own type, and msgspec tags only structs.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, Literal

import msgspec


class Event(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type"):
    """What every event carries. The journal fills both in when it writes the line."""

    line: int = 0
    """Number of the line in this attempt's journal, from 1."""

    at: float = 0.0
    """Unix time at which the event was written, in seconds."""


class Started(Event, tag="started", frozen=True, kw_only=True, omit_defaults=True):
    """The attempt runs: where, on what, and from which step."""

    pid: int
    device: str
    hardware: dict[str, Any] = {}
    versions: dict[str, str] = {}
    resumed_from_step: int | None = None


class Resolved(Event, tag="resolved", frozen=True, kw_only=True, omit_defaults=True):
    """What `auto` became on this machine. Stored with the run and reused on every resume."""

    machine: dict[str, Any]
    """The `MachineSpec` with nothing left at `auto`."""

    reasons: dict[str, str] = {}
    """Field of the machine spec -> one sentence that says why."""

    facts: dict[str, Any] = {}
    """Raw facts about the model: `num_parameters`, `parameters_by_part`, `vocab_size`, and the like."""


class Progress(Event, tag="progress", frozen=True, kw_only=True, omit_defaults=True):
    """How far the job is. `unit` is what is counted: `step`, `document`, `byte`, `row`."""

    done: float
    total: float | None = None
    unit: str = "step"
    phase: str = ""
    """What is being done now, in words a user reads: `near-duplicates`, `validation`."""

    seconds_left: float | None = None


class Metrics(Event, tag="metrics", frozen=True, kw_only=True, omit_defaults=True):
    """A block of measured points: `values[key][i]` belongs to `steps[i]`. A null is a NaN or an infinity, kept and marked."""

    steps: list[int]
    values: dict[str, list[float | None]]


class RankUse(msgspec.Struct, frozen=True, kw_only=True):
    """One of the processes that share a run, over the last seconds."""

    rank: int
    pid: int
    device: str
    num_threads: int
    tokens_per_second: float
    waiting_fraction: float | None = None
    """Of its steps, the time in which it computed nothing: it waited for the others, or for a core. None: not known."""


class Shared(Event, tag="shared", frozen=True, kw_only=True, omit_defaults=True):
    """How the processes that share a run get on, now and then: each takes the place of the one before."""

    step: int
    strategy: str
    ranks: list[RankUse]
    tokens_per_second: float
    """Of all together."""

    alone_tokens_per_second: float | None = None
    """Of one of them by itself, measured before the first step; None: it was not."""

    one_process_tokens_per_second: float | None = None
    """Of one process with all the threads that they share; on a device of its own the same as alone."""


class Sample(Event, tag="sample", frozen=True, kw_only=True, omit_defaults=True):
    """What the model makes at this step, for a person to look at."""

    step: int
    prompt: str = ""
    output: str = ""
    pictures: list[dict[str, Any]] = []
    """Pictures with what the model says of them (`trainer.metrics.report.Picture`)."""


class Checkpoint(Event, tag="checkpoint", frozen=True, kw_only=True, omit_defaults=True):
    """A complete checkpoint lies on disk, its manifest verified."""

    step: int
    path: str
    """Folder, relative to the job folder."""

    sha256: str
    """Of the manifest, which holds the hashes of the files."""

    size_bytes: int
    metrics: dict[str, float | None] = {}
    is_best: bool = False


class CheckpointRemoved(Event, tag="checkpoint_removed", frozen=True, kw_only=True, omit_defaults=True):
    """A checkpoint that is neither best nor among the last k was deleted."""

    step: int
    path: str


class Evaluation(Event, tag="evaluation", frozen=True, kw_only=True, omit_defaults=True):
    """The result of a whole pass over a split."""

    split: Literal["train", "validation", "test"]
    step: int
    metrics: dict[str, float | None]


class Artifact(Event, tag="artifact", frozen=True, kw_only=True, omit_defaults=True):
    """A file or folder that the job made, relative to the job folder."""

    name: str
    path: str
    size_bytes: int
    sha256: str = ""


class Report(Event, tag="report", frozen=True, kw_only=True, omit_defaults=True):
    """The report of a preparation (or of any job that ends in one): plain JSON, as its page shows it."""

    report: dict[str, Any]


class Message(Event, tag="message", frozen=True, kw_only=True, omit_defaults=True):
    """One sentence for the event list of the job's page."""

    text: str
    level: Literal["info", "warning"] = "info"
    code: str = ""


class Finished(Event, tag="finished", frozen=True, kw_only=True, omit_defaults=True):
    """The job did all that its spec asked. The last line of the journal."""

    result: dict[str, Any] = {}
    code: str = "done"
    """`done`, or why it ended before the last step though nothing went wrong: `early_stopping`."""

    sentence: str = ""


class Stopped(Event, tag="stopped", frozen=True, kw_only=True, omit_defaults=True):
    """The job ended because it was told to; what it had is saved. The last line of the journal."""

    step: int | None = None
    sentence: str = ""


class Failed(Event, tag="failed", frozen=True, kw_only=True, omit_defaults=True):
    """The job cannot go on. The last line of the journal."""

    code: str
    """Reason code: `nan`, `loss_spike`, `out_of_memory`, `disk_full`, `bad_input`, `bad_spec`, `crash`."""

    sentence: str
    """What was wrong, where, and what to do."""

    step: int | None = None
    details: str = ""


AnyEvent = (
    Started
    | Resolved
    | Progress
    | Metrics
    | Shared
    | Sample
    | Checkpoint
    | CheckpointRemoved
    | Evaluation
    | Artifact
    | Report
    | Message
    | Finished
    | Stopped
    | Failed
)
LAST_EVENTS = (Finished, Stopped, Failed)

_encoder = msgspec.json.Encoder()
_decoder: msgspec.json.Decoder[AnyEvent] = msgspec.json.Decoder(AnyEvent)


RESERVE_BYTES = 2**16


class Journal:
    """The one writer of an attempt's events. Each line reaches the file in a single write, so a kill tears at most the last.

    A little space is kept in reserve beside it: on a full disk the last event, which says so, still finds room.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("xb").close()  # an attempt has one journal, written once
        self._open(path)

    def _open(self, path: Path) -> None:
        self.path = path
        self._reserve = path.with_name("reserve")
        self._file: BinaryIO = open(path, "r+b", buffering=0)  # noqa: SIM115  open as long as the attempt runs
        self.catch_up()
        with contextlib.suppress(OSError):  # a disk that is full already: then without
            self._reserve.write_bytes(bytes(RESERVE_BYTES))

    def catch_up(self) -> None:
        """Go on behind the last whole line, whoever wrote it; a torn one, of a process that was killed, is dropped."""
        whole = self._line = 0
        with open(self.path, "rb") as file:
            for line in file:
                if line.endswith(b"\n"):
                    whole, self._line = whole + len(line), self._line + 1
        self._file.truncate(whole)
        self._file.seek(whole)

    def write(self, event: AnyEvent) -> AnyEvent:
        """Write the event as the next line; return it with its line and time."""
        stamped = msgspec.structs.replace(event, line=self._line + 1, at=time.time())
        line = _encoder.encode(stamped) + b"\n"
        try:
            self._append(line)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not isinstance(event, LAST_EVENTS):
                raise
            self._reserve.unlink(missing_ok=True)
            self._append(line)
        self._line += 1  # only now: an event that cannot be encoded leaves no gap
        return stamped

    def _append(self, line: bytes) -> None:
        """Write a whole line or none of it: a disk that fills up takes a part, which is taken back."""
        begin = self._file.tell()
        written = 0
        try:
            written = self._file.write(line)
        finally:
            if written != len(line):
                self._file.truncate(begin)
                self._file.seek(begin)
        if written != len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def close(self) -> None:
        self._reserve.unlink(missing_ok=True)
        os.fsync(self._file.fileno())
        self._file.close()


def decode_event(line: bytes) -> AnyEvent:
    """Return the event of one journal line; raise `msgspec.ValidationError` for a line that is none."""
    return _decoder.decode(line)


def event_payload(event: AnyEvent) -> dict[str, Any]:
    """Return the event as plain JSON types, with its `type` and without `line` and `at`."""
    payload: dict[str, Any] = msgspec.to_builtins(event)
    payload.pop("line", None)
    payload.pop("at", None)
    return payload


def read_journal(path: Path, *, offset: int = 0) -> Iterator[tuple[AnyEvent, int]]:
    """Yield each whole event from byte `offset` on, with the offset behind it. A torn last line is left for the next call."""
    with open(path, "rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            yield decode_event(line), offset
