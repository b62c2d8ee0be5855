"""Every call that depends on the platform: process groups, priority, hardware, out-of-memory counters.

Linux answers all of it. On macOS the counters of out-of-memory kills do not exist (such a death then reads as a killed
process), hardware comes from sysctl, and everything else is the same.
"""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import IO, Any, Protocol

import psutil
from django.conf import settings

TRAINER_NICENESS = 10
KEPT_VARIABLES = (
    "CUDA_DEVICE_ORDER", "CUDA_HOME", "CUDA_VISIBLE_DEVICES", "DYLD_LIBRARY_PATH", "HOME", "LANG", "LANGUAGE",
    "LD_LIBRARY_PATH", "LOGNAME", "MKL_NUM_THREADS", "NVIDIA_DRIVER_CAPABILITIES", "NVIDIA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS", "PATH", "SHELL", "TMPDIR", "TZ", "USER", "VIRTUAL_ENV", "XDG_CACHE_HOME",
)  # fmt: skip
KEPT_PREFIXES = ("LC_", "NCCL_", "TORCH", "TRITON_")
"""What a trainer gets of the worker's environment: nothing that says how to reach or unlock anything."""


def trainer_environment() -> dict[str, str]:
    """Return the environment of a trainer: no secrets, no addresses of servers."""
    kept = {
        name: value for name, value in os.environ.items() if name in KEPT_VARIABLES or name.startswith(KEPT_PREFIXES)
    }
    compiled = {"TORCHINDUCTOR_CACHE_DIR": str(settings.ISOCOST_HOME / "cache" / "compiled")}
    return {**compiled, **kept, "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1", "PYTHONUTF8": "1"}


class TrainerProcess(Protocol):
    """What is asked of a running trainer, however it was started: a part of `subprocess.Popen`."""

    pid: int
    returncode: int | None

    @property
    def stdin(self) -> IO[bytes] | None: ...

    def poll(self) -> int | None: ...

    def wait(self, timeout: float | None = None) -> int: ...


def process_start(
    command: list[str],
    *,
    folder: Path,
    log: Path,
    standard_input: int = subprocess.PIPE,
    variables: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a process in a group of its own, behind other work, its words going to `log` and ours to its input."""
    with open(log, "ab") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**trainer_environment(), **(variables or {})},
            stdin=standard_input,
            stdout=output,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, process.pid, TRAINER_NICENESS)
    return process


def group_signal(process: TrainerProcess, number: signal.Signals) -> None:
    """Send a signal to the process and all that it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def num_out_of_memory_kills() -> int:
    """Return how many processes the kernel ended for want of memory, in our cgroup or on the machine; 0 if unknown."""
    for path in _oom_counter_files():
        with contextlib.suppress(OSError, ValueError):
            for line in path.read_text().splitlines():
                if line.startswith("oom_kill "):
                    return int(line.split()[1])
    return 0


@cache
def _oom_counter_files() -> tuple[Path, ...]:
    """Return the files that may hold the counter, the narrowest first."""
    found = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, group = line.split(":", 2)
            if not controllers:
                found.append(Path(f"/sys/fs/cgroup{group}/memory.events"))
            elif "memory" in controllers.split(","):
                found.append(Path(f"/sys/fs/cgroup/memory{group}/memory.oom_control"))
    return (*found, Path("/proc/vmstat"))


@cache
def hardware() -> dict[str, Any]:
    """Return what this machine is, as the queue page and the ledger name it."""
    return {
        "processor": _processor_name(),
        "num_cores": psutil.cpu_count(logical=False) or os.cpu_count() or 1,
        "num_threads": os.cpu_count() or 1,
        "memory_bytes": psutil.virtual_memory().total,
        "system": f"{platform.system()} {platform.release()}",
        "devices": _gpus(),
    }


def _processor_name() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return _answer(["sysctl", "-n", "machdep.cpu.brand_string"]) or platform.processor() or platform.machine()


def _gpus() -> list[dict[str, Any]]:
    """Return name and memory of each NVIDIA device, as nvidia-smi lists them; empty without one."""
    lines = _answer(["nvidia-smi", "--query-gpu=index,name,memory.total", "--format=csv,noheader,nounits"]).splitlines()
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            index, name, mebibytes = (part.strip() for part in line.split(","))
            found.append({"device": f"cuda:{int(index)}", "name": name, "memory_bytes": int(mebibytes) * 2**20})
    return found


def _answer(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
