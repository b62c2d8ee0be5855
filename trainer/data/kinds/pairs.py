"""Pairs: a text and what is to be made of it."""

from __future__ import annotations

from trainer.data.kinds import DataKind
from trainer.data.parts.recipe import PairsRecipe

KIND = DataKind(
    name="pairs",
    title="Pairs",
    summary="A text and what is made of it: translations, summaries, exercises. CSV, JSONL, Parquet with two columns, or TMX.",
    unit="pairs",
    recipe_type=PairsRecipe,
    code_version=2,
    prepare="trainer.data.prepare:run",
    preview="trainer.data.parts.preview:preview_pairs",
    split="trainer.data.parts.store:open_split",
    trial="trainer.data.trial:try_recipe",
    made_up="trainer.data.parts.made_up:made_up_pairs",
    reader="trainer.data.parts.pairs:documents",
    has_tokenizer=True,
)
