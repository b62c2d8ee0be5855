"""The report of a preparation: what each step did and why, with examples to look at. Plain JSON, as its page shows it.

steps          read, normalise, filter, redact, exact, near, split, pack: documents and bytes in and out, reasons
totals, splits tokens, documents, bytes; bytes per token
lengths        histogram of document lengths in tokens, by powers of two
canaries       made-up personal data that redaction caught, of what was planted into copies of the samples
languages, labels, personal_data, duplicates (pairs side by side), skipped, samples, warnings
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.data.canaries import canary_recall
from trainer.data.clean import CleanStats, Tallies
from trainer.data.language import LANGUAGES
from trainer.data.manifest import SPLIT_NAMES, VersionManifest
from trainer.data.near import Clusters, NearPair
from trainer.data.pack import PackStats
from trainer.data.parts.marks import readable
from trainer.data.skipped import SkipCounter
from trainer.data.spec import PrepareSpec
from trainer.data.split import mixed
from trainer.data.spool import Spool

REPORT_VERSION = 1
NUM_SAMPLES = 12
NUM_PAIRS = 20
SHOWN_CHARACTERS = 1_500


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything the passes left behind that the report is made of."""

    spec: PrepareSpec
    spool: Spool
    stats: CleanStats
    skips: SkipCounter
    clusters: Clusters
    equals: NDArray[np.int32]
    removed_exact: NDArray[np.bool_]
    removed_near: NDArray[np.bool_]
    splits: NDArray[np.uint8]
    manifest: VersionManifest
    pack_stats: PackStats
    source_names: Path
    bytes_of_files: int
    seconds: dict[str, float]


@dataclass(slots=True)
class _Counts:
    """Sums over the records, gathered in one pass over them."""

    exact_bytes: int = 0
    near_bytes: int = 0
    kept_bytes: int = 0
    clean_bytes: int = 0
    by_language: dict[str, list[int]] | None = None
    by_label: NDArray[np.int64] | None = None


def build_report(facts: Facts) -> dict[str, Any]:
    """Return the whole report."""
    keep = ~(facts.removed_exact | facts.removed_near)
    counts = _count(facts, keep)
    manifest = facts.manifest
    text_bytes = sum(split.num_bytes for split in manifest.splits.values())
    samples = _samples(facts, keep)
    texts = [facts.spool.text(facts.spool.record(document)) for document in samples]
    return {
        "version": REPORT_VERSION,
        "steps": _steps(facts, counts, keep),
        "totals": {
            "documents": manifest.num_documents,
            "tokens": manifest.num_tokens,
            "bytes": text_bytes,
            "bytes_per_token": round(text_bytes / max(1, manifest.num_tokens), 4),
            "vocab_size": manifest.vocab_size,
            "content_hash": manifest.content_hash,
            "recipe_hash": manifest.recipe_hash,
        },
        "splits": {
            name: {"documents": split.num_documents, "tokens": split.num_tokens, "bytes": split.num_bytes}
            for name, split in manifest.splits.items()
        },
        "lengths": _lengths(facts.pack_stats),
        "languages": _languages(counts),
        "labels": _labels(facts, counts),
        "personal_data": _personal_data(facts.stats),
        "canaries": canary_recall(texts, facts.spec.recipe.redact),
        "duplicates": _duplicates(facts, counts),
        "changed": _reasons(facts.stats.changed),
        "skipped": facts.skips.as_report(),
        "samples": [_shown(facts, document) for document in samples],
        "warnings": _warnings(facts),
        "recipe": facts.spec.recipe.to_dict(),
        "sources": [
            {"name": source.display_name, "sha256": source.sha256, "bytes": Path(source.path).stat().st_size}
            for source in facts.spec.sources
        ],
        "seconds": facts.seconds,
    }


def _count(facts: Facts, keep: NDArray[np.bool_]) -> _Counts:
    counts = _Counts(by_language={name: [0, 0] for name in LANGUAGES})
    by_label = np.zeros(len(facts.manifest.label_names) + 1, np.int64)
    for start, records in facts.spool.windows():
        part = slice(start, start + len(records))
        num_bytes = records["num_bytes"].astype(np.int64)
        counts.clean_bytes += int(num_bytes.sum())
        counts.exact_bytes += int(num_bytes[facts.removed_exact[part]].sum())
        counts.near_bytes += int(num_bytes[facts.removed_near[part]].sum())
        kept = keep[part]
        counts.kept_bytes += int(num_bytes[kept].sum())
        by_label += np.bincount(records["label"][kept] + 1, minlength=len(by_label))
        for number, name in enumerate(LANGUAGES):
            chosen = kept & (records["language"] == number)
            counts.by_language[name][0] += int(chosen.sum())  # type: ignore[index]
            counts.by_language[name][1] += int(num_bytes[chosen].sum())  # type: ignore[index]
    counts.by_label = by_label
    return counts


