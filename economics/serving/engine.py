"""What a replica delivers: speeds, batch, memory, cost per token; each speed an interval."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from economics.architecture.decoder import Decoder
from economics.architecture.encoder_decoder import EncoderDecoder
from economics.assumptions import SERVING_UTILISATION
from economics.constants import MIXTURE_SPREAD, OVERLAP_EXPONENT, SERVING_SPREAD
from economics.errors import InputError
from economics.hardware import Accelerator
from economics.layout import Layout
from economics.serving.decode import DecodeTime, decode_seconds
from economics.serving.encoder_decoder import encode_seconds, encoder_weight_bytes, write_seconds
from economics.serving.formats import KVFormat, WeightFormat
from economics.serving.memory import ServingMemory, largest_batch, serving_memory
from economics.serving.prefill import prefill_seconds
from economics.training.draws import normal_draws
from economics.uncertainty import Interval, interval_of

ENGINE_BATCH_LIMIT = 2048


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingPlan:
    """A replica and its load."""

    decoder: Decoder
    accelerator: Accelerator
    layout: Layout = field(default_factory=Layout)
    weights: WeightFormat = "bf16"
    kv: KVFormat = "bf16"
    batch: int | None = 1
    """Sequences decoded together; None: as many as fit, refilled as they end (continuous batching)."""
    input_tokens: int = 1024
    output_tokens: int = 256
    cached_fraction: float = 0.0
    """Share of the input found in the prefix cache."""
    utilisation: float = SERVING_UTILISATION.value
    """Share of the time that the replica serves at this load; enters the costs alone."""
    usd_per_accelerator_hour: float | None = None
    pair: EncoderDecoder | None = None
    """The whole model, where `decoder` is the half of an encoder-decoder that writes."""

    @property
    def encoder_bytes(self) -> float:
        """Weights beside the decoder's."""
        return encoder_weight_bytes(self.pair, self.weights) if self.pair else 0.0

    def __post_init__(self) -> None:
        if not 0 < self.utilisation <= 1:
            raise InputError("utilisation", self.utilisation, "above 0 and at most 1")
        if not 0 <= self.cached_fraction < 1:
            raise InputError("cached_fraction", self.cached_fraction, "at least 0 and below 1")


@dataclass(frozen=True, kw_only=True, slots=True)
class ServingEstimate:
    """What is expected of a replica; totals are over the replica."""

    batch: int
    max_batch: int
    fits: bool
    memory: ServingMemory
    decode: DecodeTime
    prefill_seconds: Interval
    decode_seconds_per_token: Interval
    decode_tokens_per_second: Interval
    tokens_per_second_per_user: Interval
    end_to_end_output_tokens_per_second: Interval
    cost_usd_per_million_input_tokens: Interval | None
    cost_usd_per_million_cached_tokens: Interval | None
    cost_usd_per_million_output_tokens: Interval | None


