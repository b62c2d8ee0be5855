"""From what a user typed to what a model reads: the first of the three steps of generation."""

from __future__ import annotations

from dataclasses import dataclass

from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError

MAX_PROMPT_CHARACTERS = 1_000_000
CUT_MARK = "[… {count} tokens cut …] "


@dataclass(frozen=True, kw_only=True, slots=True)
class Prompt:
    """A prompt as the model reads it."""

    tokens: list[int]
    num_cut: int
    """Tokens at the front that did not fit into the model's context."""

    shown: str
    """The text that was read, with a mark in front where something was cut."""


def read_prompt(text: str, tokenizer: Tokenizer, *, context_length: int, num_new_tokens: int = 0) -> Prompt:
    """Return the prompt: checked, tokenised, behind an end-of-text (a document begins), cut at the front where too long.

    Room is left for the tokens to come, but never more than half of the context.
    """
    if not isinstance(text, str):
        raise InputError(f"the prompt must be text, not {type(text).__name__}")
    if len(text) > MAX_PROMPT_CHARACTERS:
        raise InputError(f"the prompt has {len(text):,} characters; at most {MAX_PROMPT_CHARACTERS:,} are read")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InputError(f"character {error.start + 1} of the prompt is half a character; remove it") from error
    tokens = tokenizer.encode(text)
    room = max(context_length - min(num_new_tokens, context_length // 2), 1)
    if len(tokens) < room:
        return Prompt(tokens=[tokenizer.end_of_text_id, *tokens], num_cut=0, shown=text)
    kept = tokens[-room:]
    num_cut = len(tokens) - len(kept)
    mark = CUT_MARK.format(count=num_cut) if num_cut else ""
    return Prompt(tokens=kept, num_cut=num_cut, shown=mark + tokenizer.decode(kept).lstrip("\ufffd"))
