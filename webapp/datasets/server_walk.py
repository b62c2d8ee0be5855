"""A walk through the server's folders that the operator allowed, in search of models and tokenizers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from webapp.datasets.services.server_folders import server_folders

MAX_DEPTH, MAX_FOLDERS = 3, 2_000


def walk_server() -> Iterator[tuple[Path, list[str]]]:
    """Yield each folder with the names of its files, to a depth and a number; hidden ones and links are passed over."""
    seen = 0
    for root in server_folders():
        for place, inside, files in os.walk(root):
            seen += 1
            if seen > MAX_FOLDERS:
                return
            if len(Path(place).relative_to(root).parts) >= MAX_DEPTH:
                inside.clear()
            inside[:] = sorted(name for name in inside if not name.startswith("."))
            yield Path(place), files
