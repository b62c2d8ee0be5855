"""Each format is written, run by the library it was written for, and held against the original; another model is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.trainer.conftest import NANO, events_of, last_checkpoint, of_kind, run_job, train_dict
from trainer.cli.main import main
from trainer.errors import TrainerError
from trainer.events import Artifact, Failed, Finished, Report
from trainer.formats.check import compare
from trainer.formats.job import write_format
from trainer.formats.spec import ExportSpec

GPT_FORMS = {
    "classic": {"form": "classic"},
    "llama": {"num_kv_heads": 1, "tied_embeddings": False},
    "qwen2": {"qkv_bias": True},
    "qwen3": {"qk_norm": True, "head_width": 32},
}


@pytest.fixture(scope="module")
def checkpoints(version: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A few steps of each form: fresh weights would hide what depends on biases and norms."""
    place = tmp_path_factory.mktemp("formats")
    found = {}
    for name, model in GPT_FORMS.items():
        run_job(place / name, train_dict(version, model=model, schedule={"num_steps": 4}))
        found[name] = last_checkpoint(place / name)
    for objective in ("classify", "masked", "embed"):
        model = {"objective": objective, **NANO}
        raw = {**train_dict(version, family="bert", schedule={"num_steps": 4}), "model": model}
        run_job(place / objective, raw)
        found[objective] = last_checkpoint(place / objective)
    return found


def export(checkpoint: Path, folder: Path, **changes: str) -> Path:
    write_format(ExportSpec(checkpoint=str(checkpoint), **changes), folder)  # type: ignore[arg-type]
    return folder


@pytest.mark.parametrize("form", GPT_FORMS)
def test_llama_cpp_runs_the_gguf_file(checkpoints: dict[str, Path], tmp_path: Path, form: str) -> None:
    spec = ExportSpec(checkpoint=str(checkpoints[form]), format="gguf")
    check = write_format(spec, tmp_path / "model")
    assert "llama.cpp" in check.runner
    assert check.largest_difference < 2e-2
    assert check.same_first_fraction == 1
    assert (tmp_path / "model/model.gguf").stat().st_size > 10_000


@pytest.mark.parametrize("weights", ["float16", "int8"])
def test_narrower_numbers_make_a_smaller_file_that_says_nearly_the_same(
    checkpoints: dict[str, Path], tmp_path: Path, weights: str
) -> None:
    whole = export(checkpoints["llama"], tmp_path / "whole", format="gguf")
    narrow = export(checkpoints["llama"], tmp_path / "narrow", format="gguf", weights=weights)
    sizes = [(folder / "model.gguf").stat().st_size for folder in (whole, narrow)]
    assert sizes[1] < 0.75 * sizes[0]


@pytest.mark.parametrize("name", ["llama", "classify", "embed"])
def test_onnxruntime_runs_the_graph(checkpoints: dict[str, Path], tmp_path: Path, name: str) -> None:
    check = write_format(ExportSpec(checkpoint=str(checkpoints[name]), format="onnx"), tmp_path / "model")
    assert "onnxruntime" in check.runner
    assert check.agrees
    assert check.num_values > 100 or name == "classify"
    assert {path.name for path in (tmp_path / "model").iterdir()} >= {"model.onnx", "tokenizer.json"}


@pytest.mark.parametrize("name", ["llama", "classify"])
def test_the_exported_program_is_read_back(checkpoints: dict[str, Path], tmp_path: Path, name: str) -> None:
    assert write_format(ExportSpec(checkpoint=str(checkpoints[name]), format="torch_export"), tmp_path / "model").agrees


@pytest.mark.parametrize("name", [*GPT_FORMS, "classify", "masked", "embed"])
def test_transformers_runs_the_folder(
    checkpoints: dict[str, Path], tmp_path: Path, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    check = write_format(ExportSpec(checkpoint=str(checkpoints[name])), tmp_path / "model")
    assert check.agrees
    assert check.runner.startswith("transformers") == (tmp_path / "model/config.json").exists()
    assert capfd.readouterr().err == ""  # its progress lines are not for the log of a job


def test_a_job_tells_what_it_wrote_and_how_it_compares(checkpoints: dict[str, Path], tmp_path: Path) -> None:
    run_job(tmp_path, {"kind": "export", "checkpoint": str(checkpoints["llama"]), "format": "gguf", "name": "天气"})
    events = events_of(tmp_path)
    [report], [artifact], [end] = of_kind(events, Report), of_kind(events, Artifact), of_kind(events, Finished)
    assert report.report["check"]["agrees"]
    assert (tmp_path / artifact.path / "model.gguf").is_file()
    assert "llama.cpp" in end.sentence


def test_a_family_without_such_a_form_is_refused_in_a_sentence(version: Path, tmp_path: Path) -> None:
    run_job(tmp_path / "bow", {**train_dict(version, family="bow"), "model": {"width": 8}})
    checkpoint = last_checkpoint(tmp_path / "bow")
    for name, said in (("onnx", "no form as a graph"), ("gguf", "no form as a graph")):
        run_job(tmp_path / name, {"kind": "export", "checkpoint": str(checkpoint), "format": name})
        [failed] = of_kind(events_of(tmp_path / name), Failed)
        assert failed.code == "bad_input"
        assert said in failed.sentence


def test_a_file_that_says_something_else_is_not_kept(
    checkpoints: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rotary pairs left as they are: llama.cpp loads the file without a word and answers differently."""
    monkeypatch.setattr("trainer.formats.gguf.interleave", lambda tensor, num_heads: tensor)
    with pytest.raises(TrainerError, match="gives other answers than the original"):
        export(checkpoints["llama"], tmp_path / "model", format="gguf")
    assert not (tmp_path / "model").exists()


def test_the_command_line_writes_and_tells(
    checkpoints: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", str(checkpoints["llama"]), "--out", str(tmp_path / "m"), "--format", "onnx"]) == 0
    assert "onnxruntime" in capsys.readouterr().err
    assert main(["export", str(checkpoints["llama"]), "--out", str(tmp_path / "m"), "--format", "onnx"]) == 2
    narrow = ["--format", "onnx", "--weights", "int8"]  # not silently as they are
    assert main(["export", str(checkpoints["llama"]), "--out", str(tmp_path / "n"), *narrow]) == 2
    assert "only gguf has a choice of it" in capsys.readouterr().err


def test_a_comparison_counts_what_differs() -> None:
    ours = [np.array([[0.0, 1.0, 2.0], [3.0, 1.0, 2.0]])]
    theirs = [np.array([[0.0, 1.0, 2.5], [1.0, 3.5, 2.0]])]
    found = compare(ours, theirs, runner="x", compared="y", tolerance=0.1)
    assert found.largest_difference == pytest.approx(2.5)
    assert found.same_first_fraction == 0.5
    assert not found.agrees
    assert (
        compare(ours, [np.full((2, 3), np.nan)], runner="x", compared="y", tolerance=0.1).largest_difference == np.inf
    )
