"""The decision table (`table.toml`): which ways there are to each task, and what is believed of each."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cache
from importlib import resources
from typing import Any, Literal

import msgspec

How = Literal["scratch", "fine-tune", "lora", "distil", "api"]
Task = Literal["classify", "entities", "embed", "images", "generate"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Way:
    """One way to do a task."""

    name: str
    tasks: list[Task]
    how: How
    why: str
    family: str = ""
    preset: str = ""
    epochs: float = 0.0
    """Passes over the training data."""

    data_worth: float | None = None
    """How many examples one is worth, against a start from random weights; None: quality is not foretold."""

    floor: float = 0.05
    """Share of answers that stay wrong with all the data in the world."""

    worth_labels: float = 0.0
    """api: it does as well as so many examples a class; it does not grow with yours."""

    taught: int = 0
    """distil: texts that the teacher labels."""

    hours: float = 0.0
    """Of a person, once."""

    latency_seconds: float = 0.0
    """api: of an answer."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    half: Mapping[str, float]
    """Difficulty of a task -> examples a class that take the avoidable errors down to seven in ten."""

    basis: Mapping[str, str]
    way: list[Way]

    def of_task(self, task: str) -> list[Way]:
        return [way for way in self.way if task in way.tasks]


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
