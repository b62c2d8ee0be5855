"""Training documents that resemble a passage: by MinHash of their windows, and by the model's own vectors.

A passage is short and documents are long, so documents are compared window by window. By words: the windows' sketches give
candidates, whose shared shingles are then counted exactly. By meaning: the mean of the model's last hidden states over a
window, against the passage's, by cosine. A model reads slowly: of a split with very many windows it reads those that are most
alike by words, and an even choice of the others, as many as its size allows in about a minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from trainer.data.minhash import level, shingle_hashes, sketches
from trainer.data.shards import PreparedVersion, TokenSplit
from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.inspect.overlap import write
from trainer.inspect.spec import InspectSpec
from trainer.inspect.vectors import embed
from trainer.training.task import count_parameters

MAX_WINDOWS = 200_000
MIN_EMBEDDED, EMBEDDED_AT_ONCE = 3_000, 64
EMBEDDING_FLOP = {"cpu": 4e12}
"""What reading the windows may take: about a minute of two cores."""

EMBEDDING_FLOP_ELSEWHERE = 1e15
"""About a minute of an accelerator with windows as short as these."""

MIN_WINDOW_TOKENS = 16
NUM_HASHES, SHINGLE_CHARACTERS = 64, 5
WINDOWS_AT_ONCE = 512
CANDIDATES_PER_RESULT = 8
Say = Callable[[str, float, float], None]


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a training document."""

    document: int
    start: int
    length: int


def nearest_report(spec: InspectSpec, loaded: LoadedModel, version: PreparedVersion, say: Say) -> dict[str, Any]:
    """Return the passage and the training windows most like it, by words and by meaning."""
    train, tokenizer = version.split("train"), version.tokenizer()
    passage = spec.text or _written(spec, loaded, tokenizer)
    tokens = tokenizer.encode(passage)
    if len(tokens) < 4:
        raise InputError("the passage is too short to look for: give it at least a few words")
    windows = _windows(train, size=max(len(tokens), MIN_WINDOW_TOKENS))
    alike = _likeness(passage, windows, train, tokenizer, say)
    closest = np.argsort(-alike, kind="stable")[: spec.num_results * CANDIDATES_PER_RESULT]
    words = _by_words(passage, [windows[i] for i in closest.tolist()], train, tokenizer, spec.num_results)
    chosen = [windows[i] for i in _to_read(len(windows), closest, _most_read(loaded, len(tokens))).tolist()]
    meaning, num_embedded = _by_meaning(passage, chosen, train, tokenizer, loaded, spec.num_results, say)
    return {
        "what": "nearest",
        "passage": passage,
        "prompt": "" if spec.text else spec.prompt,
        "is_written": not spec.text,
        "num_documents": train.num_documents,
        "num_windows": len(windows),
        "num_embedded": num_embedded,
        "by_words": words,
        "by_meaning": meaning,
    }


def _written(spec: InspectSpec, loaded: LoadedModel, tokenizer: Tokenizer) -> str:
    loaded.require("generate")
    return tokenizer.decode(write(loaded, tokenizer.encode(spec.prompt), spec, seed=spec.seed))


def _windows(train: TokenSplit, *, size: int) -> list[Window]:
    """Return windows of about the passage's length over all documents, half overlapping; an even choice where too many."""
    found = list(_all_windows(train, size=size))
    if len(found) <= MAX_WINDOWS:
        return found
    return [found[i] for i in np.linspace(0, len(found) - 1, MAX_WINDOWS).astype(np.int64).tolist()]


