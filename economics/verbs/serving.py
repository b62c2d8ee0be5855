"""Estimate serving a model on one replica: speeds, batch, memory, cost per token."""

from __future__ import annotations

import argparse
import datetime as dt
from dataclasses import replace
from typing import Any, get_args

from economics.architecture.decoder import Decoder
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.lookup import find_architecture
from economics.assumptions import SERVING_UTILISATION
from economics.constants import SERVING_SPREAD
from economics.errors import InputError
from economics.hardware import Accelerator
from economics.layout import Layout, check_layout, parse_layout
from economics.serving.engine import ServingEstimate, ServingPlan, serving_estimate
from economics.serving.formats import KVFormat, WeightFormat, computing_number, needs_unpacking, weight_bits
from economics.throughput.example_passes import encoder_layers
from economics.units import parse_quantity, whole
from economics.verbs._options import (
    add_device_options,
    add_model_options,
    assumption,
    device_as_dict,
    device_of,
    model_of,
    note_beyond_context,
    today,
)
from economics.verbs._prices import price_of
from economics.verbs._serving_examples import SERVED_EXAMPLES, serving_of_examples


def serving(
    *,
    model: str | None = None,
    params: float | str | None = None,
    active_params: float | str | None = None,
    accelerator: str | Accelerator,
    memory_gb: float | str | None = None,
    memory_bandwidth_gb_per_second: float | str | None = None,
    power_watts: float | str | None = None,
    network_bandwidth_gb_per_second: float | str | None = None,
    num_accelerators: int | str | None = None,
    parallelism: str | Layout = "auto",
    weights: WeightFormat = "bf16",
    kv: KVFormat = "bf16",
    batch: int | str = 1,
    input_tokens: int | str = 1024,
    output_tokens: int | str = 256,
    candidates: int | str = 1,
    cached_fraction: float | str = 0.0,
    utilisation: float | str | None = None,
    price_usd_per_accelerator_hour: float | str | None = None,
    on_day: dt.date | None = None,
) -> dict[str, Any]:
    """Return what one replica delivers; see `economics.serving.engine` for how.

    For a model that writes no text (an encoder, images, a recommender) the answer is a rate and the cost of a thousand.

    >>> result = serving(model="llama-2-7b", accelerator="a100", batch=1, input_tokens=5, output_tokens=200)
    >>> round(result["decode_tokens_per_second"]["p50"]), result["fits"]     # measured: 104.9
    (105, True)
    """
    device = device_of(
        accelerator, memory_gb, memory_bandwidth_gb_per_second, power_watts, network_bandwidth_gb_per_second
    )
    notes: list[dict[str, Any]] = []
    share = SERVING_UTILISATION.value
    if utilisation is None:
        notes.append(assumption("utilisation", share, SERVING_UTILISATION.unit, SERVING_UTILISATION.source))
    else:
        share = parse_quantity(utilisation, field="utilisation", kind="fraction")
    price, _ = price_of(price_usd_per_accelerator_hour, device, on_day or today(), notes)
    if model and params is None and isinstance((found := find_architecture(model))[0], SERVED_EXAMPLES):
        return serving_of_examples(
            *found, device=device, num_accelerators=whole(num_accelerators or 1, field="num_accelerators"),
            input_tokens=whole(input_tokens, field="input_tokens"), candidates=whole(candidates, field="candidates"),
            utilisation=share, price=price, notes=notes,
        )  # fmt: skip
    decoder, pair, taken = _writer(model, params, active_params)
    for name, value, choices in (("weights", weights, get_args(WeightFormat)), ("kv", kv, get_args(KVFormat))):
        if value not in choices:
            raise InputError(name, value, "one of " + ", ".join(choices))
    devices = 1 if num_accelerators is None else whole(num_accelerators, field="num_accelerators")
    if num_accelerators is None and isinstance(parallelism, str) and parallelism != "auto":
        devices = parse_layout(parallelism).num_accelerators
    if isinstance(parallelism, Layout):
        layout = parallelism
    elif parallelism == "auto":
        layout = tensor_layout(decoder.num_heads, devices)
        if layout.pipeline > 1:
            why = f"{decoder.num_heads} heads do not divide by {devices}: as far as they do tensor parallel, then in stages"
            notes.append(assumption("parallelism.pipeline", layout.pipeline, "stage", why))
    else:
        layout = replace(parse_layout(parallelism, devices), zero=0)
    experts = decoder.mixture.num_experts if decoder.mixture else 0
    if pair and layout.model_ranks > layout.tensor:
        raise InputError(
            "parallelism.pipeline",
            layout.pipeline,
            f"1: an encoder-decoder is divided by its {pair.num_heads} heads alone",
        )
    check_layout(layout, num_layers=decoder.num_layers, num_heads=decoder.num_heads, num_experts=experts)
    plan = ServingPlan(
        decoder=decoder,
        accelerator=device,
        layout=layout,
        weights=weights,
        kv=kv,
        batch=_batch(batch),
        input_tokens=whole(input_tokens, field="input_tokens"),
        output_tokens=whole(output_tokens, field="output_tokens"),
        cached_fraction=parse_quantity(cached_fraction, field="cached_fraction", kind="fraction"),
        utilisation=share,
        usd_per_accelerator_hour=price,
        pair=pair,
    )
    if pair and plan.cached_fraction:
        raise InputError("cached_fraction", cached_fraction, "0: an encoder reads a prompt as a whole")
    if not pair:
        note_beyond_context(decoder, plan.input_tokens + plan.output_tokens, notes)
    notes += [
        assumption("weight_bits", weight_bits(weights), "bit", "with scales and zeros"),
        assumption("products_in", computing_number(weights, device), "number format", _products_why(weights, device)),
        assumption("spread", SERVING_SPREAD.value, SERVING_SPREAD.unit, SERVING_SPREAD.source),
    ]
    return _as_dict(plan, serving_estimate(plan), taken, notes)


