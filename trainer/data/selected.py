"""Some documents of a split, as though there were no others: a training split without the copies that were added to it."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from trainer.data.parts.store import PartsSplit
from trainer.data.shards import DocumentId, TokenSplit


class SelectedSplit(PartsSplit):
    """The chosen documents of another split, numbered anew. Reading copies only what is asked for, as it does there."""

    def __init__(self, whole: TokenSplit, documents: NDArray[np.int64]) -> None:
        self.whole, self.documents = whole, documents
        self.name, self.folder = whole.name, whole.folder
        lengths = np.diff(whole.document_starts)[documents]
        self._new_starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)])
        self.num_documents, self.num_tokens = len(documents), int(self._new_starts[-1])
        self.num_bytes = round(whole.num_bytes * self.num_tokens / max(whole.num_tokens, 1))  # as many for each token

    @property
    def document_starts(self) -> NDArray[np.int64]:  # type: ignore[override]
        return self._new_starts

    @cached_property
    def label_ids(self) -> NDArray[np.int32]:
        return np.asarray(self.whole.label_ids)[self.documents]

    def document_id(self, index: int) -> DocumentId:
        return self.whole.document_id(int(self.documents[index]))

    def read(self, start: int, length: int) -> NDArray[np.int32]:
        if start < 0 or length < 0 or start + length > self.num_tokens:
            raise IndexError(f"tokens {start} to {start + length} are outside {self.name}, which has {self.num_tokens}")
        tokens = np.empty(length, dtype=np.int32)
        filled, document = 0, self.document_at(start)
        while filled < length:
            offset = start + filled - int(self._new_starts[document])
            piece = min(int(self._new_starts[document + 1]) - start - filled, length - filled)
            begin = int(self.whole.document_starts[self.documents[document]]) + offset
            tokens[filled : filled + piece] = self.whole.read(begin, piece)
            filled, document = filled + piece, document + 1
        return tokens

    @cached_property
    def _parts(self) -> NDArray[np.int64]:
        assert isinstance(self.whole, PartsSplit)
        starts, roles = self.whole.part_starts, self.whole.part_roles
        old = np.searchsorted(self.whole.document_starts, starts, side="right") - 1  # document of each part
        place = np.full(self.whole.num_documents, -1, np.int64)
        place[self.documents] = np.arange(self.num_documents)
        kept = place[old] >= 0
        moved = starts - np.asarray(self.whole.document_starts)[old] + self._new_starts[np.maximum(place[old], 0)]
        return np.stack([moved[kept], roles[kept]], axis=1)


def without_copies(split: TokenSplit) -> TokenSplit:
    """Return the split without the changed copies that the preparation added; itself where there are none."""
    return SelectedSplit(split, np.flatnonzero(~split.is_copy)) if split.is_copy.any() else split
