"""What a run is expected to take, on whose machine."""

from __future__ import annotations

import pytest

from tests.factories import Cast
from tests.webapp.runs.rows import make_spec, make_version
from trainer.families import families
from trainer.sections import BatchSpec, DataSpec, ScheduleSpec
from trainer.spec import TrainSpec
from webapp.datasets.models import DatasetVersion
from webapp.jobs.models import Worker
from webapp.runs.estimates import estimate, memory_of
from webapp.runs.step_speed import step_speed
from webapp.runs.taught_step import step_model_of

pytestmark = pytest.mark.django_db


def test_memory_is_the_devices_where_it_has_its_own() -> None:
    hardware = {"memory_bytes": 64e9, "devices": [{"device": "cuda:0", "name": "A", "memory_bytes": 24e9}]}
    assert memory_of(Worker(name="a", device="cuda:0", hardware=hardware)) == 24e9
    assert memory_of(Worker(name="b", device="cpu", hardware=hardware)) == 64e9
    assert memory_of(Worker(name="c", device="cpu", hardware={})) is None


def test_parts_of_memory_add_up_and_time_is_unknown_before_a_calibration(cast: Cast) -> None:
    version = make_version(cast)
    spec = make_spec(version, num_steps=100)
    found = estimate(spec, version)
    assert found.memory_bytes == pytest.approx(sum(found.memory_by_part.values()))
    assert found.num_units == 100 * 32 * 128
    assert found.epochs == pytest.approx(found.num_units / 1_000_000)
    assert found.flop == pytest.approx(found.flop_per_unit * found.num_units)  # type: ignore[operator]
    assert found.seconds is None
    assert found.usd is None


IMAGES = {"side": 32, "num_channels": 3, "num_labels": 10}


def image_spec(version: DatasetVersion, preset: str = "tiny") -> TrainSpec:
    return TrainSpec(
        family="vision",
        model=families()["vision"].presets[preset],
        data=DataSpec(path=str(version.path)),
        batch=BatchSpec(sequence_length=1, sequences_per_step=64),
        schedule=ScheduleSpec(num_steps=100, warmup_steps=10),
    )


def image_version(cast: Cast) -> DatasetVersion:
    splits = {name: {"documents": n, "tokens": 0} for name, n in (("train", 3_200), ("validation", 400), ("test", 400))}
    return make_version(cast, data_kind="images", vocab_size=0, num_tokens=0, splits=splits, facts=IMAGES)


@pytest.mark.parametrize("preset", ["tiny", "resnet50", "vgg11", "vit-tiny"])
def test_images_are_quoted_by_the_image(cast: Cast, preset: str) -> None:
    version = image_version(cast)
    found = estimate(image_spec(version, preset), version)
    assert (found.unit, found.num_units, found.epochs) == ("image", 6_400, 2.0)
    assert found.num_parameters
    assert found.flop == pytest.approx(6_400 * found.flop_per_unit)  # type: ignore[operator]
    assert found.memory_by_part["activations"] > found.memory_by_part["gradients"] / 100


def test_time_of_images_comes_from_steps_of_such_nets_alone(cast: Cast) -> None:
    version = image_version(cast)
    spec = image_spec(version)
    step = step_model_of(spec, version.model_facts)
    assert step is not None
    machine = {"matmul_flop_per_second": 1e11, "memory_bytes_per_second": 1e10, "num_threads": 2, "device": "cpu"}
    text = {"family": "gpt", "preset": "nano", "sequence_length": 128, "sequences_per_step": 8, "vocab_size": 4_096,
            "seconds_per_step": 0.1}  # fmt: skip
    images = {"family": "vision", "preset": "tiny", "unit": "image", "sequence_length": 1, "sequences_per_step": 64,
              "data": IMAGES, "seconds_per_step": 0.5}  # fmt: skip
    assert step_speed(spec, step, {**machine, "steps": [text]}) is None
    found = step_speed(spec, step, {**machine, "steps": [text, images]})
    assert found is not None
    assert found.seconds == pytest.approx(0.5)
    assert found.num_shapes == 1
