"""GPT's settings as the decoder that economics counts, and the way back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from economics.architecture import Decoder, classic_decoder, modern_decoder
from trainer.models.gpt.spec import GPTSpec
from webapp.runs.architectures import Facts, Link


def gpt_decoder(model: GPTSpec, facts: Facts) -> Decoder:
    sizes: dict[str, Any] = {
        "num_layers": model.num_layers,
        "model_width": model.model_width,
        "num_heads": model.num_heads,
        "vocabulary_size": facts["vocab_size"],
        "context_length": model.context_length,
        "feed_forward_width": model.width_of_feed_forward,
        "tied_embeddings": model.tied_embeddings,
    }
    if model.form == "classic":
        return replace(classic_decoder(**sizes), head_width=model.head_width)
    found = modern_decoder(**sizes, num_kv_heads=model.num_kv_heads, head_width=model.head_width, qk_norm=model.qk_norm)
    return replace(found, qkv_bias=model.qkv_bias)


def gpt_settings(decoder: Decoder, wanted: GPTSpec) -> GPTSpec:
    return replace(
        wanted,
        form="modern",
        num_layers=decoder.num_layers,
        model_width=decoder.model_width,
        num_heads=decoder.num_heads,
        num_kv_heads=0 if decoder.kv_heads == decoder.num_heads else decoder.kv_heads,
        head_width=0 if decoder.head * decoder.num_heads == decoder.model_width else decoder.head,
        feed_forward_width=decoder.feed_forward_width,
        tied_embeddings=decoder.tied_embeddings,
        context_length=decoder.context_length,
    )


LINK = Link(to_architecture=gpt_decoder, to_settings=gpt_settings)
