"""The job kind `train` from outside: does a run in this process, or starts several that share it and watches them.

Each rank is `python -m trainer run` again, with the variables that torchrun sets, in our own process group: whoever
kills the group leaves no rank behind, and a rank whose standard input closes ends at once, for then we are gone. (torchrun
itself gives each rank a session of its own, which outlives its launcher when that is killed.) While they run the journal
is the first rank's; we read it, and write to it only when they are gone.

When a rank is lost, to a signal that nobody here sent, the others cannot go on either. All are ended, and as many start
again from the last checkpoint; when that brings nothing new, fewer do.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec
import psutil

from trainer.context import JobContext
from trainer.cores import usable_cores
from trainer.events import AnyEvent, Checkpoint, Failed, Message, Stopped, decode_event, read_journal
from trainer.parallel.place import GROUP_FOLDER, Place, place_here
from trainer.parallel.plan import Plan, fewer, plan_processes
from trainer.spec import TrainSpec

POLL_SECONDS = 0.05
SETTLE_SECONDS = 5.0
"""How long the others are given to fail by themselves, so that the first cause is known."""
MAX_RESTARTS = 3
ORDERLY_CODES = (0, 3)
"""Finished and stopped (`trainer.run`)."""


def run(spec: TrainSpec, context: JobContext) -> AnyEvent | None:
    """Do one attempt of a training run, in as many processes as it asks for."""
    attempt = context.attempt_spec
    plan = Plan(processes=1)
    if not place_here():
        plan = plan_processes(spec, attempt_device=attempt.device, num_devices=attempt.num_devices)
    if plan.processes > 1:
        return Launcher(spec, context, plan).run()
    from trainer.training.job import run as run_here  # torch is loaded only where it is used

    return run_here(spec, context)


@dataclass(slots=True)
class Rank:
    """A process of the group as its launcher sees it."""

    place: Place
    process: subprocess.Popen[bytes]
    was_ended: bool = False
    """By us."""

    @property
    def is_amiss(self) -> bool:
        return self.process.poll() not in (None, *ORDERLY_CODES)

    @property
    def is_lost(self) -> bool:
        """Say whether it ended by a signal that was not ours."""
        return self.process.returncode < 0 and not self.was_ended

    @property
    def death(self) -> str:
        """How it was lost, in words."""
        number = -self.process.returncode
        names = {each.value: each.name for each in signal.Signals}
        return f"rank {self.place.rank} (pid {self.process.pid}) was ended by {names.get(number, f'signal {number}')}"

    def say(self, word: str) -> None:
        """Write a line to it; it may be gone."""
        with contextlib.suppress(OSError, ValueError):
            assert self.process.stdin is not None
            self.process.stdin.write(f"{word}\n".encode())
            self.process.stdin.flush()

    def failure(self) -> Failed | None:
        """Return how it said that it failed."""
        path = self.place.failure
        with contextlib.suppress(OSError, msgspec.DecodeError):
            found = decode_event(path.read_bytes()) if path else None
            return found if isinstance(found, Failed) else None
        return None


class Launcher:
    """One attempt in several processes."""

    def __init__(self, spec: TrainSpec, context: JobContext, plan: Plan) -> None:
        self.spec, self.context = spec, context
        self.processes = plan.processes
        self.num_restarts = 0
        self.offset = 0
        self.last_step: int | None = None
        """Of the newest checkpoint that was told of in this attempt."""
        self.told = (0, "")
        """The line and the word that the first rank was told last."""

    def run(self) -> AnyEvent | None:
        """Start the ranks until they come to an end; return the attempt's last event where they wrote none."""
        while True:
            step_before = self.last_step
            ranks = self.start()
            try:
                self.follow(ranks)
            finally:
                end(ranks)
            self.context.catch_up()
            self.show_new()
            if self.context.last_event is not None:
                return None
            if word := self.context.should_stop():
                return Stopped(sentence=f"The processes ended before they could {word}; the last checkpoint is kept.")
            if not (lost := [rank for rank in ranks if rank.is_lost]):
                return first_failure(ranks)
            if (failed := self.go_on_without(lost, has_new=self.last_step != step_before)) is not None:
                return failed

    def start(self) -> list[Rank]:
        """Start a process for each rank."""
        folder = self.context.attempt.path / "ranks"
        shutil.rmtree(folder, ignore_errors=True)  # of those before: they are gone
        folder.mkdir(parents=True)
        if not self.context.attempt.spec.exists():
            self.context.attempt.write_spec(self.context.attempt_spec)
        self.told = (0, "")
        places = [
            Place(rank=i, size=self.processes, local_rank=i, num_restarts=self.num_restarts, folder=folder)
            for i in range(self.processes)
        ]
        return [Rank(place, self.process_of(place)) for place in places]

    def process_of(self, place: Place) -> subprocess.Popen[bytes]:
        fence = self.context.attempt_spec.fence
        command = ["-m", "trainer", "run", str(self.context.folder.path), "--attempt", str(fence), "--supervised"]
        return subprocess.Popen(
            [sys.executable, *command], stdin=subprocess.PIPE, env={**os.environ, **environment(place)}
        )

    def follow(self, ranks: Sequence[Rank]) -> None:
        """Return when all ranks have ended, or one has as it should not."""
        deadline = float("inf")
        while any(rank.process.poll() is None for rank in ranks) and time.monotonic() < deadline:
            if deadline == float("inf") and any(rank.is_amiss for rank in ranks):
                deadline = time.monotonic() + SETTLE_SECONDS
            self.pass_on(ranks[0])
            self.show_new()
            time.sleep(POLL_SECONDS)

    def pass_on(self, first: Rank) -> None:
        """Tell the first rank, which the others follow, what we were told."""
        line, word = self.context.stored_line, self.context.should_stop() or ""
        if line > self.told[0]:
            first.say(f"stored {line}")
        if word and word != self.told[1]:
            first.say(word)
        self.told = (line, word)

    def show_new(self) -> None:
        """Show what the first rank wrote, as if we had."""
        for event, offset in read_journal(self.context.attempt.journal, offset=self.offset):
            self.offset = offset
            if isinstance(event, Checkpoint):
                self.last_step = event.step
            self.context.heard(event)

    def go_on_without(self, lost: Sequence[Rank], *, has_new: bool) -> Failed | None:
        """Say that ranks were lost, and decide with how many to go on; return the end where there is no use."""
        who = "; ".join(rank.death for rank in lost)
        if self.num_restarts >= MAX_RESTARTS:
            sentence = (
                f"A process of the run was lost again ({who}), after {MAX_RESTARTS} restarts. The log may tell why."
            )
            return Failed(code="lost_rank", sentence=sentence)
        self.num_restarts += 1
        before = self.processes
        if not has_new and self.num_restarts > 1 and before > 1:
            self.processes = fewer(before, self.spec.batch.sequences_per_step)
        again = "as many" if self.processes == before else f"{self.processes} instead of {before}"
        where = f"step {self.last_step}" if self.last_step is not None else "where this attempt began"
        text = f"A process of the run was lost: {who}. It goes on from {where} with {again}."
        self.context.emit(Message(text=text, level="warning", code="lost_rank"))
        self.offset = self.context.attempt.journal.stat().st_size
        return None


