"""Interactions: who took what, and when, become packed arrays by user."""

from __future__ import annotations

from trainer.data.interactions.recipe import InteractionRecipe
from trainer.data.kinds import DataKind

KIND = DataKind(
    name="interactions",
    title="Interactions",
    summary="A table of who took what and when (CSV, JSONL, Parquet), and tables that describe users or items: checked, "
    "without copies and bots, divided by time.",
    unit="interactions",
    recipe_type=InteractionRecipe,
    code_version=2,
    prepare="trainer.data.interactions.prepare:run",
    preview="trainer.data.interactions.preview:preview",
    split="trainer.data.interactions.store:open_split",
    made_up="trainer.data.interactions.made_up:made_up_interactions",
    assets=("items.jsonl", "item_features.json", "user_features.json"),
)
