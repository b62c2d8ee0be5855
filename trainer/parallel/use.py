"""How well the processes of a run are used: what each gets done, how long it stands still, and what one would do alone."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor

from trainer.events import RankUse, Shared

SECONDS_BETWEEN_TELLING = 3.0


class StepClock:
    """Times one process's steps. On a processor also how long its thread computed: what is missing, it stood still."""

    def __init__(self, device: str) -> None:
        self.is_processor = device == "cpu"
        self.began: tuple[float, float] | None = None

    def begin(self) -> None:
        """A micro-batch begins; the first of a step counts."""
        if self.began is None:
            self.began = time.monotonic(), time.thread_time()

    def end(self) -> tuple[float, float]:
        """Return the step's seconds, and those that were spent computing; minus one where that is not known."""
        wall, busy = self.began or (time.monotonic(), time.thread_time())
        now = time.monotonic(), time.thread_time()
        # a device works on behind our back, so there its steps are timed from one meeting to the next
        self.began = None if self.is_processor else now
        return now[0] - wall, now[1] - busy if self.is_processor else -1.0

    def reset(self) -> None:
        self.began = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Process:
    pid: int
    device: str
    num_threads: int


class Use:
    """What the first process knows of all."""

    def __init__(self, processes: Sequence[Process]) -> None:
        self.processes = processes
        self.share_seconds_alone: float | None = None
        """What its share of a step takes the first process while the others rest."""

        self.share_seconds_all_threads: float | None = None
        """The same with the threads of all."""

        self.sums = torch.zeros(len(processes), 3, dtype=torch.float64)  # tokens, seconds, seconds of computing
        self.num_steps = 0
        self.told_at = time.monotonic()

    def add(self, step: Tensor) -> None:
        """Take what each process (size, 3) did in a step."""
        self.sums += step
        self.num_steps += 1

    def told(self, step: int, *, strategy: str, is_last: bool) -> Shared | None:
        """Return what there is to tell since the last time, once that is long enough ago."""
        now = time.monotonic()
        if now - self.told_at < SECONDS_BETWEEN_TELLING and not is_last:
            return None
        sums, num_steps, self.told_at = self.sums, self.num_steps, now
        self.sums, self.num_steps = torch.zeros_like(sums), 0
        tokens, seconds = float(sums[:, 0].sum()), float(sums[:, 1].max())
        if not num_steps or seconds <= 0:
            return None
        share = tokens / num_steps / len(self.processes)
        all_threads = self.share_seconds_all_threads or self.share_seconds_alone
        return Shared(
            step=step,
            strategy=strategy,
            ranks=[self._rank(i, row) for i, row in enumerate(sums.tolist())],
            tokens_per_second=tokens / seconds,
            alone_tokens_per_second=share / self.share_seconds_alone if self.share_seconds_alone else None,
            one_process_tokens_per_second=share / all_threads if all_threads else None,
        )

    def _rank(self, rank: int, sums: list[float]) -> RankUse:
        tokens, seconds, computing = sums
        process = self.processes[rank]
        return RankUse(
            rank=rank,
            pid=process.pid,
            device=process.device,
            num_threads=process.num_threads,
            tokens_per_second=tokens / seconds if seconds > 0 else 0.0,
            waiting_fraction=max(0.0, 1 - computing / seconds) if computing >= 0 and seconds > 0 else None,
        )


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with so many threads for a while."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
