"""Rows of one group never land in different splits, and what is near to one of them goes with all."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path

import msgspec

from trainer.data.prepare import prepare
from trainer.data.recipe import Recipe
from trainer.data.shards import PreparedVersion
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec


def prepared(folder: Path, rows: list[dict[str, object]], **columns: str) -> PreparedVersion:
    folder.mkdir()
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    recipe = Recipe.from_dict(
        {
            "tokenizer": {"vocab_size": 300},
            "near": {"enabled": False},
            "split": {"validation_fraction": 0.2, "test_fraction": 0.2},
        }
    )
    return prepare(PrepareSpec(sources=[SourceSpec(path=str(path), **columns)], recipe=recipe), folder / "version")


def splits_of(version: PreparedVersion) -> dict[int, str]:
    """Return the split of each row."""
    found = {}
    for name in ("train", "validation", "test"):
        split = version.split(name)
        found |= {split.document_id(i).row: name for i in range(split.num_documents)}
    return found


def test_a_group_stays_together(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {"text": f"patient note number {i} says {i * 7919 % 1000} and more {i * 31 % 97}", "patient": i % 30}
        for i in range(300)
    ]
    of_rows = splits_of(prepared(tmp_path / "grouped", rows, group_column="patient"))
    together = defaultdict(set)
    for row, split in of_rows.items():
        together[(row - 1) % 30].add(split)
    assert len(of_rows) == 300
    assert all(len(splits) == 1 for splits in together.values())
    assert {split for splits in together.values() for split in splits} == {"train", "validation", "test"}
    apart = splits_of(prepared(tmp_path / "apart", rows))
    assert any(apart[row] != apart[row + 30] for row in range(1, 200))


def test_a_list_of_labels_is_one_name(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [
        {
            "text": f"a report with some words in it, number {i}",
            "kinds": [["bug", "ui"], ["ui", "bug"], ["docs"], []][i % 4],
        }
        for i in range(80)
    ]
    version = prepared(tmp_path / "labels", rows, label_column="kinds")
    assert sorted(version.manifest.label_names) == ["bug|ui", "docs", "|"]
    assert msgspec.json.decode((version.path / "manifest.json").read_bytes())["label_names"]
