"""Peer: trackio's storage, SQLite on disk, called as its server does with what a run has queued."""

from __future__ import annotations

import os
import tempfile
import time
from typing import Any

os.environ["TRACKIO_DIR"] = tempfile.mkdtemp(prefix="isocost-bench-trackio-")

from trackio.sqlite_storage import SQLiteStorage

from benchmarks.frame.child import Round, serve


def prepare(arguments: dict[str, Any]) -> Round:
    num_steps, num_blocks, num_keys = arguments["steps"], arguments["blocks"], arguments["keys"]
    first = iter(range(0, 10**9, num_steps * num_blocks))

    def one_round() -> float:
        begin = next(first)
        blocks = [range(begin + i * num_steps, begin + (i + 1) * num_steps) for i in range(num_blocks)]
        rows = [[{f"bench/{key}": 1 / (1 + step) for key in range(num_keys)} for step in block] for block in blocks]
        began = time.perf_counter()
        for block, row in zip(blocks, rows, strict=True):
            SQLiteStorage.bulk_log("bench", "run", row, steps=list(block))
        return num_blocks * num_steps * num_keys / (time.perf_counter() - began)

    return one_round


if __name__ == "__main__":
    serve(prepare)
