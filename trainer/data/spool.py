"""What preparation keeps on disk between its passes: cleaned texts in chunks, one record a document, bands and sketches.

    work/chunks/000000.txt    texts of one chunk, one behind the other, UTF-8
    work/records.bin          RECORD of each document, in input order
    work/sketches.bin         MinHash sketch of each document
    work/bands/00.bin         one 64-bit hash a document, a file a band

Only windows of these are in memory at any time; per document a few numbers stay, which is what grows with the input.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

RECORD = np.dtype(
    [
        ("hash_high", "<u8"),
        ("hash_low", "<u8"),
        ("group", "<u8"),
        ("row", "<i8"),
        ("source", "<i4"),
        ("label", "<i4"),
        ("chunk", "<i4"),
        ("offset", "<i8"),
        ("num_bytes", "<i4"),
        ("num_characters", "<i4"),
        ("language", "u1"),
        ("num_redacted", "<i4"),
    ]
)
WINDOW_DOCUMENTS = 1 << 16


class Spool:
    """Written chunk by chunk in input order by one process; read in windows after."""

    def __init__(self, folder: Path, *, num_bands: int, num_hashes: int) -> None:
        self.folder = folder
        self.num_bands, self.num_hashes = num_bands, num_hashes
        self.num_documents = self.num_bytes = 0
        (folder / "chunks").mkdir(parents=True)
        (folder / "bands").mkdir()
        paths = [self.records_path, self.sketches_path, *(self.band_path(band) for band in range(num_bands))]
        self._files: list[BinaryIO] = [open(path, "xb") for path in paths]  # noqa: SIM115  closed by close_writers

    @property
    def records_path(self) -> Path:
        return self.folder / "records.bin"

    @property
    def sketches_path(self) -> Path:
        return self.folder / "sketches.bin"

    def band_path(self, band: int) -> Path:
        return self.folder / "bands" / f"{band:02d}.bin"

    def chunk_path(self, chunk: int) -> Path:
        return self.folder / "chunks" / f"{chunk:06d}.txt"

    def append(self, records: NDArray[np.void], sketches: NDArray[np.uint32], band_hashes: NDArray[np.uint64]) -> None:
        """Add what one chunk's documents have become; their texts lie in its file already."""
        records_file, sketches_file, *band_files = self._files
        records_file.write(records.tobytes())
        sketches_file.write(sketches.tobytes())
        for file, hashes in zip(band_files, band_hashes, strict=True):
            file.write(hashes.tobytes())
        self.num_documents += len(records)
        self.num_bytes += int(records["num_bytes"].sum())

    def close_writers(self) -> None:
        for file in self._files:
            file.close()

    def windows(self) -> Iterator[tuple[int, NDArray[np.void]]]:
        """Yield (number of the first document, records) for all documents, some ten thousand at a time."""
        with open(self.records_path, "rb") as file:
            start = 0
            while len(records := np.fromfile(file, RECORD, WINDOW_DOCUMENTS)):
                yield start, records
                start += len(records)

    def chunks(self) -> Iterator[tuple[int, NDArray[np.void]]]:
        """Yield (number of the first document, records) chunk by chunk, in order."""
        rest = np.empty(0, RECORD)
        first = 0
        for _, records in self.windows():
            rest = np.concatenate([rest, records])
            cuts = np.flatnonzero(np.diff(rest["chunk"])) + 1
            *whole, rest = np.split(rest, cuts)
            for chunk in whole:
                yield first, chunk
                first += len(chunk)
        if len(rest):
            yield first, rest

    def record(self, document: int) -> np.void:
        with open(self.records_path, "rb") as file:
            file.seek(document * RECORD.itemsize)
            record: np.void = np.fromfile(file, RECORD, 1)[0]
        return record

    def text(self, record: np.void) -> str:
        """Return the text of one document."""
        with open(self.chunk_path(int(record["chunk"])), "rb") as file:
            file.seek(int(record["offset"]))
            return file.read(int(record["num_bytes"])).decode("utf-8")

    def chunk_texts(self, records: NDArray[np.void], wanted: NDArray[np.bool_]) -> list[str]:
        """Return the texts of the wanted documents of one chunk."""
        if not wanted.any():
            return []
        data = self.chunk_path(int(records["chunk"][0])).read_bytes()
        chosen = records[wanted]
        ends = chosen["offset"] + chosen["num_bytes"]
        return [data[start:end].decode("utf-8") for start, end in zip(chosen["offset"], ends, strict=True)]
