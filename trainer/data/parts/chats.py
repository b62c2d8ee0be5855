"""Conversations: chat JSONL of OpenAI (`messages`) and ShareGPT (`conversations`), or columns of prompts and answers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from trainer.data.formats.reading import Row
from trainer.data.opening import OpenFile
from trainer.data.parts.marks import Part
from trainer.data.parts.reading import Made, RowReader, Unfit, documents_of_rows, first_named, no_columns, text_at
from trainer.data.parts.recipe import ChatsRecipe, ChatsStep
from trainer.data.readers import value_at
from trainer.data.sources import Document, SourceSpec

ROLE_OF = {
    "system": "system", "developer": "system",
    "user": "user", "human": "user", "question": "user", "tool": "user", "function": "user", "observation": "user",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant", "bot": "assistant", "chatgpt": "assistant",
}  # fmt: skip
PROMPT_NAMES = ("prompt", "instruction", "question", "query", "user", "input", "问题", "指令")
ANSWER_NAMES = ("response", "answer", "completion", "output", "assistant", "target", "回答", "答案")


def documents(file: OpenFile, recipe: ChatsRecipe) -> Iterator[Document]:
    """Yield the conversations of a file."""
    return documents_of_rows(file, lambda opened, head: reader(opened.reading.source, head, recipe.chats)[1])


def reader(source: SourceSpec, head: Sequence[Row], step: ChatsStep) -> tuple[str, RowReader]:
    """Return the form that the rows have, and what makes a conversation of one."""
    form, read = form_of(source, head)

    def made(row: dict[str, Any]) -> list[Made]:
        parts = checked(read(row), step)
        question = next(text for role, text in parts if role == "user")
        return [Made(parts, question)]

    return form, made


def form_of(source: SourceSpec, head: Sequence[Row]) -> tuple[str, Any]:
    """Return the name of the form that most rows have, and the function from a row to its turns."""
    column = source.text_column
    for name in [column] if column else ["messages", "conversations", "conversation", "dialogue", "dialog"]:
        turns = next((value_at(row, name) for _, row in head if isinstance(value_at(row, name), list)), None)
        if turns is not None:
            is_openai = any(isinstance(turn, dict) and "role" in turn for turn in turns)
            form = "OpenAI messages" if is_openai else "ShareGPT conversations"
            return form, lambda row, name=name: system_of(row) + turns_of(value_at(row, name))
    prompt = column or first_named(head, PROMPT_NAMES)
    answer = source.target_column or first_named(head, ANSWER_NAMES)
    if not prompt or not answer:
        raise no_columns(head, "wanted are `messages`, `conversations`, or a column of prompts and one of answers")
    more = "input" if prompt != "input" and prompt == first_named(head, ("instruction",)) else ""
    return "prompts and answers", lambda row: system_of(row) + prompt_and_answer(row, prompt, answer, more)


def turns_of(value: Any) -> list[Part]:
    """Return the turns of a list of messages, in whichever of the two forms."""
    if not isinstance(value, list):
        raise Unfit("no list of messages", is_broken=True)
    return [turn_of(number, turn) for number, turn in enumerate(value, start=1)]


def turn_of(number: int, turn: Any) -> Part:
    if not isinstance(turn, dict):
        raise Unfit("a message is no object", f"message {number}", is_broken=True)
    named = turn.get("role", turn.get("from"))
    role = ROLE_OF.get(str(named).strip().lower())
    if role is None:
        raise Unfit("unknown role", f"message {number} is from {named!r}", is_broken=True)
    return role, content_of(number, turn.get("content", turn.get("value")))


def content_of(number: int, content: Any) -> str:
    """Return the text of a message; of a list of pieces those that are text."""
    if isinstance(content, list):
        content = "".join(str(piece.get("text", "")) for piece in content if isinstance(piece, dict))
    if content is None:
        return ""
    if not isinstance(content, str):
        raise Unfit("a message without text", f"message {number}", is_broken=True)
    return content


def system_of(row: dict[str, Any]) -> list[Part]:
    system = row.get("system") or row.get("system_prompt")
    return [("system", system)] if isinstance(system, str) and system.strip() else []


def prompt_and_answer(row: dict[str, Any], prompt: str, answer: str, more: str) -> list[Part]:
    question, extra = text_at(row, prompt), text_at(row, more) if more else ""
    return [("user", f"{question}\n\n{extra}" if extra.strip() else question), ("assistant", text_at(row, answer))]


def checked(turns: Sequence[Part], step: ChatsStep) -> list[Part]:
    """Return the turns as a conversation: questions and answers by turns, an answer last; raise `Unfit` otherwise."""
    system = [turn for turn in turns if turn[0] == "system" and turn[1].strip()]
    spoken = merged([turn for turn in turns if turn[0] != "system"])
    while spoken and spoken[-1][0] != "assistant":
        spoken.pop()  # a question that nobody answered teaches nothing
    if not spoken:
        raise Unfit("no answer in the conversation")
    if spoken[0][0] != "user":
        raise Unfit("an answer without a question", spoken[0][1][:60])
    if empty := next((role for role, text in spoken if not text.strip()), ""):
        raise Unfit("empty question" if empty == "user" else "empty answer")
    if step.max_turns:
        spoken = spoken[: 2 * step.max_turns]
    return [*(system[:1] if step.keep_system else []), *spoken]


def merged(turns: Sequence[Part]) -> list[Part]:
    """Join neighbouring messages of the same side, as when a tool answers before a person does."""
    found: list[Part] = []
    for role, text in turns:
        if found and found[-1][0] == role:
            found[-1] = (role, f"{found[-1][1]}\n\n{text}".strip())
        else:
            found.append((role, text))
    return found
