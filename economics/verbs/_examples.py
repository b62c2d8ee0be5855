"""The `training` verb for models that are no decoders: encoder-decoders, images, recommenders."""

from __future__ import annotations

from typing import Any

from economics.architecture.base import Architecture
from economics.architecture.convolution import ConvolutionalNetwork
from economics.architecture.detector import Fcos
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.architecture.recommender import DLRM, Recommender, SASRec, TwoTower
from economics.architecture.vision import VisionTransformer
from economics.errors import InputError
from economics.example_work import ExampleWork
from economics.flop.others import embedding_bytes_per_example
from economics.hardware import Accelerator
from economics.layout import Layout, parse_layout
from economics.memory.states import Optimizer, Precision, state_bytes_per_parameter
from economics.training.billing import Term
from economics.training.defaults import usual_num_accelerators
from economics.training.examples import (
    ExampleChoice,
    best_example_choice,
    check_example_layout,
    example_outcome,
    unit_of,
    usual_batch_examples,
)
from economics.training.outcome import Conditions, Outcome, outcome_as_dict, run_assumptions
from economics.units import positive, whole
from economics.verbs._options import assumption, device_as_dict

EXAMPLE_MODELS = (EncoderDecoder, VisionTransformer, ConvolutionalNetwork, Fcos, DLRM, TwoTower, SASRec)


def training_of_examples(
    architecture: Architecture,
    taken: str,
    *,
    units: float,
    device: Accelerator,
    num_accelerators: int | str | None,
    source_length: int | str | None,
    target_length: int | str | None,
    batch: float | str | None,
    precision: Precision,
    parallelism: str | Layout,
    micro_batch: int | str | None,
    recompute: str,
    fused: bool,
    optimizer: Optimizer,
    steady_state: bool,
    term: Term,
    price: float | None,
    price_spread: float,
    preemptions_per_node_day: float,
    hot_spares: bool,
    notes: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return what a training run takes, with the keys of a decoder's; `unit` says what `tokens` counts."""
    if recompute == "selective":
        raise InputError("recompute", recompute, "auto, none or full for a model that is no decoder")
    if precision == "fp8":
        raise InputError("precision", precision, "fp32, tf32 or bf16 for a model that is no decoder")
    usual = getattr(architecture, "num_source_positions", 0) or 512  # a model that reads sound reads all of its window
    source = usual if source_length is None else whole(source_length, field="sequence_length")
    longest = min(source, getattr(architecture, "context_length", source))
    target = longest if target_length is None else whole(target_length, field="target_length")
    if isinstance(architecture, EncoderDecoder):
        for name, given, value in (
            ("sequence_length", source_length, source),
            ("target_length", target_length, target),
        ):
            if given is None:
                notes.append(assumption(name, value, "token", f"{usual} of the source, as many of the target at most"))
    work = ExampleWork(
        architecture=architecture, accelerator=device, num_examples=1, precision=precision, fused=fused,
        source_length=source, target_length=target,
    )  # fmt: skip
    unit, size = unit_of(work)
    counted = architecture.parameters()
    dense = counted.total - counted.by_part.get("tables", 0)
    flop = work.flop_per_example / size * units
    layout = _layout(parallelism, num_accelerators)
    if layout:
        devices = layout.num_accelerators
    elif num_accelerators is not None:
        devices = whole(num_accelerators, field="num_accelerators")
    else:
        per_param = state_bytes_per_parameter(precision=precision, optimizer=optimizer).total
        held = per_param * dense + 4.0 * (counted.total - dense)
        devices = usual_num_accelerators(flop, device, held)
        notes.append(assumption("num_accelerators", devices, "accelerator", "about a month of training"))
    examples = usual_batch_examples(work, devices) if batch is None else positive(batch, field="batch_tokens") / size
    if batch is None:
        notes.append(assumption("batch_tokens", examples * size, unit, "a usual batch for this kind of model"))
    work = ExampleWork(
        architecture=architecture, accelerator=device, num_examples=max(1, round(examples)), precision=precision,
        fused=fused, source_length=source, target_length=target,
    )  # fmt: skip
    choice = best_example_choice(
        work, devices, layout=layout, micro_batch=None if micro_batch is None else whole(micro_batch, field="micro_batch"),
        full_recompute={"none": False, "full": True}.get(recompute), optimizer=optimizer,
    )  # fmt: skip
    conditions = Conditions(
        accelerator=device, num_accelerators=devices, num_params=counted.total,
        state_bytes_per_param=14.0 if dense == counted.total else (14.0 * dense + 4.0 * (counted.total - dense))
        / counted.total,
        steady_state=steady_state, term=term, preemptions_per_node_day=preemptions_per_node_day,
        hot_spares=hot_spares, usd_per_accelerator_hour=price, usd_spread=price_spread,
    )  # fmt: skip
    outcome = example_outcome(choice, conditions, units=units)
    rows = notes + run_assumptions(steady_state=steady_state)
    return _as_dict(choice, outcome, conditions, taken=taken, units=units, assumptions=rows)


def _layout(parallelism: str | Layout, num_accelerators: int | str | None) -> Layout | None:
    if isinstance(parallelism, Layout):
        check_example_layout(parallelism)
        return parallelism
    if parallelism == "auto":
        return None
    devices = None if num_accelerators is None else whole(num_accelerators, field="num_accelerators")
    layout = parse_layout(parallelism, devices)
    check_example_layout(layout)
    return layout


def _as_dict(
    choice: ExampleChoice,
    outcome: Outcome,
    conditions: Conditions,
    *,
    taken: str,
    units: float,
    assumptions: list[dict[str, Any]],
) -> dict[str, Any]:
    work, memory, architecture = choice.work, choice.memory, choice.work.architecture
    unit, size = unit_of(work)
    counted = architecture.parameters()
    pair = isinstance(architecture, EncoderDecoder)
    advice = [] if choice.fits else ["more devices with zero=3, a smaller micro-batch, or an optimizer with less state"]
    read = embedding_bytes_per_example(architecture) if isinstance(architecture, Recommender) else None
    return {
        "model": taken,
        "kind": architecture.kind,
        "unit": unit,
        "params": counted.total,
        "active_params": counted.active,
        "accelerator": device_as_dict(work.accelerator),
        "num_accelerators": conditions.num_accelerators,
        "tokens": units,
        "sequence_length": work.source_length if pair else None,
        "target_length": work.target_length if pair else None,
        "batch_tokens": round(work.examples * size),
        "micro_batch": work.micro_batch,
        "recompute": "full" if work.full_recompute else "none",
        "precision": work.precision,
        "training_flop": work.flop_per_example / size * units,
        "flop_convention": "three forward passes, 2 FLOP per multiply-accumulate; look-ups count bytes, no FLOP",
        "embedding_bytes_per_example": read,
        "mfu_convention": "model FLOP over the dense bf16 peak",
        **outcome_as_dict(outcome),
        "term": conditions.term,
        "memory_bytes_per_accelerator": {
            **memory.by_part(),
            "allocated_peak": memory.allocated_peak,
            "reserved_peak": memory.reserved_peak,
            "device_total": memory.device_total,
            "total": memory.device_total,
        },
        "fits": choice.fits,
        "ways_to_fit": advice,
        "parallelism": work.layout.as_dict(),
        "step_seconds": choice.time.seconds,
        "step_seconds_by_part": choice.time.by_part,
        "assumptions": assumptions,
    }
