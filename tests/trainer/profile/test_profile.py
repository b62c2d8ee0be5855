"""Steps of a run are traced from its checkpoint: a trace that opens, seconds by part that add up, the run untouched."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.trainer.conftest import of_kind, run_job, train_dict
from trainer.errors import SpecError
from trainer.events import Artifact, Finished, Message
from trainer.inference.find import find_checkpoint
from trainer.profile.parts import part_of, seconds_by_part
from trainer.profile.roofline import result_elements, under_the_roof
from trainer.spec import spec_from_dict


def test_a_run_is_profiled_from_its_checkpoint(version: Path, tmp_path: Path) -> None:
    run_job(tmp_path / "run", train_dict(version, schedule={"num_steps": 3}))
    checkpoint = find_checkpoint(tmp_path / "run")
    before = {path: path.read_bytes() for path in checkpoint.rglob("*") if path.is_file()}
    events = run_job(tmp_path / "profile", {"kind": "profile", "checkpoint": str(checkpoint), "num_steps": 4})
    assert isinstance(events[-1], Finished), events[-1]
    found = events[-1].result
    spent = found["seconds_by_part"]
    assert spent["matrix products"] > 0
    assert spent["optimizer"] > 0
    assert 0.3 * found["seconds_per_step"] < sum(spent.values()) < 3 * found["seconds_per_step"]
    assert found["flop_per_second"] == pytest.approx(found["flop_per_step"] / found["seconds_per_step"])
    assert 0 < found["peak_fraction"] < 2
    longest = [each for each in found["under_the_roof"] if each["name"] in ("aten::mm", "aten::addmm")]
    assert longest, "products of matrices are counted with their shapes"
    for each in longest:
        assert each["flop_per_byte"] > 1
        assert each["flop_per_second"] < 3 * found["peak_flop_per_second"]
    (artifact,) = of_kind(events, Artifact)
    trace = json.loads(gzip.decompress((tmp_path / "profile" / artifact.path).read_bytes()))
    names = {event.get("name") for event in trace["traceEvents"]}
    assert {"isocost: data", "aten::mm"} & names
    assert {path: path.read_bytes() for path in checkpoint.rglob("*") if path.is_file()} == before


def test_where_a_checkpoint_has_gone_the_newest_there_is_is_traced(version: Path, tmp_path: Path) -> None:
    run_job(tmp_path / "run", train_dict(version, schedule={"num_steps": 2}))
    there = find_checkpoint(tmp_path / "run")
    spec = {"kind": "profile", "checkpoint": str(there.with_name("1")), "sha256": "0" * 64, "num_steps": 1}
    events = run_job(tmp_path / "profile", spec, resume_from=[there])
    assert isinstance(events[-1], Finished), events[-1]
    assert "has removed checkpoint 1" in of_kind(events, Message)[0].text


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("aten::addmm", "matrix products"),
        ("aten::_scaled_dot_product_flash_attention_for_cpu", "attention"),
        ("aten::copy_", "memory"),
        ("## Call CompiledFxGraph abc ##", "memory"),
        ("aten::_fused_adamw_", "optimizer"),
        ("cudaStreamSynchronize", "sync"),
        ("isocost: data", "data"),
        ("ProfilerStep#1", "rest"),
    ],
)
def test_operations_are_sorted_into_parts(name: str, part: str) -> None:
    assert part_of(name) == part
    assert seconds_by_part([(name, 2.0), (name, 1.0)])[part] == 3.0


def test_an_operation_has_its_place_under_the_roof() -> None:
    product = SimpleNamespace(
        key="aten::mm", flops=2 * 4 * 8 * 16 * 10, count=10, input_shapes=[[4, 8], [8, 16]],
        cpu_time_total=1_000.0, device_time_total=0.0,
    )  # fmt: skip
    uncounted = SimpleNamespace(
        key="aten::copy_", flops=0, count=1, input_shapes=[[4]], cpu_time_total=9.0, device_time_total=0.0
    )
    (found,) = under_the_roof([uncounted, product], num_steps=5, element_bytes=2, on_device=False)
    assert found["flop_per_byte"] == pytest.approx(2 * 4 * 8 * 16 / (2 * (4 * 8 + 8 * 16 + 4 * 16)))
    assert found["flop_per_second"] == pytest.approx(10 * 2 * 4 * 8 * 16 / 1e-3)
    assert found["seconds"] == pytest.approx(1e-3 / 5)
    assert found["shapes"] == "4·8 × 8·16"


def test_a_convolution_writes_a_number_for_each_place() -> None:
    shapes = [(2, 3, 8, 8), (16, 3, 3, 3)]
    assert result_elements("aten::conv2d", shapes, 2 * 27 * (2 * 16 * 64)) == 2 * 16 * 64


def test_a_number_of_steps_beyond_reason_is_refused() -> None:
    with pytest.raises(SpecError, match="num_steps is 0; it must be from 1 to 200"):
        spec_from_dict({"kind": "profile", "checkpoint": "x", "num_steps": 0})
