"""The door to the readers: files of strangers are parsed in a limited child process, a few at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
from django.utils.translation import gettext as _

from trainer.data.child import preview_in_child, try_in_child
from trainer.data.steps import StepsRecipe
from trainer.data.trial import TrialResult
from webapp.datasets.errors import DataRefused
from webapp.datasets.models import Dataset, SourceFile
from webapp.datasets.plain import storable

NUM_ROWS = 100
MAX_CHILDREN = 2
WAIT_SECONDS = 60.0
_children = threading.BoundedSemaphore(MAX_CHILDREN)


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen in a file, or the sentence that says why nothing was."""

    preview: dict[str, Any]
    problem: str


def look_at(file: SourceFile) -> Look:
    """Read the first rows of a file, as its options say."""
    from webapp.datasets.services.versions import source_of

    _enter()
    try:
        seen = preview_in_child([replace(source_of(file), sha256="")], rows=NUM_ROWS, data_kind=file.dataset.data_kind)
    finally:
        _children.release()
    plain = storable(msgspec.to_builtins(seen))
    return Look(plain, plain["error"])


def try_on(dataset: Dataset, recipe: StepsRecipe, *, num_documents: int) -> TrialResult:
    """Try the recipe on some documents from all over the dataset."""
    from webapp.datasets.services.versions import dataset_sources

    # Small files first: what they leave of the share that may be read goes to the large ones.
    sources = sorted(dataset_sources(dataset), key=lambda source: Path(source.path).stat().st_size)
    _enter()
    try:
        return try_in_child(sources, recipe, num_documents=num_documents, data_kind=dataset.data_kind)
    finally:
        _children.release()


def _enter() -> None:
    if not _children.acquire(timeout=WAIT_SECONDS):
        raise DataRefused(_("Too many files are being read at this moment. Try again in a minute."))
