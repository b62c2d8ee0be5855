"""The decision table (`table.toml`): which ways there are to each task, and what is believed of each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec

How = Literal["scratch", "fine-tune", "lora", "distil", "api", "rule"]
TaskName = Literal["classify", "entities", "embed", "images", "generate", "detect", "recommend", "translate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to do a task."""

    name: str
    tasks: list[TaskName]
    how: How
    why: str
    family: str = ""
    preset: str = ""
    epochs: float = 0.0
    """Passes over the training data."""

    data_worth: float | None = None
    """How many examples one is worth, against a start from random weights; None: quality is not foretold."""

    floor: float = 0.05
    """Share of answers that stay wrong with all the data in the world, besides what stays wrong of the task itself."""

    worth_labels: float = 0.0
    """api, rule: it does as well as so many examples a class; it does not grow with yours."""

    taught: int = 0
    """distil: texts that the teacher labels, or answers."""

    hours: float = 0.0
    """Of a person, once."""

    latency_seconds: float = 0.0
    """api, rule: of an answer."""

    apis: tuple[str, ...] = ()
    """api: how the names of those begin that can do it; empty: all."""

    basis: str = ""
    """Key of `Table.basis`, where its quality rests on something published for this very way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    half: Mapping[str, Mapping[str, float]]
    """Task (`labels`: all others) -> difficulty -> examples a class that take the avoidable errors down to seven in ten."""

    floor: Mapping[str, Mapping[str, float]]
    """Task -> difficulty -> share that stays wrong whatever the way; a task that is not there: nothing."""

    basis: Mapping[str, str]
    way: list[Way]

    def of_task(self, task: str) -> list[Way]:
        return [way for way in self.way if task in way.tasks]

    def half_of(self, task: str, difficulty: str) -> float:
        return self.half.get(task, self.half["labels"])[difficulty]

    def floor_of(self, task: str, difficulty: str) -> float:
        return self.floor.get(task, {}).get(difficulty, 0.0)


@cache
def decision_table() -> Table:
    text = resources.files("webapp.planning.advisor").joinpath("table.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text), Table)


WEIGHTS = ("data_worth", "floor", "epochs", "hours", "worth_labels", "taught", "latency_seconds")
"""Beliefs about a way that anybody can change on the page."""


def weights_of(way: Way) -> list[str]:
    """Return the beliefs that count for a way: those that the table gives it, as `<way>.<field>`."""
    own = {field.name: field.default for field in fields(Way)}
    return [f"{way.name}.{name}" for name in WEIGHTS if getattr(way, name) != own[name] or name == "hours"]


def with_weights(way: Way, weights: Mapping[str, float]) -> Way:
    """Return the way with the weights that somebody changed: `<way>.<field>`."""
    changed: dict[str, Any] = {name: weights[key] for name in WEIGHTS if (key := f"{way.name}.{name}") in weights}
    if "taught" in changed:
        changed["taught"] = round(changed["taught"])
    return replace(way, **changed)
