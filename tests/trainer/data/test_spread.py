"""A trial looks at documents from everywhere, not at the first ones only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trainer.data import spread
from trainer.data.recipe import Recipe
from trainer.data.skipped import SkipCounter
from trainer.data.sources import Document, ReadLimits, SourceSpec
from trainer.data.trial import try_recipe


def source(folder: Path, name: str, count: int) -> SourceSpec:
    path = folder / name
    path.write_text("".join(json.dumps({"text": f"{name} {i} has some words"}) + "\n" for i in range(count)))
    return SourceSpec(path=str(path), name=name)


def chosen(sources: list[SourceSpec], num_documents: int) -> list[Document]:
    found, problem = spread.spread_documents(sources, ReadLimits(), SkipCounter(100), num_documents=num_documents)
    assert problem == ""
    return found


def test_documents_come_from_all_over_a_file_in_order_and_the_same_each_time(tmp_path: Path) -> None:
    sources = [source(tmp_path, "a.jsonl", 10_000)]
    found = chosen(sources, 100)
    rows = [document.row for document in found]
    assert len(set(rows)) == 100
    assert rows == sorted(rows)
    assert rows[0] < 1_000
    assert rows[-1] > 9_000
    assert found == chosen(sources, 100)


def test_a_large_source_leaves_room_for_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spread, "MAX_READ_CHARACTERS", 30_000)
    sources = [source(tmp_path, "large.jsonl", 5_000), source(tmp_path, "small.jsonl", 50)]
    found = chosen(sources, 200)
    names = [document.source for document in found]
    assert len(found) == 200
    assert 5 < sum("small" in name for name in names) < 100


def test_all_of_a_few_documents_are_tried_and_the_bytes_behind_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    texts = ["Write to lena@example.com before the end of the week, please.", "short", "汉字" * 2_000 + "。"]
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    result = try_recipe([path], Recipe())
    after = [texts[0].replace("lena@example.com", "<EMAIL>")]
    kept = [tried for tried in result.documents if not tried.dropped_by]
    assert kept[0].after == after[0]
    assert result.bytes_after == sum(len(text.encode()) for text in after) + sum(t.bytes_after for t in kept[1:])
    assert result.bytes_before == sum(len(text.encode()) for text in texts)
