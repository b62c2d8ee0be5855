"""Preferences: a question, a better answer and a worse one."""

from __future__ import annotations

from trainer.data.kinds import DataKind
from trainer.data.parts.recipe import PreferencesRecipe

KIND = DataKind(
    name="preferences",
    title="Preferences",
    summary="Questions with a better and a worse answer: what an assistant learns to prefer.",
    unit="preferences",
    recipe_type=PreferencesRecipe,
    code_version=2,
    prepare="trainer.data.prepare:run",
    preview="trainer.data.parts.preview:preview_preferences",
    split="trainer.data.parts.store:open_split",
    trial="trainer.data.trial:try_recipe",
    reader="trainer.data.parts.preferences:documents",
    has_tokenizer=True,
)
