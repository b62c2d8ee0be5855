"""What a run may start from: kept checkpoints of the project, models in the server's folders, and uploaded ones.

Only these paths are ever written into a spec: nobody can name a folder of the server that the operator did not allow.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from trainer.adapt.formats import CONFIG, config_of, family_of_config, spec_of_config, spec_of_state_dict
from trainer.data.kinds import get_data_kind
from trainer.data.tokenizer import TOKENIZER_FILE
from trainer.errors import InputError, SpecError
from trainer.families import Family, families
from trainer.spec import spec_from_dict
from webapp.datasets.models import Dataset, SourceFile
from webapp.datasets.server_walk import walk_server
from webapp.projects.models import Project
from webapp.runs.models import Checkpoint

WEIGHTS = "model.safetensors"
MAX_CHECKPOINTS = 100


@dataclass(frozen=True, kw_only=True, slots=True)
class StartingPoint:
    """A model to start from."""

    path: str
    name: str
    """What people call it."""

    label: str
    """Its name, with where it is and what to know before it is chosen."""

    model: Any
    """Its settings, as its family has them; None where it is of another family, from which this one can start."""

    is_checkpoint: bool = False
    """One that a run of the project wrote."""

    dataset: Dataset | None = None
    """Where it was uploaded; its folder is put together when it is chosen."""


def starting_points(project: Project, family: Family) -> list[StartingPoint]:
    """Return what a run of a family may start from: the newest checkpoints first."""
    return [*_checkpoints(project, family), *_on_server(family), *_uploaded(project, family)]


def _checkpoints(project: Project, family: Family) -> Iterator[StartingPoint]:
    for row in _kept(project, [family.name, *family.starts_from]):
        try:
            _kind, spec = spec_from_dict(row.run.spec)
        except SpecError:
            continue  # of an older version
        model = spec.model if row.run.family == family.name else None
        name = _named(row)
        yield StartingPoint(path=str(row.path), name=name, label=name, model=model, is_checkpoint=True)


def paraphrasers(project: Project) -> Iterator[tuple[str, str]]:
    """Yield the project's checkpoints that make one text of another, for the preparation of data."""
    able = [family.name for family in families().values() if "translate" in family.abilities]
    for row in _kept(project, able):
        yield str(row.path), _named(row)


def _kept(project: Project, names: list[str]) -> QuerySet[Checkpoint]:
    """Return the whole checkpoints of some families that are there, the newest first."""
    rows = Checkpoint.objects.filter(
        run__project=project, run__family__in=names, run__deleted_at=None, removed_at=None, compression=""
    )
    return rows.select_related("run").order_by("-run__created_at", "-is_best", "-step")[:MAX_CHECKPOINTS]


def _named(checkpoint: Checkpoint) -> str:
    label = _("%(run)s · step %(step)s") % {"run": checkpoint.run.name, "step": f"{checkpoint.step:,}"}
    return f"{label} · {_('best')}" if checkpoint.is_best else label


def _on_server(family: Family) -> Iterator[StartingPoint]:
    for folder in model_folders():
        is_usable, model = _model_in(folder, family)
        if is_usable:
            label = _("%(folder)s, on the server") % {"folder": folder}
            has_tokenizer = (folder / TOKENIZER_FILE).is_file()
            label = _warned(label, family, has_tokenizer)
            yield StartingPoint(path=str(folder), name=folder.name, label=label, model=model)


def model_folders() -> Iterator[Path]:
    """Yield the server's folders with weights."""
    for folder, files in walk_server():
        if any(name.endswith(".safetensors") for name in files):
            yield folder


def _uploaded(project: Project, family: Family) -> Iterator[StartingPoint]:
    with_weights = Dataset.objects.filter(project=project, archived_at=None, files__removed_at=None).filter(
        files__name__endswith=".safetensors"
    )
    for dataset in with_weights.distinct():
        files = model_files(dataset)
        weights = [row.path for name, row in files.items() if name.endswith(".safetensors")]
        config = files[CONFIG].path if CONFIG in files and WEIGHTS in files else None
        is_usable, model = _model_in(weights[0] if len(weights) == 1 else None, family, config=config)
        if is_usable:
            label = _("%(dataset)s, uploaded") % {"dataset": dataset.name}
            label = _warned(label, family, TOKENIZER_FILE in files)
            yield StartingPoint(
                path=str(upload_folder(dataset)), name=dataset.name, label=label, model=model, dataset=dataset
            )


def _warned(label: str, family: Family, has_tokenizer: bool) -> str:
    """Return the label, with a word on a model of text that comes without its tokenizer."""
    if has_tokenizer or not get_data_kind(family.data_kind).has_tokenizer:
        return label
    return _("%(model)s (no tokenizer.json)") % {"model": label}


def model_files(dataset: Dataset) -> dict[str, SourceFile]:
    """Return the dataset's files by the last part of their names."""
    rows = SourceFile.objects.filter(dataset=dataset, removed_at=None)
    return {row.name.rsplit("/", 1)[-1]: row for row in rows if row.name.endswith((".json", ".safetensors", ".txt"))}


def upload_folder(dataset: Dataset) -> Path:
    return Path(settings.ISOCOST_FILES) / "models" / dataset.code


def put_together(point: StartingPoint) -> None:
    """Give an uploaded model the folder that the trainer reads: links to its files under their names."""
    if point.dataset is None:
        return
    folder = Path(point.path)
    folder.mkdir(parents=True, exist_ok=True)
    for name, row in model_files(point.dataset).items():
        link = folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(row.path)


def _model_in(place: Path | None, family: Family, *, config: Path | None = None) -> tuple[bool, Any]:
    """Return whether a family can start from the weights at a place, and their settings where they are its own.

    `place` is a folder or a file of weights, `config` a config.json that lies elsewhere.
    """
    if (bare := _bare(place)) is not None:
        found, model = bare
        return found.name in (family.name, *family.starts_from), model if found.name == family.name else None
    try:
        if config is not None:
            read = _read(config)
        elif place is not None and place.is_dir():
            read = config_of(place)
        else:
            return False, None
        return (True, spec_of_config(family, read)) if family_of_config(read).name == family.name else (False, None)
    except (InputError, SpecError, TypeError):
        return False, None


def _bare(place: Path | None) -> tuple[Family, Any] | None:
    """Return the family and settings of weights that need no config, as torchvision and timm have them; None otherwise."""
    try:
        return spec_of_state_dict(place) if place is not None else None
    except InputError:
        return None


def _read(path: Path) -> dict[str, Any]:
    import msgspec

    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.MsgspecError) as error:
        raise InputError(f"{path} cannot be read: {error}") from error
