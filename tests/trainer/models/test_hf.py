"""With the same weights our logits are those of Hugging Face transformers, in every form that both have."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from trainer.errors import InputError
from trainer.models.gpt.hf import from_hf, has_hf_form, hf_config, spec_of_hf_config, to_hf
from trainer.models.gpt.model import GPT
from trainer.models.gpt.spec import GPTSpec

VOCAB_SIZE = 97
SPECS = {
    "classic": GPTSpec(form="classic", num_layers=2, model_width=48, num_heads=4, context_length=24),
    "classic untied": GPTSpec(
        form="classic", num_layers=2, model_width=48, num_heads=3, context_length=24, tied_embeddings=False
    ),
    "modern": GPTSpec(num_layers=2, model_width=48, num_heads=4, context_length=24),
    "grouped": GPTSpec(
        num_layers=2, model_width=48, num_heads=4, num_kv_heads=2, context_length=24, tied_embeddings=False
    ),
    "wide heads": GPTSpec(num_layers=2, model_width=48, num_heads=4, head_width=16, context_length=24, rope_theta=5e5),
    "qkv bias": GPTSpec(
        num_layers=2, model_width=48, num_heads=4, num_kv_heads=2, context_length=24, qkv_bias=True, norm_eps=1e-6
    ),
    "qk norm": GPTSpec(num_layers=2, model_width=48, num_heads=4, num_kv_heads=2, context_length=24, qk_norm=True),
}


def their_model(spec: GPTSpec) -> Any:
    config = hf_config(spec, vocab_size=VOCAB_SIZE, end_of_text_id=0)
    torch.manual_seed(3)
    known = transformers.AutoConfig.for_model(**config)
    return transformers.AutoModelForCausalLM.from_config(known, attn_implementation="eager").eval()


def scramble(model: torch.nn.Module) -> None:
    """Give every weight a value of its own, norms and biases too: zeros and ones would hide a mix-up."""
    torch.manual_seed(5)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.randn_like(parameter) * 0.2 + (1.0 if parameter.ndim == 1 else 0.0))


@pytest.mark.parametrize("name", SPECS)
def test_logits_equal_those_of_transformers(name: str) -> None:
    spec = SPECS[name]
    ours = GPT(spec, vocab_size=VOCAB_SIZE).eval()
    scramble(ours)
    theirs = their_model(spec)
    missing, unexpected = theirs.load_state_dict(to_hf(ours.state_dict(), spec), strict=False)
    assert not unexpected
    assert all("lm_head" in key for key in missing)  # tied: the embedding's own matrix
    theirs.tie_weights()
    tokens = torch.randint(0, VOCAB_SIZE, (3, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", SPECS)
def test_weights_of_transformers_can_be_read(name: str) -> None:
    theirs = their_model(SPECS[name])
    scramble(theirs)
    spec = spec_of_hf_config(theirs.config.to_dict())
    ours = GPT(spec, vocab_size=VOCAB_SIZE).eval()
    ours.load_state_dict(from_hf(theirs.state_dict(), spec))
    tokens = torch.randint(0, VOCAB_SIZE, (2, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), theirs(tokens).logits, rtol=1e-5, atol=1e-5)


def test_other_models_are_refused_with_a_sentence() -> None:
    with pytest.raises(InputError, match="'bert' model; gpt2, llama, mistral, qwen2 and qwen3"):
        spec_of_hf_config({"model_type": "bert"})


def test_gpt2_heads_must_fill_the_width() -> None:
    assert not has_hf_form(GPTSpec(form="classic", model_width=64, num_heads=4, head_width=32))
