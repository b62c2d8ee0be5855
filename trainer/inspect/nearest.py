"""Training documents that resemble a passage: by MinHash of their windows, and by the model's own vectors.

A passage is short and documents are long, so documents are compared window by window. All windows are counted by the pairs of
tokens that they share with the passage. By words: the sketches of those that share most give candidates, whose shared
shingles are then counted exactly. By meaning: the mean of the model's last hidden states over a window, against the passage's,
by cosine, both less the mean of all windows read (Mu and Viswanath 2018: what all vectors have in common says nothing). A
model reads slowly: where there are very many windows it reads those that are most alike by words, and an even choice of the
others, as many as its size allows in about a minute.
"""

from __future__ import annotations

from collections.abc import Callable
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
from trainer.inspect.windows import Ints, Windows, evenly, shared_pairs, windows_of
from trainer.training.task import count_parameters

MAX_SKETCHED = 20_000
"""Windows whose sketches are made: those that share most pairs of tokens with the passage."""

MIN_EMBEDDED, EMBEDDED_AT_ONCE = 3_000, 64
EMBEDDING_FLOP = {"cpu": 4e12}
"""What reading the windows may take: about a minute of two cores."""

EMBEDDING_FLOP_ELSEWHERE = 1e15
"""About a minute of an accelerator with windows as short as these."""

MIN_TO_CENTRE = 32
"""Windows whose mean tells what all vectors have in common."""

MIN_WINDOW_TOKENS = 16
NUM_HASHES, SHINGLE_CHARACTERS = 64, 5
WINDOWS_AT_ONCE = 512
CANDIDATES_PER_RESULT = 8
Say = Callable[[str, float, float], None]


def nearest_report(spec: InspectSpec, loaded: LoadedModel, version: PreparedVersion, say: Say) -> dict[str, Any]:
    """Return the passage and the training windows most like it, by words and by meaning."""
    train, tokenizer = version.split("train"), version.tokenizer()
    passage = spec.text or _written(spec, loaded, tokenizer)
    tokens = tokenizer.encode(passage)
    if len(tokens) < 4:
        raise InputError("the passage is too short to look for: give it at least a few words")
    windows = windows_of(train, size=max(len(tokens), MIN_WINDOW_TOKENS))
    closest = _closest(passage, tokens, windows, train, tokenizer, spec.num_results * CANDIDATES_PER_RESULT, say)
    words = _by_words(passage, windows.some(closest), train, tokenizer, spec.num_results)
    most = _most_read(loaded, len(tokens))
    read = windows.some(np.union1d(evenly(len(windows), most), closest))
    meaning = _by_meaning(passage, read, train, tokenizer, loaded, spec.num_results, say)
    return {
        "what": "nearest",
        "passage": passage,
        "prompt": "" if spec.text else spec.prompt,
        "is_written": not spec.text,
        "num_documents": train.num_documents,
        "num_windows": len(windows),
        "num_embedded": len(read) if meaning else 0,
        "by_words": words,
        "by_meaning": meaning,
    }


def _written(spec: InspectSpec, loaded: LoadedModel, tokenizer: Tokenizer) -> str:
    loaded.require("generate")
    return tokenizer.decode(write(loaded, tokenizer.encode(spec.prompt), spec, seed=spec.seed))


def _closest(
    passage: str,
    tokens: list[int],
    windows: Windows,
    train: TokenSplit,
    tokenizer: Tokenizer,
    num: int,
    say: Say,
) -> Ints:
    """Return the numbers of the windows whose sketches are most like the passage's."""
    shared = shared_pairs(
        windows, np.array(tokens), train, on_piece=lambda done: say("pairs of tokens", done, train.num_tokens)
    )
    candidates = np.sort(np.argsort(-shared, kind="stable")[:MAX_SKETCHED])
    own = sketches([passage], num_hashes=NUM_HASHES, shingle_characters=SHINGLE_CHARACTERS)[0]
    alike = np.zeros(len(candidates))
    for start in range(0, len(candidates), WINDOWS_AT_ONCE):
        say("by words", start, len(candidates))
        texts = [windows.text(i, train, tokenizer) for i in candidates[start : start + WINDOWS_AT_ONCE].tolist()]
        found = sketches(texts, num_hashes=NUM_HASHES, shingle_characters=SHINGLE_CHARACTERS)
        alike[start : start + len(texts)] = (found == own).mean(axis=1)
    return candidates[np.argsort(-alike, kind="stable")[:num]]


