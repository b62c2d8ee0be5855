"""A prepared version on disk: written, opened, read over shard borders, verified."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from trainer.data.bpe import train_bpe
from trainer.data.shard_writer import VersionWriter
from trainer.data.shards import DocumentId, PreparedVersion, open_version
from trainer.errors import InputError

TEXTS = ["The first text.", "第二篇文章。", "def third():\n    return 3\n", "短", "last"]


@pytest.fixture
def version(tmp_path: Path) -> PreparedVersion:
    tokenizer = train_bpe(TEXTS * 5, vocab_size=300)
    writer = VersionWriter(tmp_path, tokenizer, shard_tokens=16)
    for row, text in enumerate(TEXTS):
        ids = np.array([*tokenizer.encode(text), tokenizer.end_of_text_id], dtype=np.uint32)
        split = writer.splits["validation" if row == 4 else "train"]
        origins = np.array([[row % 2, row + 1]])
        split.append(ids, np.array([len(ids)]), np.array([row - 1], np.int32), origins, len(text.encode()))
    writer.finish(sources=["a.jsonl", "中 文.zip/b.txt"], label_names=["x", "y", "z", "w"], recipe_hash="r")
    return open_version(tmp_path)


def test_documents_come_back_over_shard_borders(version: PreparedVersion) -> None:
    train, tokenizer = version.split("train"), version.tokenizer()
    assert len(version.manifest.splits["train"].shards) > 1
    assert [tokenizer.decode(train.document(i)) for i in range(4)] == TEXTS[:4]
    whole = train.read(0, train.num_tokens)
    assert whole.dtype == np.int32
    assert all((train.read(i, 20) == whole[i : i + 20]).all() for i in range(train.num_tokens - 20))
    assert (whole[train.document_starts[1:] - 1] == tokenizer.end_of_text_id).all()


def test_labels_origins_and_counts_belong_to_their_documents(version: PreparedVersion) -> None:
    train = version.split("train")
    assert train.label_ids.tolist() == [-1, 0, 1, 2]
    assert train.document_id(1) == DocumentId("中 文.zip/b.txt", 2)
    assert train.document_at(int(train.document_starts[2])) == 2
    assert train.num_bytes == sum(len(text.encode()) for text in TEXTS[:4])
    assert version.split("test").num_tokens == 0
    assert len(version.split("test").read(0, 0)) == 0


def test_reading_outside_a_split_is_refused(version: PreparedVersion) -> None:
    train = version.split("train")
    with pytest.raises(IndexError, match="outside train"):
        train.read(train.num_tokens - 3, 4)


def test_verify_names_the_file_that_changed(version: PreparedVersion) -> None:
    version.verify()
    shard = version.path / version.manifest.splits["train"].shards[1].path
    data = bytearray(shard.read_bytes())
    data[3] ^= 1
    shard.write_bytes(data)
    with pytest.raises(InputError, match=r"tokens-00001\.bin has changed"):
        version.verify()
    shard.unlink()
    with pytest.raises(InputError, match="missing"):
        version.verify()


def test_a_folder_that_is_no_version_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no manifest\.json"):
        open_version(tmp_path / "nothing")
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        open_version(tmp_path)
