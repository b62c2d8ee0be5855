"""The tokenizer: byte for byte, never parsing special tokens, the same ids in every library."""

from __future__ import annotations

import importlib
import time
from pathlib import Path

import pytest
import tokenizers
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.data.bpe import train_bpe
from trainer.data.tokenizer import END_OF_TEXT, StreamDecoder, Tokenizer
from trainer.errors import InputError

TEXTS = [
    "The quick brown fox jumps over the lazy dog, and the dog sleeps on. " * 20,
    "今天天气很好,我们一起去公园散步。天气预报说明天也会很好。" * 20,
    "def add(a: int, b: int) -> int:\n    return a + b\n\n\nclass Point:\n    x = 1234567\n" * 20,
]
MIXED = st.text(alphabet=st.sampled_from("aab \n\n\t  =你好1天é😀\r\u3000<|endoftext|>"), max_size=80)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_bpe(TEXTS, vocab_size=512)


@pytest.fixture(scope="module")
def folder(tokenizer: Tokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer")
    tokenizer.save(path)
    return path


@given(text=st.text() | MIXED)
@settings(max_examples=300, deadline=None)
def test_every_text_round_trips_byte_for_byte(tokenizer: Tokenizer, text: str) -> None:
    ids = tokenizer.encode(text)
    assert tokenizer.decode_bytes(ids) == text.encode()
    assert b"".join(tokenizer.token_bytes(i) for i in ids) == text.encode()
    assert tokenizer.end_of_text_id not in ids
    assert tokenizer.encode_array(text).tolist() == ids == tokenizer.encode_batch([text])[0]


@given(text=st.text() | MIXED)
@settings(max_examples=300, deadline=None)
def test_ids_equal_those_of_the_tokenizers_library(folder: Path, text: str) -> None:
    theirs = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
    theirs.encode_special_tokens = True
    assert Tokenizer.load(folder).encode(text) == theirs.encode(text, add_special_tokens=False).ids


def test_special_tokens_are_never_parsed_out_of_text(tokenizer: Tokenizer) -> None:
    text = f"before{END_OF_TEXT}after"
    assert tokenizer.end_of_text_id not in tokenizer.encode(text)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_transformers_loads_it_and_gives_the_same_ids(tokenizer: Tokenizer, folder: Path) -> None:
    transformers = importlib.import_module("transformers")
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    for text in TEXTS:
        assert theirs(text)["input_ids"] == tokenizer.encode(text)
    assert theirs.eos_token_id == tokenizer.end_of_text_id


def test_a_saved_tokenizer_is_the_same_when_loaded(tokenizer: Tokenizer, folder: Path) -> None:
    loaded = Tokenizer.load(folder)
    assert (loaded.vocab_size, loaded.end_of_text_id) == (tokenizer.vocab_size, tokenizer.end_of_text_id)
    assert loaded.encode_batch(TEXTS) == tokenizer.encode_batch(TEXTS)


def test_training_twice_gives_the_same_vocabulary(tokenizer: Tokenizer) -> None:
    again = train_bpe(iter(TEXTS), vocab_size=512)
    assert [again.token_bytes(i) for i in range(512)] == [tokenizer.token_bytes(i) for i in range(512)]


def test_runs_of_han_and_digits_are_bounded(tokenizer: Tokenizer) -> None:
    tokens = [tokenizer.token_bytes(i) for i in range(1, tokenizer.vocab_size)]
    texts = [token.decode("utf-8", errors="ignore") for token in tokens]
    assert max(sum("一" <= c <= "鿿" for c in text) for text in texts) <= 4
    assert max(sum(c.isdigit() for c in text) for text in texts) <= 3


def test_half_a_character_is_held_back(tokenizer: Tokenizer) -> None:
    decoder = StreamDecoder(tokenizer)
    ids = tokenizer.encode("鑫😀ok")
    pushed = [decoder.push(i) for i in ids]
    assert "".join(pushed) == "鑫😀ok"
    assert not any("\ufffd" in text for text in pushed)
    decoder.push(ids[0])
    assert decoder.flush() == "\ufffd"


@pytest.mark.parametrize("unit", ["a", " ", "\n", "=", "你", "1", "\n ", " a", "\u00a0", "e\u0301"])
def test_a_million_repeats_take_no_quadratic_time(tokenizer: Tokenizer, unit: str) -> None:
    started = time.monotonic()
    tokenizer.encode(unit * 1_000_000 + "x")
    assert time.monotonic() - started < 5


def test_a_byte_level_tokenizer_of_someone_else_is_used_as_it_is(tmp_path: Path) -> None:
    theirs = tokenizers.ByteLevelBPETokenizer()
    theirs.train_from_iterator(TEXTS, vocab_size=400, special_tokens=["</s>", "<mask>"])
    theirs.save(str(tmp_path / "tokenizer.json"))
    ours = Tokenizer.load(tmp_path)
    assert ours.token_bytes(ours.end_of_text_id) == b"</s>"
    for text in (*TEXTS, "a </s> <mask> 好"):
        assert ours.decode_bytes(ours.encode(text)) == text.encode()
        assert ours.end_of_text_id not in ours.encode(text)


def test_what_is_no_tokenizer_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no tokenizer\.json"):
        Tokenizer.load(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"model": {"type": "WordPiece", "vocab": {}}}')
    with pytest.raises(InputError, match="not a byte-level BPE"):
        Tokenizer.load(tmp_path)
    with pytest.raises(InputError, match="vocab_size is 100"):
        train_bpe(TEXTS, vocab_size=100)