def _by_words(
    passage: str, candidates: Windows, train: TokenSplit, tokenizer: Tokenizer, num: int
) -> list[dict[str, Any]]:
    """Return the candidates that share most shingles with the passage, one a document."""
    mine = _shingles(passage)
    rows = []
    for number in range(len(candidates)):
        text = candidates.text(number, train, tokenizer)
        theirs = _shingles(text)
        common = len(np.intersect1d(mine, theirs, assume_unique=True))
        score, shared = common / (len(mine) + len(theirs) - common), common / len(mine)
        rows.append(_row(train, candidates, number, text, score=score, shared=shared))
    return _best_of_each(rows, num)


def _shingles(text: str) -> NDArray[np.uint64]:
    return np.unique(shingle_hashes([level(text) or " "], SHINGLE_CHARACTERS)[0])


def _most_read(loaded: LoadedModel, num_tokens: int) -> int:
    """Return how many windows of about so many tokens the model reads in the time that there is."""
    flop = EMBEDDING_FLOP.get(loaded.device.type, EMBEDDING_FLOP_ELSEWHERE)
    return max(MIN_EMBEDDED, int(flop / (2 * count_parameters(loaded.model) * max(num_tokens, MIN_WINDOW_TOKENS))))


def _by_meaning(
    passage: str,
    windows: Windows,
    train: TokenSplit,
    tokenizer: Tokenizer,
    loaded: LoadedModel,
    num: int,
    say: Say,
) -> list[dict[str, Any]]:
    """Return the windows whose vectors lie nearest to the passage's; none where the family has no vectors."""
    own = embed(loaded, [passage])
    if own is None:
        return []
    found = []
    for start in range(0, len(windows), EMBEDDED_AT_ONCE):
        say("by meaning", start, len(windows))
        numbers = range(start, min(start + EMBEDDED_AT_ONCE, len(windows)))
        vectors = embed(loaded, [windows.text(number, train, tokenizer) for number in numbers])
        assert vectors is not None
        found.append(vectors.float().cpu())
    all_vectors, own = torch.cat([*found, own.new_empty(0, own.size(1), device="cpu").float()]), own.float().cpu()
    centre = all_vectors.mean(dim=0) if len(all_vectors) >= MIN_TO_CENTRE else torch.zeros(own.size(1))
    likeness = torch.nn.functional.cosine_similarity(all_vectors - centre, own - centre).numpy()
    best = np.argsort(-likeness, kind="stable")[: num * CANDIDATES_PER_RESULT].tolist()
    rows = [
        _row(train, windows, i, windows.text(i, train, tokenizer), score=min(float(likeness[i]), 1.0)) for i in best
    ]
    return _best_of_each(rows, num)


def _row(train: TokenSplit, windows: Windows, number: int, text: str, **scores: float) -> dict[str, Any]:
    document = int(windows.documents[number])
    origin = train.document_id(document)
    return {"document": document, "source": origin.source, "row": origin.row, "text": text, **scores}


def _best_of_each(rows: list[dict[str, Any]], num: int) -> list[dict[str, Any]]:
    """Return the best window of each document, the best first."""
    found: dict[int, dict[str, Any]] = {}
    for row in sorted(rows, key=lambda row: -row["score"]):
        found.setdefault(row["document"], row)
    return list(found.values())[:num]