def prompts_together(plan: ServingPlan, batch: int) -> int:
    """Return the prompts that are read at once: all of a closed batch; in an engine, which refills it as sequences end,
    on each data rank as many as make up a usual chunk of 2,048 tokens.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> plan = ServingPlan(decoder=find_decoder("gpt2")[0], accelerator=find_accelerator("h100"), batch=None,
    ...                    layout=Layout(data=2), input_tokens=500)
    >>> prompts_together(plan, 64)
    8
    """
    if plan.batch is not None:
        return batch
    return min(batch, plan.layout.data * max(1, 2048 // max(1, plan.input_tokens)))


def step_seconds(plan: ServingPlan, batch: float, tokens_per_sequence: float) -> DecodeTime:
    """Return the time of one step of decoding at a batch."""
    options: Any = {
        "layout": plan.layout, "batch": batch, "tokens_per_sequence": tokens_per_sequence, "weights": plan.weights,
        "kv": plan.kv,
    }  # fmt: skip
    if plan.pair:
        return write_seconds(plan.pair, plan.accelerator, **options)
    return decode_seconds(plan.decoder, plan.accelerator, **options)


def reading_seconds(plan: ServingPlan, num_prompts: float) -> float:
    """Return the time until the first token of some prompts, waiting apart: prefill, or encoding and one step."""
    if plan.pair:
        encoding = encode_seconds(
            plan.pair, plan.accelerator, layout=plan.layout, num_sequences=num_prompts, input_tokens=plan.input_tokens,
            weights=plan.weights,
        )  # fmt: skip
        return encoding + step_seconds(plan, num_prompts, plan.input_tokens).total
    return prefill_seconds(
        plan.decoder, plan.accelerator, layout=plan.layout, num_sequences=num_prompts, input_tokens=plan.input_tokens,
        weights=plan.weights, cached_fraction=plan.cached_fraction,
    )  # fmt: skip


def replica_seconds_per_request(plan: ServingPlan, batch: int) -> tuple[float, DecodeTime, float]:
    """Return the prefill of the batch (or of one prompt in a refilled batch), the step, and the replica's seconds
    that one request takes in a full batch: its prefill and its share of as many steps as it has output tokens."""
    middle = plan.input_tokens + plan.output_tokens / 2.0
    stages = plan.layout.pipeline
    step = step_seconds(plan, max(1.0, batch / stages), middle)
    together = prompts_together(plan, batch)
    prefill = reading_seconds(plan, together)
    steps = plan.output_tokens / batch
    # stages work on different prompts at once, as far as there are several
    prefill_each = prefill / together / min(stages, batch)
    if plan.batch is not None:
        return prefill_each * batch, step, prefill_each + steps * step.total
    # prompts and steps share their passes over the weights: arithmetic adds up, reading hides behind it in part
    x = OVERLAP_EXPONENT.value
    arithmetic = prefill_each + steps * step.computing
    reading = steps * (step.reading + step.layers)
    shared = float((arithmetic**x + reading**x) ** (1.0 / x))
    return prefill, step, shared + steps * (step.unpacking + step.cache + step.communication)


def serving_estimate(plan: ServingPlan) -> ServingEstimate:
    """Return what a replica delivers at a batch, and what its tokens cost.

    With a given batch: all prompts are read together, then all sequences decode together. With `batch=None` the
    engine keeps the largest batch that fits (at most 2,048 per data rank) full by prefilling new prompts as sequences
    end. Pipeline stages divide the batch among them: each works on another part of it.

    The cost of an input token is its share of prefill, that of an output token its share of a step, at the price of
    the whole replica, divided by the utilisation. A cached input token costs the reading of its cache.

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> plan = ServingPlan(decoder=find_decoder("llama-3.1-8b")[0], accelerator=find_accelerator("h100"),
    ...                    weights="fp8", kv="fp8", batch=None, input_tokens=1000, output_tokens=1000)
    >>> estimate = serving_estimate(plan)
    >>> abs(estimate.end_to_end_output_tokens_per_second.p50 / 15_220 - 1) < 0.3      # measured
    True
    """
    limit = largest_batch(
        plan.decoder, plan.accelerator, layout=plan.layout, tokens_per_sequence=plan.input_tokens + plan.output_tokens,
        weights=plan.weights, kv=plan.kv, more_weight_bytes=plan.encoder_bytes,
    )  # fmt: skip
    ranks = plan.layout.data * plan.layout.context
    batch = max(1, min(limit, ENGINE_BATCH_LIMIT * ranks)) if plan.batch is None else plan.batch
    if batch < 1:
        raise InputError("batch", plan.batch, "at least 1, or max")
    prefill, step, busy = replica_seconds_per_request(plan, batch)
    stages = plan.layout.pipeline
    # one sequence reads its experts; many also route, gather and wait for the fullest expert
    routed = MIXTURE_SPREAD.value if plan.decoder.mixture and batch > 1 else 0.0
    factor = np.exp(float(np.hypot(SERVING_SPREAD.value, routed)) * normal_draws("serving"))
    memory = serving_memory(
        plan.decoder, layout=plan.layout, batch=batch, tokens_per_sequence=plan.input_tokens + plan.output_tokens,
        weights=plan.weights, kv=plan.kv, prefill_tokens=min(8192.0, float(plan.input_tokens)),
        unified_memory=plan.accelerator.kind != "accelerator", more_weight_bytes=plan.encoder_bytes,
    )  # fmt: skip
    costs = _costs(plan, batch, prefill / (stages if plan.batch is None else 1), step.total, factor)
    return ServingEstimate(
        batch=batch,
        max_batch=limit,
        fits=not plan.accelerator.memory_bytes or memory.total <= plan.accelerator.memory_bytes,
        memory=memory,
        decode=step,
        prefill_seconds=interval_of(prefill / factor),
        decode_seconds_per_token=interval_of(step.total / factor),
        decode_tokens_per_second=interval_of(batch * factor / step.total),
        tokens_per_second_per_user=interval_of(factor / step.total),
        end_to_end_output_tokens_per_second=interval_of(plan.output_tokens * factor / busy),
        cost_usd_per_million_input_tokens=costs[0],
        cost_usd_per_million_cached_tokens=costs[1],
        cost_usd_per_million_output_tokens=costs[2],
    )


def _costs(
    plan: ServingPlan, batch: int, prefill: float, step: float, slowness: Any
) -> tuple[Interval | None, Interval | None, Interval | None]:
    """Dollars per million input, cached and output tokens."""
    if plan.usd_per_accelerator_hour is None:
        return None, None, None
    per_second = plan.usd_per_accelerator_hour * plan.layout.num_accelerators / 3600.0 / plan.utilisation
    inverse = 1.0 / slowness
    together = prompts_together(plan, batch)
    fresh = max(1.0, plan.input_tokens * (1.0 - plan.cached_fraction))
    per_input = prefill / (together * fresh)
    reading = step_seconds(plan, 1, 1000.0).cache / 1000.0
    million = 1e6 * per_second
    return (
        interval_of(million * per_input * inverse),
        interval_of(million * reading * inverse),
        interval_of(million * step / batch * inverse),
    )
