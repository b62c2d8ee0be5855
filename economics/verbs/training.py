"""Estimate a training run: speed, memory, hours, energy and money."""

from __future__ import annotations

import argparse
import datetime as dt
from typing import Any, get_args

from economics.architecture.lookup import find_architecture
from economics.errors import InputError
from economics.flop.decoder import Recompute, training_flop_per_token
from economics.hardware import Accelerator
from economics.layout import Layout, parse_layout
from economics.memory.states import Optimizer, Precision, state_bytes_per_parameter
from economics.throughput.workload import Workload
from economics.training.billing import Term
from economics.training.defaults import MOST_ACCELERATORS, usual_num_accelerators, usual_sequence_length
from economics.training.estimate import RunPlan, training_estimate
from economics.units import parse_quantity, positive, whole
from economics.verbs._examples import EXAMPLE_MODELS, training_of_examples
from economics.verbs._options import (
    add_device_options,
    add_model_options,
    assumption,
    device_of,
    model_of,
    note_beyond_context,
    today,
)
from economics.verbs._prices import price_of
from economics.verbs._training_answer import training_answer
from economics.verbs._training_size import MOST_TOKENS, devices_of, sequences_of_step

MOST_SEQUENCE = 100_000_000
"""Hundreds of times what a model ever saw at once: beyond it a number is a slip."""

_LEVELS = ("auto", *get_args(Recompute))