def _steps(facts: Facts, counts: _Counts, keep: NDArray[np.bool_]) -> list[dict[str, Any]]:
    stats, num_clean = facts.stats, facts.spool.num_documents
    num_exact, num_near = int(facts.removed_exact.sum()), int(facts.removed_near.sum())
    text_bytes = counts.kept_bytes
    exact_reason = {"reason": "same text as an earlier document", "documents": num_exact, "bytes": counts.exact_bytes}
    near_reason = {
        "reason": "nearly the same as an earlier document",
        "documents": num_near,
        "bytes": counts.near_bytes,
    }
    redacted = [
        {"reason": kind, "documents": stats.redacted_documents[kind], "count": count, "bytes": 0}
        for kind, count in sorted(stats.redacted.items())
    ]
    return [
        _step("read", None, stats.documents_read, facts.bytes_of_files, stats.bytes_read, facts.skips.as_report()),
        _step(
            "normalise", stats.documents_read, stats.documents_read, stats.bytes_read, stats.bytes_normalised,
            _reasons(stats.changed),
        ),
        _step(
            "filter", stats.documents_read, num_clean, stats.bytes_normalised, stats.bytes_filtered, _reasons(stats.dropped)
        ),
        _step("redact", num_clean, num_clean, stats.bytes_filtered, counts.clean_bytes, redacted),
        _step(
            "exact", num_clean, num_clean - num_exact, counts.clean_bytes, counts.clean_bytes - counts.exact_bytes,
            [exact_reason] if num_exact else [],
        ),
        _step(
            "near", num_clean - num_exact, int(keep.sum()), counts.clean_bytes - counts.exact_bytes, text_bytes,
            [near_reason] if num_near else [],
        ),
        *_augmentation(facts, int(keep.sum()), text_bytes),
        _step("pack", facts.manifest.num_documents, facts.manifest.num_documents, text_bytes, text_bytes, []),
    ]  # fmt: skip


def _augmentation(facts: Facts, num_kept: int, text_bytes: int) -> list[dict[str, Any]]:
    """Return the step that added changed copies, if it added any."""
    stats = facts.pack_stats.augment
    if not stats.copies:
        return []
    counts = {
        "lines said in other words by the model": stats.paraphrased,
        "lines it could not say otherwise": stats.fell_back,
    }
    reasons = [
        {"reason": name, "documents": 0, "count": count, "bytes": 0, "examples": []}
        for name, count in counts.items()
        if count
    ]
    num_bytes = sum(split.num_bytes for split in facts.manifest.splits.values())
    return [_step("augment", num_kept, num_kept + stats.copies, text_bytes, num_bytes, reasons)]


def _step(
    name: str,
    documents_in: int | None,
    documents_out: int,
    bytes_in: int,
    bytes_out: int,
    reasons: list[dict[str, Any]],
) -> dict[str, Any]:
    return {
        "name": name,
        "documents_in": documents_in,
        "documents_out": documents_out,
        "bytes_in": bytes_in,
        "bytes_out": bytes_out,
        "reasons": reasons,
    }


def _reasons(tallies: Tallies) -> list[dict[str, Any]]:
    return [
        {"reason": name, "documents": tally.documents, "bytes": tally.num_bytes, "examples": tally.examples}
        for name, tally in sorted(tallies.items(), key=lambda item: -item[1].documents)
    ]


def _lengths(stats: PackStats) -> dict[str, Any]:
    last = int(np.flatnonzero(stats.length_counts).max(initial=0))
    return {
        "unit": "token",
        "edges": [2**i for i in range(last + 2)],
        "counts": stats.length_counts[: last + 1].tolist(),
        "longest": stats.longest_tokens,
    }


def _languages(counts: _Counts) -> list[dict[str, Any]]:
    found = counts.by_language or {}
    return [{"language": name, "documents": d, "bytes": b} for name, (d, b) in found.items() if d]


