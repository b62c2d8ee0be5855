"""Energy that a job took, where the machine counts it: RAPL for processors, NVML for NVIDIA devices; else unknown.

RAPL counts for the whole package. A job's part is its share of the processor time that the machine spent while it
ran, so that two jobs side by side are not both charged for everything.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

RAPL = Path("/sys/class/powercap")
JOULES_PER_KWH = 3.6e6


@dataclass(slots=True)
class RaplCounter:
    """One package's counter, which wraps around."""

    folder: Path
    last_microjoules: int = 0
    joules: float = 0.0

    def read(self) -> None:
        """Add what was used since the last read."""
        now = int((self.folder / "energy_uj").read_text())
        used = now - self.last_microjoules
        if used < 0:
            used += int((self.folder / "max_energy_range_uj").read_text())
        self.joules += used / 1e6
        self.last_microjoules = now


def rapl_counters(root: Path = RAPL) -> list[RaplCounter]:
    """Return the readable counters of whole packages (`intel-rapl:0`, not its parts `intel-rapl:0:1`)."""
    found = []
    for folder in sorted(root.glob("*rapl:[0-9]*")):
        if folder.name.count(":") == 1 and "psys" not in _text(folder / "name"):
            with contextlib.suppress(OSError, ValueError):
                found.append(RaplCounter(folder, int((folder / "energy_uj").read_text())))
    return found


def _text(path: Path) -> str:
    with contextlib.suppress(OSError):
        return path.read_text()
    return ""


def nvml_joules(name: str) -> float | None:
    """Return the energy that a device used since its driver was loaded, None where that is not told.

    NVML counts the devices of the whole machine; `name` is a number of its own or a UUID.
    """
    try:
        nvml = ctypes.CDLL("libnvidia-ml.so.1")
        handle, millijoules = ctypes.c_void_p(), ctypes.c_ulonglong()
        if nvml.nvmlInit_v2():
            return None
        if name.isdecimal():
            failed = nvml.nvmlDeviceGetHandleByIndex_v2(ctypes.c_uint(int(name)), ctypes.byref(handle))
        else:
            failed = nvml.nvmlDeviceGetHandleByUUID(name.encode(), ctypes.byref(handle))
        if failed:
            return None
        if nvml.nvmlDeviceGetTotalEnergyConsumption(handle, ctypes.byref(millijoules)):
            return None
    except (OSError, AttributeError):
        return None
    return millijoules.value / 1e3


def nvml_names(device: str, visible: Sequence[str] = ()) -> tuple[str, ...]:
    """Return what NVML calls the CUDA devices of an attempt: those that were claimed together, or the worker's one."""
    if not device.startswith("cuda"):
        return ()
    return tuple(visible) or (nvml_name(device),)


def nvml_name(device: str) -> str:
    """Return what NVML calls a CUDA device: a worker's `cuda:0` is the first that it is allowed to see."""
    index = int(device.partition(":")[2] or 0)
    visible = [part.strip() for part in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if part.strip()]
    return visible[index] if index < len(visible) else str(index)


def _busy_seconds() -> float:
    times = psutil.cpu_times()
    return float(times.user + times.system + getattr(times, "nice", 0.0))


@dataclass(slots=True)
class EnergyMeter:
    """Measures from its making on. `read` is called now and then, so that a counter's wrap is not missed."""

    pid: int
    nvml: tuple[str, ...] = ()
    """Names of the devices that are read besides the processor."""

    _rapl: list[RaplCounter] = field(default_factory=rapl_counters)
    _nvml_start: list[float | None] = field(default_factory=list)
    _busy_start: float = field(default_factory=_busy_seconds)
    _job_seconds: float = 0.0

    def __post_init__(self) -> None:
        self._nvml_start = [nvml_joules(name) for name in self.nvml]

    def read(self) -> None:
        """Take the counters; processor time is the process's with all it started."""
        with contextlib.suppress(OSError, ValueError):
            for counter in self._rapl:
                counter.read()
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(self.pid)
            family = [process, *process.children(recursive=True)]
            self._job_seconds = max(self._job_seconds, sum(_cpu_seconds(member) for member in family))

    def kwh(self) -> float | None:
        """Return what the job took so far, None where nothing is measured."""
        self.read()
        parts = []
        if self._rapl:
            busy = max(_busy_seconds() - self._busy_start, 1e-9)
            share = min(1.0, self._job_seconds / busy)
            parts.append(share * sum(counter.joules for counter in self._rapl))
        for name, start in zip(self.nvml, self._nvml_start, strict=True):
            if start is not None and (now := nvml_joules(name)) is not None:
                parts.append(now - start)
        return sum(parts) / JOULES_PER_KWH if parts else None


def _cpu_seconds(process: psutil.Process) -> float:
    with contextlib.suppress(psutil.Error):
        times = process.cpu_times()
        return float(times.user + times.system)
    return 0.0