def first_failure(ranks: Sequence[Rank]) -> Failed:
    """Return how the rank failed that was the first to: when one does, the others cannot go on."""
    failures = [found for rank in ranks if (found := rank.failure())]
    if failures:
        return msgspec.structs.replace(min(failures, key=lambda event: event.at), at=0.0)
    codes = ", ".join(str(rank.process.returncode) for rank in ranks)
    return Failed(
        code="crash", sentence=f"The processes of the run ended without a word (exit codes {codes}); see the log."
    )


def environment(place: Place) -> dict[str, str]:
    """Return what torchrun would set, and that the ranks speak to one another over the loopback alone."""
    loopback = next((name for name in psutil.net_if_addrs() if name in ("lo", "lo0")), "")
    interface = {"GLOO_SOCKET_IFNAME": loopback, "NCCL_SOCKET_IFNAME": loopback} if loopback else {}
    return {
        **interface,
        "RANK": str(place.rank),
        "LOCAL_RANK": str(place.local_rank),
        "WORLD_SIZE": str(place.size),
        "LOCAL_WORLD_SIZE": str(place.size),
        "TORCHELASTIC_RESTART_COUNT": str(place.num_restarts),
        "OMP_NUM_THREADS": str(max(1, usable_cores() // place.size)),
        "TORCH_CPP_LOG_LEVEL": os.environ.get("TORCH_CPP_LOG_LEVEL", "ERROR"),
        GROUP_FOLDER: str(place.folder or ""),
    }


def end(ranks: Sequence[Rank]) -> None:
    """See to it that nothing is left of the ranks."""
    for rank in ranks:
        if rank.process.poll() is None:
            rank.was_ended = True
            rank.process.kill()
    for rank in ranks:
        rank.process.wait()
        if rank.process.stdin is not None:
            with contextlib.suppress(OSError):
                rank.process.stdin.close()
