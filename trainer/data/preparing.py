"""What preparations of every kind of data share: the job around them, being told to stop, saying how far they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from trainer.data.manifest import VersionManifest
from trainer.events import AnyEvent, Artifact, Finished, Progress, Report, Stopped
from trainer.folder import AttemptFolder

SECONDS_BETWEEN_PROGRESS = 0.25


class StoppedError(Exception):
    """The preparation was told to stop. Nothing of it is kept: a half-made version would be no version."""


class Context(Protocol):
    """What a job gets to work with; `trainer.context.JobContext` is one."""

    attempt: AttemptFolder

    def emit(self, event: AnyEvent) -> object: ...
    def should_stop(self) -> str | None: ...
    def path_in_job(self, path: Path) -> str: ...


@dataclass(slots=True, kw_only=True)
class Watch:
    """Tells how far a preparation is, hears whether it is to stop, and takes the time of its passes."""

    emit: Callable[[AnyEvent], object] = lambda event: None
    should_stop: Callable[[], bool] = lambda: False
    seconds: dict[str, float] = field(default_factory=dict)
    """Of each pass that is over, by its name."""

    _told_at: float = 0.0

    def check(self) -> None:
        """Raise `StoppedError` when the preparation was told to stop."""
        if self.should_stop():
            raise StoppedError

    def progress(self, phase: str, done: float, total: float | None = None, *, unit: str, now: bool = False) -> None:
        """Say how far it is, a few times a second at most; `now`: in any case."""
        at = time.monotonic()
        if now or at - self._told_at >= SECONDS_BETWEEN_PROGRESS:
            self._told_at = at
            self.emit(Progress(done=min(done, total) if total else done, total=total, unit=unit, phase=phase))

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Take the time of a pass."""
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a preparation made, for the events that end its job."""

    manifest: VersionManifest
    report: dict[str, Any]
    facts: dict[str, Any]
    """What the job's result says beside the hashes and the number of documents."""

    sentence: str


def run_preparation(context: Context, prepare: Callable[[Path, Watch], Outcome]) -> Finished | Stopped:
    """Do a job of kind `prepare`: the version lies in the attempt's `artifacts/version` after."""
    folder = context.attempt.artifacts / "version"
    watch = Watch(emit=context.emit, should_stop=lambda: context.should_stop() is not None)
    try:
        made = prepare(folder, watch)
    except StoppedError:
        return Stopped(sentence="The preparation was stopped; prepare again to start it from the beginning.")
    context.emit(Report(report=made.report))
    manifest, path = made.manifest, context.path_in_job(folder)
    size_bytes = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    context.emit(Artifact(name="version", path=path, size_bytes=size_bytes, sha256=manifest.content_hash))
    result = {
        "path": path,
        "content_hash": manifest.content_hash,
        "recipe_hash": manifest.recipe_hash,
        "num_documents": manifest.num_documents,
        **made.facts,
    }
    return Finished(result=result, sentence=made.sentence)
