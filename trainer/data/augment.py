"""Changed copies of training documents: words exchanged for others that mean the same, and slips of the keyboard.

Only what a model reads is changed, never what it shall answer; validation and test stay as they are. A copy follows from
the document's words, the seed and its number, so that the same data always gives the same version.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xxhash
from numpy.typing import NDArray

from trainer.data.parts.marks import joined, parted
from trainer.data.recipe import AugmentStep

READ_ROLES = ("source", "system", "user")
"""Parts of a document that a model reads and does not write."""

_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Augmented:
    """Texts with their copies behind each."""

    texts: list[str]
    rows: NDArray[np.int64]
    """For each text the number of the document that it is, or is a copy of."""

    is_copy: NDArray[np.bool_]


def augmented(texts: Sequence[str], in_training: NDArray[np.bool_], step: AugmentStep, *, has_parts: bool) -> Augmented:
    """Return the texts, and behind each of the training split its copies; a copy that came out the same is left out."""
    synonyms = synonym_groups(step.synonyms)
    found: list[str] = []
    rows: list[int] = []
    is_copy: list[bool] = []
    for number, text in enumerate(texts):
        variants = variants_of(text, step, synonyms, has_parts=has_parts) if in_training[number] else []
        found += [text, *variants]
        rows += [number] * (1 + len(variants))
        is_copy += [False, *([True] * len(variants))]
    return Augmented(found, np.asarray(rows, np.int64), np.asarray(is_copy, bool))


def variants_of(text: str, step: AugmentStep, synonyms: dict[str, list[str]], *, has_parts: bool) -> list[str]:
    """Return the copies of a text, each different from it and from the others."""
    variants: list[str] = []
    for copy in range(step.copies):
        chance = random.Random(xxhash.xxh3_64_intdigest(f"{step.seed} {copy} {text}".encode("utf-8", errors="replace")))
        if has_parts:
            parts = [
                (role, changed(words, step, synonyms, chance) if role in READ_ROLES else words)
                for role, words in parted(text)
            ]
            variant = joined(parts)
        else:
            variant = changed(text, step, synonyms, chance)
        if variant != text and variant not in variants:
            variants.append(variant)
    return variants


def changed(text: str, step: AugmentStep, synonyms: dict[str, list[str]], chance: random.Random) -> str:
    """Return the text with some words exchanged, and then with some slips."""
    if synonyms:
        text = _WORD.sub(lambda word: exchanged(word.group(), step, synonyms, chance), text)
    return "".join(slipped(text, step.noise_fraction, chance)) if step.noise_fraction else text


def exchanged(word: str, step: AugmentStep, synonyms: dict[str, list[str]], chance: random.Random) -> str:
    others = synonyms.get(word.lower())
    if not others or chance.random() >= step.synonym_fraction:
        return word
    other = chance.choice(others)
    return other.capitalize() if word[:1].isupper() else other


def slipped(text: str, fraction: float, chance: random.Random) -> list[str]:
    """Return the letters with slips: one left out, doubled, or exchanged with the next. Digits and signs stay."""
    letters = list(text)
    at = 0
    while at < len(letters):
        if letters[at].isalpha() and chance.random() < fraction:
            slip = chance.randrange(3)
            if slip == 0:
                letters[at] = ""
            elif slip == 1:
                letters[at] *= 2
            elif at + 1 < len(letters) and letters[at + 1].isalpha():
                letters[at], letters[at + 1] = letters[at + 1], letters[at]
                at += 1
        at += 1
    return letters


def synonym_groups(table: str) -> dict[str, list[str]]:
    """Return for each word those that may stand for it: `big = large = huge`, a group a line."""
    found: dict[str, list[str]] = {}
    for line in table.splitlines():
        words = [word.strip().lower() for word in line.split("=") if word.strip()]
        for word in words:
            found.setdefault(word, []).extend(other for other in words if other != word)
    return found
