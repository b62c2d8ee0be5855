"""First step of a document: what looks equal becomes equal, what was decoded wrongly is repaired."""

from __future__ import annotations

import re
import unicodedata

from trainer.data.mojibake import repair
from trainer.data.recipe import NormaliseStep

# C0 and C1 without tab and line ends, byte order mark, zero-width space, lone halves of surrogate pairs
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x80-\x84\x86-\x9f\ufeff\u200b\ud800-\udfff]")
_ASCII_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_LINE_ENDS = re.compile("\r\n?|\u0085|\u2028|\u2029")
_TRAILING_SPACES = re.compile("[ \t]+$", re.MULTILINE)


def normalise(text: str, step: NormaliseStep) -> tuple[str, tuple[str, ...]]:
    """Return the text and the names of what was changed in it."""
    changes: list[str] = []
    is_ascii = text.isascii()

    def changed(name: str, new: str) -> str:
        if new is not text and new != text:
            changes.append(name)
        return new

    if step.fix_mojibake and not is_ascii:
        text = changed("mojibake repaired", repair(text))
    if step.unicode_form != "none" and not is_ascii and not unicodedata.is_normalized(step.unicode_form, text):
        text = changed("Unicode form", unicodedata.normalize(step.unicode_form, text))
    if step.unify_line_ends and ("\r" in text or (not is_ascii and _LINE_ENDS.search(text))):
        text = changed("line ends", _LINE_ENDS.sub("\n", text))
    pattern = _ASCII_CONTROL if is_ascii else _CONTROL
    if step.remove_control_characters and pattern.search(text):
        text = changed("control characters", pattern.sub("", text))
    if step.strip_trailing_spaces:
        text = changed("trailing spaces", _TRAILING_SPACES.sub("", text))
    return text, tuple(changes)
