"""What a sweep varies: settings of a training spec, and the values that each may take.

optimizer.learning_rate    1e-4 .. 1e-2 log      any value between, evenly in the logarithm
model.num_layers           2 .. 6                any whole number between
optimizer.name             adamw, muon           one of these
schedule.num_steps         500                   one value: set for every run, not varied
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import product
from math import isfinite
from typing import Any, Literal, get_args, get_origin, get_type_hints

import numpy as np

from trainer.errors import SpecError
from trainer.families import Family, get_family
from trainer.spec import TrainSpec, spec_from_dict

RANGE = re.compile(r"^\s*(\S+?)\s*(?:\.\.|…|–)\s*(\S+)\s*(.*)$")
WORDS = re.compile(r"[\s,]+")
GRID_POINTS = 4
MAX_POINTS, MAX_CHOICES, MAX_SETTINGS = 50, 50, 12
PARTS = ("batch", "optimizer", "schedule", "regularisation", "transfer", "prune", "distil", "evaluation", "machine")


class SweepRefused(SpecError):
    """No sweep can be made of this; the message says why."""

    code = "bad_sweep"


@dataclass(frozen=True, kw_only=True, slots=True)
class Setting:
    """One setting with the values that it may take: some, or all between two."""

    name: str
    choices: tuple[Any, ...] = ()
    low: float = 0.0
    high: float = 0.0
    is_log: bool = False
    is_whole: bool = False
    num_points: int = GRID_POINTS
    """Values of a range in a grid."""

    @property
    def is_range(self) -> bool:
        return not self.choices

    @property
    def is_fixed(self) -> bool:
        return len(self.choices) == 1

    def grid(self) -> list[Any]:
        """Return the values of a grid, in order."""
        if not self.is_range:
            return list(self.choices)
        spread = np.geomspace if self.is_log else np.linspace
        points = [self.rounded(float(value)) for value in spread(self.low, self.high, self.num_points)]
        return list(dict.fromkeys(points))

    def at(self, share: float) -> Any:
        """Return the value at a share from 0 to 1 of the way."""
        if not self.is_range:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        if self.is_log:
            return self.rounded(float(self.low * (self.high / self.low) ** share))
        return self.rounded(self.low + share * (self.high - self.low))

    def share(self, value: Any) -> float:
        """Return how far along a value lies, from 0 to 1: where it stands on an axis."""
        if not self.is_range:
            place = self.choices.index(value) if value in self.choices else 0
            return place / max(len(self.choices) - 1, 1)
        low, high, at = self.low, self.high, float(value)
        if self.is_log:
            low, high, at = np.log(low), np.log(high), np.log(max(at, 1e-300))
        return float(np.clip((at - low) / (high - low), 0, 1)) if high > low else 0.5

    def rounded(self, value: float) -> Any:
        return round(value) if self.is_whole else float(f"{value:.6g}")


FOLDERS = {"transfer.source", "transfer.source_name", "distil.teacher"}
"""Settings that name a folder of this machine, or say what it is: a run begins with one, and who may read it is asked there."""


def read_setting(family: Family, name: str, text: str) -> Setting:
    """Read the values that a setting may take; raise `SweepRefused` with what is wrong."""
    name, hint = name.strip(), type_of(family, name.strip())
    if match := RANGE.match(text):
        return _range(name, hint, match[1], match[2], match[3])
    texts = [each for each in (part.strip() for part in re.split(r"[,，、]", text)) if each]
    if not texts:
        raise SweepRefused(f"{name} has no values; write some, such as 1e-4 .. 1e-2 log or 2, 4.")
    if len(texts) > MAX_CHOICES:
        raise SweepRefused(f"{name} has more than {MAX_CHOICES} values.")
    return Setting(name=name, choices=tuple(dict.fromkeys(_value(name, hint, each) for each in texts)))


def _range(name: str, hint: Any, low_text: str, high_text: str, rest: str) -> Setting:
    if hint not in (int, float):
        raise SweepRefused(f"{name} is no number; list its values, with commas between.")
    low, high = (_value(name, float, text) for text in (low_text, high_text))
    words = [word for word in WORDS.split(rest.strip().lower()) if word]
    numbers = [int(word) for word in words if word.isdecimal()]
    is_log = "log" in words
    if unknown := [word for word in words if word != "log" and not word.isdecimal()]:
        raise SweepRefused(
            f"{name}: “{unknown[0]}” is not understood; behind a range may stand log and a number of grid points."
        )
    if not low < high:
        raise SweepRefused(f"{name}: a range goes from the smaller to the larger value.")
    if is_log and low <= 0:
        raise SweepRefused(f"{name}: a range in the logarithm begins above 0.")
    points = min(max(numbers[0], 2), MAX_POINTS) if numbers else GRID_POINTS
    return Setting(name=name, low=low, high=high, is_log=is_log, is_whole=hint is int, num_points=points)


def _value(name: str, hint: Any, text: str) -> Any:
    """Return a value of the setting's type."""
    try:
        if hint is bool:
            return {"true": True, "yes": True, "on": True, "false": False, "no": False, "off": False}[text.lower()]
        if hint is int:
            return int(float(text)) if float(text) == int(float(text)) else int(text)
        if hint is float and isfinite(number := float(text)):
            return number
        if hint is float:
            raise ValueError
    except (KeyError, ValueError, OverflowError):
        raise SweepRefused(f"{name}: “{text}” is not a value that it can take.") from None
    if get_origin(hint) is Literal and text not in get_args(hint):
        raise SweepRefused(f"{name}: “{text}” is none of {', '.join(get_args(hint))}.")
    return text