def _labels(facts: Facts, counts: _Counts) -> list[dict[str, Any]]:
    names = ["", *facts.manifest.label_names]
    if len(names) == 1 or counts.by_label is None:
        return []
    return [{"label": name, "documents": int(n)} for name, n in zip(names, counts.by_label, strict=True) if n]


def _personal_data(stats: CleanStats) -> list[dict[str, Any]]:
    return [
        {
            "kind": kind,
            "count": count,
            "documents": stats.redacted_documents[kind],
            "examples": stats.redacted_examples.get(kind, []),
        }
        for kind, count in sorted(stats.redacted.items(), key=lambda item: -item[1])
    ]


def _duplicates(facts: Facts, counts: _Counts) -> dict[str, Any]:
    sizes = np.bincount(facts.clusters.roots)
    exact = facts.equals != np.arange(len(facts.equals))
    return {
        "exact": {
            "documents": int(exact.sum()),
            "bytes": counts.exact_bytes,
            "removed": int(facts.removed_exact.sum()),
        },
        "near": {
            "threshold": facts.spec.recipe.near.threshold,
            "clusters": int((sizes > 1).sum()),
            "largest_cluster": int(sizes.max(initial=0)),
            "removed": int(facts.removed_near.sum()),
            "bytes": counts.near_bytes,
            "pairs_compared": facts.clusters.num_compared,
            "pairs_read": facts.clusters.num_read,
        },
        "pairs": [_shown_pair(facts, pair) for pair in _spread(facts.clusters.pairs)],
    }


def _spread(pairs: list[NearPair]) -> list[NearPair]:
    """Return some pairs from the least to the most alike: the doubtful ones are those worth looking at."""
    ordered = sorted(pairs, key=lambda pair: (pair.similarity, pair.first, pair.second))
    if len(ordered) <= NUM_PAIRS:
        return ordered
    return [ordered[round(i * (len(ordered) - 1) / (NUM_PAIRS - 1))] for i in range(NUM_PAIRS)]


def _shown_pair(facts: Facts, pair: NearPair) -> dict[str, Any]:
    return {
        "similarity": pair.similarity,
        "kept": _shown(facts, pair.first),
        "removed": _shown(facts, pair.second),
    }


def _shown(facts: Facts, document: int) -> dict[str, Any]:
    record = facts.spool.record(document)
    text = facts.spool.text(record)
    return {
        "source": _source_name(facts.source_names, int(record["source"])),
        "row": int(record["row"]),
        "language": LANGUAGES[int(record["language"])],
        "split": SPLIT_NAMES[int(facts.splits[document])],
        "characters": len(text),
        "text": readable(text)[:SHOWN_CHARACTERS],
    }


def _samples(facts: Facts, keep: NDArray[np.bool_]) -> list[int]:
    """Return documents drawn by their content, so that the same data shows the same ones."""
    best: list[tuple[int, int]] = []
    for start, records in facts.spool.windows():
        numbers = np.flatnonzero(keep[start : start + len(records)])
        places = mixed(records["hash_low"][numbers], 7)
        chosen = np.argsort(places, kind="stable")[:NUM_SAMPLES]
        best = sorted([*best, *((int(places[i]), start + int(numbers[i])) for i in chosen)])[:NUM_SAMPLES]
    return [document for _, document in best]


def _source_name(path: Path, number: int) -> str:
    with open(path, "rb") as lines:
        for i, line in enumerate(lines):
            if i == number:
                return msgspec.json.decode(line, type=str)
    return ""


def _warnings(facts: Facts) -> list[str]:
    warnings = []
    split, wanted = facts.manifest.splits, facts.spec.recipe
    for name, fraction in (("validation", wanted.split.validation_fraction), ("test", wanted.split.test_fraction)):
        if fraction > 0 and split[name].num_documents == 0:
            warnings.append(f"There are too few documents for a {name} split; it is empty.")
    if not facts.spec.tokenizer_path and facts.manifest.vocab_size < wanted.tokenizer.vocab_size:
        warnings.append(
            f"The tokenizer has {facts.manifest.vocab_size:,} tokens instead of {wanted.tokenizer.vocab_size:,}: the "
            "training text holds no more pairs worth merging."
        )
    if facts.skips.num_broken:
        count = facts.skips.num_broken
        told = f"{count:,} broken lines or files were" if count > 1 else "One broken line or file was"
        warnings.append(f"{told} left out; the report lists what was wrong.")
    return warnings + facts.skips.remarks()
