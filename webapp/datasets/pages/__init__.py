"""How each kind of data looks on the data pages: words for its recipe, recipes to begin with, its report.

A file here named after the kind holds `PAGES`. A kind without one is shown by its own names, which is plain but whole.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from trainer.data.kinds import get_data_kind

Text = Promise | str


@dataclass(frozen=True, kw_only=True, slots=True)
class Preset:
    """A whole recipe to begin with; the form shows it and everything in it can be changed."""

    name: str
    title: Text
    summary: Text
    recipe: Any


@dataclass(frozen=True, kw_only=True, slots=True)
class DataPages:
    kind: str
    title: Text
    summary: Text
    unit: Text
    """What is counted, in the plural."""

    titles: Mapping[str, Text] = field(default_factory=dict)
    """Step of the recipe -> its heading."""

    labels: Mapping[str, Text] = field(default_factory=dict)
    """`step.field` -> its label."""

    choices: Mapping[str, Text] = field(default_factory=dict)
    """Value of a choice -> its word."""

    advanced: Mapping[str, set[str]] = field(default_factory=dict)
    """Step -> fields that few people change."""

    lists: frozenset[str] = frozenset()
    """`step.field` of texts with an entry a line."""

    formats: Text = ""
    """What may be uploaded, as the drop zone says it."""

    has_columns: bool = False
    """Files have columns of text and labels that can be chosen."""

    has_target: bool = False
    """There is a column for the other side: a translation, an answer."""

    presets: Sequence[Preset] = ()
    report_template: str = ""
    """What the report shows of this kind besides steps, splits and labels."""

    report_plots: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda report: {}
    """Report -> charts that its template draws, by name."""

    report_facts: Callable[[Mapping[str, Any]], Mapping[str, Any]] = lambda report: {}
    """Report -> what its template lists and the report does not hold in that form."""

    step_words: Mapping[str, tuple[Text, Text]] = field(default_factory=dict)
    """Step of the report -> its heading and what it does."""

    def title_of(self, step: str) -> Text:
        return self.titles.get(step, step.replace("_", " ").capitalize())

    def label_of(self, step: str, name: str) -> Text:
        return self.labels.get(f"{step}.{name}", name.replace("_", " ").capitalize())

    def preset_named(self, name: str) -> Preset | None:
        return next((preset for preset in self.presets if preset.name == name), None)


@cache
def pages_of(kind: str) -> DataPages:
    """Return how data of that kind is shown."""
    if kind in {module.name for module in pkgutil.iter_modules(__path__)}:
        pages: DataPages = importlib.import_module(f"{__name__}.{kind}").PAGES
        return pages
    data = get_data_kind(kind)
    usual = Preset(name="usual", title=_("Usual"), summary=_("What suits most data"), recipe=data.recipe_type())
    return DataPages(kind=kind, title=data.title, summary=data.summary, unit=data.unit, presets=[usual])