def training(
    *,
    model: str | None = None,
    params: float | str | None = None,
    active_params: float | str | None = None,
    tokens: float | str,
    accelerator: str | Accelerator,
    memory_gb: float | str | None = None,
    memory_bandwidth_gb_per_second: float | str | None = None,
    power_watts: float | str | None = None,
    network_bandwidth_gb_per_second: float | str | None = None,
    num_accelerators: int | str | None = None,
    sequence_length: int | str | None = None,
    target_length: int | str | None = None,
    batch_tokens: float | str | None = None,
    precision: Precision = "bf16",
    parallelism: str | Layout = "auto",
    micro_batch: int | str | None = None,
    recompute: str = "auto",
    compile: bool = True,  # noqa: A002  the option's name
    optimizer: Optimizer = "adamw",
    price_usd_per_accelerator_hour: float | str | None = None,
    steady_state: bool = False,
    term: Term = "on-demand",
    preemptions_per_node_day: float | str = 0.0,
    hot_spares: bool = False,
    on_day: dt.date | None = None,
) -> dict[str, Any]:
    """Return what a training run is expected to take; see `economics.training.estimate` for how.

    For a model that is no decoder or encoder `tokens` counts what `unit` says: tokens of source and target together
    (encoder-decoder), images, or examples (recommender); the keys are the same.

    >>> result = training(model="llama-2-7b", tokens="2T", accelerator="a100", num_accelerators=1024)
    >>> result["fits"], 100_000 < result["accelerator_hours"]["p50"] < 250_000
    (True, True)
    """
    device = device_of(
        accelerator, memory_gb, memory_bandwidth_gb_per_second, power_watts, network_bandwidth_gb_per_second
    )
    num_tokens = positive(tokens, field="tokens", highest=MOST_TOKENS)
    for field, value, choices in (
        ("precision", precision, get_args(Precision)), ("recompute", recompute, _LEVELS), ("term", term, get_args(Term)),
        ("optimizer", optimizer, get_args(Optimizer)),
    ):  # fmt: skip
        if value not in choices:
            raise InputError(field, value, "one of " + ", ".join(choices))
    notes: list[dict[str, Any]] = []
    if precision == "fp8" and not device.fp8_flop_per_second:
        precision = "bf16"
        notes.append(
            assumption("precision", precision, "number format", f"fp8 was asked for; {device.name} multiplies none")
        )
    price, spread = price_of(price_usd_per_accelerator_hour, device, on_day or today(), notes, term)
    preemptions = parse_quantity(preemptions_per_node_day, field="preemptions_per_node_day")
    if preemptions < 0:
        raise InputError("preemptions_per_node_day", preemptions_per_node_day, "at least 0")
    if (
        model
        and params is None
        and active_params is None
        and isinstance((found := find_architecture(model))[0], EXAMPLE_MODELS)
    ):
        return training_of_examples(
            *found, units=num_tokens, device=device, num_accelerators=num_accelerators, source_length=sequence_length,
            target_length=target_length, batch=batch_tokens, precision=precision, parallelism=parallelism,
            micro_batch=micro_batch, recompute=recompute, fused=compile, optimizer=optimizer, steady_state=steady_state,
            term=term, price=price, price_spread=spread, preemptions_per_node_day=preemptions, hot_spares=hot_spares,
            notes=notes,
        )  # fmt: skip
    if target_length is not None:
        raise InputError("target_length", target_length, "left out: only an encoder-decoder has a target of its own")
    decoder, taken = model_of(model, params, active_params, allow_encoder=True)
    counted = decoder.parameters()
    sequence = usual_sequence_length(decoder) if sequence_length is None else whole(
        sequence_length, field="sequence_length", highest=MOST_SEQUENCE
    )  # fmt: skip
    if sequence_length is None:
        notes.append(assumption("sequence_length", sequence, "token", "the model's context, at most 8,192"))
    note_beyond_context(decoder, sequence, notes)
    flop = training_flop_per_token(decoder, sequence).total * num_tokens
    if num_accelerators is None:
        state = state_bytes_per_parameter(precision=precision, optimizer=optimizer).total * counted.total
        devices, why = usual_num_accelerators(flop, device, state), "about a month of training"
        if parallelism != "auto":
            devices, why = devices_of(parallelism, devices), "what the layout takes"
        notes.append(assumption("num_accelerators", devices, "accelerator", why))
    else:
        devices = whole(num_accelerators, field="num_accelerators", highest=MOST_ACCELERATORS)
    layout = parallelism if isinstance(parallelism, Layout) else None
    if isinstance(parallelism, str) and parallelism != "auto":
        layout = parse_layout(parallelism, devices)
    micro = None if micro_batch is None else whole(micro_batch, field="micro_batch")
    sequences = sequences_of_step(batch_tokens, counted.active, sequence, devices, layout, micro, notes)
    work = Workload(
        decoder=decoder, accelerator=device, sequence_length=sequence, num_sequences=sequences, precision=precision,
        fused=compile, optimizer=optimizer,
    )  # fmt: skip
    plan = RunPlan(
        workload=work, tokens=num_tokens, num_accelerators=devices, layout=layout, micro_batch=micro,
        recompute=None if recompute == "auto" else recompute,  # type: ignore[arg-type]
        steady_state=steady_state, usd_per_accelerator_hour=price, usd_spread=spread, term=term,
        preemptions_per_node_day=preemptions,
        hot_spares=hot_spares,
    )  # fmt: skip
    return training_answer(training_estimate(plan), plan, taken, notes)


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    add_model_options(parser)
    add_device_options(parser)
    parser.add_argument("--tokens", required=True, help="tokens to train on, such as 2T (or images, or examples)")
    parser.add_argument("--sequence-length", help="tokens of a sequence (of the source, in an encoder-decoder)")
    parser.add_argument("--target-length", help="tokens of the target, in an encoder-decoder")
    parser.add_argument("--batch-tokens", help="tokens of an optimizer step, such as 4M")
    parser.add_argument("--precision", default="bf16", help="fp32, tf32, bf16 or fp8")
    parser.add_argument("--micro-batch", help="sequences per data rank and forward pass")
    parser.add_argument("--recompute", default="auto", help="auto, none, selective or full")
    parser.add_argument("--compile", action=argparse.BooleanOptionalAction, default=True, help="fused kernels")
    parser.add_argument("--optimizer", default="adamw", choices=get_args(Optimizer), help="which state is kept")
    parser.add_argument("--term", default="on-demand", help="on-demand, spot, reserved-1y, reserved-3y or owned")
    parser.add_argument("--preemptions-per-node-day", default="0", help="how often spot capacity is taken away")
    parser.add_argument("--hot-spares", action="store_true", help="spare nodes stand ready")
    parser.add_argument("--steady-state", action="store_true", help="no failures, no checkpoints")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the arguments and estimate."""
    a = arguments
    return training(
        model=a.model, params=a.params, active_params=a.active_params, tokens=a.tokens, accelerator=a.accelerator,
        memory_gb=a.memory_gb, memory_bandwidth_gb_per_second=a.memory_bandwidth_gb_per_second,
        power_watts=a.power_watts, network_bandwidth_gb_per_second=a.network_bandwidth_gb_per_second,
        num_accelerators=a.num_accelerators, sequence_length=a.sequence_length,
        target_length=a.target_length, batch_tokens=a.batch_tokens, precision=a.precision, parallelism=a.parallelism,
        micro_batch=a.micro_batch, recompute=a.recompute, compile=a.compile, optimizer=a.optimizer,
        price_usd_per_accelerator_hour=a.price_usd_per_accelerator_hour, steady_state=a.steady_state,
        term=a.term, preemptions_per_node_day=a.preemptions_per_node_day, hot_spares=a.hot_spares,
    )  # fmt: skip


def explain(result: dict[str, Any]) -> list[str]:
    """Write the formulas with their numbers."""
    step = result["step_seconds"]
    parts = " + ".join(f"{name} {seconds:.4g}" for name, seconds in result["step_seconds_by_part"].items())
    memory = result["memory_bytes_per_accelerator"]
    totals = ("allocated_peak", "reserved_peak", "device_total", "total")
    held = " + ".join(f"{name} {v / 1e9:.3g}" for name, v in memory.items() if v and name not in totals)
    rate = result["tokens_per_second_per_accelerator"]["p50"]
    good = result["goodput_fraction"]["p50"]
    hours = result["accelerator_hours"]["p50"]
    per_token = result["training_flop"] / result["tokens"]
    lines = [
        f"step = {parts} = {step:.4g} s",
        (
            f"{result['unit']}s/s per accelerator = {result['batch_tokens']:,} / {step:.4g} s / {result['num_accelerators']:,}"
            f" = {rate:,.4g}"
        ),
        (
            f"MFU = {rate:,.4g} x {per_token:.4g} FLOP / {result['accelerator']['bf16_peak_flop_per_second']:.4g}"
            f" = {result['mfu_fraction']['p50']:.3f}"
        ),
        f"memory = {held} = {memory['device_total'] / 1e9:.4g} GB",
        f"accelerator-hours = {result['tokens']:.4g} / ({rate:,.4g} x {good:.3f}) / 3600 = {hours:,.4g}",
    ]
    if result["cost_usd"]:
        price = result["cost_usd"]["p50"] / hours
        lines.append(f"cost = {hours:,.4g} h x ${price:.2f} = ${result['cost_usd']['p50']:,.0f}")
    return lines
