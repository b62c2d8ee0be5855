"""Files, labels and groups of documents as numbers: what a preparation carries through its passes instead of names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import xxhash

from trainer.data.clean import RawDocument
from trainer.data.sources import Document
from trainer.errors import InputError

MAX_LABELS = 10_000


@dataclass(slots=True)
class Numbers:
    """Gives files and labels numbers. A file's name is written out when its first document comes, and then forgotten."""

    labels: dict[str, int] = field(default_factory=dict)
    _source: str = ""
    _number: int = -1

    def of(self, document: Document, write_name: Callable[[bytes], object]) -> RawDocument:
        """Return the document with numbers for names; documents of one file come one after another."""
        if document.source != self._source or self._number < 0:
            self._source, self._number = document.source, self._number + 1
            write_name(msgspec.json.encode(document.source) + b"\n")
        return RawDocument(document.text, self._number, document.row, self._label(document), group_of(document))

    def _label(self, document: Document) -> int:
        if not document.label:
            return -1
        if document.label not in self.labels and len(self.labels) >= MAX_LABELS:
            raise InputError(
                f"There are more than {MAX_LABELS:,} different labels ({document.source} row {document.row:,} has "
                f"{document.label[:40]!r}); choose a column with fewer values, or none."
            )
        return self.labels.setdefault(document.label, len(self.labels))


def group_of(document: Document) -> int:
    """Return a number for the group of a document; 0 for none."""
    return xxhash.xxh3_64_intdigest(document.group.encode("utf-8", errors="replace")) or 1 if document.group else 0
