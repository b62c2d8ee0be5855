"""The two usual forms of a decoder, from plain settings."""

from __future__ import annotations

from typing import Literal

from economics.architecture.decoder import Decoder


def classic_decoder(
    *,
    num_layers: int,
    model_width: int,
    num_heads: int,
    vocabulary_size: int,
    context_length: int,
    head_width: int = 0,
    feed_forward_width: int = 0,
    tied_embeddings: bool = True,
    name: str = "",
) -> Decoder:
    """Return a decoder in the form of GPT-2 and GPT-3: learned positions, LayerNorm, biases, two-matrix feed-forward.

    Its count is Vd + sd + L(12d² + 13d) + 2d when tied and f = 4d (Radford et al. 2019).

    >>> classic_decoder(num_layers=2, model_width=8, num_heads=2, vocabulary_size=10,
    ...                 context_length=4).parameters().total == 10*8 + 4*8 + 2*(12*64 + 13*8) + 16
    True
    """
    return Decoder(
        num_layers=num_layers,
        model_width=model_width,
        num_heads=num_heads,
        vocabulary_size=vocabulary_size,
        context_length=context_length,
        head_width=head_width,
        feed_forward_width=feed_forward_width or 4 * model_width,
        positions="learned",
        norm="layer",
        gated=False,
        qkv_bias=True,
        attention_output_bias=True,
        feed_forward_bias=True,
        tied_embeddings=tied_embeddings,
        name=name,
    )


def modern_decoder(
    *,
    num_layers: int,
    model_width: int,
    num_heads: int,
    vocabulary_size: int,
    context_length: int = 4096,
    num_kv_heads: int = 0,
    head_width: int = 0,
    feed_forward_width: int = 0,
    tied_embeddings: bool = False,
    qk_norm: bool = False,
    name: str = "",
) -> Decoder:
    """Return a decoder in the form of Llama and Qwen: rotary positions, RMSNorm, gated feed-forward, no biases.

    Without a feed-forward width it is 8/3 of the model width, rounded up to a multiple of 64, so that three
    matrices hold as much as the classic two (Shazeer 2020, arXiv 2002.05202).

    >>> modern_decoder(num_layers=32, model_width=4096, num_heads=32, vocabulary_size=32000,
    ...                feed_forward_width=11008).parameters().total
    6738415616
    """
    return Decoder(
        num_layers=num_layers,
        model_width=model_width,
        num_heads=num_heads,
        vocabulary_size=vocabulary_size,
        context_length=context_length,
        num_kv_heads=num_kv_heads,
        head_width=head_width,
        feed_forward_width=feed_forward_width or gated_width(model_width),
        tied_embeddings=tied_embeddings,
        qk_norm="head" if qk_norm else "none",
        name=name,
    )


def decoder_of_form(
    *,
    form: Literal["classic", "modern"],
    num_layers: int,
    model_width: int,
    num_heads: int,
    vocabulary_size: int,
    context_length: int,
    num_kv_heads: int = 0,
    head_width: int = 0,
    feed_forward_width: int = 0,
    tied_embeddings: bool = True,
    qk_norm: bool = False,
    name: str = "",
) -> Decoder:
    """Return a decoder from plain settings: those of a trained model's specification, whoever trained it.

    >>> decoder_of_form(form="modern", num_layers=3, model_width=96, num_heads=3, vocabulary_size=512,
    ...                 context_length=128).parameters().total
    381600
    """
    if form == "classic":
        return classic_decoder(
            num_layers=num_layers, model_width=model_width, num_heads=num_heads, vocabulary_size=vocabulary_size,
            context_length=context_length, head_width=head_width, feed_forward_width=feed_forward_width,
            tied_embeddings=tied_embeddings, name=name,
        )  # fmt: skip
    return modern_decoder(
        num_layers=num_layers, model_width=model_width, num_heads=num_heads, vocabulary_size=vocabulary_size,
        context_length=context_length, num_kv_heads=num_kv_heads, head_width=head_width,
        feed_forward_width=feed_forward_width, tied_embeddings=tied_embeddings, qk_norm=qk_norm, name=name,
    )  # fmt: skip


def gated_width(model_width: int, multiple: int = 64) -> int:
    """Return the usual inner width of a gated feed-forward part: 8/3 of the model width, rounded up.

    >>> gated_width(256)
    704
    """
    return -(-8 * model_width // (3 * multiple)) * multiple
