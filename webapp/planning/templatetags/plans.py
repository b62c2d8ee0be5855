"""Filters of the plan's pages."""

from __future__ import annotations

from typing import Any

from django import template

from webapp.planning.inputs import FIELDS

register = template.Library()


@register.filter
def unlocalized(value: Any) -> str:
    """Return a number as scripts read it, whatever the language."""
    return repr(float(value)) if value is not None else ""


@register.filter
def source_of(name: str) -> str:
    """Return where an input's default is from."""
    return str(FIELDS[name]["source"])


@register.filter
def unit_of(name: str) -> str:
    """Return the unit of an input, as its label shows it."""
    unit, label = str(FIELDS[name]["unit"]), str(FIELDS[name]["label"])
    return "" if unit[:4].lower() in label.lower() else unit


@register.filter
def words(text: str) -> list[str]:
    return text.split()
