"""Ours over one JSON Lines file: MB/s, or documents/s, of one kind of work on it, the reading of the file left out."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.frame.child import Round, serve
from benchmarks.text_corpus import megabytes, read_texts, recall_of
from trainer.data.filters import drop_reason
from trainer.data.minhash import band_shape, bands, sketches
from trainer.data.normalise import normalise
from trainer.data.prepare import prepare as prepare_version
from trainer.data.recipe import Recipe
from trainer.data.redact import redact
from trainer.data.sources import ReadLimits, SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.data.tokenizer import Tokenizer

THRESHOLD = 0.8


def encode(arguments: dict[str, Any]) -> Round:
    """MB/s of encoding into arrays of ids, in threads, as packing does it."""
    texts, tokenizer = read_texts(arguments["path"]), Tokenizer.load(arguments["tokenizer"])
    threads = arguments["threads"]
    size = max(len(texts) // (8 * threads), 1)
    chunks = [texts[i : i + size] for i in range(0, len(texts), size)]

    def chunk_ids(chunk: list[str]) -> int:
        return sum(len(tokenizer.encode_array(text)) for text in chunk)

    def one_round() -> tuple[float, dict[str, Any]]:
        begin = time.perf_counter()
        with ThreadPoolExecutor(threads) as pool:
            num_ids = sum(pool.map(chunk_ids, chunks))
        return megabytes(texts) / (time.perf_counter() - begin), {"ids": num_ids}

    return one_round


def near(arguments: dict[str, Any]) -> Round:
    """Documents/s of sketching all documents and finding which share a band."""
    texts = read_texts(arguments["path"])

    def one_round() -> tuple[float, dict[str, Any]]:
        begin = time.perf_counter()
        num_bands, rows = band_shape(128, THRESHOLD)
        found = bands(sketches(texts, num_hashes=128, shingle_characters=5), num_bands=num_bands, rows_per_band=rows)
        pairs = pairs_sharing_a_band(found)
        seconds = time.perf_counter() - begin
        return len(texts) / seconds, {"recall": recall_of(arguments["path"], pairs)}

    return one_round


def pairs_sharing_a_band(found: np.ndarray) -> set[tuple[int, int]]:
    """Return each document with the first that shares a band with it."""
    pairs = set()
    for band in found:
        order = np.argsort(band, kind="stable")
        same = np.flatnonzero(band[order][1:] == band[order][:-1])
        starts = np.maximum.accumulate(
            np.where(np.r_[True, band[order][1:] != band[order][:-1]], np.arange(len(band)), 0)
        )
        pairs.update(zip(order[starts[same + 1]].tolist(), order[same + 1].tolist(), strict=True))
    return pairs


def whole(arguments: dict[str, Any]) -> Round:
    """MB/s of a preparation: clean, exact and near duplicates, split, tokenize, pack; and of each of its steps."""
    size = os.path.getsize(arguments["path"]) / 1e6

    def one_round() -> tuple[float, dict[str, Any]]:
        recipe = Recipe(read=ReadLimits(max_broken_lines=10_000))
        with tempfile.TemporaryDirectory() as out:
            spec = PrepareSpec(
                sources=[SourceSpec(path=arguments["path"])], recipe=recipe, num_threads=arguments["threads"]
            )
            begin = time.perf_counter()
            version = prepare_version(spec, Path(out) / "version")
            seconds = time.perf_counter() - begin
            steps = {f"{step}, MB/s": round(size / s, 1) for step, s in version.report()["seconds"].items() if s > 0}
        return size / seconds, steps

    return one_round


def cleaning(arguments: dict[str, Any]) -> Round:
    """MB/s of normalising, filtering and redacting one document after the other."""
    texts, recipe = read_texts(arguments["path"]), Recipe()

    def clean(text: str) -> object:
        plain = normalise(text, recipe.normalise)
        return drop_reason(plain, recipe.filter) or redact(plain, recipe.redact)

    def one_round() -> float:
        begin = time.perf_counter()
        for text in texts:
            clean(text)
        return megabytes(texts) / (time.perf_counter() - begin)

    return one_round


WORK: dict[str, Callable[[dict[str, Any]], Round]] = {
    "encode": encode, "near": near, "whole": whole, "cleaning": cleaning,
}  # fmt: skip

if __name__ == "__main__":
    serve(lambda arguments: WORK[arguments["work"]](arguments))
