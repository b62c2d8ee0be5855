"""What a prepared version says about itself: `manifest.json`, and where each of its files lies. For text:

version/
  manifest.json                counts, hashes, split sizes
  report.json                  what each step did
  tokenizer/tokenizer.json     the tokenizer, in Hugging Face form
  <split>/tokens-00000.bin     token ids, little-endian uint16 or uint32, documents one behind the other
  <split>/starts.bin           int64: first token of each document, then the number of tokens
  <split>/labels.bin           int32: id of each document's label, -1 for none
  <split>/origins.bin          int64 pairs: number of the source file, row in it
  <split>/copies.bin           uint8: 1 for a changed copy that the preparation added; only where there are any
  sources.jsonl                names of the source files, one JSON string a line
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import msgspec

from trainer.errors import InputError

FORMAT_VERSION = 1
SPLIT_NAMES = ("train", "validation", "test")


@dataclass(frozen=True, kw_only=True, slots=True)
class FileInfo:
    """One file of a version and its hash."""

    path: str
    """Relative to the version's folder."""

    sha256: str
    num_bytes: int
    num_tokens: int = 0
    """Tokens in it, for a shard."""


@dataclass(frozen=True, kw_only=True, slots=True)
class SplitInfo:
    """One of train, validation and test."""

    num_tokens: int = 0
    """Tokens, the end-of-text of each document included. 0 for data without tokens."""

    num_documents: int
    """Documents, images, users: what the kind of data counts."""

    num_bytes: int
    """Bytes of the content; of text the UTF-8 that the tokens stand for, on which bits per byte are counted."""

    shards: list[FileInfo]
    indexes: list[FileInfo] = field(default_factory=list)
    """starts, labels and origins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class VersionManifest:
    """A prepared version. Immutable once written."""

    format_version: int = FORMAT_VERSION
    data_kind: str = "text"
    vocab_size: int = 0
    """Number of ids; a model needs at least so many rows of embedding. 0 where there is no tokenizer."""

    end_of_text_id: int = -1
    token_dtype: Literal["uint16", "uint32"] = "uint16"
    content_hash: str
    """Of the shards, the indexes and the tokenizer, in order. Equal for the same input and recipe on any machine."""

    recipe_hash: str = ""
    """Of the sources, the canonical recipe and the version of the code that prepared it."""

    label_names: list[str] = field(default_factory=list)
    """Label id -> name."""

    facts: dict[str, Any] = field(default_factory=dict)
    """What else models need to know of data of this kind: size of images, number of items."""

    splits: dict[str, SplitInfo]
    files: list[FileInfo] = field(default_factory=list)
    """Tokenizer and list of sources."""

    @property
    def num_tokens(self) -> int:
        return sum(split.num_tokens for split in self.splits.values())

    @property
    def num_documents(self) -> int:
        return sum(split.num_documents for split in self.splits.values())

    def all_files(self) -> list[FileInfo]:
        of_splits = [info for split in self.splits.values() for info in (*split.shards, *split.indexes)]
        return [*of_splits, *self.files]


def content_hash(manifest: VersionManifest) -> str:
    """Return the hash that proves two versions equal: of what a model could see, not of names or times."""
    digest = hashlib.sha256()
    digest.update(f"{manifest.vocab_size} {manifest.end_of_text_id} {manifest.token_dtype}\n".encode())
    digest.update(msgspec.json.encode(manifest.label_names))
    if manifest.facts:
        digest.update(msgspec.json.encode(manifest.facts, order="sorted"))
    for info in manifest.all_files():
        digest.update(f"{info.path} {info.sha256}\n".encode())
    return digest.hexdigest()


def write_manifest(folder: Path, manifest: VersionManifest) -> None:
    (folder / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))


def read_manifest(folder: Path) -> VersionManifest:
    """Read manifest.json; raise `InputError` when there is none or it is from a newer version."""
    path = folder / "manifest.json"
    try:
        manifest = msgspec.json.decode(path.read_bytes(), type=VersionManifest)
    except FileNotFoundError:
        raise InputError(f"{folder} holds no prepared version (no manifest.json); prepare the dataset first.") from None
    except msgspec.DecodeError as error:
        raise InputError(f"{path} cannot be read: {error}. Prepare the dataset again.") from error
    if manifest.format_version > FORMAT_VERSION:
        raise InputError(
            f"{folder} has format {manifest.format_version}, newer than {FORMAT_VERSION}, the newest known; update."
        )
    return manifest


def hash_file(path: Path) -> tuple[str, int]:
    """Return the sha256 of a file and its size, read in pieces."""
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return digest.hexdigest(), path.stat().st_size
