"""Text preparation: MB/s of each step and of the whole, on one core and on two, with peers where they are installed.

    python benchmarks/prepare_throughput.py [--mb 20] [--rounds 3] [--text FILE.jsonl]

The text is the made corpus of the tests (Chinese, English, code) or a JSON Lines file with a field `text`. One JSON line
a row; value is the median over the rounds, spread half the distance of the quartiles. `cpu_share_of_others` is what
other processes took of the machine meanwhile (over 0.1: measure again). Peers in the same run, on the same texts:
`tokenizers` (encode_batch_fast, training from text), rensa with shingles cut in Python, and datatrove's steps where it
is installed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

os.environ.setdefault("RAYON_NUM_THREADS", "1")  # one core a row, unless the row says otherwise
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import psutil
import rensa
import tokenizers
from tokenizers import decoders, models, pre_tokenizers, trainers

from tests.trainer.data.corpus import make_corpus
from trainer.data.bpe import train_bpe
from trainer.data.byte_level import CHARACTER_OF_BYTE, SPLIT_PATTERN
from trainer.data.filters import drop_reason
from trainer.data.manifest import hash_file
from trainer.data.minhash import level, sketches
from trainer.data.normalise import normalise
from trainer.data.prepare import prepare
from trainer.data.readers import read_documents
from trainer.data.recipe import Recipe
from trainer.data.redact import redact
from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.data.tokenizer import Tokenizer


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--mb", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--text", type=Path, default=None)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="prepare-bench-") as folder:
        path = options.text or make_corpus(Path(folder) / "corpus.jsonl", num_bytes=options.mb * 1_000_000, seed=1).path
        Bench(path, options.rounds, Path(folder)).run()


class Bench:
    """One text, every row measured on it in turn."""

    def __init__(self, path: Path, rounds: int, folder: Path) -> None:
        self.path, self.rounds, self.folder = path, rounds, folder
        self.file_bytes = path.stat().st_size
        self.texts = [document.text for document in self.read()]
        self.num_bytes = sum(len(text.encode()) for text in self.texts)
        self.shape = f"{self.num_bytes / 1e6:.0f} MB, {len(self.texts):,} documents"

    def run(self) -> None:
        recipe = Recipe()
        self.rate("hash files (sha256)", lambda: hash_file(self.path), num_bytes=self.file_bytes)
        self.rate("read JSON Lines", self.read, num_bytes=self.file_bytes)
        self.rate("normalise", lambda: [normalise(text, recipe.normalise) for text in self.texts])
        self.rate("filter", lambda: [drop_reason(text, recipe.filter) for text in self.texts])
        self.rate("redact", lambda: [redact(text, recipe.redact) for text in self.texts])
        self.sketch_rows(recipe)
        tokenizer = self.tokenizer_rows()
        self.encode_rows(tokenizer)
        for num_threads in (1, 2):
            self.rate(
                "whole preparation", lambda n=num_threads: self.prepare(n), shape=f"{num_threads} cores", rounds=1
            )

    def read(self) -> list[Any]:
        return list(
            read_documents([SourceSpec(path=str(self.path))], ReadLimits(max_broken_lines=10_000), SkipCounter(10_000))
        )

    def sketch_rows(self, recipe: Recipe) -> None:
        near = recipe.near
        self.rate(
            "near-duplicate sketches",
            lambda: sketches(self.texts, num_hashes=near.num_hashes, shingle_characters=near.shingle_characters),
            num_documents=len(self.texts),
        )
        self.rate("near-duplicate sketches", self.rensa_sketches, contender="rensa", num_documents=len(self.texts))

    def rensa_sketches(self) -> None:
        """rensa as its documentation uses it: a set of shingles for each document, cut in Python."""
        for text in self.texts:
            plain = level(text)
            sketch = rensa.RMinHash(num_perm=128, seed=42)
            sketch.update({plain[i : i + 5] for i in range(max(1, len(plain) - 4))})
            sketch.digest()

    def tokenizer_rows(self) -> Tokenizer:
        self.rate("learn BPE, 8,192 ids", lambda: train_bpe(self.texts, vocab_size=8_192), rounds=1)
        self.rate("learn BPE, 8,192 ids", self.learn_with_tokenizers, contender="tokenizers", rounds=1)
        return train_bpe(self.texts, vocab_size=8_192)

    def learn_with_tokenizers(self) -> None:
        learner = tokenizers.Tokenizer(models.BPE())
        split = pre_tokenizers.Split(tokenizers.Regex(SPLIT_PATTERN), "isolated")
        byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        learner.pre_tokenizer, learner.decoder = pre_tokenizers.Sequence([split, byte_level]), decoders.ByteLevel()
        alphabet = list(CHARACTER_OF_BYTE.values())
        trainer = trainers.BpeTrainer(vocab_size=8_191, initial_alphabet=alphabet, show_progress=False)
        learner.train_from_iterator(self.texts, trainer=trainer)

    def encode_rows(self, tokenizer: Tokenizer) -> None:
        tokenizer.save(self.folder / "tokenizer")
        theirs = tokenizers.Tokenizer.from_file(str(self.folder / "tokenizer" / "tokenizer.json"))
        ours = tokenizer.encode_batch(self.texts)
        if ours != [encoded.ids for encoded in theirs.encode_batch(self.texts)]:
            raise SystemExit("the two encoders give different ids; a comparison of their speed would mean nothing")
        self.rate("encode", lambda: [tokenizer.encode_array(text) for text in self.texts], shape="1 thread")
        self.rate("encode", lambda: tokenizer.encode_batch(self.texts, num_threads=2), shape="2 threads, lists")
        self.rate(
            "encode", lambda: theirs.encode_batch_fast(self.texts), contender="tokenizers", shape="batch_fast, 1 thread"
        )

    def prepare(self, num_threads: int) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder) as out:
            recipe = Recipe(read=ReadLimits(max_broken_lines=10_000))
            spec = PrepareSpec(sources=[SourceSpec(path=str(self.path))], recipe=recipe, num_threads=num_threads)
            version = prepare(spec, Path(out) / "version")
            for step, seconds in version.report()["seconds"].items():
                self.tell(
                    f"whole preparation: {step}",
                    "isocost",
                    f"{num_threads} cores",
                    self.num_bytes / 1e6 / seconds,
                    "MB/s",
                )

    def rate(
        self,
        bench: str,
        work: Callable[[], Any],
        *,
        contender: str = "isocost",
        shape: str = "",
        num_bytes: int = 0,
        num_documents: int = 0,
        rounds: int = 0,
    ) -> None:
        """Do the work some times and print MB/s, and documents/s where that is what peers state."""
        seconds, others = [], []
        for _ in range(rounds or self.rounds):
            before, started = _cpu_times(), time.perf_counter()
            work()
            seconds.append(time.perf_counter() - started)
            others.append(_share_of_others(before, seconds[-1]))
        amount = (num_bytes or self.num_bytes) / 1e6
        rates = [amount / s for s in seconds]
        extra = {"spread": _spread(rates), "cpu_share_of_others": round(median(others), 3)}
        self.tell(bench, contender, shape, median(rates), "MB/s", **extra)
        if num_documents:
            self.tell(bench, contender, shape, num_documents / median(seconds), "documents/s", **extra)

    def tell(self, bench: str, contender: str, shape: str, value: float, unit: str, **extra: Any) -> None:
        shape = f"{self.shape}, {shape}" if shape else self.shape
        line = {"bench": bench, "contender": contender, "shape": shape, "value": round(value, 2), "unit": unit, **extra}
        print(json.dumps(line, ensure_ascii=False), flush=True)


def _cpu_times() -> tuple[float, float]:
    """Return processor seconds that all processes and that this one with its ended children have used."""
    machine, own = psutil.cpu_times(), os.times()
    return sum(machine) - machine.idle - getattr(machine, "iowait", 0.0), sum(own[:4])


def _share_of_others(before: tuple[float, float], seconds: float) -> float:
    machine, own = _cpu_times()
    return max(0.0, (machine - before[0]) - (own - before[1])) / (seconds * (os.cpu_count() or 1))


def _spread(values: list[float]) -> float | None:
    if len(values) < 2:
        return None
    first, _, third = quantiles(values, n=4)
    return round((third - first) / 2, 3)


if __name__ == "__main__":
    main()
