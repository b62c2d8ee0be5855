"""Make it fit: the decoder that answers to a number of parameters, a memory, or some minutes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from economics.architecture.decoder import Decoder
from economics.architecture.sizing import decoder_of_size
from economics.errors import InputError, NoAnswerError
from economics.flop.decoder import training_flop_per_token
from economics.memory.training import training_memory


@dataclass(frozen=True, kw_only=True, slots=True)
class Fit:
    """A decoder that meets a wish, and how near it comes."""

    decoder: Decoder
    num_params: int
    limit: float
    """What was asked for, in the unit of the wish."""
    reached: float
    """What the decoder takes, in the same unit."""


def _largest(measure: Any, limit: float, *, low: float = 2e4, high: float = 2e12, vocabulary_size: int) -> Decoder:
    """Bisect on the number of parameters for the largest decoder whose measure is within the limit."""
    if measure(decoder_of_size(low, vocabulary_size=vocabulary_size)) > limit:
        raise NoAnswerError(f"Even a decoder of {low:,.0f} parameters takes more than {limit:g}.")
    best = decoder_of_size(low, vocabulary_size=vocabulary_size)
    for _ in range(36):
        middle = (low * high) ** 0.5
        candidate = decoder_of_size(round(middle), vocabulary_size=vocabulary_size)
        if measure(candidate) <= limit:
            low, best = middle, candidate
        else:
            high = middle
        if high / low < 1.005:
            break
    return best


def decoder_for_parameters(num_params: float, *, vocabulary_size: int = 0, context_length: int = 1024) -> Fit:
    """Return the usual decoder nearest to a number of parameters.

    >>> abs(decoder_for_parameters(10e6, vocabulary_size=4096).reached / 10e6 - 1) < 0.05
    True
    """
    decoder = replace(decoder_of_size(num_params, vocabulary_size=vocabulary_size), context_length=context_length)
    count = decoder.parameters().total
    return Fit(decoder=decoder, num_params=count, limit=num_params, reached=float(count))


def decoder_for_memory(
    device_memory_bytes: float, *, sequence_length: int, vocabulary_size: int = 0, margin: float = 0.05, **options: Any
) -> Fit:
    """Return the largest usual decoder that trains within a device's memory, less a margin.

    Parameters
    ----------
    margin : share of the memory left free
    options : passed on to `training_memory` (micro_batch, precision, recompute, ...)

    >>> fit = decoder_for_memory(24e9, sequence_length=1024, micro_batch=4)
    >>> fit.reached <= 24e9, 5e8 < fit.num_params < 1.5e9
    (True, True)
    """
    if not 0 <= margin < 1:
        raise InputError("margin", margin, "between 0 and 1")

    def measure(decoder: Decoder) -> float:
        return training_memory(decoder, sequence_length=sequence_length, **options).device_total

    limit = device_memory_bytes * (1.0 - margin)
    decoder = replace(_largest(measure, limit, vocabulary_size=vocabulary_size), context_length=sequence_length)
    return Fit(
        decoder=decoder,
        num_params=decoder.parameters().total,
        limit=device_memory_bytes,
        reached=measure(decoder),
    )


def decoder_for_minutes(
    minutes: float,
    *,
    flop_per_second: float,
    sequence_length: int,
    num_tokens: float | None = None,
    tokens_per_parameter: float = 20.0,
    vocabulary_size: int = 0,
) -> Fit:
    """Return the largest usual decoder that a machine trains in some minutes.

    The machine is described by what it measured: model FLOP per second on a small decoder (a calibration), not by
    its data sheet. Without a number of tokens each parameter gets `tokens_per_parameter`, so that time grows with the
    square of the size.

    Parameters
    ----------
    minutes : training time wanted, > 0
    flop_per_second : measured model FLOP per second of the machine, > 0
    num_tokens : tokens to train on; None: in proportion to the parameters

    >>> fit = decoder_for_minutes(60, flop_per_second=1e14, sequence_length=1024)
    >>> fit.reached <= 60 and fit.num_params > 2e7
    True
    """
    if minutes <= 0:
        raise InputError("minutes", minutes, "above 0")
    if flop_per_second <= 0:
        raise InputError("flop_per_second", flop_per_second, "above 0")

    def measure(decoder: Decoder) -> float:
        tokens = num_tokens if num_tokens is not None else tokens_per_parameter * decoder.parameters().total
        return training_flop_per_token(decoder, sequence_length).total * tokens / flop_per_second / 60.0

    decoder = replace(_largest(measure, minutes, vocabulary_size=vocabulary_size), context_length=sequence_length)
    return Fit(decoder=decoder, num_params=decoder.parameters().total, limit=minutes, reached=measure(decoder))
