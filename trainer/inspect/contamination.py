"""Contamination: which documents of an evaluation split also stand, whole or in long passages, in the training split.

Two ways at once: n-grams of tokens that stand word for word in training (as in the GPT-3 report, Brown et al. 2020,
appendix C), and whole documents that are nearly the same by MinHash. Where the two versions have different tokenizers the
evaluation texts are read with the training version's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainer.data.minhash import band_shape, bands, sketches
from trainer.data.shards import PreparedVersion, TokenSplit
from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError
from trainer.inspect.ngrams import Found, Tokens, document_at, find_ngrams
from trainer.inspect.spec import InspectSpec

MAX_DOCUMENTS = 20_000
"""Evaluation documents looked at; of more an even choice."""

FLAGGED_FRACTION = 0.5
"""A document is flagged when at least so much of it is copied."""

NUM_HASHES, SHINGLE_CHARACTERS, THRESHOLD = 64, 5, 0.8
DOCUMENTS_AT_ONCE = 256
SHOWN_CHARACTERS = 400
Say = Callable[[str, float, float], None]


def contamination_report(
    spec: InspectSpec, version: PreparedVersion, evaluation: PreparedVersion, say: Say
) -> dict[str, Any]:
    """Check a split against the training split and return what was found, the worst documents first."""
    train, split = version.split("train"), evaluation.split(spec.split)
    if not split.num_documents:
        raise InputError(f"the {spec.split} split has no documents, so there is nothing to check")
    numbers = _chosen(split.num_documents)
    own, other = version.tokenizer(), evaluation.tokenizer()
    texts = [other.decode(split.document(int(i))[:-1].tolist()) for i in numbers]
    tokens = _tokens(split, numbers, texts, own, same=_same_tokens(version, evaluation))
    found = find_ngrams(tokens, train, n=spec.ngram, on_piece=lambda done: say("n-grams", done, train.num_tokens))
    near = _near(texts, train, own, say)
    copied = np.array([each.covered_fraction for each in found])
    flagged = (copied >= FLAGGED_FRACTION) | (near[:, 0] >= THRESHOLD)
    worst = np.argsort(-np.maximum(copied, near[:, 0]), kind="stable")[: spec.num_results]
    return {
        "what": "contamination",
        "split": spec.split,
        "ngram": spec.ngram,
        "num_documents": len(numbers),
        "num_documents_in_split": split.num_documents,
        "flagged_fraction": float(flagged.mean()),
        "num_flagged": int(flagged.sum()),
        "num_near_duplicates": int((near[:, 0] >= THRESHOLD).sum()),
        "any_fraction": float((copied > 0).mean()),
        "copied_fraction": _copied_fraction(found),
        "flagged_at": FLAGGED_FRACTION,
        "near_at": THRESHOLD,
        "evaluation_content_hash": evaluation.manifest.content_hash,
        "documents": [
            _row(split, train, int(numbers[i]), texts[i], found[i], float(copied[i]), near[i])
            for i in worst.tolist()
            if copied[i] > 0 or near[i, 0] >= THRESHOLD
        ],
    }


def _chosen(num: int) -> NDArray[np.int64]:
    if num <= MAX_DOCUMENTS:
        return np.arange(num)
    return np.linspace(0, num - 1, MAX_DOCUMENTS).astype(np.int64)


def _same_tokens(version: PreparedVersion, evaluation: PreparedVersion) -> bool:
    """Say whether both were read with the same tokenizer."""

    def tokenizer_file(each: PreparedVersion) -> list[str]:
        return [info.sha256 for info in each.manifest.files if info.path.endswith("tokenizer.json")]

    return tokenizer_file(version) == tokenizer_file(evaluation)


def _tokens(
    split: TokenSplit, numbers: NDArray[np.int64], texts: list[str], own: Tokenizer, *, same: bool
) -> list[Tokens]:
    """Return the documents in the training version's tokens, without the end-of-text."""
    if same:
        return [split.document(int(i))[:-1].astype(np.int64) for i in numbers]
    return [np.asarray(own.encode(text), np.int64) for text in texts]


def _copied_fraction(found: list[Found]) -> float:
    total = sum(len(each.tokens) for each in found)
    return float(sum(int(each.covered.sum()) for each in found) / total) if total else 0.0


def _near(texts: list[str], train: TokenSplit, tokenizer: Tokenizer, say: Say) -> NDArray[np.float64]:
    """Return for each text the similarity and the number of the training document most like it; (0, -1) for none."""
    num_bands, rows = band_shape(NUM_HASHES, THRESHOLD)
    own = sketches(texts, num_hashes=NUM_HASHES, shingle_characters=SHINGLE_CHARACTERS)
    own_bands = bands(own, num_bands=num_bands, rows_per_band=rows)  # (bands, texts)
    orders = np.argsort(own_bands, axis=1)
    ordered = np.take_along_axis(own_bands, orders, axis=1)
    best = np.tile(np.array([0.0, -1.0]), (len(texts), 1))
    for start in range(0, train.num_documents, DOCUMENTS_AT_ONCE):
        say("near-duplicates", start, train.num_documents)
        stop = min(start + DOCUMENTS_AT_ONCE, train.num_documents)
        read = [tokenizer.decode(train.document(i)[:-1].tolist()) for i in range(start, stop)]
        theirs = sketches(read, num_hashes=NUM_HASHES, shingle_characters=SHINGLE_CHARACTERS)
        their_bands = bands(theirs, num_bands=num_bands, rows_per_band=rows)
        for band in range(num_bands):
            first = np.searchsorted(ordered[band], their_bands[band], side="left")
            last = np.searchsorted(ordered[band], their_bands[band], side="right")
            for document in np.flatnonzero(last > first).tolist():
                for text in orders[band, first[document] : last[document]].tolist():
                    similarity = float((own[text] == theirs[document]).mean())
                    if similarity > best[text, 0]:
                        best[text] = similarity, start + document
    return best


def _row(
    split: TokenSplit,
    train: TokenSplit,
    number: int,
    text: str,
    found: Found,
    copied: float,
    near: NDArray[np.float64],
) -> dict[str, Any]:
    origin = split.document_id(number)
    twin = -1
    if near[0] >= THRESHOLD:
        twin = int(near[1])
    elif found.longest:
        twin = document_at(train, found.longest.place)
    other = train.document_id(twin) if twin >= 0 else None
    return {
        "source": origin.source,
        "row": origin.row,
        "text": text[:SHOWN_CHARACTERS],
        "copied_fraction": copied,
        "longest_tokens": found.longest_tokens,
        "similarity": float(near[0]) if near[0] >= THRESHOLD else None,
        "train_source": other.source if other else "",
        "train_row": other.row if other else 0,
    }