def _all_windows(train: TokenSplit, *, size: int) -> Iterator[Window]:
    starts = np.asarray(train.document_starts)
    for document in range(train.num_documents):
        begin, end = int(starts[document]), int(starts[document + 1]) - 1  # without the end-of-text
        for start in range(begin, max(end - size // 2, begin + 1), max(size // 2, 1)):
            if end > start:
                yield Window(document, start, min(size, end - start))


def _text(train: TokenSplit, tokenizer: Tokenizer, window: Window) -> str:
    return tokenizer.decode(train.read(window.start, window.length).tolist())


def _likeness(
    passage: str, windows: list[Window], train: TokenSplit, tokenizer: Tokenizer, say: Say
) -> NDArray[np.float64]:
    """Return for each window about which share of shingles it has in common with the passage, by their sketches."""
    own = sketches([passage], num_hashes=NUM_HASHES, shingle_characters=SHINGLE_CHARACTERS)[0]
    similarity = np.zeros(len(windows))
    for start in range(0, len(windows), WINDOWS_AT_ONCE):
        say("by words", start, len(windows))
        texts = [_text(train, tokenizer, window) for window in windows[start : start + WINDOWS_AT_ONCE]]
        found = sketches(texts, num_hashes=NUM_HASHES, shingle_characters=SHINGLE_CHARACTERS)
        similarity[start : start + len(texts)] = (found == own).mean(axis=1)
    return similarity


def _by_words(
    passage: str, candidates: list[Window], train: TokenSplit, tokenizer: Tokenizer, num: int
) -> list[dict[str, Any]]:
    """Return the candidates that share most shingles with the passage, one a document."""
    mine = _shingles(passage)
    rows = []
    for window in candidates:
        text = _text(train, tokenizer, window)
        theirs = _shingles(text)
        common = len(np.intersect1d(mine, theirs, assume_unique=True))
        rows.append(
            _row(train, window, text, score=common / (len(mine) + len(theirs) - common), shared=common / len(mine))
        )
    return _best_of_each(rows, num)


def _most_read(loaded: LoadedModel, num_tokens: int) -> int:
    """Return how many windows of about so many tokens the model reads in the time that there is."""
    flop = EMBEDDING_FLOP.get(loaded.device.type, EMBEDDING_FLOP_ELSEWHERE)
    return max(MIN_EMBEDDED, int(flop / (2 * count_parameters(loaded.model) * max(num_tokens, MIN_WINDOW_TOKENS))))


def _to_read(num: int, closest: NDArray[np.intp], most: int) -> NDArray[np.int64]:
    """Return the numbers of the windows to read: all, or those closest by words and an even choice of the others."""
    if num <= most:
        return np.arange(num)
    return np.union1d(np.linspace(0, num - 1, most).astype(np.int64), closest)


def _shingles(text: str) -> NDArray[np.uint64]:
    return np.unique(shingle_hashes([level(text) or " "], SHINGLE_CHARACTERS)[0])


def _by_meaning(
    passage: str,
    chosen: list[Window],
    train: TokenSplit,
    tokenizer: Tokenizer,
    loaded: LoadedModel,
    num: int,
    say: Say,
) -> tuple[list[dict[str, Any]], int]:
    """Return the windows whose vectors lie nearest to the passage's, and how many windows were read."""
    own = embed(loaded, [passage])
    if own is None:
        return [], 0
    scores = []
    for start in range(0, len(chosen), EMBEDDED_AT_ONCE):
        say("by meaning", start, len(chosen))
        texts = [_text(train, tokenizer, window) for window in chosen[start : start + EMBEDDED_AT_ONCE]]
        vectors = embed(loaded, texts)
        assert vectors is not None
        scores.append(torch.nn.functional.cosine_similarity(vectors, own).cpu().numpy())
    similarity = np.concatenate(scores) if scores else np.empty(0)
    best = np.argsort(-similarity, kind="stable")[: num * CANDIDATES_PER_RESULT]
    rows = [
        _row(train, chosen[i], _text(train, tokenizer, chosen[i]), score=float(similarity[i])) for i in best.tolist()
    ]
    return _best_of_each(rows, num), len(chosen)


def _row(train: TokenSplit, window: Window, text: str, **scores: float) -> dict[str, Any]:
    origin = train.document_id(window.document)
    return {"document": window.document, "source": origin.source, "row": origin.row, "text": text, **scores}


def _best_of_each(rows: list[dict[str, Any]], num: int) -> list[dict[str, Any]]:
    """Return the best window of each document, the best first."""
    found: dict[int, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: -row["score"]):
        found.setdefault(row["document"], row)
    return list(found.values())[:num]
