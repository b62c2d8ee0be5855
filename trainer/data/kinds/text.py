"""Text: documents in many formats become tokens in memory-mapped shards."""

from __future__ import annotations

from trainer.data.kinds import DataKind
from trainer.data.recipe import Recipe

KIND = DataKind(
    name="text",
    title="Text",
    summary="Prose, code, JSONL, CSV or Parquet with a column of text: cleaned, without duplicates, turned into tokens.",
    unit="documents",
    recipe_type=Recipe,
    code_version=2,
    prepare="trainer.data.prepare:run",
    preview="trainer.data.preview:preview",
    made_up="trainer.data.made_up:made_up_text",
    split="trainer.data.shards:open_split",
    trial="trainer.data.trial:try_recipe",
    has_tokenizer=True,
)
