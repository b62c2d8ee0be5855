"""A prepared version, opened for reading: memory-mapped shards of tokens and the documents they come from.

version = open_version(folder)
train = version.split("train")
train.read(0, 257)              # int32 tokens of the flat stream, over shard borders
train.document_starts           # int64, one more than there are documents
train.document_id(12)           # ("notes.jsonl", 3071)
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.data.kinds import get_data_kind, load
from trainer.data.manifest import FileInfo, SplitInfo, VersionManifest, content_hash, hash_file, read_manifest
from trainer.data.tokenizer import Tokenizer
from trainer.errors import InputError

TOKEN_CODES = {"uint16": "<u2", "uint32": "<u4"}
"""Name of a version's number format -> as NumPy reads it."""

__all__ = ["DocumentId", "PreparedVersion", "SplitInfo", "TokenSplit", "VersionManifest", "open_version"]


@dataclass(frozen=True, slots=True)
class DocumentId:
    """Where a document comes from."""

    source: str
    """File, and member of it for an archive: `books.zip/part1/a.txt`."""

    row: int
    """Line or row from 1; 0 when the whole file is one document."""


class TokenSplit:
    """The tokens of one split as one flat stream. Reading opens nothing and copies only what is asked for."""

    def __init__(self, folder: Path, name: str, info: SplitInfo, token_dtype: str) -> None:
        self.name = name
        self.num_tokens = info.num_tokens
        self.num_documents = info.num_documents
        self.num_bytes = info.num_bytes
        self.folder = folder
        self._has_copies = any(file.path.endswith("/copies.bin") for file in info.indexes)
        self._shards = [memory_map(folder / shard.path, token_dtype) for shard in info.shards]
        self._ends = np.cumsum([len(shard) for shard in self._shards], dtype=np.int64)
        found = int(self._ends[-1]) if len(self._ends) else 0
        if found != info.num_tokens:
            raise InputError(
                f"{folder / name} holds {found:,} tokens and its manifest says {info.num_tokens:,}; "
                "the version is damaged: prepare it again."
            )

    def read(self, start: int, length: int) -> NDArray[np.int32]:
        """Return `length` tokens from `start` on; raise IndexError outside the split."""
        if start < 0 or length < 0 or start + length > self.num_tokens:
            raise IndexError(f"tokens {start} to {start + length} are outside {self.name}, which has {self.num_tokens}")
        tokens = np.empty(length, dtype=np.int32)
        shard = int(np.searchsorted(self._ends, start, side="right"))
        filled = 0
        while filled < length:
            offset = start + filled - (int(self._ends[shard - 1]) if shard else 0)
            piece = self._shards[shard][offset : offset + length - filled]
            tokens[filled : filled + len(piece)] = piece
            filled += len(piece)
            shard += 1
        return tokens

    @cached_property
    def document_starts(self) -> NDArray[np.int64]:
        """First token of each document, and the number of tokens at the end."""
        return memory_map(self.folder / self.name / "starts.bin", "<i8")

    @cached_property
    def label_ids(self) -> NDArray[np.int32]:
        """Label of each document, -1 for none."""
        return memory_map(self.folder / self.name / "labels.bin", "<i4")

    @cached_property
    def is_copy(self) -> NDArray[np.bool_]:
        """Whether each document is a changed copy of another, which the preparation added."""
        if not self._has_copies:
            return np.zeros(self.num_documents, bool)
        return memory_map(self.folder / self.name / "copies.bin", "u1").astype(bool)

    def document(self, index: int) -> NDArray[np.int32]:
        """Return the tokens of one document, its end-of-text included."""
        start, end = (int(at) for at in self.document_starts[index : index + 2])
        return self.read(start, end - start)

    def document_at(self, token: int) -> int:
        """Return the index of the document that the token at this place belongs to."""
        return int(np.searchsorted(self.document_starts, token, side="right")) - 1

    def document_id(self, index: int) -> DocumentId:
        """Return the source file and row of a document."""
        number, row = (int(value) for value in self._origins[index])
        return DocumentId(self._sources[number], row)

    @cached_property
    def _origins(self) -> NDArray[np.int64]:
        return memory_map(self.folder / self.name / "origins.bin", "<i8").reshape(-1, 2)

    @cached_property
    def _sources(self) -> list[str]:
        lines = (self.folder / "sources.jsonl").read_bytes().splitlines()
        return [msgspec.json.decode(line, type=str) for line in lines]


