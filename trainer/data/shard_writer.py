"""Writes the shards of a prepared version: appends documents, hashes what it writes, holds one window in memory."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from trainer.data.manifest import (
    SPLIT_NAMES,
    FileInfo,
    SplitInfo,
    VersionManifest,
    content_hash,
    hash_file,
    write_manifest,
)
from trainer.data.tokenizer import Tokenizer

SHARD_TOKENS = 1 << 26
"""Tokens in a shard: 128 MiB at two bytes each."""


class _HashedFile:
    """A file that is written once, from front to back, and hashed on the way."""

    def __init__(self, folder: Path, path: str) -> None:
        self._path = path
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        self._file: BinaryIO = open(folder / path, "xb")  # noqa: SIM115  closed by finish
        self._hash = hashlib.sha256()
        self._num_bytes = 0

    def write(self, array: NDArray[np.generic]) -> None:
        data = np.ascontiguousarray(array).tobytes()
        self._file.write(data)
        self._hash.update(data)
        self._num_bytes += len(data)

    def finish(self, *, num_tokens: int = 0) -> FileInfo:
        self._file.close()
        return FileInfo(
            path=self._path, sha256=self._hash.hexdigest(), num_bytes=self._num_bytes, num_tokens=num_tokens
        )


class SplitWriter:
    """One split. Documents are appended in their final order."""

    def __init__(self, folder: Path, name: str, token_dtype: str, shard_tokens: int) -> None:
        self._folder, self._name, self._shard_tokens = folder, name, shard_tokens
        self._dtype = np.dtype(token_dtype).newbyteorder("<")
        self._shards: list[FileInfo] = []
        self._shard: _HashedFile | None = None
        self._in_shard = 0
        self._starts = _HashedFile(folder, f"{name}/starts.bin")
        self._labels = _HashedFile(folder, f"{name}/labels.bin")
        self._origins = _HashedFile(folder, f"{name}/origins.bin")
        self._parts: _HashedFile | None = None
        self._copies: _HashedFile | None = None
        self._starts.write(np.zeros(1, "<i8"))
        self.num_tokens = self.num_documents = self.num_bytes = self.num_copies = 0

    def append(
        self,
        tokens: NDArray[np.unsignedinteger],
        lengths: NDArray[np.int64],
        labels: NDArray[np.int32],
        origins: NDArray[np.int64],
        num_bytes: int,
        parts: NDArray[np.int64] | None = None,
        is_copy: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add documents: their tokens one behind the other, each with its end-of-text; the other arrays row by row.

        `parts` (N, 2) are the first token and the role of each part, counted from the first of these tokens.
        `is_copy` says which documents are changed copies of others.
        """
        if parts is not None:
            self._write_parts(parts)
        if is_copy is not None:
            self._copies = self._copies or _HashedFile(self._folder, f"{self._name}/copies.bin")
            self._copies.write(is_copy.astype("u1"))
            self.num_copies += int(is_copy.sum())
        self._starts.write((self.num_tokens + np.cumsum(lengths)).astype("<i8"))
        self._labels.write(labels.astype("<i4"))
        self._origins.write(origins.astype("<i8"))
        self.num_tokens += len(tokens)
        self.num_documents += len(lengths)
        self.num_bytes += num_bytes
        while len(tokens):
            room = self._shard_tokens - self._in_shard
            self._write_tokens(tokens[:room])
            tokens = tokens[room:]

    def _write_parts(self, parts: NDArray[np.int64]) -> None:
        if self._parts is None:
            self._parts = _HashedFile(self._folder, f"{self._name}/parts.bin")
        self._parts.write((parts + np.array([self.num_tokens, 0])).astype("<i8"))

    def finish(self) -> SplitInfo:
        self._close_shard()
        optional = [file for file in (self._parts, self._copies) if file]
        indexes = [self._starts, self._labels, self._origins, *optional]
        return SplitInfo(
            num_tokens=self.num_tokens,
            num_documents=self.num_documents,
            num_bytes=self.num_bytes,
            shards=self._shards,
            indexes=[file.finish() for file in indexes],
        )

    def _write_tokens(self, tokens: NDArray[np.unsignedinteger]) -> None:
        if self._shard is None:
            self._shard = _HashedFile(self._folder, f"{self._name}/tokens-{len(self._shards):05d}.bin")
        self._shard.write(tokens.astype(self._dtype))
        self._in_shard += len(tokens)
        if self._in_shard == self._shard_tokens:
            self._close_shard()

    def _close_shard(self) -> None:
        if self._shard is not None:
            self._shards.append(self._shard.finish(num_tokens=self._in_shard))
        self._shard, self._in_shard = None, 0


class VersionWriter:
    """A whole version: three splits, the tokenizer, the names of the sources, the manifest."""

    def __init__(self, folder: Path, tokenizer: Tokenizer, *, shard_tokens: int = SHARD_TOKENS) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder, self._tokenizer = folder, tokenizer
        self.token_dtype: Literal["uint16", "uint32"] = "uint16" if tokenizer.vocab_size <= 1 << 16 else "uint32"
        self.splits = {name: SplitWriter(folder, name, self.token_dtype, shard_tokens) for name in SPLIT_NAMES}

    def finish(
        self,
        *,
        label_names: list[str],
        sources: list[str] | None = None,
        recipe_hash: str = "",
        data_kind: str = "text",
    ) -> VersionManifest:
        """Write what is left, the manifest last: a folder with a manifest is complete.

        `sources` are the names that `origins` point at by number; None when sources.jsonl has been written already.
        """
        if sources is not None:
            lines = b"".join(msgspec.json.encode(name) + b"\n" for name in sources)
            (self._folder / "sources.jsonl").write_bytes(lines)
        num_copies = sum(writer.num_copies for writer in self.splits.values())
        splits = {name: writer.finish() for name, writer in self.splits.items()}
        self._tokenizer.save(self._folder / "tokenizer")
        manifest = VersionManifest(
            data_kind=data_kind,
            vocab_size=self._tokenizer.vocab_size,
            end_of_text_id=self._tokenizer.end_of_text_id,
            token_dtype=self.token_dtype,
            content_hash="",
            recipe_hash=recipe_hash,
            label_names=label_names,
            facts={"num_copies": num_copies} if num_copies else {},
            splits=splits,
            files=[self._file_info("tokenizer/tokenizer.json"), self._file_info("sources.jsonl")],
        )
        manifest = replace(manifest, content_hash=content_hash(manifest))
        write_manifest(self._folder, manifest)
        return manifest

    def _file_info(self, path: str) -> FileInfo:
        sha256, num_bytes = hash_file(self._folder / path)
        return FileInfo(path=path, sha256=sha256, num_bytes=num_bytes)
