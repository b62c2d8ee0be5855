"""Which code did a job: a hash of the trainer's own source, said by every attempt when it starts."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent


@cache
def code_version() -> str:
    """Return a short hash of every source file: two jobs with the same one were done by the same code."""
    return code_as_it_lies()


def code_as_it_lies(folder: Path = FOLDER) -> str:
    """Return the same of the files as they are now, which may be others than a process has loaded."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        if "__pycache__" not in path.parts:
            digest.update(f"{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    return digest.hexdigest()[:12]
