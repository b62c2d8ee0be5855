"""The kinds of models. Each is a folder in `trainer/models/` whose `spec.py` holds `FAMILY`; adding one means adding files.

trainer/models/<name>/spec.py    the typed part of its spec, its presets, FAMILY     (imports no torch)
trainer/models/<name>/task.py    the model and how it learns, measures and shows itself
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import trainer.models
from trainer.errors import SpecError
from trainer.metrics.direction import lower_is_better


@dataclass(frozen=True, kw_only=True, slots=True)
class DataFacts:
    """What a form knows of the data that a model shall learn from."""

    data_kind: str = "text"
    label_names: Sequence[str] = ()
    has_entities: bool = False
    """Entities are marked in the texts; the labels are then theirs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Family:
    """A kind of model, as forms, specs and the training loop need to know it."""

    name: str
    """Short name, as in specs and URLs."""

    title: str
    """What people call it."""

    summary: str
    """One sentence: what it is for."""

    spec_type: type
    """Frozen dataclass of the family's own settings."""

    presets: Mapping[str, Any]
    """Name -> spec, smallest first."""

    data_kind: str
    """Kind of prepared data it learns from: `text`."""

    other_data_kinds: tuple[str, ...] = ()
    """Further kinds that it learns from with other settings, which `suited` tells."""

    task: str
    """`module:Class` of the task, imported only where torch runs."""

    unit: str = "token"
    """What throughput counts and a batch is made of: `token`, `image`."""

    main_metric: str = "validation/loss"
    """What decides which checkpoint is best."""

    abilities: frozenset[str] = frozenset()
    """What its models can be asked for: names of files in `trainer/inference/operations` and `webapp/serving/abilities`."""

    abilities_of_spec: Callable[[Any], frozenset[str]] | None = None
    """What a model with these settings can be asked for, where not all of the family's models can do the same."""

    formats: tuple[str, ...] = ("folder",)
    """Formats that its models can be exported in (`trainer/formats/spec.py`), the first one first."""

    is_default: bool = False
    """The family that is meant where none is named. One has it."""

    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Settings of other parts that suit it where nothing else is said: {"optimizer": {"learning_rate": 5e-4}}."""

    essential: tuple[str, ...] = ()
    """Settings of the model that a form shows first: what it is trained for, say."""

    suited: Callable[[DataFacts], Mapping[str, Any]] | None = None
    """Settings of the model that suit some data: how a form begins. What does not fit at all the task itself refuses."""

    free_settings: frozenset[str] = frozenset()
    """Settings of the model that are about its task and not about the shape of its weights: a transfer may change them."""

    starts_from: frozenset[str] = frozenset()
    """Other families whose weights it can start from: a detector from a classifier's."""

    shrunk: Callable[[Any, float], Any] | None = None
    """(settings, share of heads, neurons or channels that stay) -> settings of the model pruned to it; None: a family
    whose models are only pruned weight by weight."""

    prunable: frozenset[str] = frozenset()
    """Settings of the model that structured pruning makes smaller."""

    taught: Callable[[Any], bool] | None = None
    """Whether a model with these settings learns from a teacher's answers, too; None: none does."""

    ablations: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """What one may want to know the worth of -> the settings without it: {"augmentation": {"model.flip": False}}."""

    calibration_presets: tuple[str, ...] = ()
    """Presets whose training steps are timed to know a machine; small ones."""

    calibration_examples: int = 32
    """Examples of such a step, where an example is one thing and not a window of tokens."""

    @property
    def lower_is_better(self) -> bool:
        """Whether `main_metric` is better the lower it is."""
        return lower_is_better(self.main_metric)

    @property
    def data_kinds(self) -> tuple[str, ...]:
        """Every kind of data that it learns from."""
        return (self.data_kind, *self.other_data_kinds)

    def can_be_taught(self, spec: Any) -> bool:
        """Say whether a model with these settings learns from a teacher's answers, too."""
        return self.taught is not None and self.taught(spec)

    def abilities_of(self, spec: Any) -> frozenset[str]:
        """Return what a model with these settings can be asked for."""
        return self.abilities if self.abilities_of_spec is None else self.abilities_of_spec(spec)


@cache
def families() -> Mapping[str, Family]:
    """Return every family by name, found by looking through the folder of models."""
    found = {}
    for module in pkgutil.iter_modules(trainer.models.__path__):
        if module.ispkg:
            family = importlib.import_module(f"trainer.models.{module.name}.spec").FAMILY
            found[family.name] = family
    return found


def get_family(name: str) -> Family:
    """Return the family of that name; raise `SpecError` with the list of names otherwise."""
    if name not in families():
        raise SpecError(f"family {name!r} is unknown; the families are {', '.join(sorted(families()))}")
    return families()[name]


def shrunk_model(family: Family, model: Any, fraction: float) -> Any:
    """Return the settings of a model after that share of its heads, neurons or channels was pruned; raise `SpecError`."""
    if not 0 < fraction < 1:
        raise SpecError(f"the share to prune is {fraction}; it must be a fraction above 0 and below 1")
    if family.shrunk is None:
        raise SpecError(f"a model of family {family.name} is not pruned by whole parts; choose magnitude")
    return family.shrunk(model, 1 - fraction)


def default_family() -> Family:
    """Return the family that is meant where none is named."""
    return next(family for family in families().values() if family.is_default)
