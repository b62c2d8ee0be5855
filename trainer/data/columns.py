"""Finds the column that holds the text: by its name and by how long its strings are."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from trainer.data.formats.reading import Row

BEST_NAMES = ("text", "content", "body", "内容", "正文", "文本", "全文", "document", "article", "code")
GOOD_NAMES = (
    "message",
    "response",
    "answer",
    "output",
    "completion",
    "story",
    "passage",
    "summary",
    "文章",
    "回答",
    "title",
)


def text_column(rows: Sequence[Row]) -> str:
    """Return the name of the column with text, or an empty string when none holds any."""
    scores = {name: _score(name, [row.get(name) for _, row in rows]) for name in column_names(rows)}
    best = max(scores, key=lambda name: scores[name], default="")
    return best if best and scores[best] > 0 else ""


def column_names(rows: Sequence[Row]) -> list[str]:
    """Return all columns that the rows have, in order of first appearance."""
    return list(dict.fromkeys(name for _, row in rows for name in row))


def _score(name: str, values: list[Any]) -> float:
    """Return above 0 for a column of strings; longer strings and a telling name count for more."""
    texts = [value for value in values if isinstance(value, str) and value.strip()]
    if not texts or len(texts) < len(values) * 0.2:
        return 0.0
    if sum(_is_number_like(text) for text in texts) > len(texts) / 2:
        return 0.0
    length = sum(len(text) for text in texts) / len(texts)
    plain = name.strip().lower()
    bonus = 1.5 if plain in BEST_NAMES else 0.7 if any(word in plain for word in BEST_NAMES + GOOD_NAMES) else 0.0
    return math.log10(1 + length) + bonus


def _is_number_like(text: str) -> bool:
    return len(text) < 40 and not any(character.isalpha() for character in text)
