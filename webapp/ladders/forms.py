"""The wizard's questions, and the rows of its proposal as a person may have edited them."""

from __future__ import annotations

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from economics.scaling.ladder_design import SizePlan
from webapp.datasets.models import DatasetVersion
from webapp.ladders.rungs import FAMILY, Common, RungRefused
from webapp.projects.models import Project

MILLION = 1e6
MAX_SIZES, MAX_TOKEN_COUNTS = 8, 6
ROW = re.compile(r"^size-(\d+)-params$")


class WizardForm(forms.Form):
    """What a ladder shall cost, and what it shall tell."""

    name = forms.CharField(
        label=gettext_lazy("Name"), required=False, max_length=80,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("chosen for you if left empty")}),
    )  # fmt: skip
    version = forms.ModelChoiceField(
        label=gettext_lazy("Data"), queryset=DatasetVersion.objects.none(), empty_label=None,
        help_text=gettext_lazy("The prepared version that the real run will learn from."),
    )  # fmt: skip
    budget_kind = forms.ChoiceField(
        label=gettext_lazy("Budget in"),
        choices=[("minutes", gettext_lazy("minutes")), ("usd", "USD")],
        initial="minutes",
    )
    budget = forms.FloatField(
        label=gettext_lazy("Budget for the whole ladder"), min_value=0.0001, max_value=1e7, initial=30,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip
    target_ratio = forms.FloatField(
        label=gettext_lazy("Predict a run so many times beyond it"), min_value=0.5, max_value=1000, initial=10,
        help_text=gettext_lazy("In compute, over the ladder's largest run. Beyond 30 every answer is a guess."),
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip
    sequence_length = forms.IntegerField(
        label=gettext_lazy("Sequence length"), min_value=16, max_value=32_768, initial=128,
        help_text=gettext_lazy("The same for every rung, so that all are measured on the same tokens."),
    )  # fmt: skip
    sequences_per_step = forms.IntegerField(
        label=gettext_lazy("Sequences per step"), min_value=1, max_value=65_536, initial=16
    )
    rate_factor = forms.FloatField(
        label=gettext_lazy("Learning rates, times the rule"), min_value=0.01, max_value=100, initial=1,
        help_text=gettext_lazy("The rule: 3e-3 at 1 M parameters, falling with the fourth root of the size."),
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip
    rates_tuned = forms.BooleanField(
        label=gettext_lazy("Rates were tuned for these sizes"), required=False,
        help_text=gettext_lazy("Otherwise the fit warns: rates that suit some sizes better tilt the exponents."),
    )  # fmt: skip

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        versions = DatasetVersion.objects.filter(
            dataset__project=project, ready_at__isnull=False, data_kind="text", dataset__archived_at=None
        )
        self.fields["version"].queryset = versions.select_related("dataset").defer("report").order_by("-ready_at")  # type: ignore[attr-defined]

    def common(self) -> Common:
        cleaned = self.cleaned_data
        names = ("version", "sequence_length", "sequences_per_step", "rate_factor")
        return Common(**{name: cleaned[name] for name in names})

    def settings(self) -> dict[str, Any]:
        """Return what is kept with the ladder beyond what its rungs share."""
        names = ("budget_kind", "budget", "target_ratio", "rates_tuned")
        return {"family": FAMILY, **{name: self.cleaned_data[name] for name in names}}

    def budget_seconds(self, usd_per_hour: float | None) -> float:
        """Return the budget as time on the device that will make the rungs."""
        if self.cleaned_data["budget_kind"] == "minutes":
            return float(self.cleaned_data["budget"]) * 60
        if not usd_per_hour:
            raise RungRefused(_("What an hour of this machine costs is unknown; give the budget in minutes."))
        return float(self.cleaned_data["budget"]) / usd_per_hour * 3600


def rows_read(data: Any) -> list[SizePlan]:
    """Return the edited rows, smallest size first; raise `RungRefused` naming the row that cannot be read."""
    numbers = sorted(int(match[1]) for name in data if (match := ROW.match(name)))
    found = [_row(number, data) for number in numbers[:MAX_SIZES] if not data.get(f"size-{number}-drop")]
    if not found:
        raise RungRefused(_("A ladder needs at least one size."))
    return sorted(found, key=lambda size: size.num_params)


def _row(number: int, data: Any) -> SizePlan:
    params = _number(data.get(f"size-{number}-params", ""), _("parameters of size %(n)d") % {"n": number + 1})
    texts = [text for text in re.split(r"[\s,;，、]+", data.get(f"size-{number}-tokens", "")) if text]
    if not texts:
        raise RungRefused(_("Size %(n)d has no token counts.") % {"n": number + 1})
    tokens = sorted(_number(text, _("tokens of size %(n)d") % {"n": number + 1}) for text in texts[:MAX_TOKEN_COUNTS])
    return SizePlan(num_params=params * MILLION, num_tokens=tuple(each * MILLION for each in tokens))


def _number(text: str, what: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise RungRefused(_("%(what)s: “%(text)s” is not a number of millions above 0.") % {"what": what, "text": text})
    return value


class ImportForm(forms.Form):
    """Points of runs done elsewhere."""

    file = forms.FileField(label=gettext_lazy("CSV"))
    name = forms.CharField(required=False, max_length=80)
