"""BERT's settings as the encoder that economics counts."""

from __future__ import annotations

from dataclasses import replace

from economics.architecture import Decoder, modern_decoder
from economics.architecture.encoder import Encoder
from trainer.models.bert.spec import BertSpec
from webapp.runs.architectures import Facts, Link, Sides


def encoder(model: BertSpec, vocab_size: int) -> Encoder | Decoder:
    """Return the encoder without what its objective puts on top."""
    if model.form == "modern":
        return replace(
            modern_decoder(
                num_layers=model.num_layers,
                model_width=model.model_width,
                num_heads=model.num_heads,
                vocabulary_size=vocab_size,
                context_length=model.context_length,
                feed_forward_width=model.width_of_feed_forward,
                tied_embeddings=True,
                head_width=model.head_width,
            ),
            causal=False,
        )
    return Encoder(
        num_layers=model.num_layers,
        model_width=model.model_width,
        num_heads=model.num_heads,
        head_width=model.head_width,
        feed_forward_width=model.width_of_feed_forward,
        vocabulary_size=vocab_size,
        context_length=model.context_length + model.num_unused_positions,
        num_types=model.num_types,
        pooler=model.has_pooler,
    )


def to_decoder(model: BertSpec, facts: Facts) -> Decoder:
    """Return the layers that time and memory are told of.

    Only the masked objective has an output as wide as the vocabulary; otherwise the table of tokens is only looked up,
    like one of positions, and is counted as rows of that.
    """
    vocab_size = int(facts["vocab_size"])
    is_masked = model.objective == "masked"
    found = encoder(model, vocab_size if is_masked else 1)
    decoder = found.as_decoder() if isinstance(found, Encoder) else found
    if is_masked:
        return decoder
    rows = vocab_size - (model.context_length if decoder.positions != "learned" else 0)
    return replace(decoder, positions="learned", num_extra_positions=max(rows, 0))


def count(model: BertSpec, facts: Facts) -> int:
    """Return the parameters of the encoder and of the masked head; that of labels is known when they are."""
    width, vocab_size = model.model_width, int(facts["vocab_size"])
    head = width * width + 3 * width + vocab_size if model.objective == "masked" else 0
    return encoder(model, vocab_size).parameters().total + head


def document_lengths(model: BertSpec, facts: Facts) -> Sides:
    """Return the tokens of documents with the two that frame them; none where windows of running text are read."""
    lengths = (facts.get("part_lengths") or {}).get("document")
    return [[n + 2 for n in lengths]] if lengths and model.objective != "masked" else []


LINK = Link(to_architecture=to_decoder, count=count, document_lengths=document_lengths)
