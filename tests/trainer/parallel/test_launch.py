"""The launcher of several processes: what it starts, and that the run outlives a process and no process outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.trainer.conftest import events_of, metric, of_kind, run_job, train_dict, write_job
from tests.trainer.parallel.test_ranks import TOLERANCE
from trainer.errors import SpecError
from trainer.events import Finished, Journal, Message, Progress, Shared, Started, Stopped
from trainer.folder import JobFolder
from trainer.parallel.launch import environment
from trainer.parallel.place import Place, RankJournal, place_here
from trainer.parallel.plan import fewer, plan_processes
from trainer.spec import spec_from_dict


def long_run(version: Path, **changes: Any) -> dict[str, Any]:
    """A run of two processes, long enough to be met while it runs."""
    whole = {
        "schedule": {"num_steps": 120, "warmup_steps": 20},
        "evaluation": {"every_steps": 1_000, "sample_tokens": 0},
        "checkpoint": {"every_steps": 40},
    }
    return train_dict(version, **whole, **changes)


def start(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "trainer", "run", str(folder), "--attempt", "1", *options]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )


def wait_for_step(folder: Path, step: int) -> None:
    journal, deadline = JobFolder(folder).attempt(1).journal, time.monotonic() + 120
    while not journal.exists() or max(metric(events_of(folder), "train/loss"), default=0) < step:
        assert time.monotonic() < deadline, f"step {step} was not reached"
        time.sleep(0.01)


def ranks_of(launcher: subprocess.Popen[bytes]) -> list[psutil.Process]:
    """Return the ranks in order."""
    return sorted(psutil.Process(launcher.pid).children(), key=lambda process: int(process.environ()["RANK"]))


def test_a_run_outlives_a_process_that_is_killed(version: Path, tmp_path: Path) -> None:
    """Rank 1 is killed between two checkpoints: all go on from the last one, and the losses are those of one process."""
    whole = run_job(tmp_path / "one", long_run(version))
    folder = write_job(tmp_path / "two", long_run(version, parallel={"processes": 2}))
    launcher = start(folder)
    wait_for_step(folder, 50)
    ranks = ranks_of(launcher)
    assert len(ranks) == 2
    ranks[1].kill()
    assert launcher.wait(timeout=120) == 0
    events = events_of(folder)
    assert isinstance(events[-1], Finished)
    (lost,) = of_kind(events, Message)
    assert (lost.code, lost.level) == ("lost_rank", "warning")
    assert f"rank 1 (pid {ranks[1].pid}) was ended by SIGKILL" in lost.text
    resumed = of_kind(events, Started)[1].resumed_from_step
    assert resumed >= 40
    assert f"It goes on from step {resumed} with as many" in lost.text
    assert [event.line for event in events] == list(range(1, len(events) + 1))
    told = of_kind(events, Shared)[-1]
    assert [rank.rank for rank in told.ranks] == [0, 1]
    assert told.step == 120
    assert told.alone_tokens_per_second, "one of them was timed by itself before the first step"
    losses = metric(events, "train/loss")
    assert losses == pytest.approx(metric(whole, "train/loss"), rel=10 * TOLERANCE), "ten times as many steps"


def test_stop_reaches_all_processes_and_none_outlives_a_killed_launcher(version: Path, tmp_path: Path) -> None:
    raw = long_run(version, parallel={"processes": 2})
    raw["schedule"]["num_steps"] = 1_000_000
    folder = write_job(tmp_path / "job", raw)
    launcher = start(folder, "--supervised")
    wait_for_step(folder, 3)
    assert launcher.stdin is not None
    launcher.stdin.write(b"stop\n")
    launcher.stdin.flush()
    assert launcher.wait(timeout=60) == 3
    assert isinstance(events_of(folder)[-1], Stopped)

    other = write_job(tmp_path / "other", raw)
    launcher = start(other, "--supervised")
    wait_for_step(other, 3)
    ranks = ranks_of(launcher)
    assert {os.getpgid(rank.pid) for rank in ranks} == {launcher.pid}, "who kills the group leaves none behind"
    os.kill(launcher.pid, signal.SIGKILL)
    launcher.wait()
    gone, alive = psutil.wait_procs(ranks, timeout=20)
    assert not alive


def test_torchrun_starts_the_same_run(version: Path, tmp_path: Path) -> None:
    raw = train_dict(version)
    whole = run_job(tmp_path / "one", raw)
    folder = write_job(tmp_path / "two", raw)
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command = [*torchrun, "-m", "trainer", "run", str(folder), "--attempt", "1"]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
    events = events_of(folder)
    assert isinstance(events[-1], Finished)
    assert metric(events, "train/loss") == pytest.approx(metric(whole, "train/loss"), rel=TOLERANCE)


def spec_of(**changes: Any) -> Any:
    raw = {"kind": "train", "family": "gpt", "model": {}, "data": {"path": "x"}, "machine": {"device": "cpu"}}
    return spec_from_dict({**raw, **changes})[1]


def test_the_plan_says_what_cannot_be_had() -> None:
    assert plan_processes(spec_of()).processes == 1, "on a processor one process uses all cores"
    assert plan_processes(spec_of(parallel={"processes": 1}, batch={"sequences_per_step": 3})).processes == 1
    with pytest.raises(
        SpecError, match=r"parallel.processes is 1000, and this machine has \d+ processor cores?; make it"
    ):
        plan_processes(spec_of(parallel={"processes": 1000}))
    with pytest.raises(SpecError, match=r"parallel.processes is 0; it must be at least 1"):
        spec_of(parallel={"processes": 0})
    with pytest.raises(SpecError, match=r"parallel\.processes"):
        spec_of(parallel={"processes": "many"})
    assert [fewer(n, 12) for n in (12, 6, 5, 4, 2)] == [6, 4, 4, 3, 1]


def test_places_are_torchruns(tmp_path: Path) -> None:
    place = Place(rank=1, size=3, local_rank=1, num_restarts=2, folder=tmp_path)
    assert place_here(environment(place)) == place
    assert place_here({}) is None


def test_a_rank_goes_on_with_a_journal_behind_its_last_whole_line(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    journal = Journal(path)
    journal.write(Progress(done=1))
    with open(path, "ab") as file:
        file.write(b'{"type":"prog')
    first = RankJournal(path, Place(rank=0, size=2, local_rank=0, folder=tmp_path))
    assert first.write(Progress(done=2)).line == 2
    second = RankJournal(path, Place(rank=1, size=2, local_rank=1, folder=tmp_path))
    second.write(Progress(done=3))
    journal.catch_up()
    assert journal.write(Progress(done=4)).line == 3
    journal.close()
    assert path.read_bytes().count(b"\n") == 3
