"""What the playground offers, by what a model can do. Each ability is a file here that holds `ABILITY`, and

webapp/serving/abilities/<name>.py           what a browser may ask, what the inference process is sent, what is kept
templates/serving/abilities/<name>.html      its parts of the page: `slot` is action, panel or settings
static/js/playground/abilities/<name>.js     `mount(page)`: asks, and draws the answer
trainer/inference/operations/<name>.py       the same name at the other end of the socket

A model has the abilities that its family names. What a person gives is an input: several abilities share the prompt or
the picture (templates/serving/inputs/<input>.html, static/js/playground/inputs/<input>.js).
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from webapp.serving.requests import Ask


@dataclass(slots=True)
class Reply:
    """What a model has answered so far, as its messages came."""

    text: str = ""
    num_tokens: int = 0
    num_cut_tokens: int = 0
    result: dict[str, Any] = field(default_factory=dict)
    ended: str = "cancelled"
    seconds: float = 0.0

    def see(self, message: Mapping[str, Any]) -> None:
        """Take note of a message of the inference process."""
        if message["event"] == "start":
            self.num_cut_tokens = message.get("num_cut_tokens", 0)
        elif message["event"] == "token":
            self.num_tokens += 1
            self.text += message["text"]
        elif message["event"] == "done":
            self.result = message["result"]
            self.ended = str(self.result.get("end", ""))


@dataclass(frozen=True, kw_only=True, slots=True)
class Ability:
    """One thing that a model can be asked for in the playground."""

    name: str
    """As families name it, and the operation of the inference process."""

    ask: type[Ask]
    """What a browser may send."""

    fields: Callable[[Any], dict[str, Any]]
    """From what the browser sent to the fields of the operation."""

    kept: Callable[[Any, Reply], dict[str, Any] | None] = lambda ask, reply: None
    """What the history keeps of an answer (fields of a Generation); None: nothing."""

    input: str = ""
    """What a person gives: `text`, `image`, or another file in templates/serving/inputs. Empty: its panel asks itself."""

    writes: bool = False
    """It makes text for people: guards look at what is asked and what is answered."""

    reads: bool = False
    """It tells something of a text that people give: guards look at what is asked."""

    samples: bool = False
    """It writes token by token: the form that says how is shown."""

    order: int = 50
    """Place among the others: smaller comes first."""

    @property
    def template(self) -> str:
        return f"serving/abilities/{self.name}.html"

    @property
    def module(self) -> str:
        return f"js/playground/abilities/{self.name}.js"


@dataclass(frozen=True, kw_only=True, slots=True)
class Input:
    """What a person gives, and the abilities that take it."""

    name: str
    abilities: list[Ability]

    @property
    def template(self) -> str:
        return f"serving/inputs/{self.name}.html"

    @property
    def module(self) -> str:
        return f"js/playground/inputs/{self.name}.js"


@cache
def abilities() -> Mapping[str, Ability]:
    """Return every ability by name, found by looking through this folder, in their order on the page."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    found: list[Ability] = sorted((module.ABILITY for module in modules), key=lambda each: (each.order, each.name))
    return {ability.name: ability for ability in found}


def abilities_among(names: Iterable[str]) -> list[Ability]:
    """Return those of the abilities that are named, in their order."""
    wanted = set(names)
    return [ability for ability in abilities().values() if ability.name in wanted]


def inputs_of(offered: Iterable[Ability]) -> list[Input]:
    """Return what a person has to give for these abilities, each input once."""
    found: dict[str, list[Ability]] = {}
    for ability in offered:
        if ability.input:
            found.setdefault(ability.input, []).append(ability)
    return [Input(name=name, abilities=takers) for name, takers in found.items()]
