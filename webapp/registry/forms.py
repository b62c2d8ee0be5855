"""Forms of kept models: registering, the card, a suite, and what to look into."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from trainer.families import families
from webapp.datasets.models import DatasetVersion
from webapp.projects.models import Project
from webapp.registry.card import EDITABLE, HELP
from webapp.registry.evaluations import SPLITS
from webapp.registry.queries import model_names, ready_data

LICENCES = ("proprietary", "Apache-2.0", "MIT", "CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "OpenRAIL-M")


class RegisterForm(forms.Form):
    name = forms.CharField(
        label=_("Name of the model"),
        max_length=120,
        help_text=_("Versions of one model share its name and are numbered. Choose one that is there, or write a new."),
        widget=forms.TextInput(attrs={"list": "model-names", "autocomplete": "off"}),
    )
    licence = forms.CharField(
        label=_("Licence"),
        max_length=120,
        required=False,
        help_text=_("Under which terms others may use the weights. It can be set later."),
        widget=forms.TextInput(attrs={"list": "licences", "autocomplete": "off"}),
    )
    note = forms.CharField(
        label=EDITABLE["intended_use"],
        required=False,
        help_text=HELP["intended_use"],
        widget=forms.Textarea(attrs={"rows": 3}),
        max_length=20_000,
    )

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.names = model_names(project)
        self.licences = LICENCES


class CardForm(forms.Form):
    """The parts of a card that people write, and the licence."""

    licence = forms.CharField(
        label=_("Licence"),
        max_length=120,
        required=False,
        widget=forms.TextInput(attrs={"list": "licences", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.licences = LICENCES
        for name, title in EDITABLE.items():
            self.fields[name] = forms.CharField(
                label=title,
                help_text=HELP[name],
                required=False,
                max_length=20_000,
                widget=forms.Textarea(attrs={"rows": 5}),
            )


class SuiteForm(forms.Form):
    name = forms.CharField(label=_("Name"), max_length=120)
    data_version = forms.ModelChoiceField(
        label=_("Data version"), queryset=DatasetVersion.objects.none(), empty_label=None
    )
    splits = forms.MultipleChoiceField(
        label=_("Splits"),
        choices=[(name, name) for name in SPLITS],
        initial=["test"],
        widget=forms.CheckboxSelectMultiple,
    )
    metric = forms.CharField(
        label=_("Metric that decides"),
        max_length=60,
        initial="loss",
        help_text=_("As the family calls it: loss, bits_per_byte, accuracy, macro_f1."),
    )
    family = forms.ChoiceField(label=_("Family"), required=False)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["data_version"].queryset = ready_data(project)  # type: ignore[attr-defined]
        self.fields["family"].choices = [  # type: ignore[attr-defined]
            ("", _("any")),
            *((family.name, family.title) for family in families().values()),
        ]


class NearestForm(forms.Form):
    text = forms.CharField(
        label=_("Passage"),
        required=False,
        max_length=50_000,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("What it wrote, or anything else. Empty: it writes one, from the prompt below."),
    )
    prompt = forms.CharField(label=_("Prompt"), required=False, max_length=2_000)
    num_tokens = forms.IntegerField(label=_("Tokens to write"), min_value=8, max_value=2_000, initial=120)


class OverlapForm(forms.Form):
    num_passages = forms.IntegerField(label=_("Passages to write"), min_value=1, max_value=500, initial=16)
    num_tokens = forms.IntegerField(label=_("Tokens in each"), min_value=8, max_value=2_000, initial=200)
    ngram = forms.IntegerField(label=_("Tokens in a row that count as copied"), min_value=4, max_value=64, initial=12)
    prompt = forms.CharField(
        label=_("Prompt"),
        required=False,
        max_length=2_000,
        help_text=_("Empty: the beginnings of texts that it has not seen."),
    )


class ContaminationForm(forms.Form):
    evaluated = forms.ModelChoiceField(
        label=_("Data version to check"),
        queryset=DatasetVersion.objects.none(),
        required=False,
        empty_label=_("the one it learned from"),
    )
    split = forms.ChoiceField(label=_("Split"), choices=[("test", "test"), ("validation", "validation")])
    ngram = forms.IntegerField(label=_("Tokens in a row that count as copied"), min_value=4, max_value=64, initial=12)

    def __init__(self, *args: Any, project: Project, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["evaluated"].queryset = ready_data(project)  # type: ignore[attr-defined]


def inspection_form(what: str, project: Project, values: Any = None) -> forms.Form:
    """Return the form for something to look into."""
    if what == "contamination":
        return ContaminationForm(values, project=project, auto_id=f"{what}_%s")
    return {"nearest": NearestForm, "overlap": OverlapForm}[what](values, auto_id=f"{what}_%s")
