"""Processor time and memory of finding near-duplicates over documents, and of encoding over bytes."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.growth.fit import best_seconds, grow
from benchmarks.text_corpus import read_texts, write_corpus
from trainer.data.bpe import train_bpe
from trainer.data.minhash import sketches

FEW_ARE_CACHED = (
    "few documents are still in the processor's caches when they are encoded again: 500 of them eight times take two thirds "
    "of what 4,000 others take"
)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "text.jsonl"
        write_corpus(path, num_bytes=8_000_000)
        texts = read_texts(str(path))
    tokenizer = train_bpe(texts[::10], vocab_size=2_048)  # of all sorts: strange words are more pieces
    grow(
        "sketches_documents",
        over="documents",
        unit="s",
        sizes=[500, 1_000, 2_000, 4_000],
        cost=lambda n: best_seconds(lambda: sketches(texts[:n], num_hashes=128, shingle_characters=5)),
    )
    grow(
        "encoding_documents",
        over="documents",
        unit="s",
        sizes=[500, 1_000, 2_000, 4_000],
        cost=lambda n: best_seconds(lambda: [tokenizer.encode_array(text) for text in texts[:n]]),
        why=FEW_ARE_CACHED,
    )


if __name__ == "__main__":
    main()
