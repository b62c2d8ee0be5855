"""Serving: measured speeds, the queueing formula against a simulation, and what must always hold."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.lookup import find_architecture, find_decoder
from economics.catalogue.accelerators import find_accelerator
from economics.errors import InputError, NoAnswerError
from economics.layout import Layout
from economics.serving import ServingPlan, serving_memory
from economics.serving.decode import decode_seconds, exchange_seconds, touched_parameters, waiting_seconds
from economics.serving.fleet import cheapest_fleet, fleet_for
from economics.serving.latency import latency_at_load, step_line
from economics.serving.memory import kv_bytes_per_sequence, largest_batch, state_bytes_per_sequence
from economics.serving.others import dollars_per_thousand, examples_per_second
from economics.serving.prefill import prefill_seconds
from economics.serving.simulation import simulate_replica
from economics.serving.speculative import speculative_speedup
from economics.throughput.example_passes import encoder_layers
from economics.verbs import serving

DAY = dt.date(2026, 11, 23)

# measured tokens per second of one sequence: model, devices, weights
DECODE = [
    ("llama-2-7b", 1, "bf16", 104.9),
    ("llama-2-7b", 1, "int8", 155.6),
    ("llama-2-7b", 1, "int4", 196.8),
    ("llama-2-70b", 1, "int8", 19.13),
    ("llama-2-70b", 1, "int4", 25.25),
    ("llama-2-7b", 8, "bf16", 328.4),
    ("llama-2-70b", 2, "bf16", 21.32),
    ("llama-2-70b", 8, "bf16", 62.5),
]


@pytest.mark.parametrize(("model", "devices", "weights", "rate"), DECODE)
def test_decode_of_one_sequence_is_met(model: str, devices: int, weights: str, rate: float) -> None:
    result = serving(
        model=model, accelerator="a100", num_accelerators=devices, weights=weights, batch=1, input_tokens=5,  # type: ignore[arg-type]
        output_tokens=200, on_day=DAY,
    )  # fmt: skip
    assert result["tokens_per_second_per_user"]["p50"] == pytest.approx(rate, rel=0.13)


# measured output tokens per second of a full engine: model, devices, input, output
ENGINE = [
    ("llama-3.1-8b", 1, 128, 128, 28312),
    ("llama-3.1-8b", 1, 1000, 1000, 15220),
    ("llama-3.1-8b", 1, 2048, 128, 3450),
    ("llama-3.1-8b", 1, 20000, 2000, 1351),
    ("llama-3.3-70b", 2, 128, 2048, 6651),
    ("llama-3.3-70b", 2, 5000, 500, 898),
]


@pytest.mark.parametrize(("model", "devices", "inputs", "outputs", "rate"), ENGINE)
def test_a_full_engine_is_met(model: str, devices: int, inputs: int, outputs: int, rate: float) -> None:
    result = serving(
        model=model, accelerator="h100", num_accelerators=devices, weights="fp8", kv="fp8", batch="max",
        input_tokens=inputs, output_tokens=outputs, on_day=DAY,
    )  # fmt: skip
    assert result["end_to_end_output_tokens_per_second"]["p50"] == pytest.approx(rate, rel=0.3)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.75])
def test_the_queueing_formula_agrees_with_a_simulation(share: float) -> None:
    plan = ServingPlan(
        decoder=find_decoder("llama-3.1-8b")[0], accelerator=find_accelerator("h100"), input_tokens=1000,
        output_tokens=100,
    )  # fmt: skip
    service = prefill_seconds(
        plan.decoder, plan.accelerator, layout=plan.layout, num_sequences=1, input_tokens=plan.input_tokens
    )
    limit = largest_batch(plan.decoder, plan.accelerator, layout=plan.layout, tokens_per_sequence=1100)
    fixed, each = step_line(plan, limit)
    rate = share / (service + plan.output_tokens * each)
    formula = latency_at_load(plan, rate)
    found = simulate_replica(
        requests_per_second=rate, prefill_seconds=service, step_fixed_seconds=fixed, step_seconds_per_sequence=each,
        output_tokens=plan.output_tokens, num_requests=3000, seed=3,
    )  # fmt: skip
    assert formula.time_to_first_token_seconds == pytest.approx(found.time_to_first_token_seconds, rel=0.15)
    assert formula.time_per_output_token_seconds == pytest.approx(found.time_per_output_token_seconds, rel=0.15)
    assert formula.mean_batch == pytest.approx(found.mean_batch, rel=0.2)


@given(
    batch=st.integers(1, 512),
    factor=st.floats(1.0, 4.0),
    weights=st.sampled_from(["bf16", "fp8", "int8", "int4", "fp4"]),
    tokens=st.floats(1, 32_000),
)
@settings(max_examples=60, deadline=None)
def test_more_bandwidth_and_fewer_tokens_never_slow(batch: int, factor: float, weights: str, tokens: float) -> None:
    model, device = find_decoder("mixtral-8x7b")[0], find_accelerator("h100")
    better = replace(device, memory_bytes_per_second=device.memory_bytes_per_second * factor)

    def seconds(accelerator: object, n: int, length: float) -> float:
        return decode_seconds(
            model,
            accelerator,
            layout=Layout(tensor=2),
            batch=n,
            tokens_per_sequence=length,
            weights=weights,  # type: ignore[arg-type]
        ).total

    assert seconds(better, batch, tokens) <= seconds(device, batch, tokens)
    assert seconds(device, batch, tokens) <= seconds(device, batch + 1, tokens)
    assert seconds(device, batch, tokens) <= seconds(device, batch, tokens + 1)


def test_parts_sum_and_batches_fill_the_memory() -> None:
    model, device = find_decoder("llama-3.1-70b")[0], find_accelerator("h100")
    layout = Layout(tensor=4)
    most = largest_batch(model, device, layout=layout, tokens_per_sequence=4096)
    memory = serving_memory(model, layout=layout, batch=most, tokens_per_sequence=4096, prefill_tokens=4096)
    assert sum(memory.by_part().values()) == pytest.approx(memory.total)
    assert memory.total <= device.memory_bytes
    assert serving_memory(
        model, layout=layout, batch=most + 1, tokens_per_sequence=4096, prefill_tokens=4096
    ).total > device.memory_bytes  # fmt: skip


def test_a_mixture_reads_more_experts_as_the_batch_grows() -> None:
    model = find_decoder("deepseek-v3")[0]
    assert touched_parameters(model, 1) == pytest.approx(model.parameters().active_matmul)
    assert touched_parameters(model, 10_000) == pytest.approx(model.parameters().matmul, rel=1e-6)


def test_small_experts_make_longer_chains_of_kernels_which_one_sequence_waits_for() -> None:
    chains = [
        1e6 * waiting_seconds(d) / d.num_layers
        for d in [find_decoder(n)[0] for n in ("qwen3-8b", "qwen3-30b-a3b", "deepseek-v3")]
    ]
    assert chains[0] == pytest.approx(30)
    assert chains[0] < chains[1] < chains[2] < 3 * chains[0]


def test_a_state_takes_as_much_however_long_the_text_is_and_is_written_anew_each_step() -> None:
    h100, pure, mixed = find_accelerator("h100"), find_decoder("mamba2-2.7b")[0], find_decoder("nemotron-h-8b")[0]
    assert (
        kv_bytes_per_sequence(pure, 1_000)
        == kv_bytes_per_sequence(pure, 1_000_000)
        == state_bytes_per_sequence(pure)
        > 0
    )
    grown = kv_bytes_per_sequence(mixed, 2_000) - kv_bytes_per_sequence(mixed, 1_000)
    assert grown == 1_000 * 4 * 2 * 8 * 128 * 2  # four layers attend, with eight heads of keys and values each
    steps = [decode_seconds(pure, h100, layout=Layout(), batch=64, tokens_per_sequence=n).cache for n in (10, 100_000)]
    assert steps[0] == steps[1] > 64 * 2 * state_bytes_per_sequence(pure) / h100.memory_bytes_per_second


def test_a_prompts_tokens_travel_to_experts_on_other_ranks() -> None:
    layouts = (Layout(data=16, expert=e) for e in (1, 8, 16))
    alone, node, beyond = (
        exchange_seconds(find_decoder("mixtral-8x7b")[0], find_accelerator("h100"), x, 2048) for x in layouts
    )
    assert alone == 0 < 3 * node < beyond


def test_utilisation_enters_the_costs_alone() -> None:
    options = {"model": "llama-3.1-8b", "accelerator": "h100", "batch": 32, "price_usd_per_accelerator_hour": 2}
    half, whole = (serving(utilisation=u, **options) for u in (0.5, 1.0))  # type: ignore[arg-type]
    for key in ("cost_usd_per_million_input_tokens", "cost_usd_per_million_output_tokens"):
        assert half[key]["p50"] == pytest.approx(2 * whole[key]["p50"])
    assert half["decode_tokens_per_second"] == whole["decode_tokens_per_second"]


def test_speculation_helps_when_memory_binds_and_not_when_arithmetic_does() -> None:
    assert speculative_speedup(acceptance=0.8, proposed=4, draft_cost=0.05) > 2
    assert speculative_speedup(acceptance=0.8, proposed=4, draft_cost=0.05, check_cost=4.5) < 1


def test_fleets() -> None:
    model = find_decoder("llama-3.1-8b")[0]
    plans = [
        ServingPlan(decoder=model, accelerator=find_accelerator(name), usd_per_accelerator_hour=price)
        for name, price in (("h100", 2.5), ("a100", 1.2), ("l4", 0.7))
    ]
    curve = (5.0, 20.0, 80.0)
    best = cheapest_fleet(plans, requests_per_second_by_hour=curve, first_token_seconds=1.0, per_token_seconds=0.05)
    each = [fleet_for(p, requests_per_second_by_hour=curve, first_token_seconds=1.0, per_token_seconds=0.05)
            for p in plans[:2]]  # fmt: skip
    assert best.usd_per_day <= min(fleet.usd_per_day for fleet in each)
    assert min(best.replicas_by_hour) >= 2
    with pytest.raises(NoAnswerError, match="No kind of replica"):
        cheapest_fleet(plans, requests_per_second_by_hour=curve, first_token_seconds=1e-6, per_token_seconds=1e-6)


def test_images_and_recommendations_have_a_price() -> None:
    rate = examples_per_second("resnet-50", find_accelerator("a100"))
    assert 5_000 < rate < 40_000
    assert dollars_per_thousand("dlrm", find_accelerator("a100"), usd_per_hour=2.0, utilisation=0.3) < 0.01


def test_a_prompt_is_answered_no_sooner_by_two_copies_of_a_model_which_answer_twice_as_many() -> None:
    one, two = (
        serving(
            model="llama-3-70b", accelerator="h100", num_accelerators=4 * copies, batch=batch,
            parallelism=f"data={copies},tensor=4", price_usd_per_accelerator_hour=2.0,
        )
        for copies, batch in ((1, 32), (2, 64))
    )  # fmt: skip
    assert two["prefill_seconds"] == one["prefill_seconds"]
    for key in ("decode_tokens_per_second", "end_to_end_output_tokens_per_second"):
        assert two[key]["p50"] == pytest.approx(2 * one[key]["p50"])
    assert two["cost_usd_per_million_input_tokens"]["p50"] == pytest.approx(
        one["cost_usd_per_million_input_tokens"]["p50"]
    )
    alone = [
        serving(
            model="llama-3-70b", accelerator="h100", num_accelerators=4 * copies, parallelism=f"data={copies},tensor=4"
        )
        for copies in (1, 2)
    ]
    assert alone[0]["prefill_seconds"] == alone[1]["prefill_seconds"]


def test_tensor_ranks_on_two_nodes_wait_for_the_network() -> None:
    near, far = (
        serving(model="llama-3-70b", accelerator="h100", num_accelerators=count)["decode_seconds_by_part"]
        for count in (8, 16)
    )
    assert far["communication"] > near["communication"] + 2 * 80 * 15e-6
    assert far["products"] < near["products"]


@pytest.mark.parametrize("model", ["t5-base", "flan-t5-xxl", "bart-large", "transformer-big"])
def test_an_encoder_decoder_is_served(model: str) -> None:
    given = {"model": model, "accelerator": "a100", "price_usd_per_accelerator_hour": 2}
    short, long = (serving(**given, input_tokens=n, output_tokens=64) for n in (256, 2048))
    assert long["prefill_seconds"]["p50"] > short["prefill_seconds"]["p50"]
    assert long["decode_seconds_per_token"]["p50"] > short["decode_seconds_per_token"]["p50"]
    counted = find_architecture(model)[0].parameters().total
    assert short["memory_bytes_per_accelerator"]["weights"] == pytest.approx(2 * counted, rel=0.02)
    full = serving(**given, input_tokens=256, output_tokens=64, batch="max")
    assert full["fits"]
    output, single = (found["cost_usd_per_million_output_tokens"]["p50"] for found in (full, short))
    assert output < single
    divided = serving(**given, num_accelerators=4, input_tokens=256, output_tokens=64)
    assert divided["parallelism"]["tensor"] == 4
    assert divided["memory_bytes_per_accelerator"]["weights"] == pytest.approx(counted / 2, rel=0.02)


def test_a_step_of_an_encoder_decoder_reads_the_writing_half_alone() -> None:
    large = find_architecture("t5-11b")[0]
    assert isinstance(large, EncoderDecoder)
    half = (
        encoder_layers(large, causal=True).parameters().matmul + large.num_decoder_layers * large.attention_matmul / 2
    )
    rated = find_accelerator("a100").memory_bytes_per_second
    step = serving(model="t5-11b", accelerator="a100", input_tokens=16, output_tokens=8)["decode_seconds_per_token"][
        "p50"
    ]
    assert 0.5 < 2 * half / step / rated < 0.8


@pytest.mark.parametrize(
    ("options", "field"),
    [({"num_accelerators": 5}, "parallelism.pipeline"), ({"cached_fraction": 0.5}, "cached_fraction")],
)
def test_what_an_encoder_decoder_cannot_do_is_refused(options: dict[str, float], field: str) -> None:
    with pytest.raises(InputError, match=field):
        serving(model="t5-base", accelerator="a100", **options)


@pytest.mark.parametrize(("device", "number"), [("b200", "fp4"), ("h100", "bf16"), ("a100", "bf16")])
def test_fp4_is_multiplied_where_there_are_such_units_and_unpacked_elsewhere(device: str, number: str) -> None:
    found = serving(model="llama-3.1-8b", accelerator=device, weights="fp4")
    assert next(row["value"] for row in found["assumptions"] if row["name"] == "products_in") == number
    assert (found["decode_seconds_by_part"]["unpacking"] > 0) == (number == "bf16")


@pytest.mark.parametrize(
    ("model", "unit"),
    [("bert-base-uncased", "sequence"), ("vit-b-16", "image"), ("resnet-50", "image"), ("dlrm", "recommendation"),
     ("two-tower", "recommendation"), ("sasrec-ml-20m", "recommendation")],
)  # fmt: skip
def test_every_kind_of_model_costs_so_much_a_thousand(model: str, unit: str) -> None:
    found = serving(model=model, accelerator="l4", input_tokens=128, price_usd_per_accelerator_hour=0.7)
    assert found["unit"] == unit
    rate, cost = found["per_second"]["p50"], found["cost_usd_per_thousand"]["p50"]
    assert cost == pytest.approx(1000 * 0.7 / 3600 / rate / 0.3, rel=1e-3)
    if unit == "recommendation":
        many = serving(model=model, accelerator="l4", candidates=10_000_000)["per_second"]["p50"]
        assert many < (0.001 if model == "dlrm" else 0.5) * rate


def test_an_encoder_that_ranks_passages_reads_each() -> None:
    one, many = (
        serving(model="bert-base-uncased", accelerator="l4", candidates=n)["per_second"]["p50"] for n in (1, 50)
    )
    assert one / many == pytest.approx(50)


def test_the_latency_of_an_encoder_decoder_is_that_of_the_whole_model() -> None:
    large = find_architecture("t5-11b")[0]
    assert isinstance(large, EncoderDecoder)
    half = ServingPlan(decoder=encoder_layers(large, causal=True), accelerator=find_accelerator("h100"), batch=None)
    whole = replace(half, pair=large)
    assert (
        latency_at_load(whole, 1.0).time_per_output_token_seconds
        > latency_at_load(half, 1.0).time_per_output_token_seconds
    )
