"""The sources of the Python that runs here, as text to learn from: real, the same for everybody, and already on the machine."""

from __future__ import annotations

import sysconfig
import zipfile
from pathlib import Path

LEFT_OUT = frozenset({"site-packages", "dist-packages", "test", "tests", "idle_test", "lib2to3", "__pycache__"})
"""Folders that are not the library's own code, or that repeat it in odd forms to test parsers."""

EARLIEST = (1980, 1, 1, 0, 0, 0)
"""The date of every member: the same sources give the same bytes."""


def library_files(root: Path | None = None) -> list[tuple[Path, str]]:
    """Return (path, name) of every .py file of the standard library, by name."""
    root = root or Path(sysconfig.get_path("stdlib"))
    found = [(path, path.relative_to(root)) for path in root.rglob("*.py") if path.is_file()]
    kept = [(path, name.as_posix()) for path, name in found if not LEFT_OUT.intersection(name.parts)]
    return sorted(kept, key=lambda pair: pair[1])


def write_archive(target: Path, *, root: Path | None = None) -> int:
    """Write the sources as a zip and return how many files it holds. A module's package is its folder in the zip."""
    files = library_files(root)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path, name in files:
            archive.writestr(zipfile.ZipInfo(name, EARLIEST), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return len(files)
