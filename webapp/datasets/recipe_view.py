"""A recipe as its page shows it: its steps in order, each setting in words, what differs from the usual marked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from django.utils.translation import gettext as _

from trainer.data.recipe import Recipe
from webapp.datasets.recipe_form import ADVANCED, CHOICES, LABELS, TITLES, Text
from webapp.ui.templatetags.figures import exact


@dataclass(frozen=True, slots=True)
class Line:
    """One setting of a step."""

    name: str
    label: Text
    shown: str
    is_changed: bool


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    title: Text
    is_off: bool
    lines: list[Line]


def recipe_view(recipe: dict[str, Any]) -> list[Step]:
    """Return the steps of a stored recipe. Rare settings are listed only where they differ from the usual."""
    return [_step(name, recipe.get(name, {}), usual) for name, usual in Recipe().to_dict().items()]


def step_names() -> list[str]:
    return [field.name for field in fields(Recipe)]


def label_of(step: str, name: str) -> Text:
    return LABELS.get(f"{step}.{name}", name.replace("_", " ").capitalize())


def shown_value(value: Any) -> str:
    """Return a setting in words."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(str(CHOICES.get(item, item)) for item in value) or _("all")
    if value is None:
        return "–"
    return exact(value) if isinstance(value, int) else str(CHOICES.get(value, value))


def _step(step: str, part: dict[str, Any], usual: dict[str, Any]) -> Step:
    rare = ADVANCED.get(step, set())
    lines = [
        Line(name, label_of(step, name), shown_value(part[name]), part[name] != usual[name])
        for name in usual
        if name != "enabled" and name in part and (name not in rare or part[name] != usual[name])
    ]
    return Step(step, TITLES.get(step, step), part.get("enabled") is False, lines)
