"""First pass, one chunk of documents at a time: normalise, filter, redact, hash, sketch. Runs in worker processes.

Redaction comes before the search for duplicates, so that two texts that differ only in somebody's address are found as
the same, and what is compared is what a model would see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xxhash
from numpy.typing import NDArray

from trainer.data.filters import drop_reason
from trainer.data.language import LANGUAGES
from trainer.data.minhash import band_shape, bands, sketches
from trainer.data.normalise import normalise
from trainer.data.recipe import Recipe
from trainer.data.redact import redact
from trainer.data.spool import RECORD

NUM_EXAMPLES = 5
EXAMPLE_CHARACTERS = 300


class RawDocument(NamedTuple):
    """A document on its way to a worker: numbers instead of names."""

    text: str
    source: int
    row: int
    label: int
    group: int = 0
    """Hash of the group that the split keeps together; 0: none."""


@dataclass(slots=True)
class Tally:
    """Documents and bytes that one reason concerns, with a few examples."""

    documents: int = 0
    num_bytes: int = 0
    examples: list[str] = field(default_factory=list)

    def add(self, num_bytes: int, example: str = "") -> None:
        self.documents += 1
        self.num_bytes += num_bytes
        if example and len(self.examples) < NUM_EXAMPLES:
            self.examples.append(example)

    def merge(self, other: Tally) -> None:
        self.documents += other.documents
        self.num_bytes += other.num_bytes
        self.examples = (self.examples + other.examples)[:NUM_EXAMPLES]


Tallies = dict[str, Tally]


@dataclass(slots=True)
class CleanStats:
    """What the per-document steps did to a chunk, or, merged, to all."""

    documents_read: int = 0
    bytes_read: int = 0
    bytes_normalised: int = 0
    bytes_filtered: int = 0
    changed: Tallies = field(default_factory=dict)
    dropped: Tallies = field(default_factory=dict)
    redacted: dict[str, int] = field(default_factory=dict)
    redacted_documents: dict[str, int] = field(default_factory=dict)
    redacted_examples: dict[str, list[str]] = field(default_factory=dict)

    def merge(self, other: CleanStats) -> None:
        self.documents_read += other.documents_read
        self.bytes_read += other.bytes_read
        self.bytes_normalised += other.bytes_normalised
        self.bytes_filtered += other.bytes_filtered
        for mine, theirs in ((self.changed, other.changed), (self.dropped, other.dropped)):
            for name, tally in theirs.items():
                mine.setdefault(name, Tally()).merge(tally)
        for mine_counts, their_counts in (
            (self.redacted, other.redacted),
            (self.redacted_documents, other.redacted_documents),
        ):
            for kind, count in their_counts.items():
                mine_counts[kind] = mine_counts.get(kind, 0) + count
        for kind, examples in other.redacted_examples.items():
            self.redacted_examples[kind] = (self.redacted_examples.get(kind, []) + examples)[:NUM_EXAMPLES]


@dataclass(slots=True)
class CleanChunk:
    """One chunk after the first pass. Its texts lie in the spool."""

    stats: CleanStats
    records: NDArray[np.void]
    sketches: NDArray[np.uint32]
    bands: NDArray[np.uint64]


def clean_chunk(number: int, documents: Sequence[RawDocument], recipe: Recipe, path: Path) -> CleanChunk:
    """Clean the documents of one chunk, write the texts that stay to `path`, return all that is known of them."""
    stats = CleanStats()
    records = np.zeros(len(documents), RECORD)
    texts: list[str] = []
    offset = 0
    with open(path, "xb") as file:
        for document in documents:
            text = _clean(document, recipe, stats, records[len(texts)])
            if text is None:
                continue
            raw = text.encode("utf-8", errors="replace")
            _fill(records[len(texts)], number, offset, document, text, raw)
            file.write(raw)
            offset += len(raw)
            texts.append(text)
    near = recipe.near
    sketch = sketches(texts, num_hashes=near.num_hashes, shingle_characters=near.shingle_characters)
    num_bands, rows = band_shape(near.num_hashes, near.threshold)
    return CleanChunk(stats, records[: len(texts)], sketch, bands(sketch, num_bands=num_bands, rows_per_band=rows))


def _clean(document: RawDocument, recipe: Recipe, stats: CleanStats, record: np.void) -> str | None:
    """Return the text as it goes on, or None when it is dropped."""
    num_bytes = utf8_length(document.text)
    stats.documents_read += 1
    stats.bytes_read += num_bytes
    text, changes = normalise(document.text, recipe.normalise)
    if changes:
        normalised_bytes = utf8_length(text)
        for change in changes:
            stats.changed.setdefault(change, Tally()).add(num_bytes)
        num_bytes = normalised_bytes
    stats.bytes_normalised += num_bytes
    dropped, language = drop_reason(text, recipe.filter)
    if dropped:
        example = f"{dropped.detail}: {text[:EXAMPLE_CHARACTERS]}" if dropped.detail else text[:EXAMPLE_CHARACTERS]
        stats.dropped.setdefault(dropped.reason, Tally()).add(num_bytes, example)
        return None
    stats.bytes_filtered += num_bytes
    text, found = redact(text, recipe.redact)
    for kind in {item.kind for item in found}:
        stats.redacted_documents[kind] = stats.redacted_documents.get(kind, 0) + 1
    for item in found:
        stats.redacted[item.kind] = stats.redacted.get(item.kind, 0) + 1
        examples = stats.redacted_examples.setdefault(item.kind, [])
        if len(examples) < NUM_EXAMPLES:
            examples.append(item.masked)
    record["language"] = LANGUAGES.index(language)
    record["num_redacted"] = len(found)
    return text


def _fill(record: np.void, chunk: int, offset: int, document: RawDocument, text: str, raw: bytes) -> None:
    digest = xxhash.xxh3_128_intdigest(raw)
    record["hash_high"], record["hash_low"] = digest >> 64, digest & 0xFFFFFFFFFFFFFFFF
    record["row"], record["source"], record["label"] = document.row, document.source, document.label
    record["group"] = document.group
    record["chunk"], record["offset"] = chunk, offset
    record["num_bytes"], record["num_characters"] = len(raw), len(text)


def utf8_length(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", errors="replace"))
