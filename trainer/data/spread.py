"""Some documents that stand for all: spread over the sources and over the beginning of each; the same ones each time.

The first thousand documents of a file are often all of one kind (one day, one author, one folder); a recipe that suits
them may spoil the rest. Sources share evenly what may be read, and what one leaves goes to those behind it.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from trainer.data.readers import FileReader, nothing_found, source_documents
from trainer.data.skipped import SkipCounter
from trainer.data.sources import Document, ReadLimits, SourceSpec
from trainer.errors import InputError

MAX_READ_CHARACTERS = 64 << 20
"""Text that is looked through; a second or two."""
SEED = 1


def spread_documents(
    sources: Sequence[SourceSpec],
    limits: ReadLimits,
    skips: SkipCounter,
    *,
    num_documents: int,
    reader: FileReader | None = None,
) -> tuple[list[Document], str]:
    """Return so many documents in order, and the sentence that ended the reading early, if one did."""
    chosen = _Reservoir(num_documents)
    left = MAX_READ_CHARACTERS
    try:
        for index, source in enumerate(sources):
            share, read = left // (len(sources) - index), 0
            for document in source_documents(source, limits, skips, is_one_of_many=len(sources) > 1, reader=reader):
                chosen.offer(document)
                read += len(document.text)
                if read > share:
                    break
            left = max(0, left - read)
    except InputError as error:
        return chosen.documents, str(error)
    return chosen.documents, "" if chosen.documents else nothing_found(list(sources), skips)


class _Reservoir:
    """Keeps some of what it is offered, each as likely as any other (Vitter's algorithm R)."""

    def __init__(self, size: int) -> None:
        self._size, self._num_offered = size, 0
        self._chance = random.Random(SEED)
        self._kept: list[tuple[int, Document]] = []

    def offer(self, document: Document) -> None:
        if len(self._kept) < self._size:
            self._kept.append((self._num_offered, document))
        elif (place := self._chance.randrange(self._num_offered + 1)) < self._size:
            self._kept[place] = (self._num_offered, document)
        self._num_offered += 1

    @property
    def documents(self) -> list[Document]:
        """Return what is kept, in the order of the offers."""
        return [document for _, document in sorted(self._kept, key=lambda kept: kept[0])]
