"""Old checkpoints go only when the supervisor knows of those in their place: until then a run may be resumed from them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.trainer.conftest import events_of, of_kind, train_dict, write_job
from trainer.events import Checkpoint, CheckpointRemoved


@pytest.fixture
def supervised(version: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A run that saves at every step and would go on for long; its standard input is the test's to write."""
    raw = train_dict(
        version,
        schedule={"num_steps": 20_000},
        checkpoint={"every_steps": 1, "keep_last": 2},
        evaluation={"every_steps": 10_000},
    )
    write_job(tmp_path / "job", raw)
    process = subprocess.Popen(
        [sys.executable, "-m", "trainer", "run", str(tmp_path / "job"), "--attempt", "1", "--supervised"],
        stdin=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    yield process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def until(holds: Callable[[], bool], what: str) -> None:
    ends = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < ends, what
        time.sleep(0.05)


def test_what_the_supervisor_does_not_know_of_removes_nothing(
    supervised: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    folder = tmp_path / "job"

    def written() -> list[Checkpoint]:
        return of_kind(events_of(folder), Checkpoint)

    def removed() -> set[int]:
        return {event.step for event in of_kind(events_of(folder), CheckpointRemoved)}

    journal = folder / "attempts/1/events.jsonl"
    until(lambda: journal.exists() and len(written()) >= 8, "eight checkpoints")
    assert removed() == set()
    assert all((folder / event.path).is_dir() for event in written())
    assert supervised.stdin is not None
    supervised.stdin.write(b"stored 1000000\n")
    supervised.stdin.flush()
    until(lambda: len(removed()) >= 6, "the old ones go")
    assert not any((folder / event.path).exists() for event in written() if event.step in removed())
