"""The text that preparation is measured on: Python's own sources and documents made of their words, some nearly the same.

Standard library alone, for peers read it too. A made near-duplicate has a few words exchanged; `recall_of` says how many
of those pairs that share four fifths of their shingles were found.
"""

from __future__ import annotations

import json
import random
import sysconfig
from pathlib import Path

MADE_FROM_CHARACTERS = 2_500
NEAR_SHARE = 0.1
SHINGLE_CHARACTERS = 5
THRESHOLD = 0.8


def write_corpus(path: Path, *, num_bytes: int, seed: int = 1) -> None:
    """Write JSON Lines {"text", "copy_of"}: documents of sentences drawn from this Python's sources."""
    chance = random.Random(seed)
    lines = source_lines(num_bytes)
    written, number, texts = 0, 0, list[str]()
    with path.open("w", encoding="utf-8") as file:
        while written < num_bytes:
            copied = chance.randrange(len(texts)) if texts and chance.random() < NEAR_SHARE else None
            text = edited(texts[copied], chance) if copied is not None else drawn(lines, chance)
            file.write(json.dumps({"text": text, "copy_of": copied}, ensure_ascii=False) + "\n")
            texts.append(text)
            written, number = written + len(text.encode()), number + 1


def source_lines(num_bytes: int) -> list[str]:
    lines: list[str] = []
    size = 0
    for path in sorted(Path(sysconfig.get_path("stdlib")).rglob("*.py")):
        if "site-packages" in path.parts:
            continue
        found = [line for line in path.read_text(encoding="utf-8", errors="ignore").splitlines() if line.strip()]
        lines += found
        size += sum(map(len, found))
        if size > num_bytes:
            break
    return lines


def drawn(lines: list[str], chance: random.Random) -> str:
    """Return a stretch of a source, with lines of elsewhere mixed in so that stretches do not repeat."""
    length, text = chance.randint(400, MADE_FROM_CHARACTERS), ""
    at = chance.randrange(len(lines))
    while len(text) < length:
        text += lines[at % len(lines)] + "\n"
        at = at + 1 if chance.random() < 0.3 else chance.randrange(len(lines))
    return text


def edited(text: str, chance: random.Random) -> str:
    """Return the text with a few of its words exchanged."""
    words = text.split(" ")
    for _ in range(max(len(words) // 60, 1)):
        words[chance.randrange(len(words))] = str(chance.randrange(10_000))
    return " ".join(words)


def read_rows(path: str) -> list[dict[str, object]]:
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def read_texts(path: str) -> list[str]:
    return [str(row["text"]) for row in read_rows(path)]


def megabytes(texts: list[str]) -> float:
    return sum(len(text.encode()) for text in texts) / 1e6


def level(text: str) -> str:
    return " ".join(text.lower().split())


def shingles(text: str) -> set[str]:
    plain = level(text)
    return {plain[i : i + SHINGLE_CHARACTERS] for i in range(max(1, len(plain) - SHINGLE_CHARACTERS + 1))}


def recall_of(path: str, pairs: set[tuple[int, int]]) -> float:
    """Return the share of the copies over the threshold that are in a group with what they were copied from."""
    rows = read_rows(path)
    parents = list(range(len(rows)))

    def root(i: int) -> int:
        while parents[i] != i:
            parents[i] = parents[parents[i]]
            i = parents[i]
        return i

    for a, b in pairs:
        parents[root(a)] = root(b)
    known = [(i, int(str(row["copy_of"]))) for i, row in enumerate(rows) if row["copy_of"] is not None][:500]
    near = []
    for a, b in known:
        one, other = shingles(str(rows[a]["text"])), shingles(str(rows[b]["text"]))
        if len(one & other) / len(one | other) >= THRESHOLD:
            near.append((a, b))
    return sum(root(a) == root(b) for a, b in near) / max(len(near), 1)
