"""Peers over the same file: tokenizers and tiktoken encode, rensa and datasketch find near-duplicates, datatrove prepares."""

from __future__ import annotations

import json
import logging
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.frame.child import Round, serve
from benchmarks.text_corpus import megabytes, read_texts, recall_of, shingles

THRESHOLD, NUM_HASHES = 0.8, 128


def tokenizers_encode(arguments: dict[str, Any]) -> Round:
    os.environ["RAYON_NUM_THREADS"] = str(arguments["threads"])
    from tokenizers import Tokenizer

    texts = read_texts(arguments["path"])
    tokenizer = Tokenizer.from_file(str(Path(arguments["tokenizer"]) / "tokenizer.json"))

    def one_round() -> tuple[float, dict[str, Any]]:
        begin = time.perf_counter()
        num_ids = sum(len(encoded.ids) for encoded in tokenizer.encode_batch_fast(texts, add_special_tokens=False))
        return megabytes(texts) / (time.perf_counter() - begin), {"ids": num_ids}

    return one_round


def rensa_near(arguments: dict[str, Any]) -> Round:
    """As its documentation has it: a set of shingles a document, cut in Python, and its own index."""
    from rensa import RMinHash, RMinHashLSH

    texts = read_texts(arguments["path"])

    def one_round() -> tuple[float, dict[str, Any]]:
        begin = time.perf_counter()
        index = RMinHashLSH(threshold=THRESHOLD, num_perm=NUM_HASHES, num_bands=16)
        sketches = []
        for i, text in enumerate(texts):
            sketch = RMinHash(num_perm=NUM_HASHES, seed=42)
            sketch.update(list(shingles(text)))
            index.insert(i, sketch)
            sketches.append(sketch)
        pairs = {(i, j) for i, sketch in enumerate(sketches) for j in index.query(sketch) if j != i}
        seconds = time.perf_counter() - begin
        return len(texts) / seconds, {"recall": recall_of(arguments["path"], pairs)}

    return one_round


def datasketch_near(arguments: dict[str, Any]) -> Round:
    from datasketch import MinHash, MinHashLSH

    texts = read_texts(arguments["path"])

    def one_round() -> tuple[float, dict[str, Any]]:
        begin = time.perf_counter()
        index = MinHashLSH(threshold=THRESHOLD, num_perm=NUM_HASHES)
        sketches = []
        for i, text in enumerate(texts):
            sketch = MinHash(num_perm=NUM_HASHES)
            sketch.update_batch([shingle.encode() for shingle in shingles(text)])
            index.insert(i, sketch)
            sketches.append(sketch)
        pairs = {(i, j) for i, sketch in enumerate(sketches) for j in index.query(sketch) if j != i}
        seconds = time.perf_counter() - begin
        return len(texts) / seconds, {"recall": recall_of(arguments["path"], pairs)}

    return one_round


def datatrove_whole(arguments: dict[str, Any]) -> Round:
    """The same steps in sequence: filters, exact duplicates, the four stages of MinHash, tokens in shards."""
    logging.disable(logging.INFO)
    from loguru import logger

    logger.remove()
    size = os.path.getsize(arguments["path"]) / 1e6

    def one_round() -> float:
        with tempfile.TemporaryDirectory() as folder:
            begin = time.perf_counter()
            for steps in datatrove_stages(arguments, Path(folder)):
                run_stage(steps, Path(folder), arguments["threads"])
            return size / (time.perf_counter() - begin)

    return one_round


def run_stage(stage: tuple[list[Any], int], folder: Path, workers: int) -> None:
    from datatrove.executor import LocalPipelineExecutor

    steps, tasks = stage
    LocalPipelineExecutor(
        pipeline=steps,
        tasks=tasks,
        workers=min(workers, tasks),
        logging_dir=tempfile.mkdtemp(dir=folder),
        skip_completed=False,
    ).run()


def datatrove_stages(arguments: dict[str, Any], folder: Path) -> list[tuple[list[Any], int]]:
    from datatrove.pipeline.dedup import (
        ExactDedupFilter,
        ExactDedupSignature,
        ExactFindDedups,
        MinhashDedupBuckets,
        MinhashDedupCluster,
        MinhashDedupFilter,
        MinhashDedupSignature,
    )
    from datatrove.pipeline.dedup.exact_dedup import ExactDedupConfig
    from datatrove.pipeline.dedup.minhash import MinhashConfig
    from datatrove.pipeline.filters import LambdaFilter
    from datatrove.pipeline.formatters import FTFYFormatter, PIIFormatter
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.tokens import DocumentTokenizer
    from datatrove.pipeline.writers import JsonlWriter

    source = split_into(arguments["path"], folder / "in", arguments["threads"])
    n, config = arguments["threads"], MinhashConfig(num_buckets=9, hashes_per_bucket=13)
    at = {
        name: str(folder / name) for name in ("clean", "esig", "edup", "exact", "msig", "mbuck", "mclu", "near", "out")
    }
    # ours judges by length, letters and lines; a length filter is the nearest to all of it
    exact = ExactDedupConfig(content_getter=text_of)
    return [
        ([JsonlReader(source), FTFYFormatter(), LambdaFilter(lambda d: len(d.text) > 50), PIIFormatter(),
          JsonlWriter(at["clean"], compression=None)], n),
        ([JsonlReader(at["clean"]), ExactDedupSignature(at["esig"], config=exact)], n),
        ([ExactFindDedups(at["esig"], at["edup"], config=exact)], 1),
        ([JsonlReader(at["clean"]), ExactDedupFilter(at["edup"], config=exact), JsonlWriter(at["exact"], compression=None)], n),
        ([JsonlReader(at["exact"]), MinhashDedupSignature(at["msig"], config=config)], n),
        ([MinhashDedupBuckets(at["msig"], at["mbuck"], config=config)], config.num_buckets),
        ([MinhashDedupCluster(at["mbuck"], at["mclu"], config=config)], 1),
        ([JsonlReader(at["exact"]), MinhashDedupFilter(at["mclu"]), JsonlWriter(at["near"], compression=None)], n),
        ([JsonlReader(at["near"]), DocumentTokenizer(
            at["out"], tokenizer_name_or_path=str(Path(arguments["tokenizer"]) / "tokenizer.json"), eos_token=None)], n),
    ]  # fmt: skip


def text_of(document: Any) -> bytes:
    return str(document.text).encode()


def split_into(path: str, folder: Path, parts: int) -> str:
    """Deal the lines out to so many files, for datatrove reads a file with one worker."""
    folder.mkdir()
    files = [(folder / f"{i}.jsonl").open("w", encoding="utf-8") for i in range(parts)]
    for number, row in enumerate(open(path, encoding="utf-8")):  # noqa: SIM115
        text = json.loads(row)["text"]
        files[number % parts].write(json.dumps({"text": text, "id": str(number)}, ensure_ascii=False) + "\n")
    for file in files:
        file.close()
    return str(folder)


WORK: dict[str, Callable[[dict[str, Any]], Round]] = {
    "tokenizers": tokenizers_encode,
    "rensa": rensa_near,
    "datasketch": datasketch_near,
    "datatrove": datatrove_whole,
}

if __name__ == "__main__":
    serve(lambda arguments: WORK[arguments["work"]](arguments))
