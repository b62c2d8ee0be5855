"""Byte-level BPE tokenizer: text to ids and back, byte for byte.

A tokenizer is a folder with `tokenizer.json` in Hugging Face form, so that `transformers` loads it too. Ours are
encoded by tiktoken's engine with our merges, which gives the same ids as `tokenizers` in about half the time; any
other byte-level tokenizer is run by `tokenizers` itself. Special tokens are never parsed out of text: `<|endoftext|>`
in a document is encoded as the characters it consists of.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tiktoken
import tokenizers
from numpy.typing import NDArray

from trainer.data.byte_level import (
    SPLIT_PATTERN,
    all_merges,
    bytes_to_printable,
    missing_bytes,
    printable_to_bytes,
)
from trainer.data.foreign import foreign_pieces
from trainer.errors import InputError

TOKENIZER_FILE = "tokenizer.json"
END_OF_TEXT = "<|endoftext|>"
END_OF_TEXT_NAMES = (END_OF_TEXT, "<|end_of_text|>", "</s>", "<|im_end|>", "<eos>", "[SEP]")


class _Engine(Protocol):
    def encode(self, text: str) -> list[int]: ...
    def encode_array(self, text: str) -> NDArray[np.uint32]: ...
    def encode_batch(self, texts: Sequence[str], num_threads: int) -> list[list[int]]: ...


class _RankEngine:
    """tiktoken: merges by id, without any special token, so that none can be parsed."""

    def __init__(self, ids: dict[bytes, int]) -> None:
        self._encoding = tiktoken.Encoding("isocost", pat_str=SPLIT_PATTERN, mergeable_ranks=ids, special_tokens={})

    def encode(self, text: str) -> list[int]:
        return self._encoding.encode_ordinary(text)

    def encode_array(self, text: str) -> NDArray[np.uint32]:
        array: NDArray[np.uint32] = self._encoding.encode_to_numpy(text, disallowed_special=())
        return array

    def encode_batch(self, texts: Sequence[str], num_threads: int) -> list[list[int]]:
        return self._encoding.encode_ordinary_batch(list(texts), num_threads=num_threads)


class _FileEngine:
    """tokenizers, from a tokenizer.json of someone else, with its added tokens and templates taken out."""

    def __init__(self, raw: dict[str, Any]) -> None:
        plain = {**raw, "added_tokens": [], "post_processor": None, "truncation": None, "padding": None}
        self._tokenizer = tokenizers.Tokenizer.from_str(json.dumps(plain))

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False).ids
        return ids

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        found = self._tokenizer.encode(text, add_special_tokens=False)
        return found.ids, found.offsets

    def encode_array(self, text: str) -> NDArray[np.uint32]:
        return np.array(self.encode(text), dtype=np.uint32)

    def encode_batch(self, texts: Sequence[str], num_threads: int) -> list[list[int]]:
        return [e.ids for e in self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)]


class Tokenizer:
    """Text to ids and back. Made by `Tokenizer.load` or by `trainer.data.bpe.train_bpe`."""

    def __init__(self, raw: dict[str, Any], *, end_of_text: str = "") -> None:
        self._raw = raw
        self._special = {int(t["id"]): str(t["content"]) for t in raw.get("added_tokens") or []}
        self._bytes: dict[int, bytes] = {i: s.encode() for i, s in self._special.items()}
        self._engine: _Engine
        if (pieces := foreign_pieces(raw)) is not None:
            self._bytes = {**pieces, **self._bytes}
            self._engine = _FileEngine(raw)
        else:
            self._engine = self._byte_level_engine(raw)
        self.vocab_size = max(self._bytes) + 1
        self.end_of_text_id = self._find_end_of_text(end_of_text)

    def _byte_level_engine(self, raw: dict[str, Any]) -> _Engine:
        """Take in the vocabulary of a byte-level tokenizer; return what encodes by it."""
        ids = {token: i for token, i in _read_vocabulary(raw).items() if i not in self._special}
        self._bytes.update({i: token for token, i in ids.items()})
        if gaps := missing_bytes(ids):
            raise InputError(f"The tokenizer has no token for {len(gaps)} of the 256 bytes; choose a byte-level one.")
        return _RankEngine(ids) if _is_ours(raw, ids) else _FileEngine(raw)

    @classmethod
    def load(cls, folder: Path | str) -> Tokenizer:
        """Read the tokenizer in `folder`; raise `InputError` with a sentence when there is none that can be used."""
        path = Path(folder) / TOKENIZER_FILE
        try:
            raw = json.loads(path.read_bytes())
        except FileNotFoundError:
            raise InputError(f"{folder} holds no tokenizer.json; choose the folder of a tokenizer.") from None
        except ValueError as error:
            raise InputError(f"{path} is not valid JSON: {error}") from error
        return cls(raw, end_of_text=_configured_end(Path(folder)))

    @classmethod
    def from_tokens(cls, tokens: Sequence[bytes]) -> Tokenizer:
        """Make a tokenizer whose ids are end-of-text (0), then `tokens` in order of their merging."""
        return cls(_hugging_face_form(tokens))

    def save(self, folder: Path) -> None:
        """Write tokenizer.json and tokenizer_config.json, as `transformers.AutoTokenizer` reads them."""
        folder.mkdir(parents=True, exist_ok=True)
        end = self._special[self.end_of_text_id]
        config = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "eos_token": end,
            "bos_token": end,
            "unk_token": end,
            "clean_up_tokenization_spaces": False,
            "add_prefix_space": False,
        }
        (folder / TOKENIZER_FILE).write_text(json.dumps(self._raw, ensure_ascii=False, indent=1), encoding="utf-8")
        (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=1), encoding="utf-8")

    def encode(self, text: str) -> list[int]:
        """Return the ids of a text, without end-of-text; nothing in it is read as a special token."""
        return self._engine.encode(text)

    def encode_with_offsets(self, text: str) -> tuple[list[int], list[tuple[int, int]]]:
        """Return the ids, and for each the characters of the text that it stands for: from, to."""
        if isinstance(self._engine, _FileEngine):
            return self._engine.encode_with_offsets(text)
        ids = self.encode(text)
        ends = np.cumsum([len(self._bytes[i]) for i in ids]).tolist()
        # number of characters that have begun before each byte; a token of half a character reaches to its end
        begun = np.cumsum([byte & 0xC0 != 0x80 for byte in text.encode()]).tolist()
        starts = [0, *ends[:-1]]
        return ids, [(begun[start] - 1, begun[end - 1]) for start, end in zip(starts, ends, strict=True)]

    def encode_array(self, text: str) -> NDArray[np.uint32]:
        """The same as an array, without a Python number per token."""
        return self._engine.encode_array(text)

    def encode_batch(self, texts: Sequence[str], *, num_threads: int = 2) -> list[list[int]]:
        return self._engine.encode_batch(texts, num_threads)

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """Return the bytes that the ids stand for; special tokens stand for none."""
        return b"".join(self._bytes.get(int(i), b"") for i in ids if int(i) not in self._special)

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text; bytes that are no UTF-8 become the replacement character."""
        return self.decode_bytes(ids).decode("utf-8", errors="replace")

    def token_bytes(self, token_id: int) -> bytes:
        """Return the bytes of one token; of a special token, its name. An id without a token has none."""
        return self._bytes.get(int(token_id), b"")

    def has_same_tokens(self, other: Tokenizer) -> bool:
        """Whether each number stands for the same token in both."""
        return self.vocab_size == other.vocab_size and all(
            self.token_bytes(number) == other.token_bytes(number) for number in range(self.vocab_size)
        )

    def special_id(self, *names: str) -> int | None:
        """Return the id of the first of these special tokens that there is: `[MASK]`, `<mask>`."""
        id_of = {name: i for i, name in self._special.items()}
        return next((id_of[name] for name in names if name in id_of), None)

    def is_special(self, token_id: int) -> bool:
        return int(token_id) in self._special

    def byte_level_vocabulary(self) -> tuple[list[str], list[str]]:
        """Return the tokens by id, in printable characters, and the merges as `first second`, in their order."""
        model = self._raw.get("model") or {}
        if model.get("type", "BPE") != "BPE" or "merges" not in model:
            raise InputError("the tokenizer is no byte-level BPE, so it has no merges to write")
        names = {**{int(i): token for token, i in model["vocab"].items()}, **self._special}
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
        return [names.get(number, f"[unused{number}]") for number in range(self.vocab_size)], merges

    def _find_end_of_text(self, configured: str) -> int:
        names = [configured] if configured else END_OF_TEXT_NAMES
        id_of = {name: i for i, name in self._special.items()}
        for name in names:
            if name in id_of:
                return id_of[name]
        raise InputError(f"The tokenizer has no end-of-text token; one of {', '.join(END_OF_TEXT_NAMES)} is needed.")


