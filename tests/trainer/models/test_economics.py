"""The real model has as many parameters, part by part, as economics says of its architecture."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from economics.architecture import Decoder, classic_decoder, modern_decoder
from trainer.models.gpt.model import GPT
from trainer.models.gpt.spec import FAMILY, GPTSpec

VOCAB_SIZE = 1_000
SPECS = {
    **{name: FAMILY.presets[name] for name in ("nano", "small", "gpt2", "gpt3-1.3b")},
    "grouped": GPTSpec(num_layers=2, model_width=64, num_heads=4, num_kv_heads=2, qk_norm=True),
    "untied": GPTSpec(num_layers=2, model_width=64, num_heads=4, tied_embeddings=False),
    "wide": GPTSpec(form="classic", num_layers=2, model_width=64, num_heads=4, feed_forward_width=100),
}


def decoder_of(spec: GPTSpec) -> Decoder:
    sizes = {
        "num_layers": spec.num_layers,
        "model_width": spec.model_width,
        "num_heads": spec.num_heads,
        "vocabulary_size": VOCAB_SIZE,
        "context_length": spec.context_length,
        "feed_forward_width": spec.width_of_feed_forward,
        "tied_embeddings": spec.tied_embeddings,
    }
    if spec.form == "classic":
        return replace(classic_decoder(**sizes), head_width=spec.head_width)
    return modern_decoder(**sizes, num_kv_heads=spec.num_kv_heads, head_width=spec.head_width, qk_norm=spec.qk_norm)


@pytest.mark.parametrize("name", SPECS)
def test_parameters_equal_the_formula(name: str) -> None:
    with torch.device("meta"):
        model = GPT(SPECS[name], vocab_size=VOCAB_SIZE)
    assert sum(p.numel() for p in model.parameters()) == decoder_of(SPECS[name]).parameters().total
