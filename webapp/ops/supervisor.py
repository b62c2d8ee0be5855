"""The supervisor: keeps processes running, starts one that died again after a growing pause, and stops them in order."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from webapp.ops.home import HomeError
from webapp.ops.logs import log_rotate
from webapp.ops.processes import family, processes_end, wait_until

FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
HEALTHY_AFTER_SECONDS = 30.0
USAGE_ERROR_STATUS = 2
"""A program that does not know its arguments ends with this status; starting it again would not help."""
HURRIED_GRACE_SECONDS = 2.0
TICK_SECONDS = 0.1
ROTATE_EVERY_SECONDS = 30.0


@dataclass(kw_only=True)
class Service:
    """One process to keep running."""

    name: str
    spawn: Callable[[], subprocess.Popen[bytes]]
    log: Path
    stop_signal: int = signal.SIGTERM
    grace_seconds: float = 10.0
    prepare: Callable[[], None] | None = None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_again_at: float | None = None
    num_failures: int = 0
    given_up: bool = False

    @property
    def is_running(self) -> bool:
        """Return whether its process is alive."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the process, made ready for first if the service needs that."""
        if self.prepare:
            self.prepare()
        self.process = self.spawn()
        self.started_at = time.monotonic()
        self.start_again_at = None

    def pause_seconds(self) -> float:
        """Return how long to wait before the next start: twice as long after each failure in a row."""
        return min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2.0 ** max(0, self.num_failures - 1))


@dataclass(kw_only=True)
class Supervisor:
    """Runs services in the foreground until it is asked to stop."""

    say: Callable[[str], None]
    on_change: Callable[[], None] = lambda: None
    services: list[Service] = field(default_factory=list)
    num_signals: int = 0
    interruptible: bool = True
    """While starting, a signal interrupts whatever waits; later it is seen at the next tick."""
    rotated_at: float = field(default_factory=time.monotonic)

    def listen_to_signals(self) -> None:
        """Take Ctrl-C, a polite kill and a closed terminal as the wish to stop."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    def _on_signal(self, number: int, frame: object) -> None:
        self.num_signals += 1
        if self.interruptible and self.num_signals == 1:
            raise KeyboardInterrupt

    def add(self, service: Service) -> None:
        """Start a service, or adopt one whose process already runs, and keep it running."""
        if service.process is None:
            service.start()
        else:
            service.started_at = time.monotonic()
        self.services.append(service)
        self.on_change()

    def run(self, *, until: Callable[[], bool] = lambda: False, timeout_seconds: float = float("inf")) -> bool:
        """Look after the services until `until()`, the time limit or the wish to stop; return what `until()` says."""
        deadline = time.monotonic() + timeout_seconds
        while not self.num_signals and time.monotonic() < deadline:
            if until():
                return True
            self.tick()
            time.sleep(TICK_SECONDS)
        return until()

    def tick(self) -> None:
        """Notice who died, start who is due, keep logs short."""
        now = time.monotonic()
        for service in self.services:
            if service.given_up or service.is_running:
                continue
            if service.start_again_at is None:
                self._plan_restart(service, now)
                self.on_change()
            elif now >= service.start_again_at:
                self._start_again(service)
        if now - self.rotated_at > ROTATE_EVERY_SECONDS:
            self.rotated_at = now
            for service in self.services:
                log_rotate(service.log)

    def _plan_restart(self, service: Service, now: float) -> None:
        status = service.process.returncode if service.process else None
        lived_seconds = now - service.started_at
        service.num_failures = 1 if lived_seconds > HEALTHY_AFTER_SECONDS else service.num_failures + 1
        if status == USAGE_ERROR_STATUS and service.num_failures >= 2:
            service.given_up = True
            self.say(f"{service.name} cannot run here and is left out; why is at the end of {service.log}.")
            return
        pause = service.pause_seconds()
        service.start_again_at = now + pause
        self.say(f"{service.name} {_end_in_words(status)}; it starts again in {pause:g} s (log: {service.log}).")

    def _start_again(self, service: Service) -> None:
        try:
            service.start()
        except (OSError, HomeError, subprocess.SubprocessError) as error:
            service.num_failures += 1
            service.start_again_at = time.monotonic() + service.pause_seconds()
            self.say(f"{service.name} could not be started: {error}")
        self.on_change()

    def stop(self, stages: Sequence[Sequence[Service]]) -> None:
        """Stop services stage by stage; within one stage together. A second signal shortens every patience."""
        self.interruptible = False
        for stage in stages:
            running = [service for service in stage if service.process is not None]
            for service in running:
                if service.is_running:
                    assert service.process is not None
                    with contextlib.suppress(OSError):
                        service.process.send_signal(service.stop_signal)
            self._wait_for(running)
            for service in running:
                self._end_group(service)

    def _wait_for(self, services: Sequence[Service]) -> None:
        began, hurried_at = time.monotonic(), None
        while any(service.is_running for service in services):
            now = time.monotonic()
            if self.num_signals > 1 and hurried_at is None:
                hurried_at = now
                self.say("Hurrying: what does not stop in 2 s is ended by force.")
            if hurried_at is not None and now - hurried_at > HURRIED_GRACE_SECONDS:
                return
            if now - began > max(service.grace_seconds for service in services):
                return
            time.sleep(0.02)

    def _end_group(self, service: Service) -> None:
        """End by force what is left of a service: its process, that one's children, its group."""
        assert service.process is not None
        if service.is_running:
            self.say(f"{service.name} did not stop in time and is ended by force.")
            with contextlib.suppress(psutil.Error):
                processes_end(family(psutil.Process(service.process.pid)), signal_first=signal.SIGKILL)
            wait_until(lambda: not service.is_running, timeout_seconds=5)
        with contextlib.suppress(OSError):
            os.killpg(service.process.pid, signal.SIGKILL)
        service.process = None


def _end_in_words(status: int | None) -> str:
    if status is None:
        return "is not running"
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"
