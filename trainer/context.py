"""What a job's code gets to work with: where its files lie, a way to speak, and whether it was told to stop."""

from __future__ import annotations

import logging
import os
import platform
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from trainer.code_version import code_version
from trainer.events import LAST_EVENTS, AnyEvent, Journal, Started
from trainer.folder import AttemptFolder, AttemptSpec, JobFolder

StopReason = Literal["stop", "cancel"]


class JobContext:
    """One attempt of one job. Handlers of every kind get it: `run(spec, context)`.

    `folder` is the job's, only to read; `attempt` is where this attempt writes; `attempt_spec` is what the supervisor
    decided for it; `on_event` sees each event behind the journal. Events may be emitted from any thread.
    """

    def __init__(
        self,
        *,
        folder: JobFolder,
        attempt: AttemptFolder,
        attempt_spec: AttemptSpec,
        journal: Journal,
        on_event: Callable[[AnyEvent], None] = lambda _: None,
        is_supervised: bool = False,
    ) -> None:
        self.folder = folder
        self.attempt = attempt
        self.attempt_spec = attempt_spec
        self.log = logging.getLogger("trainer")
        self.last_event: AnyEvent | None = None
        self._journal = journal
        self._on_event = on_event
        self._lock = threading.Lock()
        self._stop: StopReason | None = None
        self._stored_line = 0 if is_supervised else sys.maxsize

    def emit(self, event: AnyEvent) -> int:
        """Write the event to the journal and return its line. Nothing is written after a last event: that gives 0."""
        with self._lock:
            if self.last_event is not None:
                return 0
            event = self._journal.write(event)
            if isinstance(event, LAST_EVENTS):
                self.last_event = event
            self._on_event(event)
            return event.line

    def heard(self, event: AnyEvent) -> None:
        """Take note of an event that another process wrote to our journal, after `catch_up`."""
        with self._lock:
            if isinstance(event, LAST_EVENTS):
                self.last_event = event
            self._on_event(event)

    def catch_up(self) -> None:
        """Go on with the journal behind what another process wrote, now that it is gone."""
        with self._lock:
            self._journal.catch_up()

    @property
    def stored_line(self) -> int:
        """The line up to which the supervisor has stored the journal."""
        return self._stored_line

    def is_stored(self, line: int) -> bool:
        """Say whether whoever reads the journal has taken in this line; without a supervisor the journal is all there is.

        What others may still build on must not be removed before they know of what came in its place.
        """
        return line <= self._stored_line

    def stored(self, line: int) -> None:
        """The supervisor has stored the journal up to this line."""
        self._stored_line = max(self._stored_line, line)

    def should_stop(self) -> StopReason | None:
        """Return `stop` (save, then end), `cancel` (end now) or None (go on). Cheap: ask between any two pieces of work."""
        return self._stop

    def request_stop(self, reason: StopReason) -> None:
        """Ask the job to end. A cancel outranks a stop; neither is taken back."""
        if self._stop != "cancel":
            self._stop = reason

    def started(
        self, *, device: str, resumed_from_step: int | None = None, versions: dict[str, str] | None = None
    ) -> None:
        """Say that the attempt runs, on what, and from which step."""
        self.emit(
            Started(
                pid=os.getpid(),
                device=device,
                hardware=hardware_facts(),
                versions={"python": platform.python_version(), "trainer": code_version(), **(versions or {})},
                resumed_from_step=resumed_from_step,
            )
        )

    def path_in_job(self, path: Path) -> str:
        """Return `path` relative to the job folder, as events carry it."""
        return path.resolve().relative_to(self.folder.path.resolve()).as_posix()


def hardware_facts() -> dict[str, Any]:
    """Return what this machine is: processor, cores, memory. Accelerators are told by the code that uses them."""
    import psutil

    return {
        "machine": platform.machine(),
        "system": platform.system(),
        "processor": _processor_name(),
        "num_cores": os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
    }


def _processor_name() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
