"""The form of a sweep: where its runs begin, which settings vary, and what it may cost."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from trainer.errors import SpecError
from trainer.families import Family, families, get_family
from trainer.sections import DataSpec
from trainer.spec import TrainSpec, spec_from_dict, spec_to_dict
from trainer.sweep.space import Setting, SweepRefused, read_setting, spec_with, types_of
from webapp.datasets.models import DatasetVersion
from webapp.projects.models import Project
from webapp.runs.data_facts import data_facts
from webapp.runs.models import Run
from webapp.runs.spec_form import family_defaults
from webapp.sweeps.models import Sweep
from webapp.sweeps.services import Plan

NUM_ROWS = 6
MAX_RUNS_OFFERED = 30
USUAL_ROWS = [("optimizer.learning_rate", "3e-4 .. 1e-2 log"), ("regularisation.dropout", "0, 0.1, 0.3")]
USUAL_STEPS = 300
METRIC = re.compile(r"validation/[\w@:.-]+")


class SweepForm(forms.Form):
    """What is varied around which run, and when it ends."""

    name = forms.CharField(
        label=gettext_lazy("Name"), required=False, max_length=80,
        widget=forms.TextInput(attrs={"placeholder": gettext_lazy("chosen for you if left empty")}),
    )  # fmt: skip
    version = forms.ModelChoiceField(
        label=gettext_lazy("Data"), queryset=DatasetVersion.objects.none(), empty_label=None
    )
    base = forms.ChoiceField(
        label=gettext_lazy("Begin with"),
        help_text=gettext_lazy("A size of a family, or the settings of a run that was made before."),
    )
    num_steps = forms.IntegerField(
        label=gettext_lazy("Steps of each run"), min_value=2, required=False,
        help_text=gettext_lazy("Empty: as many as the run it begins with."),
    )  # fmt: skip
    metric = forms.CharField(
        label=gettext_lazy("Judged by"), max_length=80, required=False,
        help_text=gettext_lazy("A measure of the validation split. Empty: the family's own."),
        widget=forms.TextInput(attrs={"list": "sweep-metrics"}),
    )  # fmt: skip
    method = forms.ChoiceField(
        label=gettext_lazy("Next values by"), choices=Sweep.Method.choices, initial=Sweep.Method.BAYESIAN,
        help_text=gettext_lazy("Grid: every combination. Random: by chance. Bayesian: where the runs so far promise most."),
    )  # fmt: skip
    budget = forms.FloatField(
        label=gettext_lazy("Budget for all runs"), min_value=1e-6, max_value=1e7, initial=1,
        widget=forms.NumberInput(attrs={"step": "any"}),
        help_text=gettext_lazy("When it is used up, the sweep ends; what runs then saves and counts."),
    )  # fmt: skip
    budget_kind = forms.ChoiceField(
        label=gettext_lazy("in"),
        choices=[("hours", gettext_lazy("hours of the device")), ("usd", "USD")],
        initial="hours",
    )
    max_trials = forms.IntegerField(label=gettext_lazy("At most, runs"), min_value=2, max_value=1000, initial=20)
    num_at_once = forms.IntegerField(label=gettext_lazy("At once"), min_value=1, max_value=64, initial=1)
    first_rung = forms.IntegerField(
        label=gettext_lazy("Compare first at step"), min_value=0, initial=0,
        help_text=gettext_lazy("Runs that are behind there are stopped, and so on at ever later steps. 0: all go to their end."),
    )  # fmt: skip
    halving_factor = forms.IntegerField(
        label=gettext_lazy("One goes on of"), min_value=2, max_value=10, initial=3,
    )  # fmt: skip
    seed = forms.IntegerField(label=gettext_lazy("Seed"), min_value=0, initial=1)

    def __init__(self, *args: Any, project: Project, start: Run | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.project = project
        versions = DatasetVersion.objects.filter(
            dataset__project=project, ready_at__isnull=False, dataset__archived_at=None
        )
        self.fields["version"].queryset = versions.select_related("dataset", "job").order_by("-ready_at")  # type: ignore[attr-defined]
        self.fields["base"].choices = bases(project)  # type: ignore[attr-defined]
        if start is not None:
            self.initial = {**self.initial, "base": f"run:{start.code}", "version": start.dataset_version_id}
        else:
            self.fields["num_steps"].initial = USUAL_STEPS

    def clean_metric(self) -> str:
        """Return the measure that judges; a name that no validation can have is refused before anything is trained."""
        name: str = self.cleaned_data["metric"].strip()
        if name and not METRIC.fullmatch(name):
            raise forms.ValidationError(_("Name a measure of the validation split, such as validation/accuracy."))
        return name

    @property
    def rows(self) -> list[tuple[int, str, str]]:
        """Return the settings as they stand in the form: number, name, values."""
        if self.is_bound:
            return [(n, self.data.get(f"name-{n}", ""), self.data.get(f"values-{n}", "")) for n in range(NUM_ROWS)]
        filled = [*USUAL_ROWS, *[("", "")] * NUM_ROWS][:NUM_ROWS]
        return [(number, name, values) for number, (name, values) in enumerate(filled)]

    def plan(self) -> Plan:
        """Return what the form asks for; raise `SweepRefused` with what is wrong."""
        cleaned = self.cleaned_data
        spec = self.base_spec()
        family = get_family(spec.family)
        budget = {f"budget_{cleaned['budget_kind']}": cleaned["budget"]}
        names = ("version", "method", "max_trials", "num_at_once", "first_rung", "halving_factor", "seed")
        return Plan(
            spec=spec,
            space=self.space(family),
            metric=cleaned["metric"] or family.main_metric,
            **budget,
            **{name: cleaned[name] for name in names},
        )

    def space(self, family: Family) -> list[Setting]:
        rows = [(name.strip(), values) for _number, name, values in self.rows if name.strip() or values.strip()]
        return [read_setting(family, name, values) for name, values in rows]

    def base_spec(self) -> TrainSpec:
        """Return the settings that every run begins with."""
        version: DatasetVersion = self.cleaned_data["version"]
        kind, _colon, rest = self.cleaned_data["base"].partition(":")
        if kind == "run":
            run = Run.objects.filter(project=self.project, code=rest).first()
            if run is None:
                raise SweepRefused(_("The run it should begin with is gone; choose another."))
            spec = spec_of_run(run)
        else:
            spec = preset_spec(get_family(kind), rest, version)
        if get_family(spec.family).data_kind != version.data_kind:
            raise SweepRefused(
                _("A model of family %(family)s does not learn from this kind of data.") % {"family": spec.family}
            )
        steps = self.cleaned_data["num_steps"] or spec.schedule.num_steps
        every = max(1, steps // 10)
        return replace(
            spec,
            schedule=replace(spec.schedule, num_steps=steps, warmup_steps=min(spec.schedule.warmup_steps, every)),
            evaluation=replace(spec.evaluation, every_steps=every, sample_tokens=0),
            checkpoint=replace(spec.checkpoint, every_steps=max(1, steps // 2), keep_last=1),
        )


def spec_of_run(run: Run) -> TrainSpec:
    """Return a run's settings without what belongs to that run alone."""
    try:
        spec = spec_from_dict(run.spec)[1]
    except SpecError as error:
        raise SweepRefused(str(error)) from error
    assert isinstance(spec, TrainSpec)
    return replace(spec, branch_from="")


