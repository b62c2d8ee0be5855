"""Ours: points from a trainer's journal into PostgreSQL, as a worker's supervisor takes them in, and into the journal.

path "worker"    a block of metrics in the journal is read, decoded and committed with its event, one commit a block
path "journal"   what a training loop waits for: the line in the journal
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.frame.child import Round, serve
from benchmarks.ours.installation import a_run, own_installation


def prepare(arguments: dict[str, Any]) -> Round:
    keys = [f"bench/{k}" for k in range(arguments["keys"])]
    num_steps, num_blocks = arguments["steps"], arguments["blocks"]
    write, take = written_and_taken(with_worker=arguments["path"] == "worker")
    first = iter(range(0, 10**9, num_steps * num_blocks))

    def one_round() -> float:
        events = list(blocks_of(keys, next(first), num_steps, num_blocks))
        began = time.perf_counter()
        for event in events:
            write(event)
        wrote = time.perf_counter()
        for _ in events:
            take()
        seconds = time.perf_counter() - (wrote if arguments["path"] == "worker" else began)
        return num_blocks * num_steps * len(keys) / seconds

    return one_round


def blocks_of(keys: list[str], first_step: int, num_steps: int, num_blocks: int) -> Iterator[Any]:
    from trainer.events import Metrics

    for number in range(num_blocks):
        begin = first_step + number * num_steps
        values: dict[str, list[float | None]] = {key: [1 / (1 + begin + i) for i in range(num_steps)] for key in keys}
        yield Metrics(steps=list(range(begin, begin + num_steps)), values=values)


def written_and_taken(*, with_worker: bool) -> tuple[Callable[[Any], Any], Callable[[], None]]:
    """Return how a trainer writes an event, and how its supervisor stores the next one."""
    from trainer.events import Journal
    from webapp.jobs.claim import job_claim
    from webapp.jobs.journal import JournalTail, journal_store
    from webapp.jobs.workers import worker_register

    journal = Journal(Path(tempfile.mkdtemp(prefix="isocost-bench-")) / "events.jsonl")
    if not with_worker:
        return journal.write, lambda: None
    _cast, run = a_run()
    claim = job_claim(worker=worker_register(node="bench", queue=run.latest_job.queue))
    assert claim is not None
    tail = JournalTail(journal.path)
    waiting: list[Any] = []

    def take() -> None:
        if not waiting:
            waiting.extend(tail.read())
            tail.advance()
        journal_store(claim, [waiting.pop(0)])

    return journal.write, take


if __name__ == "__main__":
    with own_installation():
        serve(prepare)
