"""The next turn of a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

import msgspec

from trainer.guards import GuardRule, checked
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

    def passed(self, prompt: str, rules: Sequence[GuardRule]) -> Self:
        """Return the ask as it may go on: what was masked before is masked again, what was refused is not said again."""
        said: list[Message] = []
        is_refused = False
        for message in self.messages[:-1]:
            if message.role != "assistant":
                verdict = checked(message.content, rules, direction="input")
                is_refused, message = verdict.is_refused, msgspec.structs.replace(message, content=verdict.text)
            if not is_refused:  # the answer to what was refused goes with it
                said.append(message)
        last = msgspec.structs.replace(self.messages[-1], content=prompt)
        return msgspec.structs.replace(self, messages=[*said, last])


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
