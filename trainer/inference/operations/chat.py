"""The next turn of a conversation, token by token."""

from __future__ import annotations

import msgspec

from trainer.errors import InputError
from trainer.inference.loading import LoadedModel
from trainer.inference.operations.asking import Operation, Steps
from trainer.inference.operations.generate import WriteRequest, read_settings, told

ROLES = ("system", "user", "assistant")


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    role: str
    content: str


class ChatRequest(WriteRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    messages: list[Turn] = []
    """The conversation so far, the last turn a user's."""


def stream(loaded: LoadedModel, request: ChatRequest) -> Steps:
    """Yield `start` with how much was read and cut, then a `token` at a time."""
    settings = read_settings(request.settings)
    context = loaded.language_model.context_length
    turns, num_cut = fitting(loaded, request.messages, room=context - min(settings.num_tokens, context // 2))
    tokens = loaded.task.chat_prompt(turns)  # type: ignore[attr-defined]
    start = {"num_prompt_tokens": len(tokens), "num_cut_tokens": num_cut}
    return told(start, loaded.write(tokens, settings, draft=request.draft, engine=request.engine))


def fitting(loaded: LoadedModel, messages: list[Turn], *, room: int) -> tuple[list[tuple[str, str]], int]:
    """Return the turns that fit into the context, and how many tokens were cut: the oldest go first, a system prompt stays."""
    check(messages)
    system = [(turn.role, turn.content) for turn in messages if turn.role == "system"][:1]
    spoken = [(turn.role, turn.content) for turn in messages if turn.role != "system"]

    def length(turns: list[tuple[str, str]]) -> int:
        return len(loaded.task.chat_prompt([*system, *turns]))  # type: ignore[attr-defined]

    whole = length(spoken)
    while len(spoken) > 1 and length(spoken) > room:
        spoken = spoken[2:]  # a question goes with its answer
    left = length(spoken)
    if left > room:
        raise InputError(
            f"the conversation's last message takes {left:,} tokens and the model has room for {room:,}; shorten it"
        )
    return [*system, *spoken], whole - left


def check(messages: list[Turn]) -> None:
    if not messages or messages[-1].role != "user":
        raise InputError("the last message must be a user's: it is what the model answers")
    for number, turn in enumerate(messages, start=1):
        if turn.role not in ROLES:
            raise InputError(f"message {number} is from {turn.role!r}; it must be from {', '.join(ROLES)}")


OPERATION = Operation(name="chat", request=ChatRequest, stream=stream)
