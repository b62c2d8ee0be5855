"""A plan's inputs as a form made from the dataclass: a field a field, its docstring as help, its source beside it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from economics.catalogue.accelerators import accelerators
from economics.errors import EconomicsError
from economics.units import parse_quantity
from webapp.planning.inputs import FIELDS, OPTION_NAMES, TYPES, PlanInputs, inputs_from_dict, inputs_to_dict
from webapp.planning.sources import law_choices
from webapp.projects.models import Project
from webapp.ui.field_docs import field_docs

GOAL_LABELS = {
    "best-loss": _("Best loss for the budget"),
    "cheapest-training": _("Cheapest training for a loss"),
    "fastest": _("Soonest for a loss"),
    "cheapest": _("Least lifetime cost for a loss"),
}
SHORT = ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"))


def short_number(value: float) -> str:
    """Return a number as people type it.

    >>> short_number(4e9), short_number(0.25), short_number(720000.0), short_number(1273418112.0)
    ('4B', '0.25', '720k', '1273418112')
    """
    for size, unit in SHORT:
        if abs(value) >= size and float(f"{value / size:.6g}") * size == value:
            return f"{value / size:.6g}{unit}"
    return f"{value:.10g}"


class QuantityField(forms.CharField):
    """A number with an optional unit: 4B, 720k, 5%."""

    def __init__(self, *, slider: tuple[float, float] | None = None, blank_zero: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.blank_zero = blank_zero
        self.slider = slider
        self.widget.attrs |= {"inputmode": "decimal", "autocomplete": "off"}

    def prepare_value(self, value: Any) -> Any:
        if value == 0 and self.blank_zero:
            return ""
        return short_number(value) if isinstance(value, int | float) else value

    def to_python(self, value: Any) -> Any:
        text = str(value or "0").strip()
        try:
            return parse_quantity(text[:-1], field=str(self.label)) / 100 if text.endswith("%") else parse_quantity(
                text, field=str(self.label)
            )  # fmt: skip
        except EconomicsError as error:
            raise forms.ValidationError(str(error)) from error


class PlanForm(forms.Form):
    """Cleaned: `inputs` is the PlanInputs."""

    inputs: PlanInputs

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, project: Project, start: PlanInputs | None = None
    ) -> None:
        values = inputs_to_dict(start or PlanInputs())
        if data is not None:  # a form may send only what its page shows; the rest stays as it was
            data = {name: data.get(name, short_or_text(values[name])) for name in FIELDS}
        super().__init__(data, initial=values)
        docs = field_docs(PlanInputs)
        for name, meta in FIELDS.items():
            self.fields[name] = _field(name, meta, docs.get(name, ""), project)

    def part(self, name: str) -> list[forms.BoundField]:
        return [self[field] for field, meta in FIELDS.items() if meta["part"] == name]

    def clean_excluded(self) -> str:
        """Only options that there are can be left out."""
        text: str = self.cleaned_data["excluded"]
        unknown = [name for part in text.split(",") if (name := part.strip()) and name not in OPTION_NAMES]
        if unknown:
            told = {"unknown": ", ".join(unknown), "known": ", ".join(OPTION_NAMES)}
            raise forms.ValidationError(_("There is no option %(unknown)s; there are %(known)s."), params=told)
        return text

    def clean_rate_date(self) -> str:
        text: str = self.cleaned_data["rate_date"].strip()
        try:
            return date.fromisoformat(text).isoformat() if text else ""
        except ValueError:
            raise forms.ValidationError(_("Write the day as 2026-11-23.")) from None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if not self.errors:
            try:
                self.inputs = inputs_from_dict(cleaned)
            except EconomicsError as error:
                self.add_error(None, str(error))
        return cleaned


def short_or_text(value: Any) -> str:
    return short_number(value) if isinstance(value, int | float) else str(value)


def _field(name: str, meta: dict[str, Any], help_text: str, project: Project) -> forms.Field:
    common: dict[str, Any] = {"label": meta["label"], "help_text": help_text, "required": False}
    if name == "law":
        return forms.ChoiceField(choices=law_choices(project), **common)
    if name == "accelerator":
        known = [(a.name, a.name) for a in accelerators().values() if a.bf16_flop_per_second]
        return forms.ChoiceField(choices=known, **common)
    if meta["choices"]:
        options = meta["choices"].split(",")
        return forms.ChoiceField(
            choices=[(o, GOAL_LABELS.get(o, o) if name == "goal" else o) for o in options], **common
        )
    if TYPES[name] is float:
        return QuantityField(slider=meta["slider"], blank_zero=name == "gpu_usd_per_hour", **common)
    return forms.CharField(max_length=300, **common)


class ChoiceForm(forms.Form):
    chosen = forms.CharField(label=_("What we chose"), max_length=200)
    why = forms.CharField(label=_("Why"), required=False, max_length=5000, widget=forms.Textarea(attrs={"rows": 3}))
