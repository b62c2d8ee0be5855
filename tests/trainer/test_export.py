"""An exported folder is loaded by transformers and by ours, and says the same as the checkpoint."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest
import torch

from tests.trainer.conftest import last_checkpoint, run_job, train_dict
from trainer.cli.main import main
from trainer.errors import CheckpointError, InputError
from trainer.export import export_model, load_any, load_exported
from trainer.inference.loading import load_model

FORMS = {
    "classic": {"form": "classic"},
    "modern": {"num_kv_heads": 1, "tied_embeddings": False},
    "without a form there": {"form": "classic", "head_width": 8},
}


def train(version: Path, folder: Path, model: dict[str, object]) -> Path:
    run_job(folder, train_dict(version, model=model, schedule={"num_steps": 4}))
    return last_checkpoint(folder)


@pytest.mark.parametrize("form", ["classic", "modern"])
def test_transformers_loads_it_and_gives_the_same_logits(version: Path, tmp_path: Path, form: str) -> None:
    transformers = importlib.import_module("transformers")
    checkpoint = train(version, tmp_path / "job", FORMS[form])
    folder = export_model(checkpoint, tmp_path / "model")
    theirs = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    their_tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    ours = load_model(checkpoint)
    text = "rain wind 今天"
    tokens = ours.task.assets.tokenizer.encode(text)
    assert their_tokenizer.encode(text, add_special_tokens=False) == tokens
    with torch.no_grad():
        expected = ours.model(torch.tensor([tokens]))
        torch.testing.assert_close(theirs(torch.tensor([tokens])).logits, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_ours_loads_it_with_the_same_bits(version: Path, tmp_path: Path, form: str) -> None:
    checkpoint = train(version, tmp_path / "job", FORMS[form])
    folder = export_model(checkpoint, tmp_path / "model")
    _, model = load_exported(folder)
    for name, tensor in load_model(checkpoint).model.state_dict().items():
        assert tensor.equal(model.state_dict()[name]), name
    assert (folder / "config.json").exists() == (form != "without a form there")


def test_the_readme_has_the_lines_that_load_it(
    version: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Python lines are run as they stand."""
    checkpoint = train(version, tmp_path / "job", FORMS["modern"])
    export_model(checkpoint, tmp_path / "weather")
    readme = (tmp_path / "weather/README.md").read_text()
    blocks = [part.split("```")[0] for part in readme.split("```python\n")[1:]]
    assert len(blocks) == 2
    monkeypatch.chdir(tmp_path)
    for block in blocks:
        exec(compile(block, "README.md", "exec"), {})
    assert 'python -m trainer generate weather --prompt "Once"' in readme
    assert main(["generate", "weather", "--prompt", "Once", "--tokens", "3"]) == 0


def test_a_family_without_such_a_form_is_exported_too(version: Path, tmp_path: Path) -> None:
    run_job(tmp_path / "job", {**train_dict(version, family="bow"), "model": {"width": 8}})
    folder = export_model(last_checkpoint(tmp_path / "job"), tmp_path / "model")
    loaded = load_any(folder)
    assert {label for label, _ in loaded.task.predict(loaded.model, "rain")} == {"weather", "kitchen"}
    assert "transformers" not in (folder / "README.md").read_text()


def test_an_existing_folder_is_not_overwritten(version: Path, tmp_path: Path) -> None:
    checkpoint = train(version, tmp_path / "job", {})
    (tmp_path / "model").mkdir()
    with pytest.raises(InputError, match="exists already"):
        export_model(checkpoint, tmp_path / "model")
    with pytest.raises(CheckpointError, match="is not an exported model"):
        load_exported(tmp_path / "model")
