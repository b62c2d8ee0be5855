"""gz and zst as streams. What comes out is counted against what went in, so that a bomb ends early."""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO, Protocol

import zstandard

from trainer.data.formats.reading import BrokenFileError
from trainer.data.sources import ReadLimits
from trainer.errors import InputError

MAGIC_GZIP, MAGIC_ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
ENDINGS = {".gz": MAGIC_GZIP, ".zst": MAGIC_ZSTD}
RATIO_FREE_BYTES = 8 << 20
"""A small file of one repeated line may well unpack a thousandfold; once so much came out, the ratio counts."""

_PIECE_BYTES = 1 << 16
_ZSTD_FEED_BYTES = 1 << 10  # one block of 4 bytes may unpack to 128 KiB: fed so little, a call returns 32 MiB at most
_ZSTD_MAX_WINDOW_BYTES = 1 << 27


class ChunkStream(io.RawIOBase):
    """A readable file over an iterator of byte strings."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = memoryview(chunk)
        count = min(len(buffer), len(self._rest))
        buffer[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count


def buffered(chunks: Iterator[bytes]) -> BinaryIO:
    return io.BufferedReader(ChunkStream(chunks), buffer_size=1 << 18)  # type: ignore[return-value]


def guarded(
    chunks: Iterator[bytes], *, packed_bytes: Callable[[], int], where: str, limits: ReadLimits
) -> Iterator[bytes]:
    """Pass chunks on; raise `InputError` when more has come out than `packed_bytes()` of text can honestly hold."""
    unpacked_bytes = 0
    for chunk in chunks:
        unpacked_bytes += len(chunk)
        allowed_bytes = max(RATIO_FREE_BYTES, packed_bytes() * limits.max_unpack_ratio)
        if unpacked_bytes > min(allowed_bytes, limits.max_unpacked_bytes):
            raise InputError(
                f"{where} unpacks to {unpacked_bytes / 1e6:,.0f} MB and more from {packed_bytes() / 1e6:,.3f} MB, which no "
                "text does: it looks like a decompression bomb. Unpack it yourself and upload what is in it."
            )
        yield chunk


def unpack(file: BinaryIO, *, ending: str, where: str, limits: ReadLimits) -> BinaryIO:
    """Return the unpacked stream of a .gz or .zst file."""
    meter = _Meter(file)
    chunks = gzip_chunks(meter) if ending == ".gz" else zstd_chunks(meter)
    return buffered(guarded(chunks, packed_bytes=lambda: meter.num_bytes, where=where, limits=limits))


class _Meter:
    """Counts the packed bytes that have been read so far."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.num_bytes = 0

    def read(self, size: int) -> bytes:
        data = self._file.read(size)
        self.num_bytes += len(data)
        return data


class Readable(Protocol):
    def read(self, size: int, /) -> bytes: ...


def gzip_chunks(file: Readable) -> Iterator[bytes]:
    """Yield what a gzip file of one or more members unpacks to."""
    inflater, started = zlib.decompressobj(31), False
    while data := file.read(_PIECE_BYTES):
        while data:
            started = True
            try:
                chunk = inflater.decompress(data, _PIECE_BYTES * 4)
            except zlib.error as error:
                raise BrokenFileError("damaged gz", f"{error}. Compress it again") from error
            if chunk:
                yield chunk
            data = inflater.unconsumed_tail
            if inflater.eof:
                data, inflater, started = inflater.unused_data.lstrip(b"\0"), zlib.decompressobj(31), False
    if started:
        raise BrokenFileError("truncated gz", "it ends in the middle; copy or compress it again")


def zstd_chunks(file: Readable) -> Iterator[bytes]:
    """Yield what a zstd file of one or more frames unpacks to."""
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_MAX_WINDOW_BYTES)
    inflater, started = decompressor.decompressobj(), False
    while data := file.read(_ZSTD_FEED_BYTES):
        while data:
            started = True
            try:
                chunk = inflater.decompress(data)
            except zstandard.ZstdError as error:
                raise BrokenFileError("damaged zst", f"{error}. Compress it again") from error
            if chunk:
                yield chunk
            data = b""
            if inflater.eof:
                data, inflater, started = inflater.unused_data, decompressor.decompressobj(), False
    if started:
        raise BrokenFileError("truncated zst", "it ends in the middle; copy or compress it again")
