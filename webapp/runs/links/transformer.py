"""The Transformer's settings as the encoder-decoder that economics counts."""

from __future__ import annotations

from economics.architecture.encoder_decoder import EncoderDecoder
from trainer.models.transformer.spec import TransformerSpec
from webapp.runs.architectures import Facts, Link, Sides


def to_architecture(model: TransformerSpec, facts: Facts) -> EncoderDecoder:
    """Return the form of 2017: biases and LayerNorm everywhere, one table of tokens for both sides."""
    return EncoderDecoder(
        num_encoder_layers=model.num_encoder_layers,
        num_decoder_layers=model.num_decoder_layers,
        model_width=model.model_width,
        num_heads=model.num_heads,
        feed_forward_width=model.width_of_feed_forward,
        vocabulary_size=int(facts["vocab_size"]),
        bias=True,
        norm="layer",
        norms=model.norms,
        positions=model.positions,
        context_length=model.context_length,
        tied_embeddings=model.tied_embeddings,
    )


def document_lengths(_model: TransformerSpec, facts: Facts) -> Sides:
    """Return the tokens of sources and targets, each with the end that is read with it."""
    lengths = facts.get("part_lengths") or {}
    return [[n + 1 for n in lengths[role]] for role in ("source", "target") if lengths.get(role)]


LINK = Link(to_architecture=to_architecture, document_lengths=document_lengths)
