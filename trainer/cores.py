"""How many threads of this process can compute at once. Without torch: specs, plans and launchers ask too.

A container may see all cores of its machine and have the time of a few of them. Threads beyond that are stopped in the
middle of their work, and those that wait for them at a barrier burn what time is left: so the time counts, not what is seen.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")
FILES = Path("/sys/fs/cgroup")


def usable_cores() -> int:
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = processor_quota()
    return seen if granted is None else max(1, min(seen, int(granted)))


def processor_quota(groups: Path = GROUPS, files: Path = FILES) -> float | None:
    """Return how many cores' time the container grants this process; None where nothing limits it."""
    found = []
    with contextlib.suppress(OSError):
        for line in groups.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers:
                found += [_version_2(place) for place in _upwards(files, path)]
            elif "cpu" in controllers.split(","):
                found += [_version_1(place) for place in _upwards(files / "cpu", path)]
    return min((quota for quota in found if quota is not None), default=None)


def _upwards(root: Path, path: str) -> list[Path]:
    """Return the folders of a group and of those it lies in; inside a container its own is the root."""
    parts = [part for part in path.split("/") if part not in ("", "..")]
    return [root.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1)]


def _version_2(place: Path) -> float | None:
    with contextlib.suppress(OSError, ValueError):
        quota, period = (place / "cpu.max").read_text().split()
        return int(quota) / int(period)  # "max" is no number
    return None


def _version_1(place: Path) -> float | None:
    with contextlib.suppress(OSError, ValueError):
        quota = int((place / "cpu.cfs_quota_us").read_text())
        return quota / int((place / "cpu.cfs_period_us").read_text()) if quota > 0 else None
    return None
