"""Changed inputs move the answers the right way and by the right size: bounds from physics, on several devices."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from economics.architecture.decoder import Decoder
from economics.architecture.lookup import find_decoder
from economics.catalogue.accelerators import find_accelerator
from economics.flop.decoder import training_flop_per_token
from economics.hardware import Accelerator, variant
from economics.layout import Layout
from economics.serving.decode import decode_seconds
from economics.serving.engine import ServingPlan, serving_estimate
from economics.throughput.collectives import all_to_all_seconds
from economics.throughput.search import best_layout
from economics.throughput.step import StepTime, step_time
from economics.throughput.workload import Workload
from economics.training.estimate import RunPlan, training_estimate

DEVICES = ("a100", "h100", "b200", "mi300x", "tpu v5p")
LLAMA, MIXTRAL = find_decoder("llama-3.1-8b")[0], find_decoder("mixtral-8x7b")[0]


def step(
    device: Accelerator, decoder: Decoder = LLAMA, *, layout: Layout | None = None, sequences: int = 512,
    length: int = 4096, **others: object,
) -> StepTime:  # fmt: skip
    work = Workload(
        decoder=decoder, accelerator=device, sequence_length=length, num_sequences=sequences,
        layout=layout or Layout(data=64, zero=3),
    )  # fmt: skip
    return step_time(replace(work, **others))  # type: ignore[arg-type]


def rate(time: StepTime) -> float:
    return time.tokens_per_second_per_accelerator


@pytest.mark.parametrize("name", DEVICES)
def test_twice_the_memory_bandwidth_helps_products_little_and_decoding_nearly_twice(name: str) -> None:
    device = find_accelerator(name)
    wide = replace(device, memory_bytes_per_second=2 * device.memory_bytes_per_second)
    assert 1.0 < rate(step(wide)) / rate(step(device)) < 1.25
    one, half = (
        decode_seconds(LLAMA, d, layout=Layout(), batch=1, tokens_per_sequence=1000).total for d in (device, wide)
    )
    assert 1.5 < one / half < 2.0  # the layers' fixed times stay
    full, faster = (
        decode_seconds(LLAMA, d, layout=Layout(), batch=2048, tokens_per_sequence=1).total for d in (device, wide)
    )
    assert 1.0 < full / faster < one / half  # a large batch is bound by arithmetic


@pytest.mark.parametrize("name", DEVICES)
def test_twice_the_arithmetic_helps_training_nearly_twice_and_decoding_hardly(name: str) -> None:
    device = find_accelerator(name)
    fast = replace(
        device, bf16_flop_per_second=2 * device.bf16_flop_per_second,
        bf16_ceiling_flop_per_second=2 * device.ceiling("bf16"),
    )  # fmt: skip
    assert 1.4 < rate(step(fast)) / rate(step(device)) < 2.0
    one, two = (decode_seconds(LLAMA, d, layout=Layout(), batch=1, tokens_per_sequence=1).total for d in (device, fast))
    assert 1.0 <= one / two < 1.05


@pytest.mark.parametrize("name", DEVICES)
def test_four_times_the_devices(name: str) -> None:
    device = find_accelerator(name)
    few, many = Layout(data=64, zero=3), Layout(data=256, zero=3)
    weak = rate(step(device, layout=many, sequences=2048)) / rate(step(device, layout=few))
    assert 0.93 < weak < 1.001  # in a pod of links nothing is lost, and a smaller part of the optimizer is owned
    strong = step(device, layout=few).seconds / step(device, layout=many).seconds
    assert 2.5 < strong <= 4.0


def test_hours_do_not_fall_with_more_devices() -> None:
    work = Workload(decoder=LLAMA, accelerator=find_accelerator("h100"), sequence_length=4096, num_sequences=1024)
    hours = [
        training_estimate(RunPlan(workload=work, tokens=1e12, num_accelerators=n)).outcome.accelerator_hours.p50
        for n in (32, 256)
    ]
    assert hours == sorted(hours)
    assert hours[-1] < 2 * hours[0]


@pytest.mark.parametrize("times", [2, 4, 8])
@pytest.mark.parametrize("name", DEVICES)
def test_longer_context_at_the_same_batch_costs_what_attention_adds(name: str, times: int) -> None:
    device = find_accelerator(name)
    short, long = step(device), step(device, sequences=512 // times, length=4096 * times)
    flop = [training_flop_per_token(LLAMA, 4096 * t).total for t in (1, times)]
    slower = rate(short) / rate(long)
    # the FLOP count the whole square; causal kernels compute half of it, at best as fast as products and with a quarter of
    # the step going to what does not grow, at worst six times slower than products
    assert 1 + 0.37 * (flop[1] / flop[0] - 1) < slower < 1 + 3 * (flop[1] / flop[0] - 1)


@pytest.mark.parametrize("name", ["mamba-2.8b", "nemotron-h-8b", "qwen3-next-80b-a3b"])
def test_longer_context_costs_layers_with_a_state_nothing_and_the_others_what_attention_adds(name: str) -> None:
    decoder = find_decoder(name)[0]
    short, long = (
        step(find_accelerator("h100"), decoder, sequences=64 * b, length=n, micro_batch=b)
        for b, n in ((16, 4096), (1, 65536))
    )
    flop = [training_flop_per_token(decoder, n, convention="causal").total for n in (4096, 65536)]
    slower = rate(short) / rate(long)
    assert 0.98 < slower < 1.0 + 3.0 * (flop[1] / flop[0] - 1.0) + 0.02
    assert slower > 1.05 or not decoder.attention_layers


def test_sparse_attention_reads_what_it_looks_for_and_what_it_found() -> None:
    dense, sparse = (find_decoder(name)[0] for name in ("deepseek-v3", "deepseek-v3.2"))
    h100, layout = find_accelerator("h100"), Layout(tensor=8)
    caches = [
        [decode_seconds(d, h100, layout=layout, batch=8, tokens_per_sequence=n).cache for n in (1_000, 100_000)]
        for d in (dense, sparse)
    ]
    assert caches[1][0] > caches[0][0]  # short texts are read whole, and looked through besides
    assert caches[0][1] / caches[1][1] == pytest.approx(576 / (128 + 576 * 2_048 / 100_000), rel=1e-6)
    flop = [training_flop_per_token(d, 131_072).by_part for d in (dense, sparse)]
    assert flop[1]["attention_scores"] == pytest.approx(flop[0]["attention_scores"] * 2_048 / 131_072)
    assert 0 < flop[1]["attention_index"] < flop[0]["attention_scores"] / 2


def test_decoding_over_a_longer_context_reads_a_longer_cache() -> None:
    h100 = find_accelerator("h100")
    caches = [decode_seconds(LLAMA, h100, layout=Layout(), batch=32, tokens_per_sequence=n).cache for n in (1e3, 8e3)]
    assert caches[1] / caches[0] == pytest.approx(8.0, rel=1e-6)


@pytest.mark.parametrize("decoder", [LLAMA, MIXTRAL], ids=["dense", "mixture"])
def test_a_larger_decoding_batch_is_cheaper_per_token_and_slower_per_user(decoder: Decoder) -> None:
    h100, layout = find_accelerator("h100"), Layout(tensor=8)
    steps = [decode_seconds(decoder, h100, layout=layout, batch=b, tokens_per_sequence=1000).total for b in (1, 8, 64)]
    assert steps == sorted(steps)
    assert steps[0] > steps[1] / 8 > steps[2] / 64


@pytest.mark.parametrize("name", ["h100", "b200"])
def test_narrower_numbers_are_faster_but_not_by_more_than_their_peaks(name: str) -> None:
    device = find_accelerator(name)
    megatron = Layout(data=8, tensor=8, zero=1)
    fp8, bf16, tf32, fp32 = (rate(step(device, layout=megatron, precision=p)) for p in ("fp8", "bf16", "tf32", "fp32"))
    assert 1.15 < fp8 / bf16 < 2.0
    assert 1.25 < bf16 / tf32 < 2.6
    assert tf32 > 2 * fp32


@pytest.mark.parametrize("name", DEVICES)
def test_recomputing_everything_costs_about_a_third_of_the_products(name: str) -> None:
    device = find_accelerator(name)
    slower = rate(step(device)) / rate(step(device, recompute="full"))
    assert 1.2 < slower < 1.36
    assert 1.0 < rate(step(device)) / rate(step(device, recompute="selective")) < slower


@pytest.mark.parametrize("name", ["a100 40gb", "h100", "gb200", "tpu v5e", "rtx 4090"])
def test_more_memory_never_slows_and_never_makes_it_unfit(name: str) -> None:
    device = find_accelerator(name)
    work = Workload(decoder=LLAMA, accelerator=device, sequence_length=4096, num_sequences=64)
    now = best_layout(work, 8)
    roomy = best_layout(replace(work, accelerator=replace(device, memory_bytes=2 * device.memory_bytes)), 8)
    assert roomy.fits >= now.fits
    if now.fits:
        assert rate(roomy.time) >= rate(now.time)


def test_tensor_ranks_over_slow_links_wait_in_proportion() -> None:
    h100, layout = find_accelerator("h100"), Layout(data=8, tensor=8, zero=1)
    slow = replace(h100, link_bytes_per_second=h100.link_bytes_per_second / 10)
    waits = [step(d, layout=layout, sequences=64).by_part["tensor_communication"] for d in (h100, slow)]
    assert 5 < waits[1] / waits[0] < 10  # the latency of each collective stays


def test_experts_beyond_the_node_are_reached_over_its_network() -> None:
    h100 = find_accelerator("h100")
    inside, across = (all_to_all_seconds(h100, 1e9, size=n) for n in (8, 64))
    # 56 of 64 parts at 50 GB/s against 7 of 8 at 450
    assert across / inside == pytest.approx((56 / 64 / 50) / (7 / 8 / 450), rel=0.05)
    faster = replace(h100, network_bytes_per_second=2 * h100.network_bytes_per_second)
    assert across / all_to_all_seconds(faster, 1e9, size=64) == pytest.approx(2.0, rel=0.02)


def test_prompts_cost_by_length_and_answers_by_steps() -> None:
    plan = ServingPlan(
        decoder=LLAMA, accelerator=find_accelerator("h100"), batch=16, input_tokens=1000, output_tokens=100
    )
    usual = serving_estimate(plan)
    long = serving_estimate(replace(plan, input_tokens=4000))
    assert 3.9 < long.prefill_seconds.p50 / usual.prefill_seconds.p50 < 6
    assert usual.end_to_end_output_tokens_per_second.p50 > long.end_to_end_output_tokens_per_second.p50
    two = serving_estimate(replace(plan, layout=Layout(tensor=2)))
    assert 1.3 < two.decode_tokens_per_second.p50 / usual.decode_tokens_per_second.p50 < 2.0


def test_a_slower_network_slows_what_crosses_it_and_nothing_else() -> None:
    h100 = find_accelerator("h100")
    slow = variant(h100, network_bandwidth_gb_per_second=h100.network_bytes_per_second / 1e9 / 8)
    across, inside = Layout(data=64, zero=3), Layout(data=8, zero=3)
    assert rate(step(slow, layout=across)) < rate(step(h100, layout=across))
    assert rate(step(slow, layout=inside)) == rate(step(h100, layout=inside))


def test_a_mixture_over_several_ranks_waits_for_its_host_where_there_is_little_to_do() -> None:
    decoder = find_decoder("qwen3-30b-a3b")[0]
    layout = Layout(data=8, expert=8, zero=1)
    few, many = (
        step(find_accelerator("b200"), decoder, layout=layout, length=2048, micro_batch=size) for size in (1, 16)
    )
    assert few.by_part["launch"] > 0.3 * few.seconds
    assert many.by_part.get("launch", 0.0) < 0.05 * many.seconds
    alone = step(find_accelerator("b200"), decoder, layout=Layout(data=8, zero=1), length=2048, micro_batch=1)
    assert alone.by_part.get("launch", 0.0) < few.by_part["launch"]


def test_a_larger_batch_is_not_slower_however_it_divides() -> None:
    work = Workload(
        decoder=find_decoder("gpt2-xl")[0], accelerator=find_accelerator("h100"), sequence_length=1024, num_sequences=1
    )
    rates = [rate(best_layout(replace(work, num_sequences=256 * n), 256).time) for n in (1, 4, 7, 16, 31, 61, 127)]
    assert all(after > 0.99 * before for before, after in pairwise(rates)), rates
