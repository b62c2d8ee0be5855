"""Tokenizers of others that do not keep every byte: WordPiece (BERT, MiniLM) and BPE over characters with `▁` (Llama 2).

Their ids are used as they are, so that weights from elsewhere read the text that they were trained to read. What they
decode to may differ from the text that went in: letters in lower case, single spaces.
"""

from __future__ import annotations

import re
from typing import Any

SPACE = "\u2581"
_BYTE = re.compile(r"<0x([0-9A-F]{2})>")


def foreign_pieces(raw: dict[str, Any]) -> dict[int, bytes] | None:
    """Return what each id stands for, behind what came before it; None where the tokenizer is of another kind."""
    model = raw.get("model") or {}
    vocabulary = model.get("vocab")
    if model.get("type") == "WordPiece" and vocabulary:
        prefix = str(model.get("continuing_subword_prefix") or "##")
        return {int(i): _word_piece(text, prefix) for text, i in vocabulary.items()}
    if model.get("type") == "BPE" and vocabulary and any(text.startswith(SPACE) for text in vocabulary):
        return {int(i): _spaced(text) for text, i in vocabulary.items()}
    return None


def _word_piece(text: str, prefix: str) -> bytes:
    """`##ing` goes on with a word; all else begins one."""
    return (text[len(prefix) :] if text.startswith(prefix) else f" {text}").encode()


def _spaced(text: str) -> bytes:
    if found := _BYTE.fullmatch(text):
        return bytes([int(found.group(1), 16)])
    return text.replace(SPACE, " ").encode()