def _writer(
    model: str | None, params: float | str | None, active_params: float | str | None
) -> tuple[Decoder, EncoderDecoder | None, str]:
    """The decoder that writes; the whole model where it is the half of an encoder-decoder; the name of what was taken."""
    if model and params is None and active_params is None:
        found, taken = find_architecture(model)
        if isinstance(found, EncoderDecoder):
            return encoder_layers(found, causal=True), found, taken
    decoder, taken = model_of(model, params, active_params)
    return decoder, None, taken


def _products_why(weights: WeightFormat, device: Accelerator) -> str:
    if needs_unpacking(weights, device):
        return (
            f"weights of {weights} are unpacked before each product: the device multiplies none with bf16 activations"
        )
    return "the weights' own format"


def _batch(text: int | str) -> int | None:
    """Sequences decoded together; None for as many as fit."""
    if text == "max":
        return None
    try:
        return whole(text, field="batch")
    except InputError:
        raise InputError("batch", text, "a whole number from 1, or max") from None


def tensor_layout(num_heads: int, num_accelerators: int) -> Layout:
    """Return a replica of all devices: tensor parallel as far as the heads divide, the rest as a pipeline.

    >>> tensor_layout(32, 8).tensor, tensor_layout(12, 8).tensor
    (8, 4)
    """
    tensor = max(k for k in range(1, num_accelerators + 1) if num_accelerators % k == 0 and num_heads % k == 0)
    return Layout(tensor=tensor, pipeline=num_accelerators // tensor)


def _as_dict(plan: ServingPlan, estimate: ServingEstimate, taken: str, notes: list[dict[str, Any]]) -> dict[str, Any]:
    costs = {
        "cost_usd_per_million_input_tokens": estimate.cost_usd_per_million_input_tokens,
        "cost_usd_per_million_cached_tokens": estimate.cost_usd_per_million_cached_tokens,
        "cost_usd_per_million_output_tokens": estimate.cost_usd_per_million_output_tokens,
    }
    return {
        "model": taken,
        "accelerator": device_as_dict(plan.accelerator),
        "num_accelerators": plan.layout.num_accelerators,
        "parallelism": plan.layout.as_dict(),
        "weights": plan.weights,
        "kv": plan.kv,
        "batch": estimate.batch,
        "max_batch": estimate.max_batch,
        "input_tokens": plan.input_tokens,
        "output_tokens": plan.output_tokens,
        "fits": estimate.fits,
        "prefill_seconds": estimate.prefill_seconds.to_dict(),
        "decode_seconds_per_token": estimate.decode_seconds_per_token.to_dict(),
        "decode_tokens_per_second": estimate.decode_tokens_per_second.to_dict(),
        "tokens_per_second_per_user": estimate.tokens_per_second_per_user.to_dict(),
        "end_to_end_output_tokens_per_second": estimate.end_to_end_output_tokens_per_second.to_dict(),
        "memory_bytes_per_accelerator": {**estimate.memory.by_part(), "total": estimate.memory.total},
        **{name: interval.to_dict() if interval else None for name, interval in costs.items()},
        "decode_seconds_by_part": estimate.decode.by_part(),
        "utilisation": plan.utilisation,
        "assumptions": notes,
    }


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_model_options(parser)
    add_device_options(parser)
    parser.add_argument(
        "--weights", default="bf16", help="bf16, fp8, int8, int4 (groups of 32), int4-g64, int4-g128 or fp4"
    )
    parser.add_argument("--kv", default="bf16", help="bf16 or fp8")
    parser.add_argument("--batch", default="1", help="sequences decoded together, or max")
    parser.add_argument("--input-tokens", default="1024", help="tokens of a prompt")
    parser.add_argument("--output-tokens", default="256", help="tokens of an answer")
    parser.add_argument("--candidates", default="1", help="items scored per recommendation, or passages per query")
    parser.add_argument("--cached-fraction", default="0", help="share of the input found in the prefix cache")
    parser.add_argument("--utilisation", help="share of the time served at this load; enters the costs alone (30%%)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the arguments and estimate."""
    a = arguments
    return serving(
        model=a.model, params=a.params, active_params=a.active_params, accelerator=a.accelerator,
        memory_gb=a.memory_gb, memory_bandwidth_gb_per_second=a.memory_bandwidth_gb_per_second,
        power_watts=a.power_watts, network_bandwidth_gb_per_second=a.network_bandwidth_gb_per_second,
        num_accelerators=a.num_accelerators, parallelism=a.parallelism,
        weights=a.weights, kv=a.kv, batch=a.batch, input_tokens=a.input_tokens, output_tokens=a.output_tokens,
        candidates=a.candidates, cached_fraction=a.cached_fraction, utilisation=a.utilisation,
        price_usd_per_accelerator_hour=a.price_usd_per_accelerator_hour,
    )  # fmt: skip


def explain(result: dict[str, Any]) -> list[str]:
    """Write the formulas with their numbers."""
    if "per_second" in result:
        rate, cost, share = result["per_second"]["p50"], result["cost_usd_per_thousand"], result["utilisation"]
        lines = [f"{result['unit']}s a second = {rate:,.4g} over {result['num_accelerators']} devices"]
        if cost:
            lines.append(f"cost of a thousand = 1000 x price / 3600 / {rate:,.4g} / {share:g} = ${cost['p50']:.4g}")
        return lines
    parts = " + ".join(f"{name} {1e3 * s:.4g}" for name, s in result["decode_seconds_by_part"].items() if s)
    step = result["decode_seconds_per_token"]["p50"]
    memory = result["memory_bytes_per_accelerator"]
    held = " + ".join(f"{name} {v / 1e9:.3g}" for name, v in memory.items() if v and name != "total")
    lines = [
        f"step = {parts} = {1e3 * step:.4g} ms",
        f"decode tokens/s = batch {result['batch']} / {1e3 * step:.4g} ms = {result['decode_tokens_per_second']['p50']:.4g}",
        f"memory = {held} = {memory['total'] / 1e9:.4g} GB",
    ]
    cost = result["cost_usd_per_million_output_tokens"]
    if cost:
        lines.append(
            f"cost per million output tokens = price x {result['num_accelerators']} / 3600 x {1e3 * step:.4g} ms / "
            f"batch {result['batch']} / utilisation {result['utilisation']:g} x 1e6 = ${cost['p50']:.4g}"
        )
    return lines
