"""Second step: documents that a model should not learn from. Each is dropped with one reason and the figure behind it."""

from __future__ import annotations

import re
import string
from dataclasses import dataclass

import zstandard

from trainer.data.language import detect_language
from trainer.data.recipe import FilterStep, Language

_NO_SYMBOLS = (string.ascii_letters + string.digits + string.whitespace).encode()
_WORDS_AND_SPACES = re.compile(r"[\w\s]+")
_SHORTEST_COUNTED_LINE = 10
_SMALLEST_TO_COMPRESS = 200

_compressor = zstandard.ZstdCompressor(level=1)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Why a document was dropped."""

    reason: str
    detail: str = ""


def drop_reason(text: str, step: FilterStep) -> tuple[Dropped | None, Language]:
    """Return why the document is dropped, or None, and its language."""
    if not text.strip():
        return Dropped("empty"), "other"
    language = detect_language(text)
    return (_reason(text, language, step) if step.enabled else None), language


def _reason(text: str, language: Language, step: FilterStep) -> Dropped | None:
    num_characters = len(text)
    if num_characters < step.min_characters:
        return Dropped("too short", f"{num_characters} of {step.min_characters} characters")
    if step.max_characters and num_characters > step.max_characters:
        return Dropped("too long", f"{num_characters:,} characters, at most {step.max_characters:,}")
    if step.languages and language not in step.languages:
        return Dropped("language", language)
    checks = (
        ("too many symbols", symbol_fraction, step.max_symbol_fraction),
        ("repeated lines", duplicate_line_fraction, step.max_duplicate_line_fraction),
        ("repetitive", repetition_fraction, step.max_repetition_fraction),
    )
    for reason, measure, most in checks:
        if most < 1 and (found := measure(text)) > most:
            return Dropped(reason, f"{found:.2f}, at most {most:.2f}")
    return None


def symbol_fraction(text: str) -> float:
    """Return the share of characters that are neither letters, digits, underscores nor spaces."""
    if text.isascii():
        return len(text.encode().translate(None, _NO_SYMBOLS + b"_")) / len(text)
    return len(_WORDS_AND_SPACES.sub("", text)) / len(text)


def duplicate_line_fraction(text: str) -> float:
    """Return the share of the text that lies in lines which occurred before in it."""
    lines = [line for line in map(str.strip, text.split("\n")) if len(line) >= _SHORTEST_COUNTED_LINE]
    if len(lines) < 2 or len(unique := set(lines)) == len(lines):
        return 0.0
    num_characters = sum(map(len, lines))
    return (num_characters - sum(map(len, unique))) / max(num_characters, len(text) // 2)


def repetition_fraction(text: str) -> float:
    """Return the share of the bytes that zstd at its fastest saves; 0 for a text too short to tell."""
    raw = text.encode("utf-8", errors="replace")
    if len(raw) < _SMALLEST_TO_COMPRESS:
        return 0.0
    return max(0.0, 1 - len(_compressor.compress(raw)) / len(raw))
