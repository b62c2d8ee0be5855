"""What is taken where a run leaves something out: batch, sequence length, number of devices."""

from __future__ import annotations

from math import log2

from economics.architecture.decoder import Decoder
from economics.hardware import Accelerator

MOST_ACCELERATORS = 10_000_000
"""More than exist of any kind: beyond it a number is a slip."""


def usual_batch_tokens(num_params: float) -> float:
    """Return a usual batch for a model's size: 0.5 M tokens at 125 M parameters, 4 M at 7 B, 16 M at 400 B.

    A power of two near 4 M (N / 7 B)^(1/2) below 7 B and (N / 7 B)^(1/3) above: critical batches grow as the loss
    falls, and published runs follow roughly so. At most what leaves a run a few hundred steps.

    >>> usual_batch_tokens(125e6), usual_batch_tokens(7e9), usual_batch_tokens(405e9)
    (524288.0, 4194304.0, 16777216.0)
    """
    ratio = num_params / 7e9
    exact = 2.0**22 * ratio ** (0.5 if ratio < 1 else 1 / 3)
    return float(2 ** max(13, round(log2(exact))))


def usual_sequence_length(decoder: Decoder) -> int:
    """Return a usual training length: the model's context, but not more than 8,192 tokens (longer comes last).

    >>> from economics.architecture.lookup import find_decoder
    >>> usual_sequence_length(find_decoder("gpt2")[0]), usual_sequence_length(find_decoder("llama-3.1-8b")[0])
    (1024, 8192)
    """
    return min(decoder.context_length, 8192)


def usual_num_accelerators(training_flop: float, accelerator: Accelerator, state_bytes: float) -> int:
    """Return a number of devices that trains in about a month and holds the state twice over: a power of two.

    >>> from economics.catalogue.accelerators import find_accelerator
    >>> usual_num_accelerators(6 * 7e9 * 2e12, find_accelerator("h100"), 16 * 7e9)
    128
    """
    month = 30 * 86400.0
    by_time = training_flop / (0.35 * accelerator.peak("bf16") * month)
    by_memory = 2.0 * state_bytes / max(1.0, accelerator.memory_bytes)
    needed = min(max(1.0, by_time, by_memory), MOST_ACCELERATORS / 2)
    return int(2 ** max(0, round(log2(needed) + 0.3)))
