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
    "user": "user", "human": "user", "question": "user",
    "tool": "tool", "function": "tool", "observation": "tool",
    "assistant": "assistant", "gpt": "assistant", "model": "assistant", "bot": "assistant", "chatgpt": "assistant",
}  # fmt: skip
PROMPT_NAMES = ("prompt", "instruction", "question", "query", "user", "input", "问题", "指令")
CALL_ROLES = ("function_call", "tool_call", "tool_calls")
TAKEN_TOOL = "what a tool answered was taken as said by the user"
JOINED_PROMPTS = "several system prompts at the beginning were joined"
JOINED = "neighbouring messages of one side were joined"
UNANSWERED = "messages at the end that nobody answered were left out"
ANSWER_NAMES = ("response", "answer", "completion", "output", "assistant", "target", "回答", "答案")


def documents(file: OpenFile, recipe: ChatsRecipe) -> Iterator[Document]:
    """Yield the conversations of a file."""
    return documents_of_rows(file, lambda opened, head: reader(opened.reading.source, head, recipe.chats)[1])


def reader(source: SourceSpec, head: Sequence[Row], step: ChatsStep) -> tuple[str, RowReader]:
    """Return the form that the rows have, and what makes a conversation of one."""
    form, read = form_of(source, head)

    def made(row: dict[str, Any]) -> list[Made]:
        remarks: list[str] = []
        parts = checked(arranged(read(row), remarks), step, remarks)
        question = next(text for role, text in parts if role == "user")
        return [Made(parts, question, remarks)]

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
    plain = str(named).strip().lower()
    if plain in CALL_ROLES or turn.get("tool_calls") or turn.get("function_call"):
        raise Unfit("calls of tools are not learnt", f"message {number}")
    if plain not in ROLE_OF:
        raise Unfit("unknown role", f"message {number} is from {named!r}", is_broken=True)
    if ROLE_OF[plain] == "assistant" and turn.get("weight") == 0:
        raise Unfit("an answer that is not to be learnt", f"message {number} has the weight 0")
    return ROLE_OF[plain], content_of(number, turn.get("content", turn.get("value")))


def content_of(number: int, content: Any) -> str:
    """Return the text of a message, or of a list of pieces that are all text."""
    if isinstance(content, list):
        content = "".join(piece_of(number, piece) for piece in content)
    if not isinstance(content, str):
        raise Unfit("a message without text", f"message {number}", is_broken=True)
    return content


def piece_of(number: int, piece: Any) -> str:
    text = piece.get("text") if isinstance(piece, dict) and piece.get("type", "text") == "text" else piece
    if not isinstance(text, str):
        raise Unfit("a message holds more than text", f"message {number}: {str(piece)[:60]}")
    return text


def system_of(row: dict[str, Any]) -> list[Part]:
    system = row.get("system") or row.get("system_prompt")
    return [("system", system)] if isinstance(system, str) and system.strip() else []


def prompt_and_answer(row: dict[str, Any], prompt: str, answer: str, more: str) -> list[Part]:
    """Return the turns of a row of columns; each may be a text or a list of messages. `history`: earlier pairs of texts."""
    asked = said_at(row, prompt, "user")
    if extra := text_at(row, more).strip() if more else "":
        asked = [*asked[:-1], (asked[-1][0], f"{asked[-1][1]}\n\n{extra}")]
    return [*history_of(row.get("history")), *asked, *said_at(row, answer, "assistant")]


def said_at(row: dict[str, Any], column: str, role: str) -> list[Part]:
    value = value_at(row, column)
    return turns_of(value) if isinstance(value, list) and value else [(role, text_at(row, column))]


def history_of(history: Any) -> list[Part]:
    """Return earlier questions and answers, as in data sets of the Alpaca form: [[question, answer], ...]."""
    if not history:
        return []
    if not isinstance(history, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in history):
        raise Unfit("unknown form of history", str(history)[:60], is_broken=True)
    return [part for asked, said in history for part in (("user", str(asked)), ("assistant", str(said)))]


def arranged(turns: Sequence[Part], remarks: list[str]) -> list[Part]:
    """Return the turns with one system prompt at most and sides that take turns; what that changed is added to `remarks`."""
    prompts = list(dict.fromkeys(text.strip() for role, text in turns if role == "system" and text.strip()))
    first_said = next((i for i, (role, _) in enumerate(turns) if role != "system"), len(turns))
    if any(role == "system" and text.strip() for role, text in turns[first_said:]):
        raise Unfit("a system prompt in the middle")
    if len(prompts) > 1:
        remarks.append(JOINED_PROMPTS)
    if any(role == "tool" for role, _ in turns):
        remarks.append(TAKEN_TOOL)
    spoken = [("user" if role == "tool" else role, text) for role, text in turns if role != "system"]
    joined = merged(spoken)
    if len(joined) < len(spoken):
        remarks.append(JOINED)
    return [*([("system", "\n\n".join(prompts))] if prompts else []), *joined]


def checked(turns: Sequence[Part], step: ChatsStep, remarks: list[str]) -> list[Part]:
    """Return the turns as a conversation: questions and answers by turns, an answer last; raise `Unfit` otherwise."""
    system = [turn for turn in turns if turn[0] == "system"]
    spoken = [turn for turn in turns if turn[0] != "system"]
    if spoken and spoken[-1][0] == "user":
        spoken.pop()  # a question that nobody answered teaches nothing
        remarks.append(UNANSWERED)
    if not spoken:
        raise Unfit("no answer in the conversation")
    if spoken[0][0] != "user":
        raise Unfit("an answer without a question", spoken[0][1][:60])
    if empty := next((role for role, text in spoken if not text.strip()), ""):
        raise Unfit("empty question" if empty == "user" else "empty answer")
    if step.max_turns:
        spoken = spoken[: 2 * step.max_turns]
    return [*(system if step.keep_system else []), *spoken]


def merged(turns: Sequence[Part]) -> list[Part]:
    """Join neighbouring messages of the same side, as when a tool answers before a person does."""
    found: list[Part] = []
    for role, text in turns:
        if found and found[-1][0] == role:
            found[-1] = (role, f"{found[-1][1]}\n\n{text}".strip())
        else:
            found.append((role, text))
    return found
