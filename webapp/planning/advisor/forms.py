"""What the advisor asks. All of it stands in the page's address, so that an advice can be sent and kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from webapp.datasets.models import Dataset, DatasetVersion
from webapp.planning.advisor.table import decision_table, weights_of
from webapp.planning.advisor.tasks import TASKS, Task
from webapp.planning.advisor.wanted import Wanted
from webapp.planning.advisor.words import task_of
from webapp.projects.models import Project
from webapp.runs.data_facts import data_facts

DIFFICULTIES = [
    ("easy", gettext_lazy("easy: a glance is enough")),
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
USUAL_EXAMPLES, USUAL_USERS_PER_INTERACTION = 1_000, 0.05
OF_TASK = ("version", "num_examples", "num_labels", "quality", "tokens_in", "tokens_out", "half", "stays")
"""Questions whose answers go with the task: another one begins anew."""


def _number(label: Any, initial: float | None, help_text: Any = "", **limits: Any) -> forms.FloatField:
    return forms.FloatField(
        label=label, initial=initial, required=False, help_text=help_text,
        widget=forms.NumberInput(attrs={"step": "any"}), **{"min_value": 0, **limits},
    )  # fmt: skip


class AdvisorForm(forms.Form):
    """The task, the data at hand, and what is wanted."""

    words = forms.CharField(
        label=gettext_lazy("In your own words"), required=False, max_length=200,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("find cars in photos · 把评论分成好坏两类")}),
        help_text=gettext_lazy("English or 中文."),
    )  # fmt: skip
    task = forms.ChoiceField(
        label=gettext_lazy("What shall it do?"), required=False, initial="classify",
        choices=[(name, task.title) for name, task in TASKS.items()],
    )  # fmt: skip
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
    num_labels = forms.IntegerField(label=gettext_lazy("Labels"), required=False, min_value=2, max_value=10**8)
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
        gettext_lazy("They take the avoidable errors down to seven in ten. Empty: by how hard it is."),
        min_value=0.1,
    )  # fmt: skip
    stays = _number(
        gettext_lazy("Stays wrong whatever is done, %"), None,
        gettext_lazy("Of the task itself, with all the data in the world. Empty: by how hard it is."), max_value=99,
    )  # fmt: skip

    def __init__(self, data: Any, *, project: Project) -> None:
        self.project = project
        given = dict(data.items()) if data else {}
        self.read_task = task_of(given.get("words", ""))
        self.asked_task = asked_task(given, self.read_task)
        self.about = TASKS.get(self.asked_task, TASKS["classify"])
        self.is_other_task = given.get("beliefs_of", self.asked_task) != self.asked_task
        if self.is_other_task:
            given = {name: value for name, value in given.items() if name not in OF_TASK}
        versions = DatasetVersion.objects.filter(dataset__project=project, ready_at__isnull=False)
        versions = (
            versions.filter(data_kind=self.about.data_kind).select_related("dataset", "job").order_by("-ready_at")
        )
        newest = versions.first()
        if newest:
            given.setdefault("version", str(newest.pk))
        super().__init__(with_beginnings({**given, "task": self.asked_task}, self.about) if data else None)
        self.fields["version"].queryset = versions  # type: ignore[attr-defined]
        self.fields["version"].initial = newest
        self.speak_of_task()
        self.weight_names: list[tuple[str, list[str]]] = []
        for way in decision_table().of_task(self.asked_task):
            names = weights_of(way)
            for name in names:
                belief = name.partition(".")[2]
                self.fields[name] = _number(BELIEFS[belief], getattr(way, belief))
            self.weight_names.append((way.name, names))

    def speak_of_task(self) -> None:
        """Ask in the words of the task, and only what it counts by."""
        titles = {
            "num_examples": self.about.examples, "num_labels": self.about.per, "half": self.about.half_title,
            "quality": self.about.wanted_title,
        }  # fmt: skip
        for name, title in titles.items():
            self.fields[name].label = title
        self.asks_labels, self.asks_quality = bool(self.about.per), self.about.is_foretold

    def refusals(self) -> list[str]:
        """Return what is wrong, each with the question as people read it."""
        return [f"{self.fields[name].label}: {errors[0]}" for name, errors in self.errors.items()]

    def weight_rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(way, [self[name] for name in names]) for way, names in self.weight_names]

    def wanted(self) -> Wanted:
        """Return what is asked, empty fields at what they begin with; of what has no beginning, nothing is asked."""
        given = {name: self._given(name) for name in self.fields}
        version = self.cleaned_data.get("version") if self.data else given["version"]
        in_data = int((version.splits.get("train") or {}).get("documents") or 0) if version else 0
        num_examples = given["num_examples"]
        if num_examples is None:
            num_examples = in_data or int(self.about.usual.get("num_examples", USUAL_EXAMPLES))
        num_labels = given["num_labels"] or labels_in(version) or int(self.about.usual.get("num_labels", 2))
        names = ("difficulty", "budget_usd", "requests_per_month", "tokens_in", "tokens_out", "months",
                 "usd_per_point", "usd_per_hour_of_work")  # fmt: skip
        quality, latency = (
            (given if not self.data else self.cleaned_data).get(name) for name in ("quality", "latency_ms")
        )
        stays = self.cleaned_data.get("stays")
        return Wanted(
            task=self.asked_task,
            version=version or hypothetical(self.project, self.about, num_examples, num_labels),
            num_labels=num_labels,
            num_examples=num_examples,
            half=self.cleaned_data.get("half") or None,
            stays=stays / 100 if stays is not None else None,
            quality=quality / 100 if self.about.is_foretold and quality is not None else None,
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


def asked_task(data: Mapping[str, str], read: str) -> str:
    """Return the task that is meant: what newly written words say, or else what was chosen."""
    if read and read != data.get("read_as", ""):
        return read
    return str(data.get("task") or read or "classify")


def with_beginnings(data: Mapping[str, str], task: Task) -> dict[str, Any]:
    """Return the answers of an address, and for questions that it does not name what they begin with; empty stays empty."""
    begin = {name: field.initial for name, field in AdvisorForm.base_fields.items() if field.initial is not None}
    of_task = {name: value for name, value in task.usual.items() if name not in ("num_examples", "num_labels")}
    return {**begin, **of_task, **data}


def labels_in(version: DatasetVersion | None) -> int:
    """Return how many labels, kinds of things or items a version has; 0 for none."""
    if version is None:
        return 0
    facts = version.facts
    return len(data_facts(version).label_names) or int(facts.get("num_items") or facts.get("num_labels") or 0)


def hypothetical(project: Project, task: Task, num_examples: int, num_labels: int) -> DatasetVersion:
    """Return data as they might be, for whoever has none yet; nothing of it is stored."""
    dataset = Dataset(project=project, name="", data_kind=task.data_kind)
    users = max(1, round(num_examples * USUAL_USERS_PER_INTERACTION))
    facts = {**task.facts, "num_labels": num_labels, "num_items": num_labels, "num_users": users}
    return DatasetVersion(
        dataset=dataset, number=0, data_kind=task.data_kind, splits={}, report={}, facts=facts, vocab_size=8_192
    )
