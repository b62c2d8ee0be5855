"""What the advisor asks. All of it stands in the page's address, so that an advice can be sent and kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from webapp.datasets.models import Dataset, DatasetVersion
from webapp.planning.advisor.advice import Wanted
from webapp.planning.advisor.table import decision_table, weights_of
from webapp.projects.models import Project
from webapp.runs.data_facts import data_facts

TASKS = [
    ("classify", gettext_lazy("Tell texts apart by labels")),
    ("entities", gettext_lazy("Mark names in texts")),
    ("embed", gettext_lazy("Find texts that are alike")),
    ("generate", gettext_lazy("Write text")),
    ("images", gettext_lazy("Tell pictures apart")),
]
DIFFICULTIES = [
    ("easy", gettext_lazy("easy: words give it away")),
    ("usual", gettext_lazy("usual")),
    ("hard", gettext_lazy("hard: experts disagree")),
]
BELIEFS = {
    "data_worth": gettext_lazy("data worth"),
    "floor": gettext_lazy("floor"),
    "epochs": gettext_lazy("passes"),
    "hours": gettext_lazy("hours"),
    "worth_labels": gettext_lazy("worth labels"),
    "taught": gettext_lazy("texts taught"),
    "latency_seconds": gettext_lazy("seconds"),
}
HYPOTHETICAL: dict[str, dict[str, Any]] = {
    "text": {"vocab_size": 8_192, "facts": {}},
    "images": {"vocab_size": None, "facts": {"side": 64, "num_channels": 3}},
}


USUAL_EXAMPLES = 1_000


def _number(label: Any, initial: float | None, help_text: Any = "", **limits: Any) -> forms.FloatField:
    return forms.FloatField(
        label=label, initial=initial, required=False, help_text=help_text,
        widget=forms.NumberInput(attrs={"step": "any"}), **{"min_value": 0, **limits},
    )  # fmt: skip


class AdvisorForm(forms.Form):
    """The task, the data at hand, and what is wanted."""

    task = forms.ChoiceField(label=gettext_lazy("What shall it do?"), choices=TASKS, initial="classify", required=False)
    in_mind = forms.CharField(
        label=gettext_lazy("A model you have in mind"), required=False, max_length=60,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("none, or for instance BERT, Llama 8B")}),
    )  # fmt: skip
    version = forms.ModelChoiceField(
        label=gettext_lazy("Data at hand"), queryset=DatasetVersion.objects.none(), required=False,
        empty_label=gettext_lazy("none prepared yet"),
    )  # fmt: skip
    num_examples = forms.IntegerField(
        label=gettext_lazy("Labelled examples"), required=False, min_value=0, max_value=10**9,
        help_text=gettext_lazy("Empty: as many as the data has."),
    )  # fmt: skip
    num_labels = forms.IntegerField(label=gettext_lazy("Labels"), required=False, min_value=2, max_value=100_000)
    difficulty = forms.ChoiceField(
        label=gettext_lazy("How hard is it?"), choices=DIFFICULTIES, initial="usual", required=False
    )
    quality = _number(gettext_lazy("Right answers wanted, %"), 85, max_value=100)
    latency_ms = _number(gettext_lazy("Answer within, ms"), 1000)
    budget_usd = _number(gettext_lazy("Budget at once, USD"), 2000, gettext_lazy("People's hours count."))
    requests_per_month = _number(gettext_lazy("Answers a month"), 100_000)
    tokens_in = _number(gettext_lazy("Tokens read for one"), 200)
    tokens_out = _number(gettext_lazy("Tokens written for one"), 20)
    months = _number(gettext_lazy("Over, months"), 12)
    usd_per_point = _number(
        gettext_lazy("A point of quality is worth, USD"), 100,
        gettext_lazy("One more right answer in a hundred, over all these months."),
    )  # fmt: skip
    usd_per_hour_of_work = _number(gettext_lazy("An hour of work costs, USD"), 60)
    half = _number(
        gettext_lazy("Examples a label wants"), None,
        gettext_lazy("They take the avoidable errors down to seven in ten. Empty: 4 where it is easy, 20, 100 if hard."),
        min_value=0.1,
    )  # fmt: skip

    def __init__(self, data: Any, *, project: Project) -> None:
        self.project = project
        super().__init__(with_beginnings(data) if data else None)
        versions = DatasetVersion.objects.filter(dataset__project=project, ready_at__isnull=False)
        self.fields["version"].queryset = versions.select_related("dataset", "job").order_by("-ready_at")  # type: ignore[attr-defined]
        self.fields["version"].initial = self.fields["version"].queryset.filter(data_kind="text").first()  # type: ignore[attr-defined]
        self.weight_names: list[tuple[str, list[str]]] = []
        self.asked_task = str((data or {}).get("task") or "classify")
        for way in decision_table().of_task(self.asked_task):
            names = weights_of(way)
            for name in names:
                belief = name.partition(".")[2]
                self.fields[name] = _number(BELIEFS[belief], getattr(way, belief))
            self.weight_names.append((way.name, names))

    def refusals(self) -> list[str]:
        """Return what is wrong, each with the question as people read it."""
        return [f"{self.fields[name].label}: {errors[0]}" for name, errors in self.errors.items()]

    def weight_rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(way, [self[name] for name in names]) for way, names in self.weight_names]

    def wanted(self) -> Wanted:
        """Return what is asked, empty fields at what they begin with; of what has no beginning, nothing is asked."""
        given = {name: self._given(name) for name in self.fields}
        kind = "images" if given["task"] == "images" else "text"
        version = self.cleaned_data.get("version") if self.data else given["version"]
        if version is None or version.data_kind != kind:
            version = hypothetical(self.project, kind)
        labels = data_facts(version).label_names if version.pk else []
        names = ("task", "difficulty", "budget_usd", "requests_per_month", "tokens_in", "tokens_out", "months",
                 "usd_per_point", "usd_per_hour_of_work")  # fmt: skip
        num_labels = given["num_labels"] or max(len(labels), 2)
        if not version.pk and given["task"] == "images":
            version.facts = {**version.facts, "num_labels": num_labels}
        in_data = int((version.splits.get("train") or {}).get("documents") or 0)
        quality, latency = self.cleaned_data.get("quality"), self.cleaned_data.get("latency_ms")
        is_first = not self.data
        quality = given["quality"] if is_first else quality
        latency = given["latency_ms"] if is_first else latency
        asks_quality = quality is not None and given["task"] != "generate"
        return Wanted(
            version=version,
            num_labels=num_labels,
            half=self.cleaned_data.get("half") or None,
            num_examples=given["num_examples"] if given["num_examples"] is not None else in_data or USUAL_EXAMPLES,
            quality=quality / 100 if asks_quality and quality is not None else None,
            latency_seconds=latency / 1000 if latency is not None else None,
            weights={
                name: float(value) for _way, names in self.weight_names for name in names
                if (value := self.cleaned_data.get(name)) is not None
            },
            **{name: given[name] for name in names},
        )  # fmt: skip

    def _given(self, name: str) -> Any:
        value = self.cleaned_data.get(name)
        return self.fields[name].initial if value in (None, "") else value


def with_beginnings(data: Mapping[str, str]) -> dict[str, Any]:
    """Return the answers of an address, and for questions that it does not name what they begin with; empty stays empty."""
    begin = {name: field.initial for name, field in AdvisorForm.base_fields.items() if field.initial is not None}
    return {**begin, **{name: data[name] for name in data}}


def hypothetical(project: Project, kind: str) -> DatasetVersion:
    """Return data as they might be, for whoever has none yet; nothing of it is stored."""
    dataset = Dataset(project=project, name="", data_kind=kind)
    return DatasetVersion(dataset=dataset, number=0, data_kind=kind, splits={}, report={}, **HYPOTHETICAL[kind])
