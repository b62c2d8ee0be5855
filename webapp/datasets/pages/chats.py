"""How conversations look on the data pages."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from trainer.data.parts.recipe import ChatsRecipe, ChatsStep
from webapp.datasets.pages import DataPages, Preset
from webapp.datasets.pages import text as of_text

PAGES = DataPages(
    kind="chats",
    title=_("Conversations"),
    summary=_("Prompts and answers that an assistant learns from"),
    unit=_("conversations"),
    formats=_("chat JSONL or JSON of OpenAI (messages) or ShareGPT (conversations); or columns of prompts and answers"),
    has_columns=True,
    has_target=True,
    titles={**of_text.TITLES, "chats": _("Conversations")},
    labels={
        **of_text.LABELS,
        "chats.keep_system": _("Keep system prompts"),
        "chats.max_turns": _("Questions of a conversation, at most"),
    },
    choices=of_text.CHOICES,
    advanced=of_text.ADVANCED,
    lists=of_text.LISTS,
    presets=[
        Preset(
            name="whole",
            title=_("Whole conversations"),
            summary=_("Every turn, with its system prompt"),
            recipe=ChatsRecipe(),
        ),
        Preset(
            name="first",
            title=_("First answers"),
            summary=_("One question and its answer, without system prompts"),
            recipe=ChatsRecipe(chats=ChatsStep(keep_system=False, max_turns=1)),
        ),
    ],
    report_template="datasets/report_text.html",
)