class StreamDecoder:
    """Turns ids into text one by one; the bytes of a character that is not complete yet are held back."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")

    def push(self, token_id: int) -> str:
        """Return the text that this id completes; may be empty."""
        return self._decoder.decode(self._tokenizer.decode_bytes([token_id]))

    def flush(self) -> str:
        """Return what is still held back, broken characters replaced, and start afresh."""
        rest = self._decoder.decode(b"", final=True)
        self._decoder.reset()
        return rest


def _read_vocabulary(raw: dict[str, Any]) -> dict[bytes, int]:
    model = raw.get("model") or {}
    if model.get("type", "BPE") != "BPE" or "ByteLevel" not in json.dumps(
        [raw.get("pre_tokenizer"), raw.get("decoder")]
    ):
        raise InputError("The tokenizer is not a byte-level BPE; only such ones give back every text byte for byte.")
    special = {int(token["id"]) for token in raw.get("added_tokens") or []}
    try:
        return {printable_to_bytes(text): int(i) for text, i in model["vocab"].items() if int(i) not in special}
    except KeyError as error:
        raise InputError(f"The tokenizer's vocabulary has the character {error}, which stands for no byte.") from error


def _is_ours(raw: dict[str, Any], ids: dict[bytes, int]) -> bool:
    """Return whether merging by id gives what the file's merge list gives, with our way to cut text."""
    if raw.get("pre_tokenizer") != _PRE_TOKENIZER or raw.get("normalizer"):
        return False
    written = [tuple(m.split(" ")) if isinstance(m, str) else tuple(m) for m in raw["model"]["merges"]]
    return written == [(bytes_to_printable(a), bytes_to_printable(b)) for a, b in all_merges(ids)]


def _configured_end(folder: Path) -> str:
    path = folder / "tokenizer_config.json"
    if not path.exists():
        return ""
    token = json.loads(path.read_bytes()).get("eos_token") or ""
    return str(token.get("content", "")) if isinstance(token, dict) else str(token)


_PRE_TOKENIZER: dict[str, Any] = {
    "type": "Sequence",
    "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": SPLIT_PATTERN}, "behavior": "Isolated", "invert": False},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": False},
    ],
}


def _hugging_face_form(tokens: Sequence[bytes]) -> dict[str, Any]:
    ids = {token: i for i, token in enumerate(tokens, start=1)}
    vocabulary = {END_OF_TEXT: 0, **{bytes_to_printable(token): i for token, i in ids.items()}}
    merges = [[bytes_to_printable(a), bytes_to_printable(b)] for a, b in all_merges(ids)]
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [{"id": 0, "content": END_OF_TEXT, **flags}],
        "normalizer": None,
        "pre_tokenizer": _PRE_TOKENIZER,
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": merges,
        },
    }
