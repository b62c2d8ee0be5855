"""The next turn of a conversation."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from webapp.serving.abilities import Ability, Reply
from webapp.serving.requests import MAX_PROMPT_CHARACTERS, WriteAsk


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: Literal["system", "user", "assistant"]
    content: Annotated[str, msgspec.Meta(max_length=MAX_PROMPT_CHARACTERS)]


class ChatAsk(WriteAsk, frozen=True, kw_only=True, forbid_unknown_fields=True):
    messages: Annotated[list[Message], msgspec.Meta(min_length=1, max_length=400)]

    @property
    def prompt(self) -> str:
        """The question that is answered."""
        return self.messages[-1].content


def fields(ask: ChatAsk) -> dict[str, Any]:
    return {"messages": msgspec.to_builtins(ask.messages), "settings": msgspec.to_builtins(ask.settings)}


def kept(ask: ChatAsk, reply: Reply) -> dict[str, Any] | None:
    """Keep the question and its answer; what was said before stands with the settings."""
    if not reply.text and reply.ended in ("error", "cancelled"):
        return None
    return {
        "prompt": ask.prompt,
        "settings": {**msgspec.to_builtins(ask.settings), "messages": msgspec.to_builtins(ask.messages)},
        "output": reply.text,
        "num_tokens": reply.num_tokens,
        "num_prompt_tokens_cut": reply.num_cut_tokens,
        "ended_because": reply.ended,
    }


ABILITY = Ability(name="chat", ask=ChatAsk, fields=fields, kept=kept, writes=True, samples=True, order=5)
