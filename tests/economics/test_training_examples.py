"""Training of models that are no decoders: keys, units, directions, and two rates that benchmarks published."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest

from economics.architecture.convolution import ResNet
from economics.architecture.lookup import preset
from economics.catalogue.accelerators import find_accelerator
from economics.errors import InputError
from economics.example_work import ExampleWork
from economics.flop.others import flop_per_example
from economics.hardware import calibrated
from economics.layout import Layout
from economics.memory.examples import example_training_memory
from economics.throughput.examples import example_step_time
from economics.verbs import training

MODELS = {"t5-base": "token", "vit-b-16": "image", "resnet-50": "image", "vgg-16": "image", "dlrm": "example",
          "two-tower": "example"}  # fmt: skip
KEYS = (
    "training_flop", "tokens_per_second_per_accelerator", "mfu_fraction", "accelerator_hours", "wall_seconds",
    "goodput_fraction", "energy_kwh", "cost_usd", "memory_bytes_per_accelerator", "fits", "parallelism", "assumptions",
)  # fmt: skip


def estimate(model: str, **more: Any) -> dict[str, Any]:
    given = {"tokens": 1e9, "accelerator": "a100", "num_accelerators": 8, "price_usd_per_accelerator_hour": 2.0}
    return training(model=model, **(given | more))  # type: ignore[arg-type]


@pytest.mark.parametrize("model", MODELS)
def test_every_kind_of_model_has_the_keys_of_a_decoder(model: str) -> None:
    result = estimate(model)
    assert set(KEYS) <= set(result)
    assert result["unit"] == MODELS[model]
    memory = result["memory_bytes_per_accelerator"]
    totals = ("total", "device_total", "reserved_peak", "allocated_peak")
    assert sum(v for k, v in memory.items() if k not in totals) == pytest.approx(memory["total"])
    assert 0.01 < result["mfu_fraction"]["p50"] < 0.75
    hours = result["accelerator_hours"]["p50"]
    assert result["cost_usd"]["p50"] == pytest.approx(2.0 * hours, rel=1e-6)


def test_flop_of_a_run_are_three_forward_passes() -> None:
    images = estimate("resnet-50", tokens=1e6)
    assert images["training_flop"] == pytest.approx(3e6 * flop_per_example(preset("resnet-50")).total)
    pairs = estimate("t5-base", tokens=626e3, sequence_length=512, target_length=114)
    once = flop_per_example(preset("t5-base"), sequence_length=512, target_length=114).total
    assert pairs["training_flop"] == pytest.approx(3e3 * once)


def result_is_tables(model: str) -> bool:
    return MODELS[model] == "example"


@pytest.mark.parametrize("model", MODELS)
def test_more_bandwidth_and_more_devices_help(model: str) -> None:
    usual, wide = estimate(model), estimate(model, memory_bandwidth_gb_per_second=4078)
    assert wide["wall_seconds"]["p50"] < usual["wall_seconds"]["p50"]
    batch = {"batch_tokens": 2e6} if result_is_tables(model) else {}
    usual, four = estimate(model, **batch), estimate(model, num_accelerators=32, **batch)
    ratio = usual["wall_seconds"]["p50"] / four["wall_seconds"]["p50"]
    # tables that lie on several nodes exchange their rows over the network, which eats most of the gain
    assert (1.2 if result_is_tables(model) else 3.0) < ratio < 4.4
    assert estimate(model, tokens=2e9, **batch)["wall_seconds"]["p50"] == pytest.approx(
        2 * usual["wall_seconds"]["p50"]
    )


@pytest.mark.parametrize("model", MODELS)
def test_twice_the_bandwidth_never_slows_where_devices_wait_for_their_hosts(model: str) -> None:
    rates = [
        estimate(model, num_accelerators=64, batch_tokens=65_536, memory_bandwidth_gb_per_second=gb, steady_state=True)
        for gb in (1000, 2000, 4000, 8000)
    ]
    speeds = [rate["tokens_per_second_per_accelerator"]["p50"] for rate in rates]
    assert all(after >= before * 0.999 for before, after in pairwise(speeds))


def test_a_usual_batch_of_images_grows_with_the_devices() -> None:
    assert [estimate("resnet-50", num_accelerators=n)["batch_tokens"] for n in (8, 64)] == [1024, 2048]


def test_tables_are_bytes_and_lie_on_all_devices() -> None:
    work = ExampleWork(
        architecture=preset("dlrm"), accelerator=find_accelerator("a100"), num_examples=65_536, micro_batch=8192,
        layout=Layout(data=8, zero=1),
    )  # fmt: skip
    memory = example_training_memory(work)
    tables = preset("dlrm").parameters().by_part["tables"]
    assert memory.weights > 4.0 * tables / 8 > 0.9 * memory.weights
    assert example_step_time(work).by_part["lookup"] > 0
    alone = estimate("dlrm", num_accelerators=1)
    assert alone["fits"] is False
    assert alone["ways_to_fit"]


@pytest.mark.parametrize(
    ("model", "examples_per_second"),
    # accelerator-hours to the target over samples seen, published logs of 2024: 8 devices each
    [("resnet-50", 7200.0), ("dlrm-dcnv2", 2.0e6)],
)
def test_published_rates_lie_within_the_interval(model: str, examples_per_second: float) -> None:
    result = estimate(model, accelerator="h100", batch_tokens=65_536 if model != "resnet-50" else 3264)
    rate = result["tokens_per_second_per_accelerator"]
    assert rate["p10"] < examples_per_second < 1.1 * rate["p90"]


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(InputError, match=r"parallelism\.tensor is 2"):
        estimate("resnet-50", parallelism="tensor=2")
    with pytest.raises(InputError, match="target_length"):
        estimate("gpt2", target_length=5)
    with pytest.raises(InputError, match="recompute"):
        estimate("vit-b-16", recompute="selective")


def test_narrow_convolutions_leave_tiles_of_matrix_units_empty_and_hardly_a_processors_vectors():
    """A quarter of the channels takes a sixteenth of the products: a processor gets through them nearly in proportion."""
    wide = ResNet(depths=(2, 2, 2, 2), block="basic", small_stem=True, image_size=32)
    narrow = replace(wide, stem_width=16, widths=(16, 32, 64, 128))

    def product_share(kind):
        machine = calibrated(name=kind, flop_per_second=2e11, memory_bytes=1e9, memory_bytes_per_second=1e12, kind=kind)
        taken = [
            example_step_time(ExampleWork(architecture=net, accelerator=machine, num_examples=32, micro_batch=32))
            for net in (narrow, wide)
        ]
        return taken[0].by_part["matmul"] / taken[1].by_part["matmul"]

    assert product_share("cpu") < 1.2 / 16
    assert product_share("accelerator") > 3 / 16
