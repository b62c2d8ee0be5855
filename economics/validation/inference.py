"""Rows of published serving measurements: what each says of its inputs, and what it measured."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import exp, log

from economics.architecture.decoder import Decoder
from economics.architecture.lookup import find_decoder
from economics.architecture.sizing import decoder_of_size, mixture_of_size
from economics.catalogue.accelerators import find_accelerator
from economics.errors import EconomicsError
from economics.hardware import Accelerator, variant
from economics.layout import Layout
from economics.serving.engine import ServingPlan, serving_estimate
from economics.serving.formats import KVFormat, WeightFormat, computing_number, weight_bits
from economics.uncertainty import Interval
from economics.validation.rows import row_numbers


@dataclass(frozen=True, kw_only=True, slots=True)
class InferenceRow:
    """One published measurement of serving."""

    model: str
    cluster: str
    group: str
    """decode (batch 1), closed batch, or engine (requests come and go)."""
    plan: ServingPlan
    num_accelerators: int
    layout_given: bool
    decode_only: bool
    """What was measured leaves prefill out."""
    measured_tokens_per_second: float
    """Decode tokens per second of one sequence (decode), or of all (batch, engine)."""


def _decoder(name: str, total: float | None, active: float | None) -> Decoder | None:
    for candidate in (name, re.sub(r"\s*\(.*", "", name), re.sub(r"[/ ].*", "", name)):
        try:
            found, _ = find_decoder(candidate)
        except EconomicsError:
            continue
        if total is None or abs(found.parameters().total / total - 1) < 0.1:
            return found
    if total is None or total < 1e8:
        return None
    return mixture_of_size(total, active) if active and active < 0.85 * total else decoder_of_size(float(total))


def _device(text: str) -> Accelerator:
    device = find_accelerator(re.sub(r"\(.*?\)", "", text))
    if "1 GCD" in text:  # half of a device that has two dies
        device = replace(
            device, memory_bytes=device.memory_bytes / 2, memory_bytes_per_second=device.memory_bytes_per_second / 2,
            bf16_flop_per_second=device.bf16_flop_per_second / 2, fp32_flop_per_second=device.fp32_flop_per_second / 2,
        )  # fmt: skip
    watts = re.search(r"\((\d+)\s*W\)", text)
    return variant(device, power_watts=float(watts.group(1)) if watts else None)


def _formats(text: str, device: Accelerator) -> tuple[WeightFormat, KVFormat]:
    lowered = text.lower()
    if any(word in lowered for word in ("int4", "4-bit", "awq", "gptq", "q4")):
        return "int4", "bf16"
    if "fp4" in lowered and device.fp4_flop_per_second:
        return "fp4", "fp8"
    if "int8" in lowered or "w8a16" in lowered:
        return "int8", "bf16"
    if "fp8" in lowered and device.fp8_flop_per_second:
        return "fp8", "fp8"
    return "bf16", "bf16"


def read_inference(row: dict[str, str]) -> InferenceRow | None:
    """Turn a row of inference_bench.csv into inputs and a measurement; None where it lacks what a prediction needs."""
    get, number = row.get, row_numbers(row)
    device = _device(get("hardware") or "")
    decoder = _decoder(get("model") or "", number("params"), number("active_params"))
    if decoder is None:
        return None
    num = max(1, int(number("n_chips") or 1))
    scenario = (get("scenario") or "").lower()
    batch = number("batch_or_concurrency")
    per_user, total = number("tokens_per_s_per_user"), number("output_tokens_per_s_total")
    single = batch == 1 and "decode" in scenario
    engine = any(word in scenario for word in ("throughput", "offline", "server", "rate"))
    measured = per_user if single else total
    step = number("decode_ms_per_token")
    if single and not measured and step:
        measured = 1000.0 / step
    if not measured or "server" in scenario:
        return None
    if not single and not engine and not batch:
        return None
    given_in, given_out = number("input_len"), number("output_len")
    if not single and not (given_in or given_out):
        return None
    inputs, outputs = int(given_in or given_out or 128), int(given_out or given_in or 128)
    weights, kv = _formats(get("weight_dtype") or "", device)
    degree = re.search(r"TP\s*(\d+)", get("parallelism") or "")
    layout = Layout(tensor=int(degree.group(1))) if degree else Layout(tensor=num if single else 1)
    if degree and num > layout.tensor:
        layout = Layout(tensor=layout.tensor, data=num // layout.tensor)
    plan = ServingPlan(
        decoder=decoder, accelerator=device, layout=layout, weights=weights, kv=kv,
        batch=None if engine else int(batch or 1), input_tokens=inputs, output_tokens=outputs,
    )  # fmt: skip
    source = get("source") or ""
    named = re.search(r"arXiv\s?[\d.]+|[\w.-]+/[\w.-]+|^\w+", source)
    return InferenceRow(
        model=get("model") or "",
        cluster=(named.group(0) if named else source[:20]).split("@")[0],
        group="decode" if single else "engine" if engine else "closed batch",
        plan=plan,
        num_accelerators=num,
        layout_given=bool(degree) or single,
        decode_only="decode" in scenario and "prefill" not in scenario,
        measured_tokens_per_second=measured,
    )


def predict_inference(row: InferenceRow) -> Interval:
    """Return the predicted counterpart of what a row measured; a layout that is not given is the best of all."""
    plans = [row.plan]
    if not row.layout_given:
        heads, num = row.plan.decoder.num_heads, row.num_accelerators
        degrees = [t for t in range(1, num + 1) if num % t == 0 and heads % t == 0]
        plans = [replace(row.plan, layout=Layout(tensor=t, data=num // t)) for t in degrees]
    estimates = [serving_estimate(plan) for plan in plans]
    fitting = [estimate for estimate in estimates if estimate.max_batch > 0] or estimates
    if row.group == "decode":
        return fitting[0].tokens_per_second_per_user
    if row.decode_only:
        return max((e.decode_tokens_per_second for e in fitting), key=lambda interval: interval.p50)
    return max((e.end_to_end_output_tokens_per_second for e in fitting), key=lambda interval: interval.p50)


def rate_at_limit(row: InferenceRow) -> float:
    """Return the rate that the plainest bound allows: weights over bandwidth for decode, arithmetic over peak else."""
    plan, device = row.plan, row.plan.accelerator
    counted = plan.decoder.parameters()
    if row.group == "decode":
        read = counted.active_matmul * weight_bits(plan.weights) / 8.0
        return device.memory_bytes_per_second * row.num_accelerators / read
    flop = 2.0 * counted.active_matmul * (1.0 + plan.input_tokens / plan.output_tokens)
    number = computing_number(plan.weights, device)
    return device.peak(number) * row.num_accelerators / flop


def one_share(row: InferenceRow, rows: list[InferenceRow]) -> float | None:
    """Return the baseline of one number: the mean share of the bound that other sources reach, times the bound."""
    shares: dict[str, list[float]] = {}
    for other in rows:
        if other.group == row.group and other.cluster != row.cluster:
            shares.setdefault(other.cluster, []).append(log(other.measured_tokens_per_second / rate_at_limit(other)))
    if not shares:
        return None
    mean = sum(sum(values) / len(values) for values in shares.values()) / len(shares)
    return exp(mean) * rate_at_limit(row)


def nearest_share(row: InferenceRow, rows: list[InferenceRow]) -> float | None:
    """Return the baseline of the nearest row: the share that the most similar row of another source reaches."""

    def distance(other: InferenceRow) -> float:
        sizes = log(other.plan.decoder.parameters().active / row.plan.decoder.parameters().active)
        devices = log(other.num_accelerators / row.num_accelerators)
        lengths = log((other.plan.input_tokens + 1) / (row.plan.input_tokens + 1))
        return sizes**2 + devices**2 + lengths**2 + (other.plan.weights != row.plan.weights)

    others = [r for r in rows if r.group == row.group and r.cluster != row.cluster]
    if not others:
        return None
    near = min(others, key=distance)
    return near.measured_tokens_per_second / rate_at_limit(near) * rate_at_limit(row)
