"""Copies of training documents: changed where a model reads, the same each time, and nowhere but in training."""

from __future__ import annotations

import json
from pathlib import Path

from trainer.data.augment import synonym_groups, variants_of
from trainer.data.parts.marks import joined, parted
from trainer.data.parts.recipe import PairsRecipe
from trainer.data.prepare import prepare
from trainer.data.recipe import AugmentStep, Recipe, SplitStep, TokenizerStep
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec


def test_words_are_exchanged_within_their_group() -> None:
    step = AugmentStep(copies=4, noise_fraction=0, synonym_fraction=1.0, synonyms="big = large = huge\nbike=bicycle")
    groups = synonym_groups(step.synonyms)
    assert groups["big"] == ["large", "huge"]
    found = variants_of("A Big bike", step, groups, has_parts=False)
    assert set(found) <= {"A Large bicycle", "A Huge bicycle"}
    assert variants_of("nothing here", step, groups, has_parts=False) == []


def test_slips_spare_digits_and_answers() -> None:
    step = AugmentStep(copies=3, noise_fraction=0.5)
    text = joined([("source", "twelve plus 12"), ("target", "twenty four")])
    found = variants_of(text, step, {}, has_parts=True)
    assert len(found) == 3
    for variant in found:
        source, target = parted(variant)
        assert target == ("target", "twenty four")
        assert "12" in source[1]
    assert found == variants_of(text, step, {}, has_parts=True)
    assert found != variants_of(text, AugmentStep(copies=3, noise_fraction=0.5, seed=2), {}, has_parts=True)


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


def test_a_recipe_without_copies_is_written_as_before() -> None:
    assert b"augment" not in Recipe().canonical_json()
    assert b"augment" in Recipe(augment=AugmentStep(copies=1)).canonical_json()
