"""The compiled step against the plain path: the same logits, in every form of the model and every kind of weights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.trainer.inference.test_batch import FORMS
from trainer.compress.quantised import Int4Linear, Int8Embedding, Int8Linear
from trainer.models.gpt.decoder import Decoder
from trainer.models.gpt.model import GPT
from trainer.models.gpt.native.library import library
from trainer.models.gpt.spec import GPTSpec

VOCAB = 403
"""No multiple of anything that the step does at once."""


def make(spec: GPTSpec) -> GPT:
    torch.manual_seed(5)
    return GPT(spec, vocab_size=VOCAB).eval()


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("CXX", "/nowhere/c++")
    library.cache_clear()
    yield
    library.cache_clear()


def read_all(decoder: Decoder) -> list[torch.Tensor]:
    """Return the logits of two prompts of different lengths, a token of both, and guesses behind one of them."""
    draw = torch.Generator().manual_seed(3)
    tokens = torch.randint(VOCAB, (2, 20), generator=draw)
    decoder.cache.reserve(3, 40)
    found = [
        decoder.read(tokens[:, :9], [2, 0], [0, 0], lasts=[8, 6]),
        decoder.read(tokens[:, 9:10], [2, 0], [9, 7], lasts=[0, 0]),
    ]
    decoder.cache.reserve(3, 60)  # keys and values move
    return [*found, decoder.read(tokens[:1, 10:15], [2], [10])]


def differences(model: GPT, dtype: torch.dtype) -> list[float]:
    """Return how far the step's logits are from the plain path's, as a part of how far those spread."""
    native, plain = model.decoder(dtype), model.decoder(dtype)
    assert native.native is not None
    plain.native = None
    pairs = zip(read_all(native), read_all(plain), strict=True)
    return [float((ours - theirs).abs().max() / theirs.std()) for ours, theirs in pairs]


@pytest.mark.parametrize("form", FORMS)
def test_in_float32_it_is_the_plain_path_to_rounding(form: str) -> None:
    assert max(differences(make(FORMS[form]), torch.float32)) < 1e-4


@pytest.mark.parametrize("form", ["classic", "grouped"])
def test_in_bfloat16_it_is_as_near_to_float32_as_the_plain_path_or_nearer(form: str) -> None:
    model = make(FORMS[form])
    exact = read_all(model.decoder(torch.float32))
    native, plain = model.decoder(torch.bfloat16), model.decoder(torch.bfloat16)
    plain.native = None
    ours, theirs = (
        [float((a - b).norm()) for a, b in zip(read_all(decoder), exact, strict=True)] for decoder in (native, plain)
    )
    assert sum(ours) < sum(theirs)


@pytest.mark.parametrize("layer", [Int8Linear, Int4Linear])
def test_integers_are_read_as_they_are_widened(layer: type[Int8Linear | Int4Linear]) -> None:
    model, widened = make(FORMS["grouped"]), make(FORMS["grouped"])
    for name, child in list(model.named_modules()):
        if isinstance(child, nn.Linear):
            model.set_submodule(name, made := layer.of(child))
            widened.get_submodule(name).weight.data = made.weight  # type: ignore[union-attr]
    model.token_embedding = Int8Embedding.of(model.token_embedding)  # type: ignore[assignment]
    widened.token_embedding.weight.data = model.token_embedding.weight
    ours, plain = model.decoder(torch.float32), widened.decoder(torch.float32)
    assert ours.native is not None
    plain.native = None
    for native, exact in zip(read_all(ours), read_all(plain), strict=True):
        assert torch.allclose(native, exact, atol=1e-4)


def test_a_gated_width_that_does_not_fall_into_fours_takes_the_plain_path() -> None:
    spec = GPTSpec(num_layers=1, model_width=32, num_heads=4, context_length=64, feed_forward_width=50)
    assert make(spec).decoder(torch.float32).native is None


def test_a_machine_without_a_compiler_writes_by_the_plain_path(no_compiler: None) -> None:
    decoder = make(FORMS["modern"]).decoder(torch.bfloat16)
    assert decoder.native is None
    assert all(torch.isfinite(logits).all() for logits in read_all(decoder))


def test_a_source_that_does_not_compile_is_no_error(
    no_compiler: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("CXX")
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    for name in ("products.h", "step.cpp"):
        (tmp_path / name).write_text("this is no program")
    monkeypatch.setattr("trainer.models.gpt.native.library.FOLDER", tmp_path)
    assert library() is None
