"""The forms that ask for a smaller model by training: how to prune it, or which smaller model it shall teach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from trainer.errors import SpecError
from trainer.families import Family, get_family, shrunk_model
from trainer.sections import DataSpec, DistilSpec, PruneSpec
from trainer.spec import TrainSpec, spec_to_dict
from webapp.jobs.models import Job
from webapp.registry.errors import RegistryError
from webapp.registry.models import ModelVersion
from webapp.registry.smaller import pruned_spec, source_spec, taught_spec
from webapp.runs.architectures import num_parameters_of
from webapp.runs.estimates import queue_of, spec_flop_per_unit
from webapp.ui.templatetags.figures import count

MOST_STEPS = 10_000_000
SHARE_OF_STEPS = 5
"""A recovery begins with a fifth of the steps that the model was trained for."""


class SmallerForm(forms.Form):
    """What every way asks for. `spec()` is the run."""

    name = ""
    title: Any = ""
    summary: Any = ""
    button: Any = ""
    num_steps = forms.IntegerField(label=_("Steps"), min_value=1, max_value=MOST_STEPS)

    def __init__(self, data: Mapping[str, Any] | None = None, *, version: ModelVersion) -> None:
        self.version = version
        self.start = source_spec(version)
        super().__init__(data, auto_id=f"{self.name}-%s")
        self.fields["num_steps"].initial = self.usual_steps(self.start.schedule.num_steps)

    def usual_steps(self, trained: int) -> int:
        return max(1, trained)

    def spec(self) -> TrainSpec:
        raise NotImplementedError


class PruneForm(SmallerForm):
    name = "prune"
    title = _("Prune it")
    summary = _(
        "Takes out what matters least, then trains on, so that the rest learns to do without. Whole parts make the matrices "
        "themselves smaller: fewer bytes, and quicker. Single weights become zero, which alone makes nothing quicker."
    )
    button = _("Prune and train on")
    prune_method = forms.ChoiceField(
        label=_("What goes"),
        choices=[
            ("structured", _("whole heads, neurons or channels")),
            ("magnitude", _("single weights, the smallest")),
        ],
    )
    percent = forms.FloatField(label=_("Share that goes, %"), min_value=1, max_value=99, initial=30)
    scope = forms.ChoiceField(
        label=_("Of single weights"),
        choices=[("layer", _("that share of each matrix")), ("global", _("that share of all together"))],
    )
    field_order = ("prune_method", "percent", "scope", "num_steps")

    def __init__(self, data: Mapping[str, Any] | None = None, *, version: ModelVersion) -> None:
        super().__init__(data, version=version)
        if why := why_uncut(get_family(self.start.family), self.start.model):
            method = self.fields["prune_method"]
            method.choices, method.help_text = method.choices[1:], why  # type: ignore[attr-defined]

    def usual_steps(self, trained: int) -> int:
        return max(10, trained // SHARE_OF_STEPS)

    def spec(self) -> TrainSpec:
        asked = self.cleaned_data
        prune = PruneSpec(method=asked["prune_method"], fraction=asked["percent"] / 100, scope=asked["scope"])
        return pruned_spec(self.version, prune=prune, num_steps=asked["num_steps"])


class TeachForm(SmallerForm):
    name = "distil"
    title = _("Teach a smaller model")
    summary = _(
        "A new, smaller model learns from the data and from this one's answers, which say more than the data alone: how likely "
        "everything else was. It takes this model's forward pass for every batch."
    )
    button = _("Teach it")
    student = forms.ChoiceField(label=_("Smaller model"))
    temperature = forms.FloatField(
        label=_("Temperature"), min_value=0.1, max_value=100, initial=2.0,
        help_text=_("Higher shows more of what the teacher rules out."),
    )  # fmt: skip
    weight = forms.FloatField(
        label=_("Share of the teacher in the loss"), min_value=0, max_value=1, initial=0.5,
        widget=forms.NumberInput(attrs={"step": "any"}),
    )  # fmt: skip
    field_order = ("student", "temperature", "weight", "num_steps")

    def __init__(self, data: Mapping[str, Any] | None = None, *, version: ModelVersion) -> None:
        super().__init__(data, version=version)
        self.students = students_of(version, self.start)
        self.fields["student"].choices = [(name, label) for name, (label, _model) in self.students.items()]  # type: ignore[attr-defined]

    def spec(self) -> TrainSpec:
        asked = self.cleaned_data
        distil = DistilSpec(temperature=asked["temperature"], weight=asked["weight"])
        model = self.students[asked["student"]][1]
        return taught_spec(self.version, model=model, distil=distil, num_steps=asked["num_steps"])


WAYS: dict[str, type[SmallerForm]] = {form.name: form for form in (PruneForm, TeachForm)}


def ways_of(version: ModelVersion) -> list[SmallerForm]:
    """Return the forms that a version's page offers; none where its run cannot be read any more."""
    try:
        found = [form(version=version) for form in WAYS.values()]
    except RegistryError:
        return []
    return [form for form in found if not isinstance(form, TeachForm) or form.students]


def why_uncut(family: Family, model: Any) -> str:
    """Return why models of these settings are not pruned by whole parts; empty where they are."""
    try:
        if shrunk_model(family, model, 0.5) != model:
            return ""
    except SpecError as error:
        return str(error)
    return str(_("Nothing of it can be fewer: its widths are the smallest that there are."))


def students_of(version: ModelVersion, start: TrainSpec) -> dict[str, tuple[str, Any]]:
    """Return smaller models that the version could teach, by name: halves of itself, and the family's smaller sizes."""
    family, facts = get_family(start.family), version.run.dataset_version.model_facts
    if not family.can_be_taught(start.model):
        return {}
    whole = num_parameters_of(start.family, start.model, facts)
    kept = {*family.free_settings, "context_length"}
    same = {each.name: getattr(start.model, each.name) for each in fields(start.model) if each.name in kept}
    candidates: dict[str, tuple[Any, Any]] = {}
    if getattr(start.model, "num_layers", 1) > 1:
        candidates["half-as-deep"] = (
            _("half the layers"),
            replace(start.model, num_layers=start.model.num_layers // 2),
        )
    if getattr(start.model, "num_decoder_layers", 1) > 1:
        fewer = {name: max(1, getattr(start.model, name) // 2) for name in ("num_encoder_layers", "num_decoder_layers")}
        candidates["half-as-deep"] = (_("half the layers"), replace(start.model, **fewer))
    if not why_uncut(family, start.model):
        candidates["half-as-wide"] = (_("half the heads, neurons or channels"), shrunk_model(family, start.model, 0.5))
    for name, preset in family.presets.items():
        candidates.setdefault(name, (name, replace(preset, **same)))
    found = {}
    for name, (label, model) in candidates.items():
        size = num_parameters_of(start.family, model, facts)
        if size and whole and size < whole:
            found[name] = (f"{label} · {count(size)}", model)
    return found


def planned_run(version: ModelVersion, data: Mapping[str, Any]) -> Job | None:
    """Return the job of the run that a form with these values would make; None where they are not right."""
    way = WAYS.get(str(data.get("way", "")))
    try:
        form = way(data, version=version) if way else None
        if form is None or not form.is_valid():
            return None
        spec = form.spec()
    except RegistryError:
        return None
    learnt = version.run.dataset_version
    spec = replace(
        spec, data=DataSpec(path=str(learnt.path), content_hash=learnt.content_hash),
        flop_per_token=spec_flop_per_unit(spec, learnt),
    )  # fmt: skip
    project = version.project
    return Job(project=project, team=project.team, kind="train", spec=spec_to_dict("train", spec), queue=queue_of(spec))
