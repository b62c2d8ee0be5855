"""What a run may start from: own checkpoints and allowed folders, and no other path of the server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.urls import reverse
from safetensors.numpy import save_file

from tests.factories import Cast
from tests.webapp.runs.rows import make_run
from tests.webapp.runs.test_views import form_data, make_checkpoint
from trainer.families import get_family
from webapp.datasets.models import Dataset, SourceFile
from webapp.datasets.queries import files_total
from webapp.runs.models import Run
from webapp.runs.sources import put_together, starting_points

pytestmark = pytest.mark.django_db
CONFIG = {
    "model_type": "bert", "num_hidden_layers": 2, "hidden_size": 32, "num_attention_heads": 2, "intermediate_size": 64,
    "max_position_embeddings": 64,
}  # fmt: skip


def write_model(folder: Path) -> None:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(b"")


def test_models_in_allowed_folders_are_offered(cast: Cast, settings: Any, tmp_path: Path) -> None:
    write_model(tmp_path / "allowed" / "mini")
    write_model(tmp_path / "elsewhere")
    settings.ISOCOST_SERVER_FOLDERS = [tmp_path / "allowed"]
    found = starting_points(cast.project, get_family("bert"))
    assert [(point.path, point.model.model_width) for point in found] == [(str(tmp_path / "allowed" / "mini"), 32)]
    assert found[0].label.endswith("(no tokenizer.json)")
    (tmp_path / "allowed" / "mini" / "tokenizer.json").write_text("{}")
    assert "tokenizer" not in starting_points(cast.project, get_family("bert"))[0].label
    assert not starting_points(cast.project, get_family("gpt"))


def test_an_uploaded_model_gets_a_folder(cast: Cast, settings: Any, tmp_path: Path) -> None:
    settings.ISOCOST_FILES = tmp_path / "files"
    write_model(tmp_path / "files" / "stored")
    dataset = Dataset.objects.create(project=cast.project, name="MiniLM")
    for name in ("config.json", "model.safetensors"):
        SourceFile.objects.create(
            dataset=dataset, name=f"minilm/{name}", size_bytes=1, sha256=name[:1] * 64, stored_path=f"stored/{name}"
        )
    SourceFile.objects.filter(name__endswith=".safetensors").update(problem="no text in it")
    assert files_total(dataset)["num_broken"] == 0  # weights are read by a run, not as text
    point = starting_points(cast.project, get_family("bert"))[0]
    put_together(point)
    assert point.name == "MiniLM"
    assert json.loads((Path(point.path) / "config.json").read_text()) == CONFIG


def test_the_form_takes_a_checkpoint_and_no_other_path(cast: Cast, settings: Any, tmp_path: Path) -> None:
    run = make_run(cast, state="succeeded")
    checkpoint = make_checkpoint(run, 100)
    url = reverse("run-create", args=[cast.project.code])
    client = cast.client(cast.alice)
    refused = client.post(url, form_data(run, **{"transfer.source": "/etc"}))
    assert refused.status_code == 422
    assert "transfer.source" in refused.context["form"].errors
    taken = client.post(url, form_data(run, key="form-2", **{"transfer.source": str(checkpoint.path)}))
    assert taken.status_code == 302, taken.context["form"].errors
    transfer = Run.objects.order_by("-id")[0].spec["transfer"]
    assert transfer["source"] == str(checkpoint.path)
    assert transfer["source_name"].startswith(f"{run.name} · step 100")


def test_bare_weights_of_others_are_offered_to_the_families_that_can_start_from_them(
    cast: Cast, settings: Any, tmp_path: Path
) -> None:
    (tmp_path / "torchvision").mkdir()
    weights = {"conv1.weight": np.zeros((64, 3, 7, 7), np.float16)}
    for stage, width in enumerate((64, 128, 256, 512), start=1):
        for number, inputs in enumerate((max(64, width // 2), width)):
            shape = (width, inputs, 3, 3)
            weights[f"layer{stage}.{number}.conv1.weight"] = np.zeros(shape, np.float16)
            weights[f"layer{stage}.{number}.conv2.weight"] = np.zeros((width, width, 3, 3), np.float16)
    save_file(weights, tmp_path / "torchvision" / "resnet18.safetensors")
    settings.ISOCOST_SERVER_FOLDERS = [tmp_path]
    (point,) = starting_points(cast.project, get_family("vision"))
    assert point.model.architecture == "resnet18"
    (point,) = starting_points(cast.project, get_family("detect"))
    assert point.model is None
    assert not starting_points(cast.project, get_family("gpt"))
