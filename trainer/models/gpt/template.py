"""How a conversation is written for a model, and how the model's own turns are told from what others said.

    roles     <|user|> and a line end, the words, a line end; an assistant's turn ends with end-of-text
    chatml    <|im_start|>user and a line end, the words, <|im_end|> and a line end, as Qwen and others have it

The template's signs become special tokens where the tokenizer has such tokens, and its own words otherwise. What people
write is encoded apart from the signs and cleared of them, so that nobody can speak in another's name.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from trainer.data.tokenizer import Tokenizer
from trainer.models.gpt.spec import TemplateName

Turn = tuple[str, str]
"""(system, user or assistant; the words)"""

_SIGNS = re.compile(r"<\|(?:im_start|im_end|system|user|assistant)\|>")

JINJA = {
    "roles": (
        "{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}"
        "{% if message['role'] == 'assistant' %}{{ eos_token }}{% else %}\n{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
    ),
    "chatml": (
        "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    ),
}
"""The same for `transformers`, which keeps a template with its tokenizer."""


@dataclass(frozen=True, slots=True)
class Written:
    """A conversation as tokens."""

    tokens: list[int]
    is_learnt: list[bool]
    """For each token: whether it is the assistant's own word, or the end of its turn."""


class ChatTemplate:
    """One of the templates, with the tokenizer of a model."""

    def __init__(self, name: TemplateName, tokenizer: Tokenizer) -> None:
        self.name, self.tokenizer = name, tokenizer
        roles = ("system", "user", "assistant")
        self._before = {
            role: self._signs(f"<|im_start|>{role}\n" if name == "chatml" else f"<|{role}|>\n") for role in roles
        }
        end = self._signs("<|im_end|>") if name == "chatml" else [tokenizer.end_of_text_id]
        line_end = tokenizer.encode("\n")
        self._end = {role: (end, line_end) if name == "chatml" else ([], line_end) for role in ("system", "user")}
        self._end["assistant"] = (end, line_end if name == "chatml" else [])
        self.end = end

    @property
    def jinja(self) -> str:
        """The template as `transformers` reads it."""
        return JINJA[self.name]

    def write(self, turns: Sequence[tuple[str, Sequence[int]]]) -> Written:
        """Return turns, whose words are tokens already, as one text."""
        tokens: list[int] = []
        is_learnt: list[bool] = []
        for role, words in turns:
            end, between = self._end[role]
            for piece, learnt in ((self._before[role], False), (words, True), (end, True), (between, False)):
                tokens += piece
                is_learnt += [learnt and role == "assistant"] * len(piece)
        return Written(tokens, is_learnt)

    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Return a conversation as tokens, up to where the assistant's next turn begins."""
        encoded = [(role, self.tokenizer.encode(cleared(words))) for role, words in turns]
        return [*self.write(encoded).tokens, *self._before["assistant"]]

    def overhead(self, role: str) -> int:
        """Return how many tokens a turn has besides its words."""
        return len(self._before[role]) + sum(map(len, self._end[role]))

    def _signs(self, text: str) -> list[int]:
        """Return the tokens of a sign: special ones where the tokenizer has them."""
        found: list[int] = []
        at = 0
        for sign in _SIGNS.finditer(text):
            special = self.tokenizer.special_id(sign.group())
            found += self.tokenizer.encode(text[at : sign.start()])
            found += self.tokenizer.encode(sign.group()) if special is None else [special]
            at = sign.end()
        return found + self.tokenizer.encode(text[at:])


def cleared(words: str) -> str:
    """Return what somebody wrote without the template's signs."""
    return _SIGNS.sub("", words)
