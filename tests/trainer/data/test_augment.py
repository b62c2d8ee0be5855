"""Copies of training documents: changed where a model reads, the same each time, and nowhere but in training."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from trainer.data.augment import Wording, augmented, says_the_same, synonym_groups, variants_of
from trainer.data.parts.marks import joined, parted
from trainer.data.parts.recipe import PairsRecipe
from trainer.data.parts.store import PartsSplit
from trainer.data.prepare import prepare
from trainer.data.recipe import AugmentStep, Recipe, SplitStep, TokenizerStep
from trainer.data.shards import open_version
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec


def test_words_are_exchanged_within_their_group() -> None:
    step = AugmentStep(copies=4, noise_fraction=0, synonym_fraction=1.0, synonyms="big = large = huge\nbike=bicycle")
    groups = synonym_groups(step.synonyms)
    wording = Wording(step, groups)
    assert groups["big"] == ["large", "huge"]
    found = variants_of("A Big bike", wording, has_parts=False)
    assert set(found) <= {"A Large bicycle", "A Huge bicycle"}
    assert variants_of("nothing here", wording, has_parts=False) == []


def test_slips_spare_digits_and_answers() -> None:
    step = AugmentStep(copies=3, noise_fraction=0.5)
    text = joined([("source", "twelve plus 12"), ("target", "twenty four")])
    found = variants_of(text, Wording(step, {}), has_parts=True)
    assert len(found) == 3
    for variant in found:
        source, target = parted(variant)
        assert target == ("target", "twenty four")
        assert "12" in source[1]
    assert found == variants_of(text, Wording(step, {}), has_parts=True)
    assert found != variants_of(text, Wording(AugmentStep(copies=3, noise_fraction=0.5, seed=2), {}), has_parts=True)


def test_only_training_documents_have_copies(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    rows = [{"source": f"the number {n} word", "target": str(n)} for n in range(60)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    split = SplitStep(validation_fraction=0.2, test_fraction=0.2)
    common = {"tokenizer": TokenizerStep(vocab_size=300), "split": split}
    found = {}
    for copies in (0, 2):
        recipe = PairsRecipe(augment=AugmentStep(copies=copies, noise_fraction=0.3), **common)
        spec = PrepareSpec(sources=[SourceSpec(path=str(path))], data_kind="pairs", recipe=recipe)
        version = prepare(spec, tmp_path / f"v{copies}")
        version.verify()
        found[copies] = version.manifest.splits
    assert found[2]["train"].num_documents > 2 * found[0]["train"].num_documents
    for name in ("validation", "test"):
        assert found[2][name].num_documents == found[0][name].num_documents
    plain, copied = open_version(tmp_path / "v0"), open_version(tmp_path / "v2")
    assert copied.manifest.facts["num_copies"] == copied.open_split("train").is_copy.sum()
    assert copied.report()["seconds"]["augment"] > 0
    assert_same_documents(
        open_version(tmp_path / "v2", with_copies=False).open_split("train"), plain.open_split("train")
    )


def assert_same_documents(found: PartsSplit, wanted: PartsSplit) -> None:
    """What is read without the copies is what was prepared without them, token for token and part for part."""
    assert (found.num_documents, found.num_tokens) == (wanted.num_documents, wanted.num_tokens)
    np.testing.assert_array_equal(found.document_starts, wanted.document_starts)
    np.testing.assert_array_equal(found.part_starts, wanted.part_starts)
    np.testing.assert_array_equal(found.read(0, found.num_tokens), wanted.read(0, wanted.num_tokens))
    np.testing.assert_array_equal(found.read(37, 90), wanted.read(37, 90))
    for document in (0, found.num_documents - 1):
        assert [part.tokens.tolist() for part in found.parts(document)] == [
            part.tokens.tolist() for part in wanted.parts(document)
        ]
        assert found.document_id(document) == wanted.document_id(document)


def test_lines_are_said_otherwise_or_fall_back() -> None:
    known = {"where is it": ["where is that", "where did it go", "where is it"], "it costs 12": ["it is 13"]}

    def paraphraser(lines: Sequence[str], count: int) -> list[list[str]]:
        return [known.get(line, []) for line in lines]

    step = AugmentStep(copies=2, noise_fraction=0, synonym_fraction=1.0, synonyms="costs = takes")
    text = joined([("user", "where is it\n  it costs 12"), ("assistant", "where is it")])
    made = augmented([text, text], np.array([True, False]), step, has_parts=True, paraphraser=paraphraser)
    first, second = parted(made.texts[1]), parted(made.texts[2])
    assert first == [("user", "where is that\n  it takes 12"), ("assistant", "where is it")]
    assert second[0] == ("user", "where did it go\n  it takes 12")
    assert made.is_copy.tolist() == [False, True, True, False]  # what is not learnt from has no copies
    assert (made.stats.copies, made.stats.paraphrased, made.stats.fell_back) == (2, 2, 2)


@pytest.mark.parametrize(
    ("line", "other", "can_be_used"),
    [
        ("a cold day", "a chilly day", True),
        ("a cold day", "A COLD DAY", False),
        ("room 12", "room twelve", False),
        ("a cold day in the hills", "no", False),
        ("一个冷天", "天很冷\ufffd", False),
        ("a", "", False),
    ],
)
def test_a_paraphrase_keeps_numbers_and_length(line: str, other: str, can_be_used: bool) -> None:
    assert says_the_same(line, other) == can_be_used


def test_a_recipe_without_copies_is_written_as_before() -> None:
    assert b"augment" not in Recipe().canonical_json()
    assert b"augment" in Recipe(augment=AugmentStep(copies=1)).canonical_json()