def types_of(family: Family) -> dict[str, Any]:
    """Return the settings that can be varied, with their types."""
    found: dict[str, Any] = {}
    hints = get_type_hints(TrainSpec)
    for part, cls in {"model": family.spec_type, **{name: hints[name] for name in PARTS}}.items():
        own = get_type_hints(cls)
        found |= {f"{part}.{field.name}": own[field.name] for field in fields(cls)}
    return {name: hint for name, hint in found.items() if name not in FOLDERS} | {"seed": int}


def type_of(family: Family, name: str) -> Any:
    known = types_of(family)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
        hint = f" Did you mean {near[0]}?" if near else ""
        raise SweepRefused(f"There is no setting {name or '∅'}.{hint}")
    return known[name]


def spec_with(base: Mapping[str, Any], values: Mapping[str, Any]) -> TrainSpec:
    """Return the base spec with these values; raise `SweepRefused` with the trainer's own sentence where it is none."""
    raw = {name: dict(part) if isinstance(part, Mapping) else part for name, part in base.items()}
    for name, value in values.items():
        part, _dot, field = name.partition(".")
        if field:
            raw[part][field] = value
        else:
            raw[name] = value
    try:
        spec = spec_from_dict(raw)[1]
    except SpecError as error:
        raise SweepRefused(str(error)) from error
    assert isinstance(spec, TrainSpec)
    return spec


def check_space(family_name: str, space: Sequence[Setting]) -> None:
    """Raise `SweepRefused` where the settings cannot be swept together."""
    names = [setting.name for setting in space]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise SweepRefused(f"{twice} is there twice.")
    if not any(not setting.is_fixed for setting in space):
        raise SweepRefused("Nothing varies: give at least one setting two values or a range.")
    if len(space) > MAX_SETTINGS:
        raise SweepRefused(f"At most {MAX_SETTINGS} settings.")
    for name in names:
        type_of(get_family(family_name), name)


def grid_of(space: Sequence[Setting]) -> list[dict[str, Any]]:
    """Return every combination, the last setting changing fastest."""
    names = [setting.name for setting in space]
    return [dict(zip(names, values, strict=True)) for values in product(*(setting.grid() for setting in space))]


def num_combinations(space: Sequence[Setting]) -> int:
    """Return how many runs a grid has, without making it."""
    return int(np.prod([len(setting.grid()) for setting in space], dtype=np.float64))
