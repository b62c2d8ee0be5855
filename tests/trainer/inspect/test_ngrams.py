"""Runs of tokens that two texts share, against the plain way of finding them."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest

from tests.trainer.conftest import make_documents, write_version
from trainer.data.shards import open_version
from trainer.inspect import ngrams
from trainer.inspect.ngrams import document_at, find_ngrams


def plain(text: list[int], stream: list[int], n: int) -> tuple[list[bool], int]:
    """Return which n-grams of the text stand in the stream, and the length of the longest common stretch of at least n."""
    grams = {tuple(stream[i : i + n]) for i in range(len(stream) - n + 1)}
    found = [tuple(text[i : i + n]) in grams for i in range(len(text) - n + 1)]
    longest = 0
    for i in range(len(text)):
        for j in range(len(stream)):
            k = 0
            while i + k < len(text) and j + k < len(stream) and text[i + k] == stream[j + k]:
                k += 1
            longest = max(longest, k)
    return found, longest if longest >= n else 0


@pytest.mark.parametrize("piece", [64, 1 << 20])
def test_the_same_is_found_as_by_comparing_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, piece: int
) -> None:
    monkeypatch.setattr(ngrams, "PIECE_TOKENS", piece)
    split = open_version(write_version(tmp_path / "v", make_documents(60))).split("train")
    stream = split.read(0, split.num_tokens).tolist()
    chance = random.Random(3)
    copied = stream[100:140]
    texts = [
        copied,
        [*stream[5:12], 300, 301, *stream[400:430]],
        [chance.randrange(320) for _ in range(50)],
        stream[7:9],
        [],
    ]
    found = find_ngrams([np.asarray(text, np.int64) for text in texts], split, n=4)
    for each, text in zip(found, texts, strict=True):
        is_found, longest = plain(text, stream, 4)
        assert each.is_found.tolist() == is_found
        if piece > len(stream):  # a stretch over the border of two pieces is told in two parts
            assert each.longest_tokens == longest
    assert found[0].covered.all()
    assert found[0].covered_fraction == 1.0
    stretch = found[0].longest
    assert stretch is not None
    assert stream[stretch.place : stretch.place + stretch.length] == copied[stretch.begin :][: stretch.length]
    document = document_at(split, stretch.place)
    assert split.document_starts[document] <= stretch.place < split.document_starts[document + 1]


def test_a_text_that_repeats_itself_does_not_take_forever(tmp_path: Path) -> None:
    documents = [(" ".join(["salt"] * 400), 0) for _ in range(50)]
    split = open_version(write_version(tmp_path / "v", documents)).split("train")
    text = split.read(0, 300).astype(np.int64)
    found = find_ngrams([text] * 20, split, n=12)
    assert all(each.covered_fraction > 0.99 for each in found)
