"""Long tests: 300 MB end to end, and how memory grows with the input. `make test-long` runs them.

The slope is written to `docs/performance/prepare_memory.json`: peak memory of all processes at 100, 200 and 400 MB with
near-duplicates on, and the bytes of memory for each further byte of input.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from tests.trainer.data.corpus import make_corpus
from trainer.data.prepare import prepare
from trainer.data.recipe import Recipe
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.data.spec import PrepareSpec

ROOT = Path(__file__).parents[3]
SIZES_MB = tuple(int(size) for size in os.environ.get("ISOCOST_MEMORY_TEST_MB", "100,200,400").split(","))
STEEPEST_BYTES_PER_BYTE = 0.15

PREPARE = """
import sys
from pathlib import Path
from trainer.data.prepare import prepare
from trainer.data.recipe import Recipe, TokenizerStep
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.data.spec import PrepareSpec
if __name__ == "__main__":
    recipe = Recipe(
        read=ReadLimits(max_broken_lines=10_000), tokenizer=TokenizerStep(vocab_size=4096, sample_bytes=16 << 20)
    )
    prepare(PrepareSpec(sources=[SourceSpec(path=sys.argv[1])], recipe=recipe, num_threads=2), Path(sys.argv[2]))
"""


def peak_memory_bytes(source: Path, out: Path) -> int:
    """Prepare in a process of its own; return the largest sum of the memory of it and its children."""
    script = out.with_suffix(".py")
    script.write_text(PREPARE)
    process = subprocess.Popen(
        [sys.executable, str(script), str(source), str(out)], cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    peak = 0
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        tree = psutil.Process(process.pid)
        while not done.wait(0.1):
            try:
                peak = max(peak, sum(p.memory_info().rss for p in [tree, *tree.children(recursive=True)]))
            except psutil.NoSuchProcess:
                continue

    watcher = threading.Thread(target=watch)
    watcher.start()
    code = process.wait()
    done.set()
    watcher.join()
    assert code == 0
    return peak


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_memory_is_flat_in_the_size_of_the_input(tmp_path: Path) -> None:
    peaks, seconds = [], []
    for size in SIZES_MB:
        source = make_corpus(tmp_path / f"{size}.jsonl", num_bytes=size * 1_000_000, seed=size).path
        started = time.monotonic()
        peaks.append(peak_memory_bytes(source, tmp_path / f"version-{size}"))
        seconds.append(time.monotonic() - started)
        source.unlink()
    slope = float(np.polyfit(np.array(SIZES_MB) * 1e6, peaks, 1)[0])
    written = {
        "sizes_mb": list(SIZES_MB),
        "peak_memory_mb": [round(peak / 1e6, 1) for peak in peaks],
        "seconds": [round(s, 1) for s in seconds],
        "slope_bytes_per_byte": round(slope, 4),
    }
    if SIZES_MB == (100, 200, 400):
        folder = ROOT / "docs" / "performance"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "prepare_memory.json").write_text(json.dumps(written, indent=1) + "\n")
    print(json.dumps(written))  # noqa: T201  the figure is the point of the test
    assert slope < STEEPEST_BYTES_PER_BYTE


@pytest.mark.long
@pytest.mark.timeout(3_600)
def test_300_mb_with_every_flaw(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus.jsonl", num_bytes=300_000_000, seed=3)
    recipe = Recipe(read=ReadLimits(max_broken_lines=10_000))
    spec = PrepareSpec(sources=[SourceSpec(path=str(corpus.path))], recipe=recipe)
    version = prepare(spec, tmp_path / "version")
    version.verify()
    kept = {row for name in version.manifest.splits for row in version.split(name)._origins[:, 1].tolist()}
    gone = {document for document, row in corpus.row.items() if row not in kept}
    for flaw, recall in (("exact", 1.0), ("near", 0.99), ("short", 1.0), ("symbols", 1.0), ("repeated", 1.0)):
        planted = set(corpus.planted[flaw])
        assert len(planted & gone) / len(planted) >= recall, flaw
    bad = {d for flaw in ("exact", "near", "short", "symbols", "repeated") for d in corpus.planted[flaw]}
    assert len(gone - bad) / corpus.num_documents < 1e-4
