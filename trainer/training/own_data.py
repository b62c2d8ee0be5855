"""The data of a run: opened, and held against what the run was made for."""

from __future__ import annotations

from pathlib import Path

from trainer.data.shards import PreparedVersion, open_version
from trainer.errors import InputError, SpecError
from trainer.families import DataFacts, get_family
from trainer.sections import DataSpec
from trainer.spec import TrainSpec


def open_checked(data: DataSpec) -> PreparedVersion:
    """Open the data; raise `InputError` if it is not what the spec was made for."""
    version = open_version(Path(data.path), with_copies=data.copies)
    found = version.manifest.content_hash
    if data.content_hash and found != data.content_hash:
        raise InputError(
            f"the data at {data.path} has content hash {found[:12]}..., but the run was made for "
            f"{data.content_hash[:12]}...; prepare that version again or choose it anew"
        )
    return version


def check_kind(spec: TrainSpec, version: PreparedVersion) -> None:
    """Raise `InputError` where a model of this family, or with these settings, cannot learn from data of this kind."""
    family, kind = get_family(spec.family), version.manifest.data_kind
    if kind not in family.data_kinds:
        raise InputError(
            f"a model of family {family.name} learns from {', '.join(family.data_kinds)}, and this data is {kind}"
        )
    if not family.other_data_kinds or family.suited is None:
        return
    for name, value in family.suited(DataFacts(data_kind=kind)).items():
        if getattr(spec.model, name) != value:
            raise SpecError(
                f"model.{name} is {getattr(spec.model, name)}, and data of kind {kind} is for {value}: set it so"
            )
