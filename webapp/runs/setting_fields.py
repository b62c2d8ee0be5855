"""Form fields made from a dataclass of settings: a field a field, with its docstring as help."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from webapp.ui.field_docs import field_docs

Text = Promise | str
LONG_TEXT = {"evaluation.sample_prompt"}
LABELS: dict[str, Text] = {
    "schedule.num_steps": _("Steps"),
    "batch.sequences_per_step": _("Sequences per step"),
    "batch.sequence_length": _("Sequence length, tokens"),
    "evaluation.every_steps": _("Validate every, steps"),
    "transfer.freeze_layers": _("Frozen blocks"),
    "checkpoint.every_steps": _("Checkpoint every, steps"),
    "checkpoint.keep_last": _("Latest ones kept"),
    "optimizer.name": _("Optimiser"),
    "optimizer.eps": "ε",
    "optimizer.beta1": "β₁",
    "optimizer.beta2": "β₂",
}


def section_fields(prefix: str, cls: type, start: Any) -> dict[str, forms.Field]:
    """Return the form fields of a settings dataclass."""
    hints, docs = get_type_hints(cls), field_docs(cls)
    return {
        f"{prefix}.{field.name}": _field(f"{prefix}.{field.name}", hints[field.name], docs.get(field.name, ""), start)
        for field in fields(cls)
        if field.default is not MISSING or field.default_factory is not MISSING
    }


def _field(name: str, hint: Any, help_text: str, start: Any) -> forms.Field:
    short = name.partition(".")[2]
    common: dict[str, Any] = {
        "label": setting_label(name),
        "help_text": help_text,
        "initial": getattr(start, short),
    }
    if hint is bool:
        return forms.BooleanField(required=False, **common)
    if get_origin(hint) is Literal:
        return forms.ChoiceField(choices=[(value, value) for value in get_args(hint)], **common)
    if hint is int:
        return forms.IntegerField(**common)
    if hint is float:
        return forms.FloatField(widget=forms.NumberInput(attrs={"step": "any"}), **common)
    widget = forms.Textarea(attrs={"rows": 2}) if name in LONG_TEXT else forms.TextInput()
    return forms.CharField(required=False, strip=False, widget=widget, empty_value="", **common)


def setting_label(name: str) -> Text:
    """model.num_layers -> Layers; the docstring of the field says the rest."""
    if (label := LABELS.get(name)) is not None:
        return label
    signs = {"qk": "QK", "kv": "KV", "rope": "RoPE", "dtype": "number format"}
    short = name.rpartition(".")[2].removeprefix("num_")
    words = " ".join(signs.get(word, word) for word in short.split("_"))
    return words[:1].upper() + words[1:]


def model_values(model: Any) -> dict[str, Any]:
    """Return a model's settings as the form's fields have them."""
    return {f"model.{key}": value for key, value in msgspec.to_builtins(model).items()}
