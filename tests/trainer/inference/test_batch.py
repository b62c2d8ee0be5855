"""Texts written together: the same tokens as alone and as by whole forward passes, in every form of the model."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch

from trainer.data.tokenizer import Tokenizer
from trainer.inference.batch import Batch
from trainer.inference.draft import Draft
from trainer.inference.precision import writing_dtype
from trainer.inference.sampling import SamplingSpec
from trainer.inference.writing import Writing
from trainer.models.gpt.model import GPT
from trainer.models.gpt.spec import GPTSpec

CONTEXT, VOCAB = 64, 400
FORMS = {
    "classic": GPTSpec(form="classic", num_layers=2, model_width=32, num_heads=4, context_length=CONTEXT),
    "modern": GPTSpec(num_layers=2, model_width=32, num_heads=4, context_length=CONTEXT, qk_norm=True),
    "grouped": GPTSpec(
        num_layers=2, model_width=32, num_heads=4, num_kv_heads=2, context_length=CONTEXT, qkv_bias=True
    ),
    "multi-query": GPTSpec(num_layers=2, model_width=32, num_heads=4, num_kv_heads=1, context_length=CONTEXT),
    "untied": GPTSpec(num_layers=2, model_width=32, num_heads=4, context_length=CONTEXT, tied_embeddings=False),
}
GREEDY = SamplingSpec(temperature=0, num_tokens=24)
PAIRS = [bytes([a, b]) for a in range(97, 117) for b in range(97, 117)]


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Two threads on matrices this small mostly wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return Tokenizer.from_tokens([*(bytes([byte]) for byte in range(256)), *PAIRS][: VOCAB - 1])


def make(spec: GPTSpec) -> GPT:
    torch.manual_seed(5)
    return GPT(spec, vocab_size=VOCAB).eval()


def prompts(*lengths: int) -> list[list[int]]:
    chance = torch.Generator().manual_seed(2)
    return [torch.randint(0, 256, (length,), generator=chance).tolist() for length in lengths]


@torch.no_grad()
def plain(model: GPT, tokens: list[int], num_tokens: int, end: int) -> list[int]:
    """Return the likeliest tokens behind others, each by a forward pass of all that came before."""
    read = list(tokens)
    while len(read) < len(tokens) + num_tokens and (len(read) == len(tokens) or read[-1] != end):
        read.append(int(model(torch.tensor([read]))[0, -1].argmax()))
    return read[len(tokens) :]


def taken_in_turns(writings: list[Writing]) -> list[list[int]]:
    """Return the tokens of texts whose readers take one each, one after the other, until all are at their end."""
    found: list[list[int]] = [[] for _ in writings]
    for _ in range(CONTEXT):
        for tokens, writing in zip(found, writings, strict=True):
            tokens += [one.token for one in [next(writing, None)] if one]
    return found


@pytest.mark.parametrize("form", FORMS)
def test_alone_and_together_the_text_is_that_of_whole_forward_passes(form: str, tokenizer: Tokenizer) -> None:
    model, given = make(FORMS[form]), prompts(9, 1, 17, 12)
    expected = [plain(model, each, GREEDY.num_tokens, tokenizer.end_of_text_id) for each in given]
    alone = [[w.token for w in Batch(model.decoder(), tokenizer).write(each, GREEDY)] for each in given]
    batch = Batch(model.decoder(), tokenizer)
    assert alone == expected
    assert taken_in_turns([batch.write(each, GREEDY) for each in given]) == expected
    assert batch.num_steps < 2 * GREEDY.num_tokens  # not four times as many


def test_each_has_its_own_seed_and_settings(tokenizer: Tokenizer) -> None:
    model, (given,) = make(FORMS["grouped"]), prompts(6)
    settings = [SamplingSpec(num_tokens=20, seed=seed, temperature=1.0, top_k=50) for seed in (1, 2)]
    alone = [[w.token for w in Batch(model.decoder(), tokenizer).write(given, each)] for each in settings]
    batch = Batch(model.decoder(), tokenizer)
    assert taken_in_turns([batch.write(given, each) for each in settings]) == alone
    assert alone[0] != alone[1]


def test_one_joins_while_others_write_and_one_that_stops_leaves_them(tokenizer: Tokenizer) -> None:
    model, given = make(FORMS["modern"]), prompts(5, 8, 11)
    expected = [plain(model, each, GREEDY.num_tokens, tokenizer.end_of_text_id) for each in given]
    batch = Batch(model.decoder(), tokenizer)
    first, second = batch.write(given[0], GREEDY), batch.write(given[1], GREEDY)
    begun = [[next(first).token, next(second).token] for _ in range(4)]
    second.close()
    late = batch.write(given[2], GREEDY)
    rest = taken_in_turns([first, late])
    assert [one for one, _ in begun] + rest[0] == expected[0]
    assert [one for _, one in begun] == expected[1][:4]
    assert rest[1] == expected[2]
    assert second.row is None


def test_a_beginning_that_was_read_is_not_read_again(tokenizer: Tokenizer) -> None:
    model, (history, question, other) = make(FORMS["classic"]), prompts(20, 6, 30)
    batch = Batch(model.decoder(), tokenizer)
    settings = SamplingSpec(temperature=0, num_tokens=4)
    answer = [one.token for one in batch.write(history, settings)]
    list(batch.write(other, settings))
    before = batch.num_tokens_read
    whole = [*history, *answer, *question]
    again = [one.token for one in batch.write(whole, settings)]
    assert batch.num_tokens_read - before == 1 + len(question) + 3  # the last token of the answer was never read
    assert again == plain(model, whole, 4, tokenizer.end_of_text_id)
    busy, twin = batch.write(whole, settings), batch.write([*whole, 7], settings)
    before = [next(busy).token, next(twin).token]  # a beginning that another is writing on is copied
    assert before == [again[0], plain(model, [*whole, 7], 1, tokenizer.end_of_text_id)[0]]


def test_more_texts_than_there_is_memory_for_take_turns(tokenizer: Tokenizer) -> None:
    model, given = make(FORMS["modern"]), prompts(5, 8, 11)
    expected = [plain(model, each, GREEDY.num_tokens, tokenizer.end_of_text_id) for each in given]
    batch = Batch(model.decoder(), tokenizer, most_cache_bytes=1)
    assert taken_in_turns([batch.write(each, GREEDY) for each in given]) == expected
    assert len(batch.rows) == 1


def test_beyond_the_context_the_newer_half_is_read_again(tokenizer: Tokenizer) -> None:
    model, (given,) = make(FORMS["grouped"]), prompts(CONTEXT)
    batch = Batch(model.decoder(), tokenizer)
    written = [one.token for one in batch.write(given, GREEDY)]
    read = [*given, written[0]][-CONTEXT // 2 :]
    assert written == [
        *plain(model, given, 1, tokenizer.end_of_text_id),
        *plain(model, read, GREEDY.num_tokens - 1, tokenizer.end_of_text_id),
    ]
    assert batch.decoder.cache.length <= CONTEXT


def test_a_model_in_bfloat16_writes_what_its_rounded_weights_foretell(tokenizer: Tokenizer) -> None:
    model, (given,) = make(FORMS["modern"]), prompts(12)
    written = [one.token for one in Batch(model.decoder(torch.bfloat16), tokenizer).write(given, GREEDY)]
    read = torch.tensor([[*given, *written]])
    with torch.no_grad():
        logits = model.bfloat16().float()(read)[0, len(given) - 1 : -1]
    chosen = logits.gather(1, torch.tensor(written)[:, None])[:, 0]
    assert bool((logits.max(dim=1).values - chosen <= 0.02 * logits.std()).all())


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_a_draft_changes_the_number_of_steps_and_not_the_text(tokenizer: Tokenizer, temperature: float) -> None:
    model, (given,) = make(FORMS["grouped"]), prompts(20)
    other = make(GPTSpec(num_layers=1, model_width=16, num_heads=2, context_length=CONTEXT // 2))
    settings = SamplingSpec(temperature=temperature, num_tokens=60, seed=4)  # beyond both contexts
    alone = Batch(model.decoder(), tokenizer)
    expected = list(alone.write(given, settings))
    for small in (model, other):
        batch = Batch(model.decoder(), tokenizer)
        writing = batch.write(given, settings, Draft(small.decoder()))
        assert [(one.token, one.text, one.end) for one in writing] == [(o.token, o.text, o.end) for o in expected]
        assert batch.num_steps + writing.num_right == alone.num_steps
        if small is model and not temperature:
            assert writing.num_right == writing.num_guessed > 30


def test_small_models_on_a_processor_write_in_float32() -> None:
    assert writing_dtype("auto", torch.device("cpu"), 1_000_000) == torch.float32
    assert writing_dtype("bfloat16", torch.device("cpu"), 1_000_000) == torch.bfloat16
