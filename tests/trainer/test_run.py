"""`python -m trainer run` as a supervisor sees it: exit codes, the last event, stop and cancel, a pipe that closes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.trainer.conftest import events_of, last_checkpoint, metric, train_dict, write_job
from trainer.events import Failed, Finished, Journal, Message, Stopped, read_journal
from trainer.failures import explain, failed_event
from trainer.folder import JobFolder
from trainer.run import HANDLERS, load_function
from trainer.spec import SPEC_TYPES


def start(folder: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "trainer", "run", str(folder), "--attempt", "1", *options]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def long_job(folder: Path, version: Path) -> Path:
    raw = train_dict(version, schedule={"num_steps": 1_000_000}, evaluation={"every_steps": 1_000_000})
    return write_job(folder, {**raw, "checkpoint": {"every_steps": 1_000_000}})


def wait_for_first_step(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None
        if JobFolder(folder).attempt(1).journal.exists() and metric(events_of(folder), "train/loss"):
            return
        time.sleep(0.01)
    raise AssertionError("the first step was not reached")


@pytest.mark.parametrize("how", ["stop", "SIGTERM"])
def test_stop_saves_and_exits_with_3(version: Path, tmp_path: Path, how: str) -> None:
    folder = long_job(tmp_path / "job", version)
    process = start(folder, "--supervised")
    wait_for_first_step(folder, process)
    assert process.stdin is not None
    if how == "SIGTERM":
        process.send_signal(signal.SIGTERM)
    else:
        process.stdin.write(b"stop\n")
        process.stdin.flush()
    assert process.wait(timeout=30) == 3
    last = events_of(folder)[-1]
    assert isinstance(last, Stopped)
    assert last_checkpoint(folder).name == str(last.step)


def test_cancel_exits_with_3_and_saves_nothing(version: Path, tmp_path: Path) -> None:
    folder = long_job(tmp_path / "job", version)
    process = start(folder, "--supervised")
    wait_for_first_step(folder, process)
    assert process.stdin is not None
    process.stdin.write(b"cancel\n")
    process.stdin.flush()
    assert process.wait(timeout=30) == 3
    assert "Cancelled at step" in events_of(folder)[-1].sentence  # type: ignore[union-attr]
    assert not list(JobFolder(folder).attempt(1).checkpoints.glob("[0-9]*"))


def test_without_a_supervisor_it_ends_at_once(version: Path, tmp_path: Path) -> None:
    folder = long_job(tmp_path / "job", version)
    process = start(folder, "--supervised")
    wait_for_first_step(folder, process)
    assert process.stdin is not None
    process.stdin.close()
    began = time.monotonic()
    process.wait(timeout=10)
    assert time.monotonic() - began < 2
    assert not isinstance(events_of(folder)[-1], Finished | Stopped | Failed)


def test_wrong_spec_ends_with_a_sentence_and_1(tmp_path: Path) -> None:
    (tmp_path / "spec.json").write_text('{"kind": "train", "famly": 1}')
    process = start(tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert b"Traceback" not in errors
    last = events_of(tmp_path)[-1]
    assert isinstance(last, Failed)
    assert (last.code, "train has no field famly" in last.sentence) == ("bad_spec", True)


def test_an_attempt_is_never_written_twice(tmp_path: Path) -> None:
    Journal(JobFolder(tmp_path).attempt(1).journal).close()
    process = start(tmp_path)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert b"already has a journal" in errors


def test_every_kind_has_code() -> None:
    assert HANDLERS.keys() == SPEC_TYPES.keys()
    for handler in HANDLERS.values():
        assert callable(load_function(handler.function))


def test_an_event_that_cannot_be_written_leaves_no_gap(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events.jsonl")
    with pytest.raises(TypeError):
        journal.write(Message(text=object()))  # type: ignore[arg-type]
    journal.write(Message(text="one"))
    journal.close()
    assert b'"line":1' in (tmp_path / "events.jsonl").read_bytes()


class FullDisk:
    """A file on a disk with so many bytes left. Stands in for the real one, which tests cannot fill."""

    def __init__(self, file: Any, room: int, reserve: Path) -> None:
        self.file, self.room, self.reserve = file, room, reserve

    def write(self, data: bytes) -> int:
        room = self.room + (0 if self.reserve.exists() else 10_000)
        if room <= 0:
            raise OSError(28, "No space left on device")
        written = self.file.write(data[:room])
        self.room -= written
        return int(written)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


def test_on_a_full_disk_the_last_event_still_finds_room(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "events.jsonl")
    journal._file = FullDisk(journal._file, 120, tmp_path / "reserve")  # type: ignore[assignment]
    journal.write(Message(text="fits"))
    with pytest.raises(OSError, match="No space left") as error:
        journal.write(Message(text="x" * 200))
    journal.write(failed_event(error.value))
    journal.close()
    found = [event for event, _ in read_journal(tmp_path / "events.jsonl")]
    assert [event.line for event in found] == [1, 2]
    assert found[1].code == "disk_full"  # type: ignore[union-attr]
    assert not (tmp_path / "reserve").exists()


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (MemoryError(), "out_of_memory"),
        (RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"), "out_of_memory"),
        (RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried"), "out_of_memory"),
        (OSError(28, "No space left on device"), "disk_full"),
        (Exception("Error while serializing: I/O error: No space left on device (os error 28)"), "disk_full"),
        (ValueError("anything else"), "crash"),
    ],
)
def test_every_error_has_its_reason(error: BaseException, code: str) -> None:
    found, sentence = explain(error)
    assert found == code
    assert sentence.endswith(".")
