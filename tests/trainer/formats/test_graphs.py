"""Families with more than one input or output as graphs: onnxruntime and torch.export say what the model says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from tests.trainer.models.recommenders.test_learning import trained
from tests.trainer.recommend_data import made_up_tastes
from trainer.formats import onnx, torch_export
from trainer.formats.graph import Graph, pair_graph, picture_graph
from trainer.inference.find import find_checkpoint
from trainer.inference.loading import load_model
from trainer.models.detect.model import Detector
from trainer.models.detect.spec import DetectSpec
from trainer.models.detect.task import DetectorGraph
from trainer.models.transformer.model import Transformer
from trainer.models.transformer.spec import TransformerSpec
from trainer.recommend.model import Recommender


def translator() -> Graph:
    spec = TransformerSpec(num_encoder_layers=1, num_decoder_layers=1, model_width=32, num_heads=2, context_length=24)
    return pair_graph(Transformer(spec, vocab_size=60).eval(), vocab_size=60, longest=24)


def detector() -> Graph:
    spec = DetectSpec(width_fraction=0.125, pyramid_width=16, head_layers=1)
    model = Detector(spec, side=64, num_channels=3, num_classes=4, mean=[0.5] * 3, deviation=[0.2] * 3).eval()
    return picture_graph(DetectorGraph(model, 64), num_channels=3, side=64, output_name="classes_box_centreness")


def both_agree(graph: Graph, folder: Path) -> None:
    onnx.write_graph(graph, folder / "model.onnx")
    checks = [onnx.check(graph, folder / "model.onnx")]
    torch.export.save(torch_export.program_of(graph), folder / "model.pt2")
    checks.append(torch_export.check(graph, folder / "model.pt2"))
    for check in checks:
        assert check.agrees, check
        assert check.num_values > 100


@pytest.mark.parametrize("make", [translator, detector])
def test_more_inputs_and_outputs(make: object, tmp_path: Path) -> None:
    torch.manual_seed(5)
    both_agree(make(), tmp_path)  # type: ignore[operator]


@pytest.mark.parametrize("family", ["sasrec", "two_tower", "dlrm"])
def test_recommenders_score_every_item(family: str, tmp_path: Path) -> None:
    path, _, _ = made_up_tastes(tmp_path, num_users=60, num_items=40, num_tastes=3)
    job = trained(tmp_path, [path], family, steps=3, train=["evaluation.every_steps=3"])
    loaded = load_model(find_checkpoint(job), device="cpu")
    model, graph = loaded.model, loaded.task.graph(loaded.model)
    assert isinstance(model, Recommender)
    assert graph is not None
    both_agree(graph, tmp_path)
    inputs = graph.examples()[1]
    with torch.no_grad():
        own = model.score_all({"history": inputs[0][inputs[1]], "history_starts": starts_of(inputs[1])})
        assert torch.allclose(graph.module(*inputs), own, atol=1e-5)


def starts_of(mask: Tensor) -> Tensor:
    lengths = mask.sum(dim=1)
    return lengths.cumsum(0) - lengths
