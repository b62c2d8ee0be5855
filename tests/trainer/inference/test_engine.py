"""Prompts, generation with the cache, and what a model expects at each position, on a tiny trained model."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, cast

import pytest
import torch

from tests.trainer.conftest import run_job, train_dict
from trainer.compress.quantise import quantise
from trainer.data.tokenizer import Tokenizer
from trainer.errors import CheckpointError, InputError, TrainerError
from trainer.formats.job import write_format
from trainer.formats.spec import ExportSpec
from trainer.inference.engine import LanguageModel, generate, inspect, token_label
from trainer.inference.find import find_checkpoint
from trainer.inference.loading import LoadedModel, load_model
from trainer.inference.prompt import read_prompt
from trainer.inference.sampling import SamplingSpec

GREEDY = SamplingSpec(temperature=0, num_tokens=12)


@pytest.fixture(scope="module")
def job(version: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("engine") / "job"
    run_job(folder, train_dict(version, schedule={"num_steps": 40}, evaluation={"every_steps": 40}))
    return folder


@pytest.fixture(scope="module")
def loaded(job: Path) -> LoadedModel:
    return load_model(find_checkpoint(job))


@pytest.fixture(scope="module")
def tokenizer(loaded: LoadedModel) -> Tokenizer:
    return loaded.task.assets.tokenizer


def test_cached_greedy_text_is_that_of_whole_forward_passes(loaded: LoadedModel, tokenizer: Tokenizer) -> None:
    tokens = [tokenizer.end_of_text_id, *tokenizer.encode("rain wind")]
    written = [
        w.token
        for w in generate(
            loaded.language_model,
            tokens,
            GREEDY,
            tokenizer,
        )
    ]
    for token in written:
        with torch.no_grad():
            assert token == int(loaded.model(torch.tensor([tokens]))[0, -1].argmax())
        tokens.append(token)


@pytest.mark.parametrize("method", ["int8", "int4"])
def test_integers_write_what_whole_forward_passes_foretell(
    job: Path, tokenizer: Tokenizer, method: Literal["int8", "int4"]
) -> None:
    model = quantise(load_model(find_checkpoint(job)).model, method)
    tokens = [tokenizer.end_of_text_id, *tokenizer.encode("rain wind")]
    for one in generate(cast(LanguageModel, model), tokens, GREEDY, tokenizer):
        with torch.no_grad():
            assert one.token == int(model(torch.tensor([tokens]))[0, -1].argmax())
        tokens.append(one.token)


def test_llama_cpp_writes_the_same_as_we_do(
    job: Path, loaded: LoadedModel, tokenizer: Tokenizer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = str(find_checkpoint(job))
    write_format(ExportSpec(checkpoint=checkpoint, format="gguf"), tmp_path / "gguf")
    engine = loaded.engine(str(tmp_path / "gguf" / "model.gguf"))
    tokens = [tokenizer.end_of_text_id, *tokenizer.encode("rain wind")]
    ours, theirs = list(loaded.batch.write(tokens, GREEDY)), list(engine.write(tokens, GREEDY))
    assert [(one.token, one.text, one.end) for one in theirs] == [(one.token, one.text, one.end) for one in ours]
    first = next(loaded.batch.write(tokens, SamplingSpec(temperature=1.0, seed=3)))
    assert 0 < first.probability < 1
    part = engine.write(tokens, SamplingSpec(num_tokens=20, temperature=1.0))
    drawn = next(part)
    assert drawn.token >= 0
    assert 0 < drawn.probability < 1
    part.close()
    monkeypatch.setenv("ISOCOST_ENGINE_KEY", engine.key)  # the same server, as one that runs elsewhere
    assert [one.token for one in loaded.engine(engine.url).write(tokens, GREEDY)] == [one.token for one in ours]


def test_an_engine_that_is_not_there_is_told_so(loaded: LoadedModel, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="name a"):
        loaded.engine(str(tmp_path / "none.gguf"))
    with pytest.raises(TrainerError, match="does not answer"):
        next(loaded.engine("http://127.0.0.1:9/v1").write([1], GREEDY))


def test_writing_goes_on_beyond_the_context(loaded: LoadedModel, tokenizer: Tokenizer) -> None:
    settings = SamplingSpec(num_tokens=100, seed=3, temperature=1.5)
    tokens = tokenizer.encode("salt bread")
    ends = [
        w.end
        for w in generate(
            loaded.language_model,
            tokens,
            settings,
            tokenizer,
        )
    ]
    assert ends[-1] in ("length", "end_of_text")
    assert not any(ends[:-1])
    assert loaded.language_model.context_length == 32 < len(ends) or ends[-1] == "end_of_text"


def test_same_seed_writes_the_same_text(loaded: LoadedModel, tokenizer: Tokenizer) -> None:
    def text(seed: int) -> str:
        settings = SamplingSpec(num_tokens=30, seed=seed, temperature=1.2)
        tokens = tokenizer.encode("soup")
        written = generate(loaded.language_model, tokens, settings, tokenizer)
        return "".join(one.text for one in written)

    assert text(5) == text(5) != text(6)


def test_stop_text_ends_the_text_before_it(loaded: LoadedModel, tokenizer: Tokenizer) -> None:
    tokens = tokenizer.encode("rain ")

    def text(stop: list[str]) -> tuple[str, str]:
        settings = SamplingSpec(temperature=0, num_tokens=20, stop=stop)
        written = list(generate(loaded.language_model, tokens, settings, tokenizer))
        return "".join(one.text for one in written), written[-1].end

    whole, _ = text([])
    stop = whole[4:7]
    assert text([stop]) == (whole[: whole.index(stop)], "stop")


def test_inspection_gives_the_probabilities_of_a_forward_pass(loaded: LoadedModel, tokenizer: Tokenizer) -> None:
    tokens = [tokenizer.end_of_text_id, *tokenizer.encode("今天天气很好")]
    positions = inspect(loaded.language_model, tokens, tokenizer, device=loaded.device, top=20)
    with torch.no_grad():
        expected = loaded.model(torch.tensor([tokens]))[0].softmax(-1)
    assert len(positions) == len(tokens)
    assert positions[0].probability is None
    for i, position in enumerate(positions):
        assert len(position.candidates) == 20
        assert [c.probability for c in position.candidates] == pytest.approx(expected[i].topk(20).values.tolist())
        if i:
            assert position.probability == pytest.approx(float(expected[i - 1, tokens[i]]))
            order = expected[i - 1].argsort(descending=True).tolist()
            assert order[position.rank - 1] == tokens[i]  # type: ignore[operator]


def test_half_a_character_is_labelled_by_its_bytes(tokenizer: Tokenizer) -> None:
    first = next(i for i in range(tokenizer.vocab_size) if tokenizer.token_bytes(i) == "今".encode()[:1])
    assert token_label(tokenizer, first) == "<E4>"


def test_short_prompt_begins_a_document(tokenizer: Tokenizer) -> None:
    prompt = read_prompt("rain", tokenizer, context_length=32)
    assert prompt.tokens == [tokenizer.end_of_text_id, *tokenizer.encode("rain")]
    assert (prompt.num_cut, prompt.shown) == (0, "rain")


def test_long_prompt_is_cut_in_front_with_a_visible_mark(tokenizer: Tokenizer) -> None:
    text = "bread butter " * 50
    prompt = read_prompt(text, tokenizer, context_length=32, num_new_tokens=8)
    tokens = tokenizer.encode(text)
    assert prompt.tokens == tokens[-24:]
    assert prompt.num_cut == len(tokens) - 24
    assert prompt.shown == f"[… {prompt.num_cut} tokens cut …] {tokenizer.decode(tokens[-24:])}"


def test_prompts_that_are_no_text_are_refused(tokenizer: Tokenizer) -> None:
    with pytest.raises(InputError, match="half a character"):
        read_prompt("ab\ud800", tokenizer, context_length=32)
    with pytest.raises(InputError, match="1,000,001 characters"):
        read_prompt("a" * 1_000_001, tokenizer, context_length=32)


def test_a_checkpoint_that_is_not_the_one_meant_is_refused(job: Path) -> None:
    with pytest.raises(CheckpointError, match="has changed"):
        load_model(find_checkpoint(job), sha256="0" * 64)


def test_a_folder_without_checkpoints_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="neither a checkpoint nor a job folder"):
        find_checkpoint(tmp_path)
