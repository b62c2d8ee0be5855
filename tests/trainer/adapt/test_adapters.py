"""Adapters and freezing: what changes, what does not, and to the last bit."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from tests.trainer.conftest import last_checkpoint, of_kind, run_job
from tests.trainer.models.test_bert import bert_dict
from trainer.adapt.adapter_file import extract_adapter, load_adapter
from trainer.adapt.adapters import add_adapters, is_extra, merge, unmerge
from trainer.adapt.build import merged_weights
from trainer.adapt.freezing import rate_scales
from trainer.errors import CheckpointError, SpecError
from trainer.events import Failed, Finished, Message
from trainer.export import export_model, load_exported
from trainer.inference.loading import load_model
from trainer.models.bert.model import Bert
from trainer.models.bert.spec import BertSpec
from trainer.sections import TransferSpec
from trainer.training.checkpoint import verify_checkpoint
from trainer.training.task import make_task

SPEC = BertSpec(num_layers=2, model_width=32, num_heads=2, context_length=32)
TOKENS = torch.randint(0, 50, (3, 12), generator=torch.Generator().manual_seed(2))


def make(kind: Any, *, seed: int = 1) -> Bert:
    """Return a model whose adapters have learnt something."""
    torch.manual_seed(seed)
    model = Bert(SPEC, vocab_size=50, num_outputs=3).eval()
    add_adapters(model, TransferSpec(adapter=kind, adapter_rank=4))
    for name, parameter in model.named_parameters():
        if is_extra(name):
            parameter.data += 0.05 * torch.randn_like(parameter)
    return model


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_a_new_adapter_changes_nothing(kind: Any) -> None:
    torch.manual_seed(1)
    model = Bert(SPEC, vocab_size=50, num_outputs=3).eval()
    before = model.classify(TOKENS)
    add_adapters(model, TransferSpec(adapter=kind))
    torch.testing.assert_close(model.classify(TOKENS), before, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_merging_does_the_same_and_unmerging_is_exact(kind: Any) -> None:
    model = make(kind)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    answers = model.classify(TOKENS)
    merge(model)
    torch.testing.assert_close(model.classify(TOKENS), answers, rtol=1e-4, atol=1e-5)
    assert not torch.equal(model.state_dict()["blocks.0.attention.qkv.weight"], before["blocks.0.attention.qkv.weight"])
    plain = Bert(SPEC, vocab_size=50, num_outputs=3).eval()
    plain.load_state_dict({name: tensor for name, tensor in model.state_dict().items() if not is_extra(name)})
    assert torch.equal(plain.classify(TOKENS), model.classify(TOKENS))
    merge(model)  # once more changes nothing
    unmerge(model)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert torch.equal(model.classify(TOKENS), answers)


def test_dora_has_a_length_and_a_direction() -> None:
    """The length of each row is m, its direction that of base and adapter together."""
    model = make("dora")
    layer: Any = model.blocks[0].attention.qkv  # type: ignore[union-attr]
    whole = layer.weight + layer.scale * layer.lora_b @ layer.lora_a
    found = layer.effective_weight()
    torch.testing.assert_close(found.norm(dim=1), layer.magnitude.abs(), rtol=1e-5, atol=1e-6)
    assert torch.allclose(nn.functional.cosine_similarity(found, whole, dim=1).abs(), torch.ones(len(whole)))


def pretrained(version: Path, folder: Path) -> Path:
    raw = bert_dict(version, model={"objective": "masked"}, schedule={"num_steps": 6})
    assert isinstance(run_job(folder, raw)[-1], Finished)
    return last_checkpoint(folder)


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_only_adapter_and_head_learn_and_a_run_resumes(version: Path, tmp_path: Path, kind: str) -> None:
    base = pretrained(version, tmp_path / "base")
    transfer = {"source": str(base), "adapter": kind, "adapter_rank": 2}
    raw = bert_dict(version, transfer=transfer, schedule={"num_steps": 8})
    events = run_job(tmp_path / "job", raw)
    assert isinstance(events[-1], Finished), events[-1]
    told = next(each.text for each in of_kind(events, Message) if each.code == "transfer")
    assert "head.weight" in told
    before, after = verify_checkpoint(base).weights(), verify_checkpoint(last_checkpoint(tmp_path / "job")).weights()
    for name, tensor in after.items():
        if name in before:
            assert torch.equal(tensor, before[name]), name
    assert float(after["blocks.0.attention.qkv.lora_b"].abs().sum()) > 0
    stopped = run_job(tmp_path / "again", raw, stop_at_step=3)
    assert not isinstance(stopped[-1], Finished)
    resumed = run_job(tmp_path / "again", raw, fence=2, resume_from=[last_checkpoint(tmp_path / "again")])
    assert isinstance(resumed[-1], Finished), resumed[-1]
    whole = verify_checkpoint(last_checkpoint(tmp_path / "again", 2)).weights()
    assert all(torch.equal(whole[name], after[name]) for name in after)
    # used, and exported as a plain model that answers the same
    loaded = load_model(last_checkpoint(tmp_path / "job"))
    answer = loaded.task.answer(loaded.model, "salt bread")["labels"]
    export_model(last_checkpoint(tmp_path / "job"), tmp_path / "exported")
    task, model = load_exported(tmp_path / "exported")
    for mine, theirs in zip(answer, task.answer(model, "salt bread")["labels"], strict=True):
        assert mine["probability"] == pytest.approx(theirs["probability"], abs=1e-4)


def test_an_adapter_fits_its_own_base_alone(version: Path, tmp_path: Path) -> None:
    base = pretrained(version, tmp_path / "base")
    raw = bert_dict(version, transfer={"source": str(base), "adapter": "lora"}, schedule={"num_steps": 6})
    run_job(tmp_path / "job", raw)
    checkpoint = last_checkpoint(tmp_path / "job")
    folder = extract_adapter(checkpoint, tmp_path / "adapter")
    assert sum(path.stat().st_size for path in folder.iterdir()) < (checkpoint / "weights.safetensors").stat().st_size
    found = load_adapter(base, folder)
    expected = merged_weights(verify_checkpoint(checkpoint))
    assert all(torch.equal(found.weights[name], tensor) for name, tensor in expected.items())

    other = bert_dict(version, model={"objective": "masked"}, schedule={"num_steps": 6}, seed=9)
    run_job(tmp_path / "other", other)
    with pytest.raises(CheckpointError, match=r"was trained beside other weights .* differs"):
        load_adapter(last_checkpoint(tmp_path / "other"), folder)


def test_frozen_blocks_stay_and_rates_fall_towards_the_input(version: Path, tmp_path: Path) -> None:
    base = pretrained(version, tmp_path / "base")
    raw = bert_dict(version, transfer={"source": str(base), "freeze_layers": 1}, schedule={"num_steps": 4})
    assert isinstance(run_job(tmp_path / "job", raw)[-1], Finished)
    before, after = verify_checkpoint(base).weights(), verify_checkpoint(last_checkpoint(tmp_path / "job")).weights()
    still = [name for name in after if name in before and torch.equal(after[name], before[name])]
    assert "token_embedding.weight" in still
    assert "blocks.0.attention.qkv.weight" in still
    assert "norm.weight" not in still
    known = load_model(last_checkpoint(tmp_path / "job")).task
    deeper = replace(known.spec, model=replace(SPEC, objective="classify"), transfer=TransferSpec(layer_rate_decay=0.5))
    task = make_task(deeper, known.assets)
    scales = rate_scales(task, task.build_model())
    assert scales["head.weight"] == scales["blocks.1.attention.qkv.weight"] == 1.0
    assert scales["blocks.0.attention.qkv.weight"] == 0.5
    assert scales["token_embedding.weight"] == 0.25


def test_rates_are_those_that_the_optimiser_uses(version: Path, tmp_path: Path) -> None:
    raw = bert_dict(
        version,
        transfer={"layer_rate_decay": 0.01},
        schedule={"num_steps": 1, "warmup_steps": 0},
        optimizer={"weight_decay": 0.0},
    )
    run_job(tmp_path / "slow", raw)
    run_job(tmp_path / "start", {**raw, "schedule": {"num_steps": 0}})
    begin, end = (verify_checkpoint(last_checkpoint(tmp_path / name)).weights() for name in ("start", "slow"))
    moved = {name: float((end[name] - begin[name]).abs().max()) for name in end}
    assert moved["token_embedding.weight"] == pytest.approx(0.01 * moved["head.weight"], rel=0.05)


def test_what_does_not_fit_is_refused_with_the_reason(version: Path, tmp_path: Path) -> None:
    base = pretrained(version, tmp_path / "base")
    wrong = bert_dict(version, model={"model_width": 64}, transfer={"source": str(base)})
    last = run_job(tmp_path / "wide", wrong)[-1]
    assert isinstance(last, Failed)
    assert "model.model_width is 64, and that of transfer.source is 32" in last.sentence
    with pytest.raises(SpecError, match="freeze_layers"):
        TransferSpec(freeze_layers=-2)
    many = run_job(tmp_path / "many", bert_dict(version, transfer={"freeze_layers": 5}))[-1]
    assert isinstance(many, Failed)
    assert "the model has 1 blocks" in many.sentence
