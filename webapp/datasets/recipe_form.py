"""The recipe as a form: a section a step, a field a field, with the dataclasses' own docstrings as help."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from django import forms
from django.utils.translation import gettext_lazy as _

from trainer.data.kinds import get_data_kind
from trainer.data.steps import StepsRecipe
from trainer.errors import SpecError
from webapp.datasets.models import Dataset
from webapp.datasets.pages import DataPages, Text, pages_of
from webapp.datasets.paraphrasers import paraphrasers
from webapp.datasets.tokenizers import tokenizers
from webapp.ui.field_docs import field_docs

MIB = 2**20
PARAPHRASERS = ("augment-paraphraser", "augment-paraphraser_back")
"""Fields that name a model: one of the project's is chosen, and no path is ever typed."""


@dataclass(frozen=True, slots=True)
class Section:
    """One step of the recipe on the page."""

    name: str
    title: Text
    summary: str
    toggle: forms.BoundField | None
    fields: list[forms.BoundField]
    checks: list[forms.BoundField]
    """Fields that are ticked, set apart from those that are typed."""

    advanced: list[forms.BoundField]

    @property
    def has_error(self) -> bool:
        return any(field.errors for field in (*self.fields, *self.checks, *self.advanced))


class MebibytesField(forms.FloatField):
    """Bytes, typed in MiB."""

    def prepare_value(self, value: Any) -> Any:
        return round(value / MIB, 6) if isinstance(value, int) else value

    def clean(self, value: Any) -> Any:
        number = super().clean(value)
        return None if number is None else round(number * MIB)


class RecipeForm(forms.Form):
    """Cleaned: `recipe` holds the recipe; `tokenizer` is the folder of the one chosen, None where one is learnt."""

    recipe: Any  # of the data kind's own type

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        dataset: Dataset,
        start: StepsRecipe | None = None,
        tokenizer: str = "",
    ) -> None:
        super().__init__(data)
        self.kind, self.pages = get_data_kind(dataset.data_kind), pages_of(dataset.data_kind)
        start = start or self.kind.recipe_type()
        for step in self._steps():
            part = getattr(start, step)
            for name, field in _form_fields(step, part, self.pages).items():
                self.fields[name] = field
        self._add_paraphrasers(dataset)
        if self.kind.has_tokenizer:
            self._add_tokenizers(dataset, tokenizer)

    def _steps(self) -> list[str]:
        return [step.name for step in fields(self.kind.recipe_type)]  # type: ignore[arg-type]

    def _add_paraphrasers(self, dataset: Dataset) -> None:
        names = [name for name in PARAPHRASERS if name in self.fields]
        found = paraphrasers(dataset.project) if names else []
        for name in names:
            plain = self.fields[name]
            self.fields[name] = forms.ChoiceField(
                choices=[("", _("None")), *found], required=False, label=plain.label, help_text=plain.help_text,
                initial=plain.initial,
            )  # fmt: skip

    def _add_tokenizers(self, dataset: Dataset, chosen: str) -> None:
        self._tokenizers = tokenizers(dataset.project)
        self.fields["tokenizer_of"] = forms.ChoiceField(
            choices=[("", _("Learn a new one")), *((each.value, each.label) for each in self._tokenizers.values())],
            label=_("Tokenizer"),
            required=False,
            initial=chosen,
            help_text=_(
                "That of the data or the model that a run on this will start from, or whose results are to be compared."
            ),
        )

    @property
    def tokenizer(self) -> Path | None:
        choice = self._tokenizers.get(self.cleaned_data.get("tokenizer_of", "")) if self.kind.has_tokenizer else None
        return choice.put_together() if choice else None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if self.errors:
            return cleaned
        raw: dict[str, dict[str, Any]] = {}
        for key, value in cleaned.items():
            step, dash, name = key.partition("-")
            if dash:
                raw.setdefault(step, {})[name] = value
        try:
            self.recipe = self.kind.recipe_type.from_dict(raw)
        except SpecError as error:
            self._place(error)
        return cleaned

    def sections(self) -> list[Section]:
        return [self._section(step) for step in self._steps()]

    def _section(self, step: str) -> Section:
        bound = {key.partition("-")[2]: self[key] for key in self.fields if key.startswith(f"{step}-")}
        toggle = bound.pop("enabled", None)
        advanced = [bound.pop(name) for name in sorted(self.pages.advanced.get(step, ())) if name in bound]
        plain = [field for field in bound.values() if not isinstance(field.field, forms.BooleanField)]
        if step == "tokenizer" and "tokenizer_of" in self.fields:
            plain.append(self["tokenizer_of"])
        checks = [field for field in bound.values() if isinstance(field.field, forms.BooleanField)]
        return Section(step, self.pages.title_of(step), self._summary(step), toggle, plain, checks, advanced)

    def _summary(self, step: str) -> str:
        part = get_type_hints(self.kind.recipe_type)[step]
        return (getattr(part, "__doc__", "") or "").split("\n\n")[0].replace("`", "").replace("\n", " ").strip()

    def _place(self, error: SpecError) -> None:
        """Show the sentence at the field that it names."""
        found = re.match(r"(\w+)\.(\w+)", str(error))
        key = f"{found[1]}-{found[2]}" if found else ""
        self.add_error(key if key in self.fields else None, str(error))


def _form_fields(step: str, part: Any, pages: DataPages) -> dict[str, forms.Field]:
    docs = field_docs(type(part))  # type: ignore[arg-type]
    hints = get_type_hints(type(part))
    return {
        f"{step}-{field.name}": _form_field(
            hints[field.name],
            getattr(part, field.name),
            label=pages.label_of(step, field.name),
            help_text=docs.get(field.name, "").replace("`", ""),
            name=f"{step}.{field.name}",
            pages=pages,
        )
        for field in fields(part)
    }


def _form_field(hint: Any, value: Any, *, label: Text, help_text: str, name: str, pages: DataPages) -> forms.Field:
    common: dict[str, Any] = {"label": label, "help_text": help_text, "initial": value}
    if hint is bool:
        return forms.BooleanField(required=False, **common)
    if get_origin(hint) is Literal:
        return forms.ChoiceField(choices=_choices(hint, pages), **common)
    if get_origin(hint) is list:
        return forms.MultipleChoiceField(
            choices=_choices(get_args(hint)[0], pages), required=False, widget=forms.CheckboxSelectMultiple, **common
        )
    if hint is str and name in pages.lists:
        return forms.CharField(required=False, max_length=100_000, widget=forms.Textarea(attrs={"rows": 3}), **common)
    if hint is str:
        return forms.CharField(required=False, max_length=500, **common)
    if hint is float:
        is_share = name.endswith(("_fraction", ".threshold"))
        widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
        return forms.FloatField(min_value=0, max_value=1 if is_share else None, widget=widget, **common)
    if hint is int and name.endswith("_bytes") and value >= MIB:
        common["label"] = _("%(label)s, MiB") % {"label": label}
        return MebibytesField(min_value=0, widget=forms.NumberInput(attrs={"step": "any"}), **common)
    if hint is int:
        return forms.IntegerField(min_value=0, **common)
    raise TypeError(f"no form field for {hint}")


def _choices(hint: Any, pages: DataPages) -> list[tuple[str, Text]]:
    return [
        (str(value), pages.choices.get(str(value), str(value))) for value in get_args(hint) if value is not NoneType
    ]
