"""FLOP of training adapters on a frozen model."""

from __future__ import annotations

from economics.architecture.decoder import Decoder
from economics.architecture.decoder_parts import attention_matmuls, dense_feed_forward_matmuls
from economics.errors import InputError
from economics.flop.decoder import Convention, Flop, training_flop_per_token


def adapter_parameters(decoder: Decoder, *, rank: int, targets: tuple[str, ...] = ("query", "value")) -> int:
    """Return the trainable parameters of low-rank adapters: r (rows + columns) for each adapted matrix.

    Parameters
    ----------
    rank : width of the adapters, > 0
    targets : names of matrices: query, key, value, output, gate, up, down

    Source
    ------
    Hu et al. 2021, arXiv 2106.09685: rank 8 on query and value.

    >>> from economics.architecture import modern_decoder
    >>> llama = modern_decoder(num_layers=32, model_width=4096, num_heads=32, vocabulary_size=32000,
    ...                        feed_forward_width=11008)
    >>> adapter_parameters(llama, rank=8)
    4194304
    """
    if rank < 1:
        raise InputError("rank", rank, "at least 1")
    matrices = {m.name: m for m in (*attention_matmuls(decoder), *dense_feed_forward_matmuls(decoder))}
    unknown = [name for name in targets if name not in matrices]
    if unknown:
        raise InputError("targets", unknown[0], "one of " + ", ".join(sorted(matrices)))
    layers = {"attention": decoder.attention_layers, "feed_forward": decoder.feed_forward_layers}
    chosen = [matrices[name] for name in targets]
    return sum(layers[m.part] * rank * (m.rows + m.columns) for m in chosen)


def adapter_training_flop_per_token(
    decoder: Decoder,
    sequence_length: int,
    *,
    rank: int,
    targets: tuple[str, ...] = ("query", "value"),
    convention: Convention = "full",
) -> Flop:
    """Return the FLOP per token of training adapters: the frozen matrices get no gradient of their own.

    A frozen matrix costs 2 FLOP per parameter forward and 2 backward (the gradient must pass through it), the
    adapters 6. So about 4N, not 6N: adapters save memory, but only a third of the compute.

    >>> from economics.architecture import modern_decoder
    >>> llama = modern_decoder(num_layers=32, model_width=4096, num_heads=32, vocabulary_size=32000,
    ...                        feed_forward_width=11008)
    >>> flop = adapter_training_flop_per_token(llama, 2048, rank=8, convention="6nd").total
    >>> round(flop / llama.parameters().active_matmul, 3)
    4.004
    """
    base = training_flop_per_token(decoder, sequence_length, convention=convention, frozen_fraction=1.0)
    added = 6.0 * adapter_parameters(decoder, rank=rank, targets=targets)
    return Flop(by_part={**base.by_part, "adapters": added}, convention=convention)
