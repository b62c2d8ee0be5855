"""Preferences: a question, an answer that was chosen and one that was rejected, as texts or as lists of messages."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from trainer.data.formats.reading import Row
from trainer.data.opening import OpenFile
from trainer.data.parts.chats import PROMPT_NAMES, arranged, system_of, turns_of
from trainer.data.parts.marks import Part
from trainer.data.parts.reading import Made, RowReader, Unfit, documents_of_rows, first_named, no_columns, text_at
from trainer.data.parts.recipe import PreferencesRecipe, PreferencesStep
from trainer.data.readers import value_at
from trainer.data.sources import Document, SourceSpec

CHOSEN_NAMES = ("chosen", "preferred", "better", "accepted", "win")
REJECTED_NAMES = ("rejected", "dispreferred", "worse", "lose")


def documents(file: OpenFile, recipe: PreferencesRecipe) -> Iterator[Document]:
    """Yield the preferences of a file."""
    return documents_of_rows(file, lambda opened, head: reader(opened.reading.source, head, recipe.preferences))


def reader(source: SourceSpec, head: Sequence[Row], step: PreferencesStep) -> RowReader:
    """Return what makes a preference of a row; raise `BrokenFileError` where its columns cannot be told."""
    chosen, rejected = first_named(head, CHOSEN_NAMES), first_named(head, REJECTED_NAMES)
    prompt = source.text_column or first_named(head, PROMPT_NAMES)
    if not chosen or not rejected:
        raise no_columns(head, "wanted are columns `chosen` and `rejected`, and `prompt` unless they hold it")

    def read(row: dict[str, Any]) -> list[Made]:
        asked = question_of(row, prompt) if prompt else []
        better, worse = answer_of(row, chosen), answer_of(row, rejected)
        before = (
            better[:-1] if has_question(better) else asked
        )  # a whole conversation tells more than its last question
        if has_question(worse) and worse[:-1] != before:
            raise Unfit("the two answers have different questions")
        remarks: list[str] = []
        turns = arranged([*system_of(row), *before], remarks)
        return [made_of(turns, better[-1][1], worse[-1][1], step, remarks)]

    return read


def question_of(row: dict[str, Any], column: str) -> list[Part]:
    value = value_at(row, column)
    return turns_of(value) if isinstance(value, list) else [("user", text_at(row, column))]


def has_question(turns: Sequence[Part]) -> bool:
    return any(role == "user" for role, _ in turns)


def answer_of(row: dict[str, Any], column: str) -> list[Part]:
    """Return a conversation that ends with the answer; a text is the answer alone."""
    value = value_at(row, column)
    turns = turns_of(value) if isinstance(value, list) else [("assistant", text_at(row, column))]
    if not turns or turns[-1][0] != "assistant":
        raise Unfit("no answer at the end", column, is_broken=True)
    return turns


def made_of(
    spoken: Sequence[Part], better: str, worse: str, step: PreferencesStep, remarks: Sequence[str] = ()
) -> Made:
    """Return the parts; raise `Unfit` where nothing is to be learnt from them."""
    questions = [text for role, text in spoken if role == "user" and text.strip()]
    if not questions or spoken[-1][0] != "user":
        raise Unfit("no question")
    if not better.strip() or not worse.strip():
        raise Unfit("empty answer")
    if better.strip() == worse.strip():
        raise Unfit("both answers the same", better[:60])
    if abs(len(better) - len(worse)) < step.min_difference:
        raise Unfit("answers too much alike in length")
    return Made([*spoken, ("chosen", better), ("rejected", worse)], questions[0], remarks)
