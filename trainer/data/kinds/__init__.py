"""The kinds of data that models learn from. Each is a file here that holds `KIND`; adding one means adding files.

trainer/data/kinds/<name>.py     its recipe, and where the code lies that previews, prepares and opens it
trainer/data/<name>/             that code                                       (text lies in trainer/data itself)
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import Any

from trainer.data.steps import StepsRecipe
from trainer.errors import SpecError


@dataclass(frozen=True, kw_only=True, slots=True)
class DataKind:
    """A kind of data, as forms, preparation and training need to know it. Imports nothing heavy."""

    name: str
    """Short name, as in specs, manifests and the database."""

    title: str
    """What people call it."""

    summary: str
    """One sentence: what is uploaded, and what becomes of it."""

    unit: str
    """What is counted, in the plural: `documents`, `images`, `interactions`."""

    recipe_type: type[StepsRecipe]
    """The recipe's dataclass; its steps become the sections of the form."""

    code_version: int
    """Raised by every change that makes something else out of the same input and recipe."""

    prepare: str
    """`module:function` with `(spec, context)`: does the job, leaves the version in the attempt's `artifacts/version`."""

    preview: str
    """`module:function` with `(sources, rows=…)`: returns a `Preview`; run in a limited child process."""

    split: str
    """`module:function` with `(folder, name, info, manifest)`: opens a split of a prepared version, which has `name`,
    `num_documents`, `num_tokens` and whatever the families that learn from it ask for."""

    trial: str = ""
    """`module:function` with `(sources, recipe, num_documents=…)`: returns a `TrialResult`; empty: no trial."""

    made_up: str = ""
    """`module:function` with `(folder)`, where it may write: returns `MadeUp` data, of which a calibration makes its
    batches; empty: families that learn from it are not timed."""

    endings: tuple[str, ...] = ()
    """Endings of file names that speak for this kind; empty: whatever no other kind claims."""

    reader: str = ""
    """`module:function` with `(file, recipe)`: the documents of an open file, made of parts; empty: its texts, as they are."""

    has_tokenizer: bool = False
    """Its versions hold a tokenizer."""

    assets: tuple[str, ...] = ()
    """Files of a version that models need to be of use anywhere; they are copied into every checkpoint."""


@dataclass(frozen=True, kw_only=True, slots=True)
class MadeUp:
    """Data that means nothing, in the shape of what `split` opens: enough for a family to make batches of."""

    split: Any
    label_names: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    tokenizer: Any = None
    files: Mapping[str, Path] = field(default_factory=dict)
    """Those that the kind says go with a model."""


@cache
def data_kinds() -> Mapping[str, DataKind]:
    """Return every kind of data by name, found by looking through this folder."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    kinds = [importlib.import_module(f"{__name__}.{name}").KIND for name in names]
    return {kind.name: kind for kind in kinds}


def get_data_kind(name: str) -> DataKind:
    """Return the kind of data of that name; raise `SpecError` with the list of names otherwise."""
    if name not in data_kinds():
        raise SpecError(f"data_kind {name!r} is unknown; the kinds of data are {', '.join(sorted(data_kinds()))}")
    return data_kinds()[name]


def load(name: str) -> Any:
    """Return the function that a `module:function` names."""
    module, function = name.split(":")
    return getattr(importlib.import_module(module), function)


def reader_of(recipe: StepsRecipe) -> Any:
    """Return how the documents of an open file are found for a recipe; None: as its texts are."""
    kind = next(kind for kind in data_kinds().values() if kind.recipe_type is type(recipe))
    if not kind.reader:
        return None
    return partial(load(kind.reader), recipe=recipe)


def run(spec: Any, context: Any) -> Any:
    """Do a job of kind `prepare`, whatever the kind of data."""
    return load(get_data_kind(spec.data_kind).prepare)(spec, context)
