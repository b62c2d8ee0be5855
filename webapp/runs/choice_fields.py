"""Settings that the form offers as a choice, where the spec has a path or a number: models to start from, processes."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from django import forms
from django.utils.translation import gettext_lazy as _

from webapp.runs.setting_fields import model_values
from webapp.runs.sources import StartingPoint


def source_field(plain: forms.Field, points: list[StartingPoint]) -> forms.ChoiceField:
    """Return the choice of a model to start from, in the place of a path; each says the settings that go with it."""
    field = forms.ChoiceField(
        choices=[("", _("Random weights")), *((point.path, point.label) for point in points)],
        required=False,
        label=_("Start from"),
        help_text=_(
            "The model's sizes must be those of the one it starts from, and the data prepared with its tokenizer."
        ),
        initial=plain.initial,
    )
    shapes = {point.path: model_values(point.model) if point.model else {} for point in points}
    field.widget.attrs["data-sources"] = msgspec.json.encode(shapes).decode()
    return field


def teacher_field(plain: forms.Field, points: list[StartingPoint]) -> forms.ChoiceField:
    """Return the choice of a model to learn from, in the place of a path: a checkpoint of this family."""
    checkpoints = [(point.path, point.label) for point in points if point.is_checkpoint and point.model]
    return forms.ChoiceField(
        choices=[("", _("None")), *checkpoints],
        required=False,
        label=_("Teacher"),
        help_text=_(
            "It answers every batch, too, which costs its forward pass. Its tokenizer or classes must be the data's."
        ),
        initial=plain.initial,
    )


def parallel_fields(plain: Mapping[str, forms.Field], most: int) -> dict[str, forms.Field]:
    """Return the choice of processes, from one to what the machine has; hidden where that is one."""
    processes, strategy = plain["parallel.processes"], plain["parallel.strategy"]
    chosen = processes.initial if isinstance(processes.initial, int) else 1
    numbers = [str(n) for n in range(1, max(most, chosen) + 1)]
    field = forms.TypedChoiceField(
        choices=[("auto", _("chosen by the quote")), *((number, number) for number in numbers)],
        coerce=lambda value: value if value == "auto" else int(value),
        required=False,
        empty_value="auto",
        label=processes.label,
        help_text=processes.help_text,
        initial=processes.initial,
    )
    held = forms.TypedChoiceField(
        choices=strategy.choices,  # type: ignore[attr-defined]
        required=False,
        empty_value="auto",
        label=strategy.label,
        help_text=strategy.help_text,
        initial=strategy.initial,
    )
    if len(numbers) == 1:
        field.widget, held.widget = forms.HiddenInput(), forms.HiddenInput()
    return {"parallel.processes": field, "parallel.strategy": held}
