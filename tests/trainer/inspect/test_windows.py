"""Stretches of training documents and the pairs of tokens that they share with a passage, against the plain way."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.conftest import make_documents, write_version
from trainer.data.shards import open_version
from trainer.inspect import windows


@pytest.mark.parametrize("piece", [64, 1 << 20])
def test_pairs_are_counted_as_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int) -> None:
    monkeypatch.setattr(windows, "PIECE_TOKENS", piece)
    split = open_version(write_version(tmp_path / "v", [*make_documents(60), ("", 0), ("salt", 1)])).split("train")
    found = windows.windows_of(split, size=16)
    passage = split.document(5)[:12].astype(np.int64)
    wanted = set(pairwise(passage.tolist()))
    shared = windows.shared_pairs(found, passage, split)
    for number in range(len(found)):
        tokens = split.read(int(found.starts[number]), int(found.lengths[number])).tolist()
        assert shared[number] == sum(pair in wanted for pair in pairwise(tokens))
    assert found.documents[shared.argmax()] == 5


def test_windows_cover_every_document_to_its_end(tmp_path: Path) -> None:
    split = open_version(write_version(tmp_path / "v", [*make_documents(60), ("salt", 1)])).split("train")
    found = windows.windows_of(split, size=16)
    seen = np.zeros(split.num_tokens, bool)
    for start, length in zip(found.starts.tolist(), found.lengths.tolist(), strict=True):
        assert 0 < length <= 16
        seen[start : start + length] = True
    ends = np.asarray(split.document_starts)[1:] - 1
    assert np.flatnonzero(~seen).tolist() == ends.tolist()  # all but the ends of text


def test_of_very_many_windows_an_even_choice_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(windows, "MAX_SCANNED", 10)
    split = open_version(write_version(tmp_path / "v", make_documents(60))).split("train")
    found = windows.windows_of(split, size=16)
    assert len(found) == 10
    assert (found.documents[0], found.documents[-1]) == (0, split.num_documents - 1)
