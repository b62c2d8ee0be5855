"""Conversations: what an assistant learns to answer from."""

from __future__ import annotations

from trainer.data.kinds import DataKind
from trainer.data.parts.recipe import ChatsRecipe

KIND = DataKind(
    name="chats",
    title="Conversations",
    summary="Prompts and answers, or chat JSONL in the form of OpenAI or ShareGPT: what an assistant learns from.",
    unit="conversations",
    recipe_type=ChatsRecipe,
    code_version=2,
    prepare="trainer.data.prepare:run",
    preview="trainer.data.parts.preview:preview_chats",
    split="trainer.data.parts.store:open_split",
    trial="trainer.data.trial:try_recipe",
    reader="trainer.data.parts.chats:documents",
    has_tokenizer=True,
)
