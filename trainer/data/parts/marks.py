"""Parts as one text: a mark in front of each, a character of Unicode's private area that no part may hold itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

ROLES = ("source", "target", "system", "user", "assistant", "chosen", "rejected")
"""Whose a part is. Their numbers are stored with versions: add at the end."""

_FIRST = 0xE1F0
_ANY = re.compile(f"[{chr(_FIRST)}-{chr(_FIRST + 15)}]")

Part = tuple[str, str]
"""(role, text)"""


def joined(parts: Sequence[Part]) -> str:
    """Return the parts as one text; marks that stand in a part are taken out."""
    return "".join(chr(_FIRST + ROLES.index(role)) + _ANY.sub("", text) for role, text in parts)


def parted(text: str) -> list[Part]:
    """Return the parts of a joined text."""
    cuts = [match.start() for match in _ANY.finditer(text)]
    ends = [*cuts[1:], len(text)]
    return [(ROLES[ord(text[start]) - _FIRST], text[start + 1 : end]) for start, end in zip(cuts, ends, strict=True)]


def readable(text: str) -> str:
    """Return a joined text as people read it: each part under the name of its role. Any other text stays as it is."""
    if not _ANY.search(text):
        return text
    return "\n".join(f"[{role}] {part}" for role, part in parted(text))


def plain(text: str) -> str:
    """Return the words alone, a line end between parts: what a tokenizer is learnt from."""
    return _ANY.sub("\n", text)
