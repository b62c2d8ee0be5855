"""Entities in texts: read from spans or from BIO tags, and written into the text itself.

    {"text": "Ada met Bob", "spans": [{"start": 0, "end": 3, "label": "PER"}]}    ->  [[Ada||PER]] met Bob
    {"tokens": ["Ada", "met"], "tags": ["B-PER", "O"]}                            ->  [[Ada||PER]] met

Marked in the text they go through every step of the preparation with the words that they stand for; who learns from
them takes the marks out again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# the spaces are those that a tokenizer of words puts between signs
_MARK = re.compile(r"\[ ?\[ ?(.+?) ?\| ?\| ?([\w-]+?) ?\] ?\]", re.DOTALL)
_LABEL = re.compile(r"[^\w]+")


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of a text are an entity."""

    start: int
    end: int
    label: str


def marked_text(content: Any, entities: Any) -> tuple[str, list[str]] | None:
    """Return the text with its entities marked, and their labels; None where the two do not belong together."""
    if isinstance(content, str) and isinstance(entities, list):
        spans = [_span(each) for each in entities]
        return _marked(
            content, [span for span in spans if span is not None and 0 <= span.start < span.end <= len(content)]
        )
    if isinstance(content, list) and isinstance(entities, list) and len(content) == len(entities):
        text, spans_of_tags = from_tags([str(token) for token in content], [str(tag) for tag in entities])
        return _marked(text, spans_of_tags)
    return None


def from_tags(tokens: Sequence[str], tags: Sequence[str]) -> tuple[str, list[Span]]:
    """Return tokens joined by spaces (none between Chinese characters), and the spans that their BIO tags mean."""
    text, spans = "", list[Span]()
    open_label = ""
    for token, tag in zip(tokens, tags, strict=True):
        if text and not (_is_chinese(text[-1]) and _is_chinese(token[:1])):
            text += " "
        start = len(text)
        text += token
        kind, _, label = tag.partition("-")
        if kind == "I" and label == open_label and spans:
            spans[-1] = Span(spans[-1].start, len(text), label)
        elif kind in ("B", "I") and label:
            spans.append(Span(start, len(text), label))
        open_label = label if kind in ("B", "I") else ""
    return text, spans


def parse_marks(text: str) -> tuple[str, list[Span]]:
    """Return the text without marks, and the spans that they were around."""
    plain, spans, at = "", list[Span](), 0
    for mark in _MARK.finditer(text):
        plain += text[at : mark.start()]
        start = len(plain)
        plain += mark.group(1)
        spans.append(Span(start, len(plain), mark.group(2)))
        at = mark.end()
    return plain + text[at:], spans


def _marked(text: str, spans: list[Span]) -> tuple[str, list[str]]:
    """Write the marks; of spans that overlap the first stays."""
    marked, at = "", 0
    labels = []
    for span in sorted(spans, key=lambda each: (each.start, -each.end)):
        if span.start < at:
            continue
        label = _LABEL.sub("_", span.label)
        marked += f"{text[at : span.start]}[[{text[span.start : span.end]}||{label}]]"
        at = span.end
        labels.append(label)
    return marked + text[at:], labels


def _span(raw: Any) -> Span | None:
    """Read {start, end, label} or [start, end, label]."""
    if isinstance(raw, dict):
        raw = [raw.get("start"), raw.get("end"), raw.get("label", raw.get("entity"))]
    if (
        isinstance(raw, list | tuple)
        and len(raw) == 3
        and isinstance(raw[0], int)
        and isinstance(raw[1], int)
        and raw[2]
    ):
        return Span(raw[0], raw[1], str(raw[2]))
    return None


def _is_chinese(character: str) -> bool:
    return "\u4e00" <= character <= "\u9fff"
