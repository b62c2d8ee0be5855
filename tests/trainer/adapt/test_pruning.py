"""A model made smaller before it goes on learning: what goes, that it stays gone, and that the rest learns to do without."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from tests.trainer.conftest import events_of, last_checkpoint, metric, of_kind, run_job, train_dict
from tests.trainer.training.test_resume import assert_same_end
from trainer.cli.main import main
from trainer.errors import SpecError
from trainer.events import Failed, Finished, Message, Report, Resolved
from trainer.families import get_family, shrunk_model
from trainer.inference.loading import load_model
from trainer.models.bert.model import Bert
from trainer.models.bert.spec import BertSpec
from trainer.models.cutting import BlockSizes, cut_blocks
from trainer.models.detect.model import Detector
from trainer.models.detect.spec import DetectSpec
from trainer.models.detect.spec import shrunk as shrunk_detector
from trainer.models.gpt.model import GPT
from trainer.models.gpt.spec import GPTSpec, shrunk
from trainer.models.narrowing import cut_between
from trainer.models.transformer.model import Transformer
from trainer.models.transformer.spec import TransformerSpec
from trainer.models.vision.cutting import cut, cut_resnet
from trainer.models.vision.model import build_net
from trainer.models.vision.spec import VisionSpec
from trainer.models.vision.spec import shrunk as shrunk_vision

MODEL = {"num_layers": 2, "model_width": 32, "num_heads": 4, "num_kv_heads": 2, "context_length": 32}
NUM_STEPS = 60
KNOWS_NOTHING = math.log(320)


@pytest.fixture(scope="module")
def source(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("source") / "job"
    run_job(folder, spec_of(version, model=MODEL, schedule={"num_steps": 100}))
    return last_checkpoint(folder)


def spec_of(version: Path, **changes: Any) -> dict[str, Any]:
    every = {"evaluation": {"every_steps": NUM_STEPS, "sample_tokens": 0}, "checkpoint": {"every_steps": NUM_STEPS}}
    return train_dict(version, **{"schedule": {"num_steps": NUM_STEPS}, **every, **changes})


def pruned(version: Path, source: Path, prune: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return spec_of(version, **{"model": MODEL, "transfer": {"source": str(source)}, "prune": prune, **changes})


@pytest.mark.parametrize("scope", ["layer", "global"])
def test_weights_pruned_by_magnitude_stay_zero_and_the_rest_recovers(
    version: Path, source: Path, tmp_path: Path, scope: str
) -> None:
    raw = pruned(version, source, {"method": "magnitude", "fraction": 0.8, "scope": scope})
    events = run_job(tmp_path, raw)
    facts = of_kind(events, Resolved)[0].facts["transfer"]["pruned"]
    assert facts["num_zero"] / facts["num_prunable"] == pytest.approx(0.8, abs=1e-3)
    before, after = (
        load_file(source / "weights.safetensors"),
        load_file(last_checkpoint(tmp_path) / "weights.safetensors"),
    )
    inner = [name for name in after if name.startswith("blocks.") and after[name].dim() == 2]
    assert sum(int((after[name] == 0).sum()) for name in inner) == facts["num_zero"]
    by_layer = {name: float((after[name] == 0).float().mean()) for name in inner}
    assert (max(by_layer.values()) - min(by_layer.values()) < 0.01) == (scope == "layer")
    for name in inner:  # what went was smaller than all that stayed
        gone, stays = before[name][after[name] == 0].abs(), before[name][after[name] != 0].abs()
        assert gone.max() <= stays.min() if scope == "layer" else gone.mean() < stays.mean()
    losses = metric(events, "validation/loss")
    assert losses[NUM_STEPS] < losses[0] - 0.1  # behind the pruning, and once it has recovered
    assert "stay it" in of_kind(events, Message)[0].text


def test_a_pruned_run_resumes_to_the_bit(version: Path, source: Path, tmp_path: Path) -> None:
    quick = {"schedule": {"num_steps": 12, "warmup_steps": 3}, "checkpoint": {"every_steps": 3}}
    raw = pruned(version, source, {"method": "magnitude"}, **quick, regularisation={"dropout": 0.2})
    run_job(tmp_path / "whole", raw)
    run_job(tmp_path / "parts", raw, stop_at_step=5)
    run_job(tmp_path / "parts", raw, fence=2, resume_from=[last_checkpoint(tmp_path / "parts")])
    assert_same_end(tmp_path / "whole", 1, tmp_path / "parts", 2)


def test_whole_heads_and_neurons_go_and_the_smaller_model_recovers(version: Path, source: Path, tmp_path: Path) -> None:
    small = shrunk(GPTSpec(**MODEL), 0.5)
    assert (small.num_heads, small.num_kv_heads, small.head_width, small.feed_forward_width) == (2, 1, 8, 64)
    sizes = {name: getattr(small, name) for name in ("num_heads", "num_kv_heads", "head_width", "feed_forward_width")}
    events = run_job(tmp_path, pruned(version, source, {"method": "structured"}, model={**MODEL, **sizes}))
    assert of_kind(events, Finished), events[-1]
    losses = metric(events, "validation/loss")
    assert losses[NUM_STEPS] < losses[0] < KNOWS_NOTHING - 1  # it still knows much of what the whole one learnt
    made = load_model(last_checkpoint(tmp_path), device="cpu")
    assert made.model.blocks[0].attention.qkv.weight.shape == ((2 + 2 * 1) * 8, 32)  # type: ignore[index, union-attr]
    assert made.size_bytes < 0.75 * load_model(source, device="cpu").size_bytes


def test_nothing_changes_where_what_goes_was_silent() -> None:
    """Heads, neurons and channels whose outputs are nil go first, and the answers stay what they were."""
    torch.manual_seed(1)
    spec = GPTSpec(**MODEL)
    gpt, small = GPT(spec, vocab_size=50).eval(), shrunk(spec, 0.5)
    with torch.no_grad():
        for block in gpt.blocks:
            block.attention.out.weight[:, 16:] = 0  # type: ignore[index, union-attr]
            block.feed_forward.down.weight[:, ::2] = 0  # type: ignore[index, union-attr]
    cut_gpt = GPT(small, vocab_size=50).eval()
    cut_gpt.load_state_dict(cut_blocks(gpt.state_dict(), BlockSizes.of(spec), BlockSizes.of(small)))
    tokens = torch.randint(50, (2, 20))
    assert torch.allclose(gpt(tokens), cut_gpt(tokens), atol=1e-5)

    whole, fewer = BertSpec(num_heads=4), BertSpec(num_heads=2, head_width=32, feed_forward_width=256)
    bert, cut_bert = (Bert(each, vocab_size=50, num_outputs=3).eval() for each in (whole, fewer))
    with torch.no_grad():
        for layer in bert.blocks:
            layer.attention.out.weight[:, :64] = 0  # type: ignore[index, union-attr]
            layer.feed_forward.down.weight[:, 100:356] = 0  # type: ignore[index, union-attr]
    cut_bert.load_state_dict(cut_blocks(bert.state_dict(), BlockSizes.of(whole), BlockSizes.of(fewer)))
    assert torch.allclose(bert(tokens), cut_bert(tokens), atol=1e-5)


def test_silent_neurons_of_an_encoder_decoder_go_first() -> None:
    torch.manual_seed(6)
    before = TransformerSpec(num_encoder_layers=1, num_decoder_layers=1, model_width=16, num_heads=2)
    after = shrunk_model(get_family("transformer"), before, 0.5)
    whole, fewer = (Transformer(each, vocab_size=50).eval() for each in (before, after))
    with torch.no_grad():
        for name, weight in whole.named_parameters():
            if name.endswith("feed_forward.down.weight"):
                weight[:, ::2] = 0
    weights = whole.state_dict()
    for block in (0, 1):
        cut_between(weights, f"blocks.{block}.feed_forward.up", f"blocks.{block}.feed_forward.down", 32)
    fewer.load_state_dict(weights)
    source, target = torch.randint(50, (2, 9)), torch.randint(50, (2, 7))
    answers = [model(source, torch.ones_like(source, dtype=torch.bool), target) for model in (whole, fewer)]
    assert answers[0].std() > 1e-2
    assert torch.allclose(*answers, atol=1e-5)


def test_silent_channels_of_a_detector_go_first_and_its_head_stays() -> None:
    torch.manual_seed(5)
    before = DetectSpec(width_fraction=0.25, pyramid_width=32, head_layers=1)
    after = shrunk_detector(before, 0.5)
    facts: dict[str, Any] = {"side": 64, "num_channels": 3, "num_classes": 2, "mean": [0.5] * 3, "deviation": [0.2] * 3}
    whole, fewer = (Detector(each, **facts).eval() for each in (before, after))
    with torch.no_grad():
        for key, weight in whole.backbone.named_parameters():
            if "bn1." in key and "layer" in key:
                weight[: len(weight) // 2] = 0
    cut_resnet(weights := whole.state_dict(), ["backbone."], "resnet18", width_fraction=0.25, inner_fraction=0.5)
    fewer.load_state_dict(weights)
    assert len(fewer.backbone.layer1[0].conv1.weight) == 8
    pictures = torch.rand(2, 3, 64, 64)
    for one, other in zip(whole(pictures), fewer(pictures), strict=True):
        assert torch.allclose(one, other, atol=1e-4)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "vgg11"])
def test_silent_channels_go_first(name: str) -> None:
    torch.manual_seed(2)
    before = VisionSpec(architecture=name, width_fraction=0.25)  # type: ignore[arg-type]
    after = shrunk_vision(before, 0.5)
    nets = [build_net(each, side=32, num_channels=3, num_classes=4, dropout=0.0).eval() for each in (before, after)]
    with torch.no_grad():
        for key, weight in nets[0].named_parameters():
            is_inner = (
                ".bn1." in key or (name == "resnet50" and ".bn2." in key) if name != "vgg11" else weight.dim() == 1
            )
            if (is_inner and "layer" in key) or (name == "vgg11" and "features" in key and is_inner):
                weight[: len(weight) // 2] = 0
            elif ".bn" in key and key.endswith("weight"):
                weight.fill_(1.0)
    weights = cut({f"net.{key}": tensor for key, tensor in nets[0].state_dict().items()}, before, after)
    nets[1].load_state_dict({key.removeprefix("net."): tensor for key, tensor in weights.items()})
    pictures = torch.rand(3, 3, 32, 32)
    answers = [net(pictures) for net in nets]
    assert answers[0].std() > 1e-4
    assert torch.allclose(*answers, atol=1e-4)
    assert sum(p.numel() for p in nets[1].parameters()) < 0.62 * sum(p.numel() for p in nets[0].parameters())


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"transfer": {"source": ""}}, "there is nothing to prune"),
        ({"transfer": {"adapter": "lora"}}, "set one of them to none"),
        ({"prune": {"fraction": 1.0}}, "prune.fraction is 1.0"),
        ({"branch_from": "somewhere"}, "a branch goes on as it was"),
    ],
)
def test_what_cannot_be_pruned_is_refused(version: Path, changes: dict[str, Any], sentence: str) -> None:
    from trainer.spec import spec_from_dict

    raw = pruned(version, Path("/elsewhere"), {"method": "magnitude"})
    for part, values in changes.items():
        raw[part] = {**raw[part], **values} if isinstance(values, dict) else values
    with pytest.raises(SpecError, match=sentence):
        spec_from_dict(raw)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ({}, "make model.num_heads or"),
        ({"feed_forward_width": 512}, "pruning leaves at most"),
        ({"num_heads": 2, "num_kv_heads": 2, "head_width": 8}, "keep that ratio"),
        ({"num_heads": 2, "num_kv_heads": 1}, "taken out whole"),
        ({"model_width": 64, "head_width": 8}, "model.model_width is 64"),
    ],
)
def test_sizes_that_are_no_pruning_are_refused(
    version: Path, source: Path, tmp_path: Path, model: dict[str, Any], sentence: str
) -> None:
    events = run_job(tmp_path, pruned(version, source, {"method": "structured"}, model={**MODEL, **model}))
    [failed] = of_kind(events, Failed)
    assert sentence in failed.sentence


def test_the_command_line_prunes_and_measures_both(version: Path, source: Path, tmp_path: Path) -> None:
    quick = [
        "--set",
        "machine.num_threads=1",
        "--set",
        "machine.dtype=float32",
        "--set",
        "batch.sequences_per_step=4",
        "--set",
        "batch.sequence_length=16",
        "--set",
        "evaluation.sample_tokens=0",
        "--set",
        "machine.compile=off",
    ]
    command = ["train", "--data", str(version), "--from", str(source), "--steps", "4", "--out", str(tmp_path / "cut")]
    assert main([*command, *quick, "--prune", "structured", "--fraction", "0.5"]) == 0
    small = load_model(last_checkpoint(tmp_path / "cut"), device="cpu")
    assert small.task.spec.model.feed_forward_width == 64
    assert small.task.spec.prune.method == "structured"
    both = ["compress", str(source), "--smaller", str(tmp_path / "cut"), "--out", str(tmp_path / "both")]
    assert main(both) == 0
    [report] = of_kind(events_of(tmp_path / "both"), Report)
    before, after = report.report["before"], report.report["after"]
    assert after["num_parameters"] < 0.7 * before["num_parameters"]
    assert after["file_bytes"] < 0.8 * before["file_bytes"]
    differences = report.report["differences"]
    assert differences
    assert all(row["low"] <= row["difference"] <= row["high"] for row in differences)
    assert main(["compress", str(source), "--set", "method=trained", "--out", str(tmp_path / "none")]) != 0