def preset_spec(family: Family, preset: str, version: DatasetVersion) -> TrainSpec:
    """Return a size of a family with what suits the family and the data."""
    model = family.presets[preset]
    spec = TrainSpec(family=family.name, model=model, data=DataSpec(path=str(version.path)))
    values = family_defaults(family)
    if context := getattr(model, "context_length", None):
        values = {"batch.sequence_length": context, **values}
    if family.suited is not None:
        values |= {f"model.{name}": value for name, value in family.suited(data_facts(version)).items()}
    return spec_with(spec_to_dict("train", spec), values)


def bases(project: Project) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return what a sweep may begin with: runs of the project, then the sizes of every family."""
    runs = Run.objects.filter(project=project, deleted_at=None, sweep_trial=None).order_by("-created_at")
    own = [(f"run:{run.code}", run.name) for run in runs[:MAX_RUNS_OFFERED]]
    sizes = [
        (family.title, [(f"{family.name}:{name}", f"{family.title} {name}") for name in family.presets])
        for family in families().values()
    ]
    return [(str(_("Runs")), own), *sizes] if own else sizes


def setting_names() -> list[str]:
    """Return every setting that some family has, for the form's list."""
    return sorted({name for family in families().values() for name in types_of(family)})


def metric_names() -> list[str]:
    usual = ["validation/accuracy", "validation/loss", "validation/bits_per_byte", "validation/micro_f1"]
    return sorted({*usual, *(family.main_metric for family in families().values())})
