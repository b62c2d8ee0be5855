"""What can happen to a prepared version: it is asked for, becomes ready, gets a note."""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone
from django.utils.translation import gettext as _

from trainer.data.manifest import VersionManifest, hash_file, read_manifest
from trainer.data.sources import SourceSpec
from trainer.data.spec import PrepareSpec, recipe_hash
from trainer.data.steps import StepsRecipe
from trainer.spec import spec_to_dict
from webapp.datasets.errors import DataRefused
from webapp.datasets.models import Dataset, DatasetVersion, SourceFile
from webapp.datasets.plain import storable
from webapp.datasets.services.server_folders import is_still_inside
from webapp.jobs.models import ACTIVE_STATES, State
from webapp.jobs.services import job_create
from webapp.teams.models import User

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionMade:
    """A version and whether it had to be made: the same files and recipe give the version that is there already."""

    version: DatasetVersion
    is_new: bool


def version_create(
    *, dataset: Dataset, recipe: StepsRecipe, created_by: User | None, tokenizer: Path | None = None
) -> DatasetVersion:
    """Return the version that this recipe makes of the dataset's files: a new one with its job, or the one made before."""
    return version_find_or_create(dataset=dataset, recipe=recipe, created_by=created_by, tokenizer=tokenizer).version


@transaction.atomic
def version_find_or_create(
    *, dataset: Dataset, recipe: StepsRecipe, created_by: User | None, tokenizer: Path | None = None
) -> VersionMade:
    """As `version_create`, and say whether the version is new. `tokenizer` is the folder of one that there is already."""
    dataset = (
        Dataset.objects.select_for_update(no_key=True, of=("self",)).select_related("project__team").get(pk=dataset.pk)
    )
    if dataset.archived_at is not None:
        raise DataRefused(_("This dataset is archived. Bring it back first."))
    sources = dataset_sources(dataset)
    hashed = recipe_hash(
        sources,
        recipe,
        data_kind=dataset.data_kind,
        tokenizer_sha256=hash_file(tokenizer / "tokenizer.json")[0] if tokenizer else "",
    )
    if found := _made_before(dataset, hashed):
        return VersionMade(version=found, is_new=False)
    spec = PrepareSpec(sources=sources, data_kind=dataset.data_kind, recipe=recipe, tokenizer_path=str(tokenizer or ""))
    number = (dataset.versions.aggregate(last=Max("number"))["last"] or 0) + 1
    job = job_create(
        project=dataset.project,
        kind="prepare",
        spec=spec_to_dict("prepare", spec),
        created_by=created_by,
        title=_("Prepare %(dataset)s v%(number)d") % {"dataset": dataset.name, "number": number},
    )
    version = DatasetVersion(
        dataset=dataset,
        number=number,
        job=job,
        data_kind=dataset.data_kind,
        recipe=recipe.to_dict(),
        recipe_hash=hashed,
        created_by=created_by,
    )
    version.full_clean(exclude=["recipe", "created_by", "splits", "facts", "report", *_UNKNOWN_YET])
    version.save()
    return VersionMade(version=version, is_new=True)


_UNKNOWN_YET = ("num_documents", "num_tokens", "num_bytes", "size_bytes", "vocab_size", "ready_at")


def dataset_sources(dataset: Dataset) -> list[SourceSpec]:
    """Return what a preparation reads, in an order that does not depend on when files were uploaded."""
    files = list(dataset.files.live().order_by("name", "sha256"))
    if not files:
        raise DataRefused(_("This dataset has no files yet. Upload some, then prepare."))
    if broken := [file for file in files if file.problem]:
        raise DataRefused(
            _("“%(name)s” cannot be read: %(problem)s Choose how it is read, or remove it, then prepare.")
            % {"name": broken[0].name, "problem": broken[0].problem}
        )
    if moved := [file for file in files if file.is_on_server and not is_still_inside(file)]:
        raise DataRefused(
            _("“%(name)s” no longer lies in a folder of the server that is open to datasets. Remove it, then prepare.")
            % {"name": moved[0].name}
        )
    return [source_of(file) for file in files]


def source_of(file: SourceFile) -> SourceSpec:
    """Return the file as the reader knows it."""
    plain = {**file.options, "path": str(file.path), "sha256": file.sha256, "name": file.name}
    return msgspec.convert(plain, SourceSpec)


def version_publish(*, version: DatasetVersion, folder: Path, report: dict[str, Any] | None = None) -> None:
    """Make the version that lies in `folder` the ready one. Called in the transaction that passed the fence."""
    place = version_place(version)
    _move(folder, place)
    manifest = read_manifest(place)
    DatasetVersion.objects.filter(pk=version.pk, ready_at=None).update(
        stored_path=str(place.relative_to(settings.ISOCOST_FILES)),
        content_hash=manifest.content_hash,
        data_kind=manifest.data_kind,
        num_documents=manifest.num_documents,
        num_tokens=manifest.num_tokens,
        num_bytes=sum(split.num_bytes for split in manifest.splits.values()),
        size_bytes=sum(path.stat().st_size for path in place.rglob("*") if path.is_file()),
        vocab_size=manifest.vocab_size,
        splits=_splits(manifest),
        facts={**manifest.facts, "num_labels": len(manifest.label_names)},
        report=storable(report if report is not None else _report_in(place)),
        ready_at=timezone.now(),
    )


def version_note(*, version: DatasetVersion, note: str) -> None:
    DatasetVersion.objects.filter(pk=version.pk).update(note=note)


def version_place(version: DatasetVersion) -> Path:
    return Path(settings.ISOCOST_FILES) / "versions" / version.code


def _made_before(dataset: Dataset, hashed: str) -> DatasetVersion | None:
    """Return the version with this hash that is ready or on its way; one that failed is made again."""
    same = dataset.versions.filter(recipe_hash=hashed).select_related("job")
    for version in same:
        if version.ready_at is not None or version.job.state in ACTIVE_STATES or version.job.state == State.SUCCEEDED:
            return version
    return None


def _move(folder: Path, place: Path) -> None:
    """Move a finished version to where it stays. A move whose transaction was lost is found done, or done again."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if folder.is_dir():
        if place.exists():  # of an attempt whose transaction did not commit: nobody has seen it
            shutil.rmtree(place)
        os.rename(folder, place)
    elif not place.is_dir():
        raise FileNotFoundError(f"{folder} holds no prepared version, and neither does {place}")


def _splits(manifest: VersionManifest) -> dict[str, dict[str, int]]:
    return {
        name: {"documents": split.num_documents, "tokens": split.num_tokens, "bytes": split.num_bytes}
        for name, split in manifest.splits.items()
    }


def _report_in(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = msgspec.json.decode((place / "report.json").read_bytes())
    return found
