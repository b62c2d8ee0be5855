"""Prefill: the prompt's tokens all at once, bound by arithmetic."""

from __future__ import annotations

from economics.architecture.decoder import Decoder
from economics.constants import LAYER_SECONDS
from economics.hardware import Accelerator
from economics.layout import Layout
from economics.serving.decode import exchange_seconds
from economics.serving.formats import WeightFormat, computing_number
from economics.throughput.collectives import all_reduce_seconds, ring_of
from economics.throughput.layer import layer_time
from economics.throughput.operations import matmul_seconds


def prefill_seconds(
    decoder: Decoder,
    accelerator: Accelerator,
    *,
    layout: Layout,
    num_sequences: float,
    input_tokens: float,
    weights: WeightFormat = "bf16",
    cached_fraction: float = 0.0,
) -> float:
    """Return the time until the first token of some prompts, waiting apart.

    The forward part of a training layer, without a gradient; the output head for the last token only. A prefix found
    in the cache costs nothing but its share of attention, which the rest still looks at.

    Parameters
    ----------
    num_sequences : prompts taken together
    cached_fraction : share of the prompt found in the prefix cache, 0 to below 1

    >>> from economics.architecture.lookup import find_decoder
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> llama, h100 = find_decoder("llama-3.1-8b")[0], find_accelerator("h100")
    >>> short = prefill_seconds(llama, h100, layout=Layout(), num_sequences=1, input_tokens=1000)
    >>> long = prefill_seconds(llama, h100, layout=Layout(), num_sequences=1, input_tokens=4000)
    >>> 3.5 < long / short < 5
    True
    """
    if input_tokens <= 0:
        return 0.0
    fresh = max(1.0, input_tokens * (1.0 - cached_fraction))
    local = max(1.0, num_sequences / layout.data)  # a prompt is not divided among data ranks
    number = computing_number(weights, accelerator)
    seconds = 0.0
    for expert_layer, count in (
        (False, decoder.num_layers - decoder.num_expert_layers),
        (True, decoder.num_expert_layers),
    ):
        if not count:
            continue
        layer = layer_time(
            decoder, accelerator, micro_batch=local * fresh / input_tokens, sequence_length=max(1, round(input_tokens)),
            number=number, tensor=layout.tensor, context=layout.context, expert=layout.expert,
            expert_layer=expert_layer, quantise=False, tuned=True,
        )  # fmt: skip
        busy = layer.matmul_forward + layer.attention_forward + layer.elementwise_forward
        seconds += count * max(busy, LAYER_SECONDS.value)
    if layout.tensor > 1:
        ring = ring_of(accelerator, size=layout.tensor)
        num_bytes = local * fresh / layout.context * decoder.model_width * 2.0
        seconds += 2 * decoder.num_layers * all_reduce_seconds(ring, num_bytes)
    seconds += exchange_seconds(decoder, accelerator, layout, local * fresh / layout.context)
    return seconds + matmul_seconds(accelerator, local, decoder.model_width, decoder.vocabulary_size / layout.tensor)
