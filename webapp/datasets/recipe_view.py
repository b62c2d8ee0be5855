"""A recipe as its page shows it: its steps in order, each setting in words, what differs from the usual marked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from django.utils.translation import gettext as _

from trainer.data.kinds import get_data_kind
from webapp.datasets.pages import DataPages, Text, pages_of
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


def recipe_view(recipe: dict[str, Any], data_kind: str = "text") -> list[Step]:
    """Return the steps of a stored recipe. Rare settings are listed only where they differ from the usual."""
    usual, pages = get_data_kind(data_kind).recipe_type().to_dict(), pages_of(data_kind)
    return [_step(name, recipe.get(name, {}), part, pages) for name, part in usual.items()]


def step_names(data_kind: str) -> list[str]:
    return [field.name for field in fields(get_data_kind(data_kind).recipe_type)]  # type: ignore[arg-type]


def shown_value(value: Any, pages: DataPages) -> str:
    """Return a setting in words."""
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, list):
        return ", ".join(str(pages.choices.get(item, item)) for item in value) or _("all")
    if value is None:
        return "–"
    return exact(value) if isinstance(value, int) else str(pages.choices.get(value, value))


def _step(step: str, part: dict[str, Any], usual: dict[str, Any], pages: DataPages) -> Step:
    rare = pages.advanced.get(step, set())
    lines = [
        Line(name, pages.label_of(step, name), shown_value(part[name], pages), part[name] != usual[name])
        for name in usual
        if name != "enabled" and name in part and (name not in rare or part[name] != usual[name])
    ]
    return Step(step, pages.title_of(step), part.get("enabled") is False, lines)
