"""Trainers forked from a process that has PyTorch loaded: they are processes like any other, and nothing depends on it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from webapp.jobs import machine
from webapp.jobs.warm import WarmParent, WarmTrainer

LONG = {"kind": "calibrate", "seconds": 600, "num_threads": 1, "device": "cpu"}


@pytest.fixture(scope="module")
def parent() -> Iterator[WarmParent]:
    found = WarmParent()
    yield found
    found.end(kill=True)


def start(parent: WarmParent, folder: Path, spec: dict[str, Any]) -> WarmTrainer:
    """Start a trainer on a job folder whose name has spaces, and wait until it has said that it runs, or ended."""
    folder = folder / "job 任务"
    folder.mkdir()
    (folder / "spec.json").write_text(json.dumps(spec))
    command = [sys.executable, "-m", "trainer", "run", str(folder), "--attempt", "1", "--supervised"]
    trainer = parent.trainer(command, folder / "log")
    assert trainer is not None
    deadline = time.monotonic() + 300
    while not said(folder) and trainer.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return trainer


def said(folder: Path) -> list[dict[str, Any]]:
    journal = folder / "attempts" / "1" / "events.jsonl"
    return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []


def pid_of(parent: WarmParent) -> int:
    assert parent._process is not None
    return parent._process.pid


def test_a_job_is_done_as_by_a_process_of_its_own(parent: WarmParent, tmp_path: Path) -> None:
    trainer = start(parent, tmp_path, {"kind": "calibrate", "seconds": -1})
    assert trainer.wait(30) == 1
    last = said(tmp_path / "job 任务")[-1]
    assert (last["type"], "must be from 0.5 to 600" in last["sentence"]) == ("failed", True)
    assert "must be from 0.5 to 600" in (tmp_path / "job 任务" / "log").read_text()


def test_it_shows_its_command_and_has_a_group_and_a_niceness_of_its_own(parent: WarmParent, tmp_path: Path) -> None:
    trainer = start(parent, tmp_path, LONG)
    process = psutil.Process(trainer.pid)
    words = process.cmdline()
    assert words[1:4] == ["-m", "trainer", "run"]
    assert str(tmp_path / "job 任务") in words
    assert os.getpgid(trainer.pid) == trainer.pid
    assert process.nice() == machine.TRAINER_NICENESS
    machine.group_signal(trainer, signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        trainer.wait(0)
    machine.group_signal(trainer, signal.SIGKILL)
    assert trainer.wait(10) == -signal.SIGKILL
    assert trainer.poll() == -signal.SIGKILL


def test_it_ends_when_its_input_closes(parent: WarmParent, tmp_path: Path) -> None:
    trainer = start(parent, tmp_path, LONG)
    trainer.stdin.close()
    assert trainer.wait(10) == -signal.SIGKILL
    assert not psutil.pid_exists(trainer.pid)


def test_one_parent_serves_many_and_does_no_work_itself(parent: WarmParent, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    first, second = (start(parent, tmp_path / name, LONG) for name in ("a", "b"))
    process = psutil.Process(pid_of(parent))
    assert {child.pid for child in process.children()} >= {first.pid, second.pid}
    assert process.num_threads() == 1, "a fork of a process with threads is not a fresh one"
    for trainer in (first, second):
        machine.group_signal(trainer, signal.SIGKILL)
        assert trainer.wait(10) == -signal.SIGKILL


def test_with_its_parent_killed_a_trainer_ends_and_the_next_begins(parent: WarmParent, tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    trainer, killed = start(parent, tmp_path / "a", LONG), pid_of(parent)
    os.kill(killed, signal.SIGKILL)
    assert trainer.wait(10) == -signal.SIGKILL
    again = start(parent, tmp_path / "b", {"kind": "calibrate", "seconds": -1})
    assert again.wait(30) == 1
    assert pid_of(parent) != killed


def test_without_work_it_goes(settings: Any, tmp_path: Path) -> None:
    settings.ISOCOST_WARM_SECONDS = 0.2
    alone = WarmParent()
    try:
        trainer = start(alone, tmp_path, {"kind": "calibrate", "seconds": -1})
        assert trainer.wait(30) == 1
        psutil.Process(pid_of(alone)).wait(120)
    except psutil.NoSuchProcess:
        pass
    finally:
        alone.end(kill=True)


def test_where_the_code_has_changed_another_process_does_the_next_job(settings: Any, tmp_path: Path) -> None:
    """The app was upgraded under a worker: a copy of what was loaded before would take up files that do not fit it."""
    source = settings.BASE_DIR / "trainer"
    settings.BASE_DIR = tmp_path / "app"
    shutil.copytree(source, settings.BASE_DIR / "trainer", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    changing, wrong = WarmParent(), {"kind": "calibrate", "seconds": -1}
    try:
        assert start(changing, tmp_path / "a", wrong).wait(30) == 1
        before = pid_of(changing)
        spec = settings.BASE_DIR / "trainer" / "calibrate" / "spec.py"
        spec.write_text(spec.read_text().replace("must be from 0.5", "now has to be from 0.5"))
        assert start(changing, tmp_path / "b", wrong).wait(30) == 1
        assert pid_of(changing) != before
        assert "now has to be from 0.5" in said(tmp_path / "b" / "job 任务")[-1]["sentence"]
    finally:
        changing.end(kill=True)


def test_switched_off_there_is_none(settings: Any, parent: WarmParent, tmp_path: Path) -> None:
    settings.ISOCOST_WARM_SECONDS = 0
    assert parent.trainer([sys.executable, "-m", "trainer", "run", "."], tmp_path / "log") is None
