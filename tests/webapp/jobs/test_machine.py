"""What depends on the platform, and what a machine's counters say of energy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from django.conf import settings

from webapp.jobs import machine
from webapp.jobs.energy import EnergyMeter, nvml_name, nvml_names, rapl_counters


def write_rapl(root: Path, name: str, microjoules: int, *, called: str = "package-0", most: int = 10**9) -> Path:
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "energy_uj").write_text(f"{microjoules}\n")
    (folder / "max_energy_range_uj").write_text(f"{most}\n")
    (folder / "name").write_text(f"{called}\n")
    return folder


def test_packages_are_counted_and_their_parts_are_not(tmp_path: Path) -> None:
    write_rapl(tmp_path, "intel-rapl:0", 5)
    write_rapl(tmp_path, "intel-rapl:0:0", 5, called="core")
    write_rapl(tmp_path, "intel-rapl:1", 5, called="psys")
    assert [counter.folder.name for counter in rapl_counters(tmp_path)] == ["intel-rapl:0"]
    assert rapl_counters(tmp_path / "none") == []


def test_counter_that_wraps_goes_on_counting(tmp_path: Path) -> None:
    write_rapl(tmp_path, "intel-rapl:0", 900_000_000)
    counter = rapl_counters(tmp_path)[0]
    for reading in (950_000_000, 20_000_000):
        write_rapl(tmp_path, "intel-rapl:0", reading)
        counter.read()
    assert counter.joules == pytest.approx(120.0)


@pytest.mark.parametrize(
    ("visible", "device", "name"),
    [("", "cuda:1", "1"), ("3", "cuda:0", "3"), ("GPU-8f2a", "cuda", "GPU-8f2a"), ("2, 5", "cuda:1", "5")],
)
def test_a_device_is_asked_by_the_name_that_the_whole_machine_knows(
    monkeypatch: pytest.MonkeyPatch, visible: str, device: str, name: str
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert nvml_name(device) == name
    assert nvml_names(device) == (name,)
    assert nvml_names("cuda", ("GPU-a", "GPU-b")) == ("GPU-a", "GPU-b"), "those that were claimed together"
    assert nvml_names("cpu") == ()


def test_energy_is_the_jobs_share_of_the_package(tmp_path: Path) -> None:
    write_rapl(tmp_path, "intel-rapl:0", 0)
    meter = EnergyMeter(os.getpid(), (), rapl_counters(tmp_path))
    sum(i * i for i in range(300_000))
    write_rapl(tmp_path, "intel-rapl:0", 360_000_000)
    kwh = meter.kwh()
    assert kwh is not None
    assert 0 < kwh <= 1e-4


def test_without_counters_energy_is_unknown_and_not_zero() -> None:
    assert EnergyMeter(os.getpid(), (), []).kwh() is None


def test_trainers_environment_has_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ISOCOST_SECRET_KEY", "DATABASE_URL", "REDIS_URL", "AWS_SECRET_ACCESS_KEY", "DJANGO_SETTINGS_MODULE"):
        monkeypatch.setenv(name, "canary")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR", raising=False)  # torch sets it where it is imported
    environment = machine.trainer_environment()
    assert "canary" not in environment.values()
    assert environment["CUDA_VISIBLE_DEVICES"] == "1"
    assert environment["PATH"]
    assert environment["TORCHINDUCTOR_CACHE_DIR"].startswith(str(settings.ISOCOST_HOME))


def test_process_has_a_group_of_its_own_and_is_nice(tmp_path: Path) -> None:
    process = machine.process_start([sys.executable, "-c", "input()"], folder=tmp_path, log=tmp_path / "log")
    try:
        assert os.getpgid(process.pid) == process.pid
        assert psutil.Process(process.pid).nice() == machine.TRAINER_NICENESS
    finally:
        machine.group_signal(process, signal.SIGKILL)
        process.wait()
    machine.group_signal(process, signal.SIGKILL)


def test_process_ends_when_its_input_closes(tmp_path: Path) -> None:
    process = machine.process_start([sys.executable, "-c", "input()"], folder=tmp_path, log=tmp_path / "log")
    assert process.stdin is not None
    process.stdin.close()
    process.wait(20)
    assert "EOFError" in (tmp_path / "log").read_text()


def test_hardware_says_what_the_machine_is() -> None:
    found = machine.hardware()
    assert found["processor"]
    assert found["num_threads"] >= 1
    assert found["memory_bytes"] > 10**8


def test_out_of_memory_counter_never_goes_down() -> None:
    before = machine.num_out_of_memory_kills()
    subprocess.run([sys.executable, "-c", ""], check=True)
    assert machine.num_out_of_memory_kills() >= before
