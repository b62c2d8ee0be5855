"""The demo's text: the source of the Python standard library of the running interpreter, as one zip.

Real text that is on every machine and needs no download. The tests that come with the library are left out. The label
of a file is its top package, so a module that is a single file goes into a folder of its own name: `abc/abc.py`.
"""

from __future__ import annotations

import sysconfig
import tokenize
import zipfile
from collections.abc import Iterator
from pathlib import Path

LEFT_OUT = {"site-packages", "dist-packages", "test", "tests", "idle_test", "__pycache__", "lib-dynload", "ensurepip"}
_LONG_AGO = (2000, 1, 1, 0, 0, 0)


def source_files() -> Iterator[tuple[str, Path]]:
    """Yield (name in the archive, file) in order of name."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if not LEFT_OUT.intersection(parts):
            yield "/".join(parts if len(parts) > 1 else (path.stem, path.name)), path


def write_archive(path: Path) -> int:
    """Write the zip and return how many files are in it. The same interpreter gives the same bytes every time."""
    num_files = 0
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, file in source_files():
            try:
                with tokenize.open(file) as source:
                    text = source.read()
            except (SyntaxError, UnicodeDecodeError):
                continue  # a file about encodings that is wrong on purpose
            archive.writestr(zipfile.ZipInfo(name, _LONG_AGO), text.encode(), zipfile.ZIP_DEFLATED)
            num_files += 1
    return num_files
