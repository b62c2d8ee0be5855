"""Serving an encoder-decoder: the prompt is encoded once, then each step attends to it and to what was written.

The half that writes is timed as a decoder whose layers also look across: their queries and outputs are two more matrices
read at every step. Keys and values of the prompt are made once per layer of that half and cached beside those of the
answer, so that the cache holds as many values per token as a decoder's of the same layers.
"""

from __future__ import annotations

from dataclasses import replace

from economics.architecture.encoder_decoder import EncoderDecoder
from economics.constants import DEQUANTISE_OPERATIONS, LAYER_SECONDS, OVERLAP_EXPONENT
from economics.hardware import Accelerator
from economics.layout import Layout
from economics.serving.decode import DecodeTime, decode_seconds
from economics.serving.formats import KVFormat, WeightFormat, computing_number, needs_unpacking, weight_bits
from economics.throughput.collectives import all_reduce_seconds, ring_of
from economics.throughput.example_passes import encoder_layers
from economics.throughput.layer import layer_time
from economics.throughput.operations import matmul_seconds


def encoder_weight_bytes(pair: EncoderDecoder, weights: WeightFormat) -> float:
    """Return the bytes of what the writing half, taken as a decoder alone, does not hold: the encoder and all attention
    across, in their format.

    >>> from economics.architecture.lookup import preset
    >>> round(encoder_weight_bytes(preset("t5-base"), "bf16") / 1e6)
    226
    """
    across = pair.num_decoder_layers * pair.attention_matmul
    encoder = pair.num_encoder_layers * (pair.attention_matmul + pair.feed_forward_matmul)
    return (across + encoder) * weight_bits(weights) / 8.0


def encode_seconds(
    pair: EncoderDecoder,
    accelerator: Accelerator,
    *,
    layout: Layout,
    num_sequences: float,
    input_tokens: float,
    weights: WeightFormat = "bf16",
) -> float:
    """Return the time to encode some prompts and to make the keys and values that every writing layer looks at.

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> times = [encode_seconds(preset("t5-11b"), find_accelerator("a100"), layout=Layout(), num_sequences=1, input_tokens=n)
    ...          for n in (512, 2048)]
    >>> 3 < times[1] / times[0] < 5
    True
    """
    local = max(1.0, num_sequences / layout.data)
    number = computing_number(weights, accelerator)
    encoder = encoder_layers(pair, causal=False)
    layer = layer_time(
        encoder, accelerator, micro_batch=local, sequence_length=max(1, round(input_tokens)), number=number,
        tensor=layout.tensor, quantise=False, tuned=True,
    )  # fmt: skip
    busy = layer.matmul_forward + layer.attention_forward + layer.elementwise_forward
    seconds = pair.num_encoder_layers * max(busy, LAYER_SECONDS.value)
    rows = local * input_tokens
    across = matmul_seconds(accelerator, rows, pair.model_width, 2.0 * pair.inner / layout.tensor, number=number)
    seconds += pair.num_decoder_layers * across
    if layout.tensor > 1:
        ring = ring_of(accelerator, size=layout.tensor)
        seconds += 2 * pair.num_encoder_layers * all_reduce_seconds(ring, rows * pair.model_width * 2.0)
    return seconds


def write_seconds(
    pair: EncoderDecoder,
    accelerator: Accelerator,
    *,
    layout: Layout,
    batch: float,
    tokens_per_sequence: float,
    weights: WeightFormat = "bf16",
    kv: KVFormat = "bf16",
) -> DecodeTime:
    """Return the time of one step of the half that writes.

    Parameters
    ----------
    tokens_per_sequence : of the prompt and of the answer so far, together

    >>> from economics.architecture.lookup import preset
    >>> from economics.catalogue.accelerators import find_accelerator
    >>> a100, t5 = find_accelerator("a100"), preset("t5-11b")
    >>> step = write_seconds(t5, a100, layout=Layout(), batch=1, tokens_per_sequence=512)
    >>> 0.5 < step.total / (2 * 6.4e9 / 2.039e12) < 2        # the decoder's weights, once
    True
    """
    writer = encoder_layers(pair, causal=True)
    step = decode_seconds(
        writer, accelerator, layout=layout, batch=batch, tokens_per_sequence=tokens_per_sequence, weights=weights, kv=kv
    )
    more = pair.num_decoder_layers * pair.attention_matmul / 2.0
    ratio = more / writer.parameters().matmul
    reading, computing = step.reading * (1.0 + ratio), step.computing * (1.0 + ratio)
    unpacking = step.unpacking
    if needs_unpacking(weights, accelerator):
        unpacking += more / layout.tensor * DEQUANTISE_OPERATIONS.value / accelerator.peak("fp32")
    x = OVERLAP_EXPONENT.value
    return replace(
        step,
        products=float((reading**x + computing**x) ** (1.0 / x)),
        reading=reading,
        computing=computing,
        unpacking=unpacking,
        layers=step.layers * 1.5,  # three parts of a layer wait for each other where a decoder has two
        communication=step.communication * 1.5,
    )
