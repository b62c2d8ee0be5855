"""Encoding text with a byte-level BPE of 8,192 tokens: ours and tokenizers, one thread and all cores, the same ids."""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.frame.compare import Child, compare, options
from benchmarks.text_corpus import read_texts, write_corpus
from trainer.data.bpe import train_bpe

MEGABYTES = 20


def main() -> None:
    chosen = options(__doc__, mb=(MEGABYTES, "size of the text"))
    with tempfile.TemporaryDirectory() as folder:
        path, tokenizer = Path(folder) / "text.jsonl", Path(folder) / "tokenizer"
        write_corpus(path, num_bytes=chosen.mb * 1_000_000)
        train_bpe(read_texts(str(path))[:2_000], vocab_size=8_192).save(tokenizer)
        for threads in (1, 2):
            arguments = {"path": str(path), "tokenizer": str(tokenizer), "threads": threads}
            lines = compare(
                "encode",
                f"{chosen.mb} MB, {threads} threads",
                [
                    Child(name="isocost", module="benchmarks.ours.text", arguments=arguments | {"work": "encode"}),
                    Child(
                        name="tokenizers, batch_fast",
                        module="benchmarks.peers.text",
                        arguments=arguments | {"work": "tokenizers"},
                        is_peer=True,
                    ),
                ],
                unit="MB/s",
                rounds=chosen.rounds,
                target=2.0,
                is_recorded=not chosen.dry,
            )
            if len({line.facts["ids"] for line in lines}) != 1:
                raise SystemExit("the encoders gave different numbers of ids; their speeds mean nothing")


if __name__ == "__main__":
    main()
