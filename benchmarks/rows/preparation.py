"""A whole preparation of text, on one core and on two: ours in one piece, datatrove's same steps in sequence."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.frame.compare import Child, compare, options
from benchmarks.text_corpus import read_texts, write_corpus
from trainer.data.bpe import train_bpe

MEGABYTES = 100


def main() -> None:
    chosen = options(__doc__, mb=(MEGABYTES, "size of the text"))
    with tempfile.TemporaryDirectory() as folder:
        path, tokenizer = Path(folder) / "text.jsonl", Path(folder) / "tokenizer"
        write_corpus(path, num_bytes=chosen.mb * 1_000_000)
        train_bpe(read_texts(str(path))[:2_000], vocab_size=8_192).save(tokenizer)
        for threads in (1, 2):
            arguments = {"path": str(path), "tokenizer": str(tokenizer), "threads": threads}
            peer = Child(
                name="datatrove",
                module="benchmarks.peers.text",
                arguments=arguments | {"work": "datatrove"},
                is_peer=True,
            )
            compare(
                "preparation",
                f"{chosen.mb} MB, {threads} cores",
                [Child(name="isocost", module="benchmarks.ours.text", arguments=arguments | {"work": "whole"}), peer],
                unit="MB/s",
                rounds=1 if chosen.mb >= MEGABYTES else chosen.rounds,
                target=3.0,
                is_recorded=not chosen.dry,
            )


if __name__ == "__main__":
    main()
