"""What only the pages of runs write down."""

from __future__ import annotations

from typing import Any

import msgspec
from django import template
from django.utils.translation import gettext_lazy as _

from webapp.runs.unit_words import in_order, measure_words, plural
from webapp.ui.templatetags.figures import exact, figure

register = template.Library()
MEMORY_PARTS = {
    "weights": _("weights"),
    "gradients": _("gradients"),
    "optimizer": _("optimiser"),
    "activations": _("activations"),
    "logits": _("logits and loss"),
    "gathered": _("gathered weights"),
    "workspace": _("workspace"),
    "fragmentation": _("fragmentation"),
    "context": _("driver"),
    "communication": _("communication"),
    "process": _("the process itself"),
}


@register.filter
def words(name: str) -> str:
    """Return the name of a measure as people write it."""
    return measure_words(name)


@register.filter
def measures(metrics: dict[str, Any]) -> list[tuple[str, Any]]:
    """Return measures with their values, what matters most first."""
    return in_order(metrics)


@register.filter
def units(unit: str) -> str:
    """Return what a family counts, in the plural."""
    return plural(unit)


@register.filter
def memory_part(name: str) -> str:
    """Return the word for a part of memory."""
    return str(MEMORY_PARTS.get(name, name))


@register.filter
def plain_number(value: float) -> str:
    """Return a number as an attribute has it, whatever the language."""
    return f"{value:.6g}"


@register.filter
def as_json(value: Any) -> str:
    """Return the value as JSON text that people can read."""
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()


@register.filter
def exact_or_text(value: Any) -> str:
    """1234567 -> 1,234,567; a part of a whole (a rate of learning) and text stay as they are."""
    is_whole = isinstance(value, int | float) and not isinstance(value, bool) and value == round(value)
    return exact(value) if is_whole else str(value)


@register.filter
def loss_of(metrics: dict[str, float | None]) -> float | None:
    """Return the loss that a checkpoint was judged by."""
    return metrics.get("validation/loss", metrics.get("loss"))


@register.filter
def cell(value: Any) -> str:
    """Return a cell of a report's table: a count exact, a measure with three digits, text as it is."""
    return exact(value) if isinstance(value, int) else str(value) if isinstance(value, str) else figure(value, 3)