class PreparedVersion:
    """A folder that `trainer.data.prepare` made."""

    def __init__(self, path: Path, manifest: VersionManifest, *, with_copies: bool = True) -> None:
        self.path = path
        self.manifest = manifest
        self.with_copies = with_copies

    def open_split(self, name: str) -> Any:
        """Open a split of whatever kind of data this is: what the task of a family that learns from it expects."""
        if name not in self.manifest.splits:
            raise InputError(f"{self.path} has no split {name!r}; it has {', '.join(self.manifest.splits)}.")
        kind = get_data_kind(self.manifest.data_kind)
        found = load(kind.split)(self.path, name, self.manifest.splits[name], self.manifest)
        if self.with_copies or not isinstance(found, TokenSplit):
            return found
        from trainer.data.selected import without_copies  # builds on what stands here

        return without_copies(found)

    def split(self, name: str) -> TokenSplit:
        """Open a split of text: train, validation or test."""
        found = self.open_split(name)
        if not isinstance(found, TokenSplit):
            raise InputError(f"{self.path} holds {self.manifest.data_kind}, not text.")
        return found

    @property
    def has_tokenizer(self) -> bool:
        return get_data_kind(self.manifest.data_kind).has_tokenizer

    def tokenizer(self) -> Tokenizer:
        return Tokenizer.load(self.path / "tokenizer")

    def report(self) -> dict[str, Any]:
        """Return report.json: what each step of the preparation did."""
        report: dict[str, Any] = msgspec.json.decode((self.path / "report.json").read_bytes())
        return report

    def verify(self) -> None:
        """Hash every file again; raise `InputError` naming the first that differs."""
        for info in self.manifest.all_files():
            _verify_file(self.path, info)
        if content_hash(self.manifest) != self.manifest.content_hash:
            raise InputError(f"The manifest of {self.path} does not match its content hash; prepare the dataset again.")
        for name in self.manifest.splits:
            split = self.open_split(name)
            if isinstance(split, TokenSplit):
                _verify_order(split)


def open_split(folder: Path, name: str, info: SplitInfo, manifest: VersionManifest) -> TokenSplit:
    """Open a split of text."""
    return TokenSplit(folder, name, info, TOKEN_CODES[manifest.token_dtype])


def open_version(path: Path | str, *, with_copies: bool = True) -> PreparedVersion:
    """Open a prepared version; raise `InputError` with a sentence when it is none, newer, or cut short.

    Without copies its splits hold the documents as they came, and none that the preparation added.
    """
    folder = Path(path)
    return PreparedVersion(folder, read_manifest(folder), with_copies=with_copies)


def _verify_file(folder: Path, info: FileInfo) -> None:
    try:
        found, num_bytes = hash_file(folder / info.path)
    except FileNotFoundError:
        raise InputError(f"{folder / info.path} is missing; prepare the dataset again.") from None
    if (found, num_bytes) != (info.sha256, info.num_bytes):
        raise InputError(
            f"{folder / info.path} has changed since it was prepared ({num_bytes:,} bytes, sha256 {found[:12]}…; "
            f"expected {info.num_bytes:,} bytes, {info.sha256[:12]}…); prepare the dataset again."
        )


def _verify_order(split: TokenSplit) -> None:
    starts = split.document_starts
    if len(starts) != split.num_documents + 1 or int(starts[-1]) != split.num_tokens or np.any(np.diff(starts) < 1):
        raise InputError(f"The document index of {split.name} does not fit its tokens; prepare the dataset again.")


def memory_map(path: Path, dtype: str) -> NDArray[Any]:
    """Map a file of numbers; an empty file, which cannot be mapped, is an empty array."""
    try:
        if path.stat().st_size == 0:
            return np.empty(0, dtype=dtype)
        return np.memmap(path, dtype=dtype, mode="r")
    except FileNotFoundError:
        raise InputError(f"{path} is missing; prepare the dataset again.") from None
    except ValueError as error:
        raise InputError(f"{path} is cut short: {error}; prepare the dataset again.") from error
