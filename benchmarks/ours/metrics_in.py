"""Ours: points from a trainer's journal into PostgreSQL, as a worker's supervisor takes them in, and into the journal.

path "worker"    what waits in the journal is read, decoded and committed with its events, as a worker's supervisor does
path "commits"   the same with a commit for each block
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
    path = arguments["path"]
    write, take = written_and_taken(path)
    first = iter(range(0, 10**9, num_steps * num_blocks))

    def one_round() -> float:
        events = list(blocks_of(keys, next(first), num_steps, num_blocks))
        began = time.perf_counter()
        for event in events:
            write(event)
        wrote = time.perf_counter()
        while take():
            pass
        seconds = time.perf_counter() - (began if path == "journal" else wrote)
        return num_blocks * num_steps * len(keys) / seconds

    return one_round


def blocks_of(keys: list[str], first_step: int, num_steps: int, num_blocks: int) -> Iterator[Any]:
    from trainer.events import Metrics

    for number in range(num_blocks):
        begin = first_step + number * num_steps
        values: dict[str, list[float | None]] = {key: [1 / (1 + begin + i) for i in range(num_steps)] for key in keys}
        yield Metrics(steps=list(range(begin, begin + num_steps)), values=values)


def written_and_taken(path: str) -> tuple[Callable[[Any], Any], Callable[[], bool]]:
    """Return how a trainer writes an event, and how its supervisor stores what comes next, until there is nothing."""
    from trainer.events import Journal
    from webapp.jobs.claim import job_claim
    from webapp.jobs.journal import JournalTail, journal_store
    from webapp.jobs.workers import worker_register

    journal = Journal(Path(tempfile.mkdtemp(prefix="isocost-bench-")) / "events.jsonl")
    if path == "journal":
        return journal.write, lambda: False
    _cast, run = a_run()
    claim = job_claim(worker=worker_register(node="bench", queue=run.latest_job.queue))
    assert claim is not None
    tail = JournalTail(journal.path)

    def take() -> bool:
        events = tail.read()
        if not events:
            return False
        tail.advance()
        parts = [events] if path == "worker" else [[event] for event in events]
        for part in parts:
            journal_store(claim, part)
        return True

    return journal.write, take


if __name__ == "__main__":
    with own_installation():
        serve(prepare)
