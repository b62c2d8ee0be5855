"""A model in fewer bits: its layers, its file, its answers, and the report of what it saves and costs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from tests.trainer.conftest import events_of, last_checkpoint, of_kind, run_job, train_dict
from trainer.cli.main import main
from trainer.compress.convolution import PackedConv2d
from trainer.compress.difference import differences
from trainer.compress.quantised import DynamicInt8Linear, Int4Linear, Int8Embedding, Int8EmbeddingBag, Int8Linear
from trainer.errors import InputError
from trainer.events import Checkpoint, Failed, Finished, Report
from trainer.export import export_model
from trainer.inference.loading import load_model
from trainer.training.units import Units

WIDE = {"num_layers": 2, "model_width": 64, "num_heads": 2, "context_length": 32}


@pytest.fixture(scope="module")
def trained(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained") / "job"
    changes = {"model": WIDE, "schedule": {"num_steps": 60}, "evaluation": {"every_steps": 60}}
    run_job(folder, train_dict(version, **changes))
    return last_checkpoint(folder)


def compress(checkpoint: Path, folder: Path, method: str) -> tuple[Report, Path]:
    run_job(folder, {"kind": "compress", "checkpoint": str(checkpoint), "method": method})
    events = events_of(folder)
    assert of_kind(events, Finished), events[-1]
    [report], [made] = of_kind(events, Report), of_kind(events, Checkpoint)
    return report, folder / made.path


@pytest.mark.parametrize(
    ("kind", "most"),
    [(Int8Linear, 1 / 127), (DynamicInt8Linear, 1 / 127), (Int4Linear, 1 / 7)],
    ids=lambda x: str(x)[:40],
)
@pytest.mark.parametrize(("rows", "num_outputs"), [(1, 48), (5, 40), (100, 48)])
def test_a_layer_gives_the_product_to_within_its_step(kind: type, most: float, rows: int, num_outputs: int) -> None:
    """Each weight is off by at most half a step of its row (or group); the error of a sum of K of them grows as sqrt(K)."""
    torch.manual_seed(1)
    layer = nn.Linear(96, num_outputs)
    made = kind.of(layer)
    x = torch.randn(rows, 3, 96)
    with torch.no_grad():
        found, wanted = made(x), layer(x)
    assert found.shape == wanted.shape
    step = float(layer.weight.detach().abs().max()) * most
    assert (made.weight - layer.weight).abs().max() <= step / 2 * 1.02
    assert float((found - wanted).detach().pow(2).mean().sqrt()) < 2 * step * np.sqrt(96 / 12) + 0.01


@pytest.mark.parametrize("in_int4", [False, True])
@pytest.mark.parametrize(("channels", "groups"), [(32, 1), (6, 1), (32, 4)])
def test_a_convolution_gives_the_product_to_within_its_step(channels: int, groups: int, in_int4: bool) -> None:
    torch.manual_seed(1)
    layer = nn.Conv2d(channels, 16, 3, stride=2, padding=1, groups=groups)
    made = PackedConv2d.of(layer, in_int4=in_int4)
    x = torch.randn(2, channels, 9, 7)
    error = (made(x) - layer(x)).norm() / layer(x).norm()
    assert error < (0.15 if in_int4 else 0.01)
    stored = sum(tensor.numel() * tensor.element_size() for tensor in made.state_dict().values())
    assert stored < 0.4 * 4 * layer.weight.numel()


def test_a_table_keeps_its_rows_to_within_their_step() -> None:
    table = nn.Embedding(50, 32)
    made = Int8Embedding.of(table)
    tokens = torch.tensor([[3, 7], [0, 49]])
    assert (made(tokens) - table(tokens)).abs().max() <= float(table.weight.detach().abs().max()) / 127 / 2 * 1.01
    assert torch.equal(made(tokens), made.weight[tokens])


@pytest.mark.parametrize("mode", ["mean", "sum"])
def test_bags_of_rows_are_averaged_or_added_as_before(mode: str) -> None:
    table = nn.EmbeddingBag(50, 32, mode=mode)
    made = Int8EmbeddingBag.of_bags(table)
    step = float(table.weight.detach().abs().max()) / 127
    numbers, starts = torch.tensor([3, 7, 49, 0]), torch.tensor([0, 2, 2])  # the second bag is empty
    assert (made(numbers, starts) - table(numbers, starts)).abs().max() <= 1.02 * step
    assert torch.equal(made(numbers, starts)[1], torch.zeros(32))
    assert (made(numbers[:, None]) - table(numbers[:, None])).abs().max() <= 0.51 * step


@pytest.mark.parametrize("method", ["int8", "int4", "int8_dynamic"])
def test_a_compressed_checkpoint_is_smaller_and_answers_nearly_alike(
    trained: Path, tmp_path: Path, method: str
) -> None:
    report, made = compress(trained, tmp_path, method)
    before, after = report.report["before"], report.report["after"]
    assert after["file_bytes"] < {"int4": 0.3, "int8": 0.36, "int8_dynamic": 0.36}[method] * before["file_bytes"]
    assert after["resident_bytes"] < 0.4 * before["resident_bytes"]
    assert min(before["seconds_per_token"], after["seconds_per_token"], after["examples_per_second"]) > 0
    [loss] = [row for row in report.report["differences"] if row["metric"] == "loss"]
    assert loss["before"] == pytest.approx(before["metrics"]["loss"], rel=1e-3)
    assert loss["low"] <= loss["difference"] <= loss["high"]
    assert abs(loss["difference"]) < {"int4": 0.2, "int8": 0.02, "int8_dynamic": 0.03}[method]
    again = load_model(made)  # from the disk, as the playground and evaluations load it
    tokens = torch.tensor([again.task.assets.tokenizer.encode("rain wind 今天")])
    with torch.no_grad():
        ours = load_model(trained).model(tokens).log_softmax(-1)
        assert (again.model(tokens).log_softmax(-1) - ours).abs().max() < {"int4": 2.0}.get(method, 0.2)


def test_classifiers_are_compressed_too(version: Path, tmp_path: Path) -> None:
    model = {"objective": "classify", **WIDE}
    run_job(tmp_path / "job", {**train_dict(version, family="bert", schedule={"num_steps": 40}), "model": model})
    report, _ = compress(last_checkpoint(tmp_path / "job"), tmp_path / "small", "int8")
    [accuracy] = [row for row in report.report["differences"] if row["metric"] == "accuracy"]
    assert abs(accuracy["difference"]) < 0.1
    assert report.report["after"]["seconds_per_token"] is None
    assert report.report["after"]["seconds_per_example"] > 0


def test_models_of_other_windows_have_their_figures_side_by_side(version: Path, tmp_path: Path, trained: Path) -> None:
    """Their stretches do not match, so nothing is paired; what either says of the split is told all the same."""
    shorter = {"batch": {"sequence_length": 8}, "model": WIDE, "schedule": {"num_steps": 20}}
    run_job(tmp_path / "other", train_dict(version, **shorter))
    raw = {"kind": "compress", "checkpoint": str(trained), "method": "trained"}
    events = run_job(tmp_path / "card", {**raw, "smaller": str(last_checkpoint(tmp_path / "other"))})
    [report] = of_kind(events, Report)
    [loss] = [row for row in report.report["differences"] if row["metric"] == "loss"]
    assert loss["low"] is None
    assert loss["after"] > loss["before"]  # a third of the steps


def test_what_cannot_be_done_with_integers_is_refused(trained: Path, tmp_path: Path, version: Path) -> None:
    _, made = compress(trained, tmp_path / "small", "int8")
    with pytest.raises(InputError, match="take the one it was made of"):
        export_model(made, tmp_path / "exported")
    for name, raw in {
        "again": {"kind": "compress", "checkpoint": str(made)},
        "on": train_dict(version, model=WIDE, transfer={"source": str(made)}),
    }.items():
        run_job(tmp_path / name, raw)
        [failed] = of_kind(events_of(tmp_path / name), Failed)
        assert "are compressed" in failed.sentence


def test_the_command_line_compresses(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compress", str(trained), "--method", "int4", "--out", str(tmp_path / "small")]) == 0
    said = capsys.readouterr()
    assert "int4" in said.err
    for words in ("file of the weights", "one more token", "loss, test"):
        assert words in said.out
    assert main(["evaluate", str(tmp_path / "small"), "--split", "test", "--out", str(tmp_path / "measured")]) == 0


def test_the_interval_of_a_difference_is_that_of_a_paired_mean() -> None:
    """Sums of 400 stretches whose second form is 0.1 higher with noise 0.05: the mean's standard error is 0.0025."""
    chance = np.random.default_rng(3)
    hard = chance.normal(2, 1, 400)
    ratios = {"loss": ("loss", "tokens", 1.0)}
    sums = [{"loss": list(hard + shift), "tokens": [1.0] * 400} for shift in (0, chance.normal(0.1, 0.05, 400))]
    units = [
        Units(split="test", content_hash="", counts=[1] * 400, sums=each, ratios=ratios)  # type: ignore[arg-type]
        for each in sums
    ]
    [row] = differences(*units)
    assert row["difference"] == pytest.approx(0.1, abs=0.01)
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * 0.0025, rel=0.15)
