"""Finding near-duplicates among 20,000 documents: sketches and the pairs that share a band, at a threshold of 0.8."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.frame.compare import Child, compare, options
from benchmarks.text_corpus import read_texts, write_corpus

MEGABYTES = 30


def main() -> None:
    chosen = options(__doc__, mb=(MEGABYTES, "size of the text"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.jsonl"
        write_corpus(path, num_bytes=chosen.mb * 1_000_000)
        peers = [
            Child(
                name=name,
                module="benchmarks.peers.text",
                arguments={"path": str(path), "work": name},
                is_peer=True,
            )
            for name in ("rensa", "datasketch")
        ]
        compare(
            "near_duplicates",
            f"{len(read_texts(str(path))):,} documents, {chosen.mb} MB",
            [
                Child(name="isocost", module="benchmarks.ours.text", arguments={"path": str(path), "work": "near"}),
                *peers,
            ],
            unit="documents/s",
            rounds=chosen.rounds,
            target=3.0,
            against=["rensa"],
            is_recorded=not chosen.dry,
        )


if __name__ == "__main__":
    main()
