"""Which checkpoints of an attempt stay: the best, the last k, and those that somebody pinned."""

from __future__ import annotations

import shutil
from pathlib import Path

from trainer.training.checkpoint import PINNED


class Kept:
    """The checkpoints that this attempt wrote. Those of earlier attempts are not ours to remove."""

    def __init__(self, keep_last: int) -> None:
        self.keep_last = keep_last
        self.paths: list[Path] = []

    def add(self, path: Path) -> None:
        self.paths.append(path)

    def remove_old(self, best: Path | None) -> list[Path]:
        """Delete what need not stay and return it. Called only once the newest was verified."""
        old = [path for path in self.paths[: -self.keep_last] if path != best and not (path / PINNED).exists()]
        for path in old:
            # renamed first, so that a kill in between leaves no half checkpoint under a good name
            doomed = path.with_name(f".removing-{path.name}")
            path.rename(doomed)
            shutil.rmtree(doomed, ignore_errors=True)
            self.paths.remove(path)
        return old
