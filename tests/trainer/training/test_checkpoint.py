"""A checkpoint proves that it is whole, and says what is wrong where it is not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.trainer.conftest import last_checkpoint, run_job, train_dict
from trainer.errors import CheckpointError
from trainer.training.checkpoint import MANIFEST, STATE, WEIGHTS, first_verified, verify_checkpoint


@pytest.fixture(scope="module")
def original(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("checkpoint") / "job"
    run_job(folder, train_dict(version))
    return last_checkpoint(folder)


@pytest.fixture
def checkpoint(original: Path, tmp_path: Path) -> Path:
    return shutil.copytree(original, tmp_path / "12")


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGE: dict[str, tuple[Callable[[Path], object], str]] = {
    "flipped bit": (lambda folder: flip_a_bit(folder / WEIGHTS), "the content of weights.safetensors does not match"),
    "cut short": (lambda folder: (folder / STATE).write_bytes(b"{"), "state.json has 1 bytes, not"),
    "missing file": (lambda folder: (folder / WEIGHTS).unlink(), "weights.safetensors is missing"),
    "no manifest": (lambda folder: (folder / MANIFEST).unlink(), "it has no manifest.json"),
    "broken manifest": (lambda folder: (folder / MANIFEST).write_bytes(b"{}"), "its manifest cannot be read"),
    "no folder": (lambda folder: shutil.rmtree(folder), "is not a checkpoint"),
}


def test_a_whole_checkpoint_is_verified_wherever_it_lies(checkpoint: Path) -> None:
    stored = verify_checkpoint(checkpoint)
    assert stored.state().step == stored.manifest.step == 12
    assert stored.manifest.facts["num_parameters"] > 0
    assert stored.assets().label_names == ("weather", "kitchen")
    assert verify_checkpoint(checkpoint, sha256=stored.sha256) == stored


@pytest.mark.parametrize("damage", DAMAGE)
def test_every_damage_is_found_and_named(checkpoint: Path, damage: str) -> None:
    harm, sentence = DAMAGE[damage]
    harm(checkpoint)
    with pytest.raises(CheckpointError, match=sentence):
        verify_checkpoint(checkpoint)


def test_the_first_whole_one_of_several_is_taken(original: Path, checkpoint: Path) -> None:
    flip_a_bit(checkpoint / WEIGHTS)
    found, problems = first_verified([checkpoint, original])
    assert found is not None
    assert found.path == original
    assert len(problems) == 1


def test_there_is_no_pickle_in_it(checkpoint: Path) -> None:
    names = {path.suffix for path in checkpoint.rglob("*") if path.is_file()}
    assert names == {".safetensors", ".json"}
