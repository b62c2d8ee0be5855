"""A container's share of time counts, not the cores that it sees."""

from __future__ import annotations

from pathlib import Path

import pytest

import trainer.cores as cores


def group(folder: Path, line: str, files: dict[str, str]) -> tuple[Path, Path]:
    """Write what the system would tell of a group."""
    root = folder / "cgroup"
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (folder / "self").write_text(line)
    return folder / "self", root


@pytest.mark.parametrize(("line", "files", "quota"), [
    ("0::/\n", {"cpu.max": "150000 100000\n"}, 1.5),
    ("0::/pod/box\n", {"cpu.max": "max 100000\n", "pod/cpu.max": "200000 100000\n", "pod/box/cpu.max": "max 100000\n"}, 2.0),
    ("0::/../other\n", {"cpu.max": "max 100000\n"}, None),
    ("3:cpu,cpuacct:/box\n0::/\n", {"cpu/box/cpu.cfs_quota_us": "50000\n", "cpu/box/cpu.cfs_period_us": "100000\n"}, 0.5),
    ("1:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
    ("", {}, None),
])  # fmt: skip
def test_the_narrowest_group_tells(tmp_path: Path, line: str, files: dict[str, str], quota: float | None) -> None:
    assert cores.processor_quota(*group(tmp_path, line, files)) == quota


def test_no_system_files_no_limit(tmp_path: Path) -> None:
    assert cores.processor_quota(tmp_path / "none", tmp_path) is None


@pytest.mark.parametrize(("granted", "count"), [(None, 8), (2.9, 2), (0.5, 1), (64.0, 8)])
def test_threads_are_as_many_as_have_time(monkeypatch: pytest.MonkeyPatch, granted: float | None, count: int) -> None:
    monkeypatch.setattr(cores.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "processor_quota", lambda: granted)
    assert cores.usable_cores() == count
