"""A split of documents of parts, opened: the tokens of text, and beside them where each part begins and whose it is."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.data.manifest import SplitInfo, VersionManifest
from trainer.data.parts.marks import ROLES
from trainer.data.shards import TOKEN_CODES, TokenSplit, memory_map


class TokenPart(NamedTuple):
    """One part of a document as tokens."""

    role: str
    tokens: NDArray[np.int32]


class PartsSplit(TokenSplit):
    """A `TokenSplit` whose documents can be read part by part."""

    @cached_property
    def part_starts(self) -> NDArray[np.int64]:
        """First token of each part of the split."""
        return self._parts[:, 0]

    @cached_property
    def part_roles(self) -> NDArray[np.int64]:
        """Number of each part's role in `ROLES`."""
        return self._parts[:, 1]

    @cached_property
    def part_documents(self) -> NDArray[np.int64]:
        """Number of the document that each part is of."""
        found: NDArray[np.int64] = np.searchsorted(self.document_starts, self.part_starts, side="right") - 1
        return np.minimum(found, self.num_documents - 1)

    @cached_property
    def part_lengths(self) -> NDArray[np.int64]:
        """Tokens of each part, without the end-of-text behind a document's last."""
        ends = np.asarray(self.document_starts)[1:][self.part_documents] - 1
        return np.minimum(np.append(self.part_starts[1:], ends[-1:]), ends) - self.part_starts

    @cached_property
    def _parts(self) -> NDArray[np.int64]:
        parts: NDArray[np.int64] = np.asarray(memory_map(self.folder / self.name / "parts.bin", "<i8")).reshape(-1, 2)
        return parts

    def parts(self, document: int) -> list[TokenPart]:
        """Return the parts of a document, without the end-of-text behind the last."""
        start, end = (int(at) for at in self.document_starts[document : document + 2])
        tokens = self.read(start, end - start - 1)
        first, last = np.searchsorted(self.part_starts, [start, end - 1], side="left")
        cuts = [*(self.part_starts[first:last] - start).tolist(), len(tokens)]
        roles = [ROLES[number] for number in self.part_roles[first:last].tolist()]
        return [TokenPart(role, tokens[cuts[i] : cuts[i + 1]]) for i, role in enumerate(roles)]


def open_split(folder: Path, name: str, info: SplitInfo, manifest: VersionManifest) -> PartsSplit:
    """Open a split of pairs, conversations or preferences."""
    return PartsSplit(folder, name, info, TOKEN_CODES[manifest.token_dtype])
