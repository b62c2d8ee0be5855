"""What the machine was, and how much of it others took meanwhile."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from pathlib import Path

import psutil


def machine_name() -> str:
    """Return processor and cores in words, as results of different machines are not compared."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        named = [line.split(":", 1)[1].strip() for line in cpuinfo.read_text().splitlines() if "model name" in line]
        name = named[0] if named else name
    return f"{name}, {psutil.cpu_count()} cores, {psutil.virtual_memory().total / 2**30:.0f} GiB"


def commit() -> str:
    found = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return found.stdout.strip()


class OthersShare:
    """Processor time that was neither ours nor our children's, as a fraction of the machine, since it was made."""

    def __init__(self) -> None:
        self.began, self.machine, self.own = time.perf_counter(), machine_seconds(), family_seconds()

    def read(self) -> float:
        seconds = (time.perf_counter() - self.began) * (os.cpu_count() or 1)
        others = (machine_seconds() - self.machine) - (family_seconds() - self.own)
        return min(max(others / seconds, 0.0), 1.0)


def machine_seconds() -> float:
    """Return processor seconds that all processes have used; what a host took from this machine counts as theirs."""
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))


def family_seconds() -> float:
    """Return processor seconds of this process, those of its living children, and those of the ended ones."""
    total = 0.0
    process = psutil.Process()
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total
