"""The supervisor, with small real processes."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from webapp.ops.logs import log_rotate
from webapp.ops.processes import process_start
from webapp.ops.supervisor import Service, Supervisor

SLEEP = "import time; time.sleep(600)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); {SLEEP}"
WITH_CHILD = (
    f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); print('child', flush=True); {SLEEP}"
)


class Said(list[str]):
    """What the supervisor told the user."""

    @property
    def text(self) -> str:
        return "\n".join(self)


@pytest.fixture
def said() -> Said:
    return Said()


@pytest.fixture
def supervisor(said: Said) -> Iterator[Supervisor]:
    supervisor = Supervisor(say=said.append, interruptible=False)
    try:
        yield supervisor
    finally:
        for service in supervisor.services:
            if service.is_running and service.process:
                service.process.kill()


def service(tmp_path: Path, code: str, *, name: str = "it", grace_seconds: float = 10) -> Service:
    log = tmp_path / f"{name}.log"

    def spawn() -> subprocess.Popen[bytes]:
        return process_start([sys.executable, "-c", code], log=log)

    return Service(name=name, spawn=spawn, log=log, grace_seconds=grace_seconds)


def pid(found: Service) -> int:
    assert found.process is not None
    return found.process.pid


def test_a_killed_process_is_started_again_after_a_pause_that_doubles(
    supervisor: Supervisor, said: Said, tmp_path: Path
) -> None:
    it = service(tmp_path, SLEEP)
    supervisor.add(it)
    for pause in ("0.5", "1"):
        old = pid(it)
        assert it.process is not None
        it.process.kill()
        assert supervisor.run(until=lambda old=old: it.is_running and pid(it) != old, timeout_seconds=10)
        assert f"it was ended by SIGKILL; it starts again in {pause} s" in said.text


def test_a_program_that_does_not_know_its_arguments_is_left_out(
    supervisor: Supervisor, said: Said, tmp_path: Path
) -> None:
    it = service(tmp_path, "import sys; sys.exit(2)")
    supervisor.add(it)
    assert supervisor.run(until=lambda: it.given_up, timeout_seconds=10)
    assert "it cannot run here and is left out" in said.text


def test_stages_stop_one_after_the_other(supervisor: Supervisor, tmp_path: Path) -> None:
    order = []
    stages = []
    for name in ("first", "second"):
        it = service(tmp_path, SLEEP, name=name)
        supervisor.add(it)
        process = psutil.Process(pid(it))
        stages.append([it])
        order.append(process)
    supervisor.stop([stages[0]])
    assert not order[0].is_running()
    assert order[1].is_running()
    supervisor.stop([stages[1]])
    assert not order[1].is_running()


def test_a_process_that_does_not_listen_is_ended_by_force_when_its_time_is_over(
    supervisor: Supervisor, said: Said, tmp_path: Path
) -> None:
    it = service(tmp_path, STUBBORN, grace_seconds=0.5)
    supervisor.add(it)
    assert supervisor.run(until=lambda: "deaf" in it.log.read_text(), timeout_seconds=20)
    old = psutil.Process(pid(it))
    supervisor.stop([[it]])
    assert not old.is_running()
    assert "it did not stop in time and is ended by force" in said.text


def test_a_second_signal_hurries(supervisor: Supervisor, said: Said, tmp_path: Path) -> None:
    it = service(tmp_path, STUBBORN, grace_seconds=600)
    supervisor.add(it)
    assert supervisor.run(until=lambda: "deaf" in it.log.read_text(), timeout_seconds=20)
    supervisor.num_signals = 2
    began = time.monotonic()
    supervisor.stop([[it]])
    assert time.monotonic() - began < 30
    assert "Hurrying" in said.text


def test_children_go_with_their_process(supervisor: Supervisor, tmp_path: Path) -> None:
    it = service(tmp_path, WITH_CHILD)
    supervisor.add(it)
    assert supervisor.run(until=lambda: "child" in it.log.read_text(), timeout_seconds=20)
    (child,) = psutil.Process(pid(it)).children()
    supervisor.stop([[it]])
    assert supervisor.run(until=lambda: True)
    psutil.wait_procs([child], timeout=5)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_the_wish_to_stop_ends_the_loop(supervisor: Supervisor, tmp_path: Path) -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        supervisor.listen_to_signals()
        signal.raise_signal(signal.SIGTERM)
        assert supervisor.run(until=lambda: False, timeout_seconds=20) is False
        assert supervisor.num_signals == 1
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_long_log_is_moved_and_its_writer_goes_on_in_the_empty_file(tmp_path: Path) -> None:
    log = tmp_path / "web.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(4):
            writer.write(b"%d" % number * 100)
            assert log_rotate(log, max_bytes=50)
        assert not log_rotate(log, max_bytes=50)
        writer.write(b"after")
    assert log.read_bytes() == b"after"
    assert sorted(place.name for place in tmp_path.iterdir()) == ["web.log", "web.log.1", "web.log.2", "web.log.3"]
    assert (tmp_path / "web.log.1").read_bytes() == b"3" * 100
