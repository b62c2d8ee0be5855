"""Specs from JSON and back, and every wrong value with the sentence that it gets."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import msgspec
import pytest

from trainer.errors import SpecError
from trainer.families import default_family, families, get_family
from trainer.spec import SPEC_TYPES, decode_spec, encode_spec, spec_from_dict, spec_type

MINIMAL = {"kind": "train", "family": "gpt", "model": {}, "data": {"path": "/data"}}


def test_a_spec_survives_json() -> None:
    kind, spec = spec_from_dict({**MINIMAL, "optimizer": {"name": "muon"}, "seed": 7})
    assert decode_spec(encode_spec(kind, spec)) == (kind, spec)


@pytest.mark.parametrize("kind", SPEC_TYPES)
def test_every_kind_has_its_type(kind: str) -> None:
    assert spec_type(kind).__doc__


def test_every_preset_survives_json_and_every_field_says_what_it_is() -> None:
    for family in families().values():
        for preset in family.presets.values():
            raw = {**MINIMAL, "family": family.name, "model": msgspec.to_builtins(preset)}
            assert spec_from_dict(raw)[1].model == preset
    assert default_family().name in families()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            {"kind": "dance"},
            "kind 'dance' is unknown; the kinds are calibrate, ",
        ),
        ({"version": 99}, "version 99 of the spec is newer"),
        ({"family": "rnn"}, "family 'rnn' is unknown; the families are"),
        ({"famly": "gpt"}, "train has no field famly; its fields are"),
        ({"optimizer": {"learning_rte": 1}}, "optimizer has no field learning_rte; its fields are"),
        ({"model": {"num_layer": 1}}, "model has no field num_layer; its fields are"),
        ({"optimizer": {"learning_rate": 0}}, "optimizer.learning_rate is 0.0; it must be above 0"),
        ({"optimizer": {"beta1": 1.5}}, "optimizer.beta1 is 1.5; it must be a fraction from 0 to 1"),
        ({"optimizer": {"name": "sgd"}}, "optimizer.name: invalid enum value 'sgd'"),
        ({"batch": {"sequences_per_step": 6, "micro_batch": 4}}, r"batch.micro_batch \(4\) must divide"),
        ({"schedule": {"num_steps": -1}}, "schedule.num_steps is -1; it must be at least 0"),
        ({"regularisation": {"dropout": 1}}, "regularisation.dropout is 1.0; it must be a fraction from 0 to below 1"),
        ({"evaluation": {"every_steps": 0}}, "evaluation.every_steps is 0; it must be at least 1"),
        ({"checkpoint": {"keep_last": 0}}, "checkpoint.keep_last is 0; it must be at least 1"),
        ({"machine": {"device": "tpu"}}, "machine.device is 'tpu'; it must be auto, cpu, mps, cuda"),
        ({"machine": {"num_threads": -2}}, "machine.num_threads is -2"),
        ({"batch": {"sequence_length": "long"}}, "batch.sequence_length: expected int, got str"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
        ({"schedule": {"num_steps": 10**30}}, "schedule.num_steps is 1,000,.*; it must be at most 2,147,483,647"),
        ({"batch": {"sequences_per_step": 2**31}}, "batch.sequences_per_step is 2,147,483,648; it must be at most"),
        ({"data": None}, "data: expected object, got null"),
    ],
)
def test_wrong_values_are_refused_with_a_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        spec_from_dict({**MINIMAL, **changes})


def test_what_is_no_json_is_refused() -> None:
    with pytest.raises(SpecError, match="not valid JSON"):
        decode_spec(b"{")


def test_unknown_families_are_named() -> None:
    with pytest.raises(SpecError, match=r"bow, .*gpt"):
        get_family("nothing")


def test_the_front_door_imports_without_torch() -> None:
    code = """
import sys, trainer.spec, trainer.events, trainer.folder, trainer.families, trainer.run, trainer.cli.main
trainer.families.families()
[trainer.spec.spec_type(kind) for kind in ("train", "evaluate", "calibrate")]
assert "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_nothing_outside_its_folder_names_a_family() -> None:
    """The machinery is not one family in disguise."""
    from pathlib import Path

    import trainer

    root = Path(trainer.__path__[0])
    role_names = root / "data" / "parts" / "chats.py"  # files of conversations call the one who answers gpt
    for name in families():
        naming = [
            path.relative_to(root).as_posix()
            for path in root.rglob("*.py")
            if not path.is_relative_to(root / "models")
            and path != role_names
            and any(word in path.read_text() for word in (f'"{name}"', f"models.{name}", f"'{name}'"))
        ]
        assert not naming, f"{name} is named in {naming}"
