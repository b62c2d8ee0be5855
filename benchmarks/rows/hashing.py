"""Exact hashing of files: what preparation uses, beside the fastest hashes there are and the rate at which text is prepared.

Equal documents are found by xxh3-128; the sha256 of a file, which says that an upload is whole, is taken while it is read.
"""

from __future__ import annotations

import hashlib
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import xxhash

from benchmarks.frame.compare import Here, Limit, compare, options
from trainer.data.manifest import hash_file

FILE_BYTES = 256 * 2**20
DOCUMENT_BYTES = 4_000


def rate_of(work: Callable[[], object], num_bytes: int) -> Callable[[], float]:
    def one_round() -> float:
        began = time.perf_counter()
        work()
        return num_bytes / (time.perf_counter() - began)

    return one_round


def main() -> None:
    chosen = options(__doc__)
    data = np.random.default_rng(1).bytes(FILE_BYTES)
    documents = [data[i : i + DOCUMENT_BYTES] for i in range(0, FILE_BYTES // 4, DOCUMENT_BYTES)]
    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        path = Path(file.name)
        contenders = {
            "isocost, documents (xxh3-128)": rate_of(
                lambda: [xxhash.xxh3_128_intdigest(document) for document in documents], FILE_BYTES // 4
            ),
            "isocost, files (sha256)": rate_of(lambda: hash_file(path), FILE_BYTES),
            "xxh3-128 of one piece": rate_of(lambda: xxhash.xxh3_128_digest(data), FILE_BYTES),
            "hashlib blake2b": rate_of(lambda: hashlib.blake2b(data).digest(), FILE_BYTES),
        }
        compare(
            "hashing",
            f"{FILE_BYTES // 2**20} MiB; documents of {DOCUMENT_BYTES:,} bytes",
            [Here(name=name, work=work) for name, work in contenders.items()],
            unit="bytes/s",
            rounds=chosen.rounds,
            limit=Limit(name="memory read", work_per_unit=1.0),
            peers=["xxh3-128 of one piece", "hashlib blake2b"],
            is_recorded=not chosen.dry,
        )


if __name__ == "__main__":
    main()
