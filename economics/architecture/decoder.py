"""The decoder-only Transformer in all its usual forms, counted to the unit."""

from __future__ import annotations

from economics.architecture.base import Parameters
from economics.architecture.decoder_parts import decoder_parameters
from economics.architecture.decoder_shape import DecoderShape


class Decoder(DecoderShape):
    """A decoder-only Transformer.

    >>> from economics.architecture import classic_decoder
    >>> gpt2 = classic_decoder(num_layers=12, model_width=768, num_heads=12, vocabulary_size=50257,
    ...                        context_length=1024)
    >>> gpt2.parameters().total
    124439808
    """

    __slots__ = ()

    def parameters(self) -> Parameters:
        """Count the parameters by part (golden: Llama-2-7B 6,738,415,616; Mixtral 46,702,792,704)."""
        return decoder_parameters(self)
