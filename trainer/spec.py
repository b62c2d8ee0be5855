"""What a job is to do: typed, versioned specs. Imports without torch; the web app makes them, `python -m trainer` too.

A spec is a frozen dataclass; the docstring under each field is also the help text of its form. A wrong value raises
`SpecError` with the field, the value and what would be right. `encode_spec` and `decode_spec` are the only way to and
from JSON. The parts of a training spec are in `trainer.sections`; the other kinds of jobs have theirs beside the code that
does them and register here by name.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, cast, get_type_hints

import msgspec

from trainer.converting import convert
from trainer.errors import SpecError
from trainer.families import get_family
from trainer.limits import check_at_least
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

SPEC_VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class TrainSpec:
    """One training run from first step to last. `model` is the typed part of its family."""

    family: str
    model: Any
    data: DataSpec
    batch: BatchSpec = field(default_factory=BatchSpec)
    optimizer: OptimizerSpec = field(default_factory=OptimizerSpec)
    schedule: ScheduleSpec = field(default_factory=ScheduleSpec)
    regularisation: RegularisationSpec = field(default_factory=RegularisationSpec)
    evaluation: EvaluationSpec = field(default_factory=EvaluationSpec)
    checkpoint: CheckpointSpec = field(default_factory=CheckpointSpec)
    machine: MachineSpec = field(default_factory=MachineSpec)
    parallel: ParallelSpec = field(default_factory=ParallelSpec)
    transfer: TransferSpec = field(default_factory=TransferSpec)
    prune: PruneSpec = field(default_factory=PruneSpec)
    distil: DistilSpec = field(default_factory=DistilSpec)
    seed: int = 1
    """Seed of the initial weights, of the order of the data and of dropout."""

    flop_per_token: float | None = None
    """Training FLOP per token (or per example), as economics counts it; written by the web app, for throughput and MFU."""

    branch_from: str = ""
    """Folder of a checkpoint of another run that this one goes on from (a wsd trunk, say); empty: from random weights."""

    def __post_init__(self) -> None:
        check_at_least("seed", self.seed, 0, most=2**53)
        wanted = get_family(self.family).spec_type
        if not isinstance(self.model, wanted):
            raise SpecError(
                f"model must be a {wanted.__name__} for family {self.family}, not {type(self.model).__name__}"
            )
        if self.prune.method != "none":
            self._check_pruning()

    def _check_pruning(self) -> None:
        method = self.prune.method
        if self.branch_from:
            raise SpecError(f"prune.method is {method}, and a branch goes on as it was; set it to none")
        if not self.transfer.source:
            raise SpecError(
                f"prune.method is {method}, but there is nothing to prune: say in transfer.source which model to start from"
            )
        if self.transfer.adapter != "none":
            raise SpecError(
                f"prune.method is {method} and transfer.adapter is {self.transfer.adapter}, under which the weights stay as "
                "they are: set one of them to none"
            )


# kind of job -> where its spec lies; the rest of the job is found by trainer.run
SPEC_TYPES = {
    "train": "trainer.spec:TrainSpec",
    "prepare": "trainer.data.spec:PrepareSpec",
    "evaluate": "trainer.inference.spec:EvaluateSpec",
    "predict": "trainer.inference.table_spec:PredictSpec",
    "recommend": "trainer.recommend.lists_spec:RecommendSpec",
    "calibrate": "trainer.calibrate.spec:CalibrateSpec",
    "profile": "trainer.profile.spec:ProfileSpec",
    "inspect": "trainer.inspect.spec:InspectSpec",
    "compress": "trainer.compress.spec:CompressSpec",
    "export": "trainer.formats.spec:ExportSpec",
}


def spec_type(kind: str) -> type:
    """Return the dataclass of a kind of job."""
    if kind not in SPEC_TYPES:
        raise SpecError(f"kind {kind!r} is unknown; the kinds are {', '.join(sorted(SPEC_TYPES))}")
    module, name = SPEC_TYPES[kind].split(":")
    found: type = getattr(importlib.import_module(module), name)
    return found


def encode_spec(kind: str, spec: Any) -> bytes:
    """Return the JSON text of a spec, with its kind and version."""
    return msgspec.json.format(msgspec.json.encode(spec_to_dict(kind, spec)), indent=2)


def spec_to_dict(kind: str, spec: Any) -> dict[str, Any]:
    """Return a spec as plain JSON types, with its kind and version."""
    return {"kind": kind, "version": SPEC_VERSION, **msgspec.to_builtins(spec)}


def decode_spec(text: bytes) -> tuple[str, Any]:
    """Return (kind, spec) of JSON text made by `encode_spec`; raise `SpecError` with a sentence if it is not right."""
    try:
        raw = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise SpecError(f"spec.json is not valid JSON: {error}") from error
    return spec_from_dict(raw)


def spec_from_dict(raw: Mapping[str, Any]) -> tuple[str, Any]:
    """Return (kind, spec) of the plain form; unknown fields are refused, for a misspelt one would be ignored silently."""
    values = dict(raw)
    kind = values.pop("kind", None)
    version = values.pop("version", SPEC_VERSION)
    if version > SPEC_VERSION:
        raise SpecError(f"version {version} of the spec is newer than this trainer understands ({SPEC_VERSION})")
    wanted = spec_type(str(kind))
    _refuse_unknown(values, wanted, str(kind))
    if wanted is TrainSpec and isinstance(values.get("model"), Mapping):
        family = get_family(str(values.get("family", "")))
        _refuse_unknown(values["model"], family.spec_type, "model")
        values["model"] = convert(values["model"], family.spec_type, name="model")
    if kind == "prepare" and isinstance(values.get("recipe", {}), Mapping):
        values["recipe"] = _recipe(str(values.get("data_kind", "text")), dict(values.get("recipe", {})))
    return str(kind), convert(values, wanted)


def _recipe(data_kind: str, raw: dict[str, Any]) -> Any:
    from trainer.data.kinds import get_data_kind  # most specs have no recipe

    return get_data_kind(data_kind).recipe_type.from_dict(raw)


def _refuse_unknown(values: Mapping[str, Any], wanted: type, name: str) -> None:
    """Raise `SpecError` for fields that `wanted` and the dataclasses inside it do not have."""
    types = get_type_hints(wanted)
    known = {f.name for f in fields(wanted)}
    if unknown := sorted(set(values) - known):
        raise SpecError(f"{name} has no field {', '.join(unknown)}; its fields are {', '.join(sorted(known))}")
    for key, value in values.items():
        if is_dataclass(types[key]) and isinstance(value, Mapping):
            _refuse_unknown(value, cast(type, types[key]), key)
