"""Parquet, read batch by batch; only the columns that are needed, text columns dictionary-encoded as they are stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, BinaryIO

from trainer.data.formats.reading import BrokenFileError, Reading, Row
from trainer.errors import InputError

if TYPE_CHECKING:  # 25 MB, which only who reads Parquet needs
    import pyarrow as pa
    import pyarrow.parquet as pq

MAGIC = b"PAR1"
BATCH_ROWS = 512
MAX_COLUMN_CHUNK_BYTES = 2 << 30
"""Largest decoded column of one row group; what writes more than this is not writing text."""


def parquet_rows(file: BinaryIO, reading: Reading, columns: Sequence[str] | None = None) -> Iterator[Row]:
    """Yield each row. `file` must be seekable; `columns` limits what is decoded."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        opened = pq.ParquetFile(file, read_dictionary=_string_columns(file), pre_buffer=False)
    except (pa.ArrowException, OSError) as error:
        raise BrokenFileError("damaged Parquet", f"{_first_line(error)}; it may be cut short, copy it again") from error
    _check_sizes(opened, reading)
    wanted = [name for name in columns if name in opened.schema_arrow.names] if columns is not None else None
    allowed_bytes = max(1 << 30, reading.size_bytes * reading.limits.max_unpack_ratio)
    number, decoded_bytes = 0, 0
    batches = opened.iter_batches(batch_size=BATCH_ROWS, columns=wanted, use_threads=False)
    while True:
        try:
            batch = next(batches, None)
        except (pa.ArrowException, OSError) as error:
            detail = f"after row {number:,}: {_first_line(error)}; the rest of the file is left out"
            raise BrokenFileError("damaged Parquet", detail) from error
        if batch is None:
            return
        for row in _rows_of(batch):
            number += 1
            decoded_bytes += sum(len(value) for value in row.values() if isinstance(value, str))
            if decoded_bytes > allowed_bytes:
                raise InputError(
                    f"{reading.where} holds over {allowed_bytes / 1e9:,.1f} GB of text in {reading.size_bytes / 1e6:,.1f} "
                    "MB, which no text does: it looks like a decompression bomb. Upload the text itself."
                )
            yield number, row


def _rows_of(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Yield rows one by one: a value that a dictionary holds once becomes a Python string only for its row."""
    names = batch.schema.names
    for index in range(batch.num_rows):
        yield {name: batch.column(i)[index].as_py() for i, name in enumerate(names)}


def _string_columns(file: BinaryIO) -> list[str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = pq.read_schema(file)
    file.seek(0)
    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]


def _check_sizes(opened: pq.ParquetFile, reading: Reading) -> None:
    metadata = opened.metadata
    for group in range(metadata.num_row_groups):
        for index in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(index)
            ratio = chunk.total_uncompressed_size / max(1, chunk.total_compressed_size)
            if chunk.total_uncompressed_size > MAX_COLUMN_CHUNK_BYTES or (
                chunk.total_uncompressed_size > 64 << 20 and ratio > reading.limits.max_unpack_ratio
            ):
                raise InputError(
                    f"{reading.where}: column {chunk.path_in_schema} of row group {group + 1} unpacks to "
                    f"{chunk.total_uncompressed_size / 1e6:,.0f} MB from {chunk.total_compressed_size / 1e6:,.1f} MB. "
                    "That is too large, or a decompression bomb; write it with smaller row groups."
                )


def _first_line(error: BaseException) -> str:
    return str(error).split("\n")[0].strip().rstrip(".")[:200]
