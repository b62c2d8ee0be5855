"""A recipe tried on some documents, in seconds: each before and after, with the steps that changed or dropped it."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trainer.data.clean import RawDocument, clean_chunk, utf8_length
from trainer.data.exact import first_of_equals
from trainer.data.filters import drop_reason
from trainer.data.kinds import reader_of
from trainer.data.minhash import band_shape
from trainer.data.near import find_clusters
from trainer.data.normalise import normalise
from trainer.data.parts.marks import readable
from trainer.data.recipe import Recipe
from trainer.data.redact import redact
from trainer.data.skipped import SkipCounter
from trainer.data.sources import Document, SourceSpec
from trainer.data.spool import Spool
from trainer.data.spread import spread_documents

SHOWN_CHARACTERS = 2_000


@dataclass(slots=True)
class TrialDocument:
    """One document before and after."""

    source: str
    row: int
    before: str
    after: str
    """Empty when it is dropped."""

    language: str
    steps: list[str]
    """What was done, in order: `mojibake repaired`, `redacted: email (2)`, `dropped: too short (12 of 20 characters)`."""

    bytes_after: int = 0
    """Of the whole text, of which `after` shows the beginning; 0 when it is dropped."""

    dropped_by: str = ""
    """Step that dropped it: filter, exact or near. Empty: it stays."""

    duplicate_of: int = -1
    """Index of the document in this trial that it equals or nearly equals."""


@dataclass(slots=True)
class TrialResult:
    documents: list[TrialDocument] = field(default_factory=list)
    num_documents: int = 0
    num_kept: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    changed: dict[str, int] = field(default_factory=dict)
    personal_data: dict[str, int] = field(default_factory=dict)
    skipped: list[dict[str, Any]] = field(default_factory=list)
    error: str = ""


def try_recipe(sources: Sequence[SourceSpec | str | Path], recipe: Recipe, num_documents: int = 1_000) -> TrialResult:
    """Return what the recipe makes of some documents; what is wrong is said in the result, not raised."""
    specs = [source if isinstance(source, SourceSpec) else SourceSpec(path=str(source)) for source in sources]
    specs = [replace(spec, sha256="") for spec in specs]  # hashing a large file is for the preparation
    skips = SkipCounter(1 << 30)
    result = TrialResult()
    documents, result.error = spread_documents(
        specs, recipe.read, skips, num_documents=num_documents, reader=reader_of(recipe)
    )
    result.documents = [_try_document(document, recipe) for document in documents]
    _mark_duplicates(documents, recipe, result)
    result.skipped = skips.as_report()
    _sum_up(documents, result)
    return result


def _try_document(document: Document, recipe: Recipe) -> TrialDocument:
    text, changes = normalise(document.text, recipe.normalise)
    steps = list(changes)
    dropped, language = drop_reason(text, recipe.filter)
    if dropped:
        steps.append(f"dropped: {dropped.reason}" + (f" ({dropped.detail})" if dropped.detail else ""))
        after = ""
    else:
        after, found = redact(text, recipe.redact)
        kinds = [item.kind for item in found]
        steps += [f"redacted: {kind} ({kinds.count(kind)})" for kind in dict.fromkeys(kinds)]
    return TrialDocument(
        document.source,
        document.row,
        readable(document.text)[:SHOWN_CHARACTERS],
        readable(after)[:SHOWN_CHARACTERS],
        language,
        steps,
        bytes_after=utf8_length(after),
        dropped_by="filter" if dropped else "",
    )


def _mark_duplicates(documents: list[Document], recipe: Recipe, result: TrialResult) -> None:
    """Find duplicates as the preparation does, and mark them."""
    kept = [i for i, tried in enumerate(result.documents) if not tried.dropped_by]
    raw = [RawDocument(documents[i].text, 0, i, -1) for i in kept]
    near = recipe.near
    with tempfile.TemporaryDirectory(prefix="trial-") as folder:
        spool = Spool(
            Path(folder) / "work", num_bands=band_shape(near.num_hashes, near.threshold)[0], num_hashes=near.num_hashes
        )
        chunk = clean_chunk(0, raw, recipe, spool.chunk_path(0))
        spool.append(chunk.records, chunk.sketches, chunk.bands)
        spool.close_writers()
        equals = first_of_equals(spool)
        roots = find_clusters(spool, equals, near).roots
    for number, (equal, root) in enumerate(zip(equals.tolist(), roots.tolist(), strict=True)):
        first = equal if equal != number else root
        if first == number:
            continue
        tried, is_exact = result.documents[kept[number]], equal != number
        tried.duplicate_of = kept[first]
        name = "exact" if is_exact else "near"
        if (recipe.exact if is_exact else recipe.near).enabled or (is_exact and recipe.near.enabled):
            tried.dropped_by, tried.after, tried.bytes_after = name, "", 0
            tried.steps.append(
                "dropped: " + ("same text" if is_exact else "nearly the same") + " as an earlier document"
            )


def _sum_up(documents: list[Document], result: TrialResult) -> None:
    result.num_documents = len(documents)
    for document, tried in zip(documents, result.documents, strict=True):
        result.bytes_before += utf8_length(document.text)
        result.bytes_after += tried.bytes_after
        if tried.dropped_by:
            result.dropped[tried.dropped_by] = result.dropped.get(tried.dropped_by, 0) + 1
        else:
            result.num_kept += 1
        for step in tried.steps:
            if step.startswith("redacted: "):
                kind, _, count = step.removeprefix("redacted: ").partition(" (")
                result.personal_data[kind] = result.personal_data.get(kind, 0) + int(count.rstrip(")"))
            elif not step.startswith("dropped"):
                result.changed[step] = result.changed.get(step, 0) + 1
