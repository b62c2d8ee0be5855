"""Preparation of the made corpus: each flaw is found, nothing else is touched, and the report adds up."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import pytest

from tests.trainer.data.corpus import Corpus, make_corpus
from trainer.data.prepare import prepare
from trainer.data.recipe import Recipe
from trainer.data.shards import PreparedVersion, TokenSplit
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec
from trainer.data.tokenizer import Tokenizer
from trainer.events import AnyEvent, Progress

NUM_BYTES = 20_000_000


@dataclass(slots=True)
class Prepared:
    corpus: Corpus
    version: PreparedVersion
    events: list[AnyEvent]
    tokenizer: Tokenizer
    splits: dict[str, TokenSplit]
    kept: dict[int, tuple[str, int]]
    """Document id -> split, and number in it."""

    def text(self, document: int) -> str:
        split, number = self.kept[document]
        return self.tokenizer.decode(self.splits[split].document(number)[:-1].tolist())

    def recall(self, flaw: str, found: Iterator[int] | set[int]) -> float:
        planted = set(self.corpus.planted[flaw])
        return len(planted & set(found)) / len(planted)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    folder = tmp_path_factory.mktemp("corpus")
    corpus = make_corpus(folder / "corpus.jsonl", num_bytes=NUM_BYTES, seed=1)
    events: list[AnyEvent] = []
    spec = PrepareSpec(sources=[SourceSpec(path=str(corpus.path))], recipe=Recipe(), num_threads=2)
    version = prepare(spec, folder / "version", emit=events.append)
    splits = {name: version.split(name) for name in version.manifest.splits}
    return Prepared(corpus, version, events, version.tokenizer(), splits, kept_documents(corpus, splits))


def kept_documents(corpus: Corpus, splits: dict[str, TokenSplit]) -> dict[int, tuple[str, int]]:
    document_at = {row: document for document, row in corpus.row.items()}
    kept = {}
    for name, split in splits.items():
        for number in range(split.num_documents):
            kept[document_at[split.document_id(number).row]] = (name, number)
    return kept


def dropped(prepared: Prepared) -> set[int]:
    return set(range(prepared.corpus.num_documents)) - set(prepared.kept)


def test_every_exact_duplicate_goes_and_its_first_stays(prepared: Prepared) -> None:
    assert prepared.recall("exact", dropped(prepared)) == 1
    assert all(first in prepared.kept for first in prepared.corpus.planted["exact"].values())


def test_near_duplicates_are_found(prepared: Prepared) -> None:
    assert prepared.recall("near", dropped(prepared)) >= 0.99
    assert all(first in prepared.kept for first in prepared.corpus.planted["near"].values())


def test_bad_documents_are_dropped(prepared: Prepared) -> None:
    for flaw in ("short", "symbols", "repeated"):
        assert prepared.recall(flaw, dropped(prepared)) == 1, flaw


def test_nothing_else_is_dropped(prepared: Prepared) -> None:
    flaws = ("exact", "near", "short", "symbols", "repeated")
    planted = {document for flaw in flaws for document in prepared.corpus.planted[flaw]}
    assert dropped(prepared) - planted == set()


def test_mojibake_is_repaired(prepared: Prepared) -> None:
    planted = prepared.corpus.planted["mojibake"]
    repaired = [document for document, text in planted.items() if prepared.text(document) == text]
    assert len(repaired) / len(planted) >= 0.98
    changed = {item["reason"]: item["documents"] for item in prepared.version.report()["changed"]}
    assert changed["mojibake repaired"] <= len(planted)


def test_personal_data_is_gone_and_look_alikes_stay(prepared: Prepared) -> None:
    left, touched, total = [], [], 0
    for document, values in prepared.corpus.planted["personal"].items():
        text = prepared.text(document)
        left += [value for value in values.values() if value in text]  # type: ignore[attr-defined]
        decoys = prepared.corpus.planted["decoys"][document]
        touched += [decoy for decoy in decoys if decoy not in text]  # type: ignore[attr-defined]
        total += len(values)  # type: ignore[arg-type]
    assert not left
    assert not touched
    counts = {item["kind"]: item["count"] for item in prepared.version.report()["personal_data"]}
    planted = len(prepared.corpus.planted["personal"])
    assert counts == dict.fromkeys(counts, planted)
    assert sum(counts.values()) == total


def test_masked_examples_do_not_give_the_value_away(prepared: Prepared) -> None:
    values = {v for planted in prepared.corpus.planted["personal"].values() for v in planted.values()}  # type: ignore[attr-defined]
    report = json.dumps(prepared.version.report(), ensure_ascii=False)
    assert not [value for value in values if value in report]


def test_control_characters_go_and_line_ends_become_one(prepared: Prepared) -> None:
    for document, text in prepared.corpus.planted["control"].items():
        assert prepared.text(document) == text


def test_documents_without_a_flaw_come_back_byte_for_byte(prepared: Prepared) -> None:
    flawed = {document for planted in prepared.corpus.planted.values() for document in planted}
    lines = {}
    for line in prepared.corpus.path.read_bytes().splitlines():
        if b"broken" not in line[:20]:
            raw = json.loads(line)
            lines[raw["id"]] = raw["text"]
    plain = [document for document in list(prepared.kept)[::7] if document not in flawed]
    assert len(plain) > 1_000
    assert all(prepared.text(document) == unicodedata.normalize("NFC", lines[document]) for document in plain)


def test_languages_are_told_apart(prepared: Prepared) -> None:
    from trainer.data.language import detect_language

    documents = list(prepared.kept)[::11]
    right = [detect_language(prepared.text(d)) == prepared.corpus.language[d] for d in documents]
    assert sum(right) / len(right) >= 0.98


def test_broken_lines_are_counted_with_an_example(prepared: Prepared) -> None:
    skipped = {item["reason"]: item for item in prepared.version.report()["skipped"]}
    assert skipped["broken JSON"]["count"] == prepared.corpus.num_broken_lines
    assert "corpus.jsonl line 500" in skipped["broken JSON"]["examples"][0]


def test_the_report_adds_up(prepared: Prepared) -> None:
    report, manifest = prepared.version.report(), prepared.version.manifest
    steps = report["steps"]
    assert [step["name"] for step in steps] == ["read", "normalise", "filter", "redact", "exact", "near", "pack"]
    for before, after in pairwise(steps):
        assert before["documents_out"] == after["documents_in"]
        assert before["bytes_out"] == after["bytes_in"]
    assert steps[0]["documents_out"] == prepared.corpus.num_documents
    for name in ("filter", "exact", "near"):
        step = next(s for s in steps if s["name"] == name)
        assert step["documents_in"] - step["documents_out"] == sum(r["documents"] for r in step["reasons"])
        assert step["bytes_in"] - step["bytes_out"] == sum(r["bytes"] for r in step["reasons"])
    totals = report["totals"]
    assert totals["documents"] == len(prepared.kept) == sum(s["documents"] for s in report["splits"].values())
    assert totals["tokens"] == manifest.num_tokens == sum(s["tokens"] for s in report["splits"].values())
    assert totals["documents"] == sum(report["lengths"]["counts"])
    assert totals["bytes_per_token"] == pytest.approx(totals["bytes"] / totals["tokens"], rel=1e-3)
    assert totals["bytes"] == steps[-1]["bytes_out"]
    assert len(report["samples"]) == 12
    assert {item["language"] for item in report["languages"]} >= {"zh", "en", "code"}


def test_pairs_are_shown_side_by_side(prepared: Prepared) -> None:
    pairs = prepared.version.report()["duplicates"]["pairs"]
    assert len(pairs) >= 10
    for pair in pairs:
        assert pair["similarity"] >= 0.8
        assert pair["kept"]["row"] < pair["removed"]["row"]
        assert pair["kept"]["text"]
        assert pair["removed"]["text"]


def test_splits_have_about_their_share_and_the_shards_verify(prepared: Prepared) -> None:
    prepared.version.verify()
    splits, total = prepared.version.manifest.splits, prepared.version.manifest.num_documents
    for name in ("validation", "test"):
        assert 0.01 < splits[name].num_documents / total < 0.03
    assert not (prepared.version.path.parent / ".version.partial").exists()


def test_progress_is_told_by_phase(prepared: Prepared) -> None:
    phases = {event.phase for event in prepared.events if isinstance(event, Progress)}
    assert {"reading and cleaning", "learning the tokenizer"} <= phases
    assert all(e.total is None or e.done <= e.total for e in prepared.events if isinstance(e, Progress))
