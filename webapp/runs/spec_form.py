"""The settings of a run as a form, made from the dataclasses: a field a field, with their docstrings as help.

Knows no family by name: each brings its own settings and presets. What is wrong is said by the specs themselves, and
stands at the field that the sentence names.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import msgspec
from django import forms
from django.db.models import QuerySet
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from trainer.errors import SpecError
from trainer.families import DataFacts, Family
from trainer.sections import (
    BatchSpec,
    CheckpointSpec,
    DataSpec,
    DistilSpec,
    EvaluationSpec,
    MachineSpec,
    OptimizerSpec,
    ParallelSpec,
    PruneSpec,
    RegularisationSpec,
    ScheduleSpec,
    TransferSpec,
)
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.projects.models import Project
from webapp.runs.choice_fields import parallel_fields, source_field, teacher_field
from webapp.runs.data_facts import data_facts
from webapp.runs.setting_fields import Text, section_fields
from webapp.runs.sources import put_together, starting_points
from webapp.runs.spreading import most_devices
from webapp.runs.unit_words import plural
from webapp.ui.field_docs import field_docs

SECTIONS: dict[str, tuple[Text, type]] = {
    "batch": (_("Batch"), BatchSpec),
    "schedule": (_("Length and learning rate over it"), ScheduleSpec),
    "optimizer": (_("Optimiser"), OptimizerSpec),
    "regularisation": (_("Regularisation"), RegularisationSpec),
    "evaluation": (_("Evaluation"), EvaluationSpec),
    "checkpoint": (_("Checkpoints"), CheckpointSpec),
    "machine": (_("Machine"), MachineSpec),
    "parallel": (_("Several processes"), ParallelSpec),
    "transfer": (_("Start from a trained model"), TransferSpec),
    "prune": (_("Prune the model that it starts from"), PruneSpec),
    "distil": (_("Learn from a teacher"), DistilSpec),
}
ESSENTIAL = (
    "schedule.num_steps", "batch.sequences_per_step", "batch.sequence_length", "optimizer.learning_rate",
    "schedule.decay", "evaluation.every_steps",
)  # fmt: skip
_NAMED = re.compile(r"\b[a-z_]+\.[a-z_0-9]+\b")
_PATH = re.compile(r"`\$\.([a-z_0-9.]+)`")


@dataclass(frozen=True, slots=True)
class Section:
    """The further settings of one part, for the page."""

    name: str
    title: Text
    fields: list[forms.BoundField]

    @property
    def has_error(self) -> bool:
        return any(field.errors for field in self.fields)


class SpecForm(forms.Form):
    """Cleaned: `spec` is the TrainSpec, `version` the dataset version."""

    spec: TrainSpec

    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    version = forms.ModelChoiceField(DatasetVersion.objects.none(), label=_("Data"), empty_label=None)
    tags = forms.CharField(label=_("Tags"), required=False, help_text=_("Separated by commas."))
    notes = forms.CharField(label=_("Notes"), required=False, widget=forms.Textarea(attrs={"rows": 2}))

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        project: Project,
        family: Family,
        start: TrainSpec | None = None,
        initial: Mapping[str, Any] | None = None,
        branch_from: str = "",
    ) -> None:
        self.family, self.branch_from = family, branch_from
        super().__init__(data, initial={**(spec_values(start) if start else {}), **(initial or {})})
        versions = versions_of(project, family)
        self.fields["version"].queryset = versions  # type: ignore[attr-defined]
        self.fields["name"].widget.attrs["placeholder"] = _("chosen for you if left empty")
        default = start.model if start else next(iter(family.presets.values()))
        self._add_settings(default, start)
        self.points = {point.path: point for point in starting_points(project, family)}
        self._offer_choices(start)
        if start is None:
            if context := getattr(default, "context_length", None):
                self.fields["batch.sequence_length"].initial = context
            for name, value in {**family_defaults(family), **self._suited(versions)}.items():
                self.fields[name].initial = value

    def _add_settings(self, model: Any, start: TrainSpec | None) -> None:
        """Add a field for each setting, as `start` has it or as it is by default."""
        self.fields |= section_fields("model", self.family.spec_type, model)
        for prefix, (_title, cls) in SECTIONS.items():
            self.fields |= section_fields(prefix, cls, getattr(start, prefix) if start else cls())
        self.fields |= {"seed": forms.IntegerField(label=_("Seed"), initial=start.seed if start else 1, min_value=0)}
        self.fields["seed"].help_text = field_docs(TrainSpec).get("seed", "")
        if self.family.unit != "token":  # an example is one thing, not a window of many
            self.fields["batch.sequence_length"].widget = forms.HiddenInput()
            units = plural(self.family.unit)
            self.fields["batch.sequences_per_step"].label = _("%(units)s per step") % {"units": units.capitalize()}

    def _offer_choices(self, start: TrainSpec | None) -> None:
        """Put choices in the place of what a person cannot know: paths of models, and how many devices there are."""
        points = list(self.points.values())
        self.fields["transfer.source"] = source_field(self.fields["transfer.source"], points)
        self.fields["transfer.source_name"].widget = forms.HiddenInput()
        self.fields["distil.teacher"] = teacher_field(self.fields["distil.teacher"], points)
        most = most_devices(start.machine.device if start else "auto")
        for name, field in parallel_fields(self.fields, most).items():
            self.fields[name] = field

    def _suited(self, versions: QuerySet[DatasetVersion]) -> dict[str, Any]:
        """Return the settings of the model that suit the data that the form begins with."""
        chosen = self.initial.get("version")
        version = versions.defer(None).filter(**({"pk": getattr(chosen, "pk", chosen)} if chosen else {})).first()
        if version is None or self.family.suited is None:
            return {}
        return {f"model.{name}": value for name, value in self.family.suited(data_facts(version)).items()}

    def model_essentials(self) -> list[forms.BoundField]:
        return [self[f"model.{name}"] for name in self.family.essential]

    def essentials(self) -> list[forms.BoundField]:
        return [self[name] for name in ESSENTIAL if not self[name].is_hidden]

    def hidden_parts(self) -> SafeString:
        """Return the fields that are sent and not seen."""
        return format_html_join("", "{}", ((field,) for field in self.hidden_fields()))

    def model_fields(self) -> list[forms.BoundField]:
        first = {f"model.{name}" for name in self.family.essential}
        return [self[name] for name in self.fields if name.startswith("model.") and name not in first]

    @property
    def has_model_errors(self) -> bool:
        return any(name.startswith("model.") for name in self.errors)

    def sections(self) -> list[Section]:
        """Return what is not essential, part by part."""
        found = []
        for prefix, (title, _cls) in SECTIONS.items():
            names = [name for name in self.fields if name.startswith(f"{prefix}.") and name not in ESSENTIAL]
            if shown := [self[name] for name in names if not self[name].is_hidden]:
                found.append(Section(prefix, title, shown))
        found.append(Section("other", _("Seed, tags, notes"), [self["seed"], self["tags"], self["notes"]]))
        return found

    def clean(self) -> dict[str, Any]:
        """Build the spec part by part, so that each part can say what is wrong with it."""
        cleaned = super().clean() or self.cleaned_data
        point = self.points.get(cleaned.get("transfer.source", ""))
        cleaned["transfer.source_name"] = point.name if point else ""
        parts: dict[str, Any] = {}
        for prefix, cls in {"model": self.family.spec_type, **{k: c for k, (_t, c) in SECTIONS.items()}}.items():
            values = {f.name: cleaned.get(f"{prefix}.{f.name}") for f in fields(cls)}
            if any(value is None for value in values.values()):
                continue  # that field has its own error
            try:
                parts[prefix] = cls(**values)
            except SpecError as error:
                self._add(str(error), prefix)
        if len(parts) < len(SECTIONS) + 1 or self.errors:
            return cleaned
        version = cleaned["version"]
        data = DataSpec(path=str(version.path), content_hash=version.content_hash)
        try:
            self.spec = TrainSpec(
                family=self.family.name, data=data, seed=cleaned["seed"], branch_from=self.branch_from, **parts
            )
        except SpecError as error:
            self._add(str(error), "model")
            return cleaned
        if point:
            put_together(point)
        for sentence in cross_checks(self.spec):
            self._add(sentence, "batch")
        for name, value in self._required(version).items():
            if getattr(self.spec.model, name) != value:
                self.add_error(f"model.{name}", _("Data of this kind is for %(value)s.") % {"value": value})
        return cleaned

    def _required(self, version: DatasetVersion) -> dict[str, Any]:
        """Return the settings of the model that data of this kind leaves no choice in."""
        if not self.family.other_data_kinds or self.family.suited is None:
            return {}
        return dict(self.family.suited(DataFacts(data_kind=version.data_kind)))

    def _add(self, sentence: str, prefix: str) -> None:
        """Put a sentence at the first field that it names, or on top."""
        named = [name for name in _NAMED.findall(sentence) if name in self.fields]
        self.add_error(named[0] if named else None, sentence)


def cross_checks(spec: TrainSpec) -> list[str]:
    """Return what is wrong between the model and the rest of the spec."""
    context = getattr(spec.model, "context_length", None)
    length = spec.batch.sequence_length
    if context is not None and length > context:
        return [
            f"batch.sequence_length ({length}) is longer than model.context_length ({context}), the most the model sees"
        ]
    return []


def versions_of(project: Project, family: Family) -> QuerySet[DatasetVersion]:
    """Return the prepared data of a project that a family can learn from, the newest first."""
    found = DatasetVersion.objects.filter(
        dataset__project=project, dataset__archived_at=None, ready_at__isnull=False, data_kind__in=family.data_kinds
    )
    return found.select_related("dataset").defer("report").order_by("-ready_at")


def family_defaults(family: Family) -> dict[str, Any]:
    """Return the settings that suit a family, as the form's fields have them."""
    return {f"{part}.{name}": value for part, found in family.defaults.items() for name, value in found.items()}


def spec_values(spec: TrainSpec) -> dict[str, Any]:
    """Return a spec as the form's fields have it."""
    plain = msgspec.to_builtins(spec)
    found = {f"{prefix}.{key}": value for prefix in ("model", *SECTIONS) for key, value in plain[prefix].items()}
    return {**found, "seed": spec.seed}


def named_field(sentence: str) -> str | None:
    """Return the field that a sentence of the spec reader names, as `$.batch.micro_batch` or plainly."""
    match = _PATH.search(sentence)
    if match:
        return match.group(1)
    plain = _NAMED.search(sentence)
    return plain.group(0) if plain else None
