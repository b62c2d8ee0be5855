"""Changed copies of training documents: said in other words by a model, words exchanged for others that mean the same, and
slips of the keyboard.

Only what a model reads is changed, never what it shall answer; validation and test stay as they are. A copy follows from
the document's words, the seed and its number, so that the same data always gives the same version.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import xxhash
from numpy.typing import NDArray

from trainer.data.parts.marks import joined, parted
from trainer.data.recipe import AugmentStep

READ_ROLES = ("source", "system", "user")
"""Parts of a document that a model reads and does not write."""

_WORD = re.compile(r"\w+")
_NUMBER = re.compile(r"\d+")

Paraphraser = Callable[[Sequence[str], int], list[list[str]]]
"""From lines and how many ways of saying each are wanted to those that a model found, likeliest first."""


@dataclass(frozen=True, slots=True)
class Augmented:
    """Texts with their copies behind each."""

    texts: list[str]
    rows: NDArray[np.int64]
    """For each text the number of the document that it is, or is a copy of."""

    is_copy: NDArray[np.bool_]
    stats: AugmentStats


@dataclass(slots=True)
class AugmentStats:
    """What the copies were made of."""

    copies: int = 0
    paraphrased: int = 0
    """Lines of copies that the model said in other words."""

    fell_back: int = 0
    """Lines that it was asked for and could not say otherwise."""

    seconds: float = 0.0

    def merge(self, other: AugmentStats) -> None:
        self.copies += other.copies
        self.paraphrased += other.paraphrased
        self.fell_back += other.fell_back
        self.seconds += other.seconds


@dataclass(slots=True)
class Wording:
    """How lines are said otherwise in one chunk of documents."""

    step: AugmentStep
    synonyms: dict[str, list[str]]
    otherwise: dict[str, list[str]] = field(default_factory=dict)
    """Line -> ways of saying it that a model found; empty lists where it found none."""

    stats: AugmentStats = field(default_factory=AugmentStats)

    def changed(self, text: str, copy: int, chance: random.Random) -> str:
        """Return the text with each line said otherwise where that is known, else with words exchanged and slips."""
        if not self.otherwise:
            return changed(text, self.step, self.synonyms, chance)
        return "\n".join(self._line(line, copy, chance) for line in text.split("\n"))

    def _line(self, line: str, copy: int, chance: random.Random) -> str:
        if not line.strip():
            return line
        ways = self.otherwise.get(line.strip(), [])
        if copy < len(ways):
            self.stats.paraphrased += 1
            return line.replace(line.strip(), ways[copy])
        self.stats.fell_back += 1
        return changed(line, self.step, self.synonyms, chance)


def augmented(
    texts: Sequence[str],
    in_training: NDArray[np.bool_],
    step: AugmentStep,
    *,
    has_parts: bool,
    paraphraser: Paraphraser | None = None,
) -> Augmented:
    """Return the texts, and behind each of the training split its copies; a copy that came out the same is left out."""
    started = time.perf_counter()
    wording = Wording(step, synonym_groups(step.synonyms))
    if paraphraser is not None:
        chosen = (text for text, is_in in zip(texts, in_training, strict=True) if is_in)
        wording.otherwise = said_otherwise(chosen, step, paraphraser, has_parts=has_parts)
    found: list[str] = []
    rows: list[int] = []
    is_copy: list[bool] = []
    for number, text in enumerate(texts):
        variants = variants_of(text, wording, has_parts=has_parts) if in_training[number] else []
        found += [text, *variants]
        rows += [number] * (1 + len(variants))
        is_copy += [False, *([True] * len(variants))]
    wording.stats.copies, wording.stats.seconds = sum(is_copy), time.perf_counter() - started
    return Augmented(found, np.asarray(rows, np.int64), np.asarray(is_copy, bool), wording.stats)


def variants_of(text: str, wording: Wording, *, has_parts: bool) -> list[str]:
    """Return the copies of a text, each different from it and from the others."""
    variants: list[str] = []
    for copy in range(wording.step.copies):
        named = f"{wording.step.seed} {copy} {text}"
        chance = random.Random(xxhash.xxh3_64_intdigest(named.encode("utf-8", errors="replace")))
        if has_parts:
            parts = [
                (role, wording.changed(words, copy, chance) if role in READ_ROLES else words)
                for role, words in parted(text)
            ]
            variant = joined(parts)
        else:
            variant = wording.changed(text, copy, chance)
        if variant != text and variant not in variants:
            variants.append(variant)
    return variants


def said_otherwise(
    texts: Iterable[str], step: AugmentStep, paraphraser: Paraphraser, *, has_parts: bool
) -> dict[str, list[str]]:
    """Return for each line that is read the ways of saying it that can be used; one model asks for all lines at once."""
    read = (
        content
        for text in texts
        for role, content in (parted(text) if has_parts else [("source", text)])
        if role in READ_ROLES
    )
    lines = list(dict.fromkeys(line.strip() for content in read for line in content.split("\n") if line.strip()))
    ways = paraphraser(lines, step.copies) if lines else []
    return {
        line: list(dict.fromkeys(way.strip() for way in found if says_the_same(line, way.strip())))
        for line, found in zip(lines, ways, strict=True)
    }


def says_the_same(line: str, other: str) -> bool:
    """Say whether a paraphrase can be used: other words of about the length, with the same numbers and nothing broken."""
    is_other = bool(other) and other.casefold() != line.casefold() and "\ufffd" not in other
    is_about_as_long = len(line) <= 2 * len(other) + 8 and len(other) <= 2 * len(line) + 8
    return is_other and is_about_as_long and sorted(_NUMBER.findall(line)) == sorted(_NUMBER.findall(other))


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
