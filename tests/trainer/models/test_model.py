"""The GPT itself: causality, the cache, sizes, both forms."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trainer.errors import SpecError
from trainer.models.gpt.model import GPT, causal_mask
from trainer.models.gpt.spec import FAMILY, GPTSpec

FORMS = {
    "classic": GPTSpec(form="classic", num_layers=2, model_width=32, num_heads=2, context_length=16),
    "modern": GPTSpec(num_layers=2, model_width=32, num_heads=4, num_kv_heads=2, context_length=16, qk_norm=True),
}


def make(spec: GPTSpec) -> GPT:
    torch.manual_seed(1)
    return GPT(spec, vocab_size=50).eval()


@pytest.mark.parametrize("form", FORMS)
def test_no_token_sees_what_comes_after_it(form: str) -> None:
    model = make(FORMS[form])
    tokens = torch.randint(0, 50, (1, 16))
    changed = tokens.clone()
    changed[0, 10:] = (changed[0, 10:] + 1) % 50
    assert torch.equal(model(tokens)[0, :10], model(changed)[0, :10])
    assert not torch.allclose(model(tokens)[0, 10:], model(changed)[0, 10:])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pieces", [[16], [1] * 16, [5, 1, 7, 3]])
def test_reading_in_pieces_gives_the_same_logits(form: str, pieces: list[int]) -> None:
    model = make(FORMS[form])
    tokens = torch.randint(0, 50, (2, 16))
    decoder, found, first = model.decoder(), [], 0
    decoder.cache.reserve(2, 16)
    for piece in tokens.split(pieces, dim=1):
        found.append(decoder.read(piece, [0, 1], [first, first]))
        first += piece.size(1)
    with torch.no_grad():
        torch.testing.assert_close(torch.cat(found, dim=1), model(tokens), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_attention_maps_are_what_the_model_uses(form: str) -> None:
    """Rows sum to one, look only back, and give the attention's own output when applied to its values."""
    model = make(FORMS[form])
    tokens = torch.randint(0, 50, (1, 12))
    maps = model.attention_map(tokens, layer=0)  # (B, H, T, T)
    torch.testing.assert_close(maps.sum(-1), torch.ones_like(maps.sum(-1)))
    assert not maps[..., ~causal_mask(12, 12, maps.device)].any()
    attention = model.blocks[0].attention
    x = model.blocks[0].attention_norm(model.embed(tokens))
    _, _, values = attention.project(x, model.rotation(12))
    values = values.repeat_interleave(attention.num_heads // attention.num_kv_heads, dim=1)
    expected = attention.out((maps @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x, model.rotation(12)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
def test_recomputing_activations_changes_nothing(form: str) -> None:
    gradients = []
    for recompute in (False, True):
        torch.manual_seed(1)
        model = GPT(FORMS[form], vocab_size=50, dropout=0.2, recompute_blocks=recompute).train()
        torch.manual_seed(2)
        model(torch.arange(16)[None]).square().mean().backward()
        gradients.append([p.grad for p in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_parts_sum_to_the_model() -> None:
    for spec in FORMS.values():
        model = make(spec)
        parts = model.parameters_by_part()
        assert sum(parts.values()) == sum(p.numel() for p in model.parameters())
        assert parts["embedding"] == 50 * 32
        assert parts.get("position", 0) == (16 * 32 if spec.form == "classic" else 0)


PUBLISHED_PARAMETERS = {
    "gpt2": 124_439_808,  # counted in the released weights
    "gpt2-xl": 1_557_611_200,
    "gpt3-125m": 125e6,  # as the papers round them
    "gpt3-350m": 356e6,
    "gpt3-760m": 760e6,
    "gpt3-1.3b": 1.316e9,
    "gpt3-2.7b": 2.65e9,
    "gpt3-6.7b": 6.66e9,
    "gpt3-13b": 12.85e9,
    "gpt3-175b": 174.6e9,
}


@pytest.mark.parametrize("name", PUBLISHED_PARAMETERS)
def test_presets_have_their_published_sizes(name: str) -> None:
    with torch.device("meta"):
        model = GPT(FAMILY.presets[name], vocab_size=50_257)
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(PUBLISHED_PARAMETERS[name], rel=2e-3)


def test_residual_writers_start_narrower_with_depth() -> None:
    deep = make(GPTSpec(num_layers=8, model_width=64, num_heads=2, context_length=8))
    block = deep.blocks[0]
    ratio = (block.attention.qkv.weight.std() / block.attention.out.weight.std()).detach()
    assert float(ratio) == pytest.approx(16**0.5, rel=0.1)


def test_first_loss_is_that_of_guessing() -> None:
    model = make(FORMS["modern"])
    tokens = torch.randint(0, 50, (8, 16))
    loss = nn.functional.cross_entropy(model(tokens).flatten(0, 1), torch.randint(0, 50, (128,)))
    assert float(loss.detach()) == pytest.approx(torch.log(torch.tensor(50.0)).item(), abs=0.1)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"num_layers": 0}, "model.num_layers is 0; it must be at least 1"),
        ({"model_width": 30, "num_heads": 4}, r"model.num_heads \(4\) must divide model.model_width \(30\)"),
        ({"num_heads": 4, "num_kv_heads": 3}, r"model.num_kv_heads \(3\) must divide"),
        ({"model_width": 12, "num_heads": 4}, "the head width is 3; rotary positions turn pairs"),
        ({"form": "classic", "qk_norm": True}, "only the modern form has it"),
        ({"form": "classic", "num_heads": 4, "num_kv_heads": 2}, "the classic form has as many as heads"),
        ({"feed_forward_width": -1}, "model.feed_forward_width is -1"),
        ({"rope_theta": 0.0}, "model.rope_theta is 0.0; it must be above 0"),
    ],
)
def test_wrong_sizes_are_refused_with_a_sentence(wrong: dict[str, object], sentence: str) -> None:
    with pytest.raises(SpecError, match=sentence):
        GPTSpec(**wrong)  # type: ignore[arg-type]
