"""Files on their way out: in pieces, without holding the event loop or the memory, and from any byte on."""

from __future__ import annotations

import asyncio
import re
import time
import zipfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import IO, cast
from urllib.parse import quote

from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import http_date

CHUNK_BYTES = 1 << 20
_RANGE = re.compile(r"bytes=(\d*)-(\d*)")


def disposition(name: str) -> str:
    """Return the header that makes a browser save a file under `name`, whatever script it is written in."""
    plain = re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-") or "download"
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def file_response(
    request: HttpRequest, path: Path, *, name: str, content_type: str = "application/octet-stream"
) -> HttpResponseBase:
    """Return the file, or the part of it that the request's Range asks for."""
    stat = path.stat()
    size, tag = stat.st_size, f'"{stat.st_mtime_ns:x}-{stat.st_size:x}"'
    first, last, status = 0, size - 1, 200
    wanted = request.headers.get("Range", "")
    if wanted and request.headers.get("If-Range", tag) == tag:
        span = byte_range(wanted, size)
        if span is None:
            return HttpResponse(status=416, headers={"Content-Range": f"bytes */{size}"})
        first, last, status = *span, 206
    response = StreamingHttpResponse(_pieces(path, first, last), status=status, content_type=content_type)
    response["Content-Length"] = str(max(0, last - first + 1))
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = tag
    response["Last-Modified"] = http_date(stat.st_mtime)
    response["Content-Disposition"] = disposition(name)
    if status == 206:
        response["Content-Range"] = f"bytes {first}-{last}/{size}"
    return response


def byte_range(text: str, size: int) -> tuple[int, int] | None:
    """Return first and last byte of a Range header, None if it cannot be met. Of several ranges none is given.

    >>> byte_range("bytes=10-19", 100), byte_range("bytes=90-", 100), byte_range("bytes=-5", 100), byte_range("bytes=100-", 100)
    ((10, 19), (90, 99), (95, 99), None)
    """
    match = _RANGE.fullmatch(text.strip())
    if match is None or not any(match.groups()):
        return None
    start, stop = match.groups()
    first = int(start) if start else max(0, size - int(stop))
    last = min(int(stop), size - 1) if start and stop else size - 1
    return (first, last) if first <= last and first < size else None


async def _pieces(path: Path, first: int, last: int) -> AsyncIterator[bytes]:
    file = await asyncio.to_thread(open, path, "rb")
    try:
        await asyncio.to_thread(file.seek, first)
        left = last - first + 1
        while left > 0:
            block = await asyncio.to_thread(file.read, min(CHUNK_BYTES, left))
            if not block:
                return
            left -= len(block)
            yield block
    finally:
        await asyncio.to_thread(file.close)


def folder_response(folder: Path, *, name: str) -> StreamingHttpResponse:
    """Return a folder as a zip that is made while it is sent; its files lie in a folder of the zip's name."""
    response = StreamingHttpResponse(_zip_pieces(folder, Path(name).stem), content_type="application/zip")
    response["Content-Disposition"] = disposition(name)
    return response


async def _zip_pieces(folder: Path, top: str) -> AsyncIterator[bytes]:
    pieces = zip_of(folder, top)
    while (block := await asyncio.to_thread(next, pieces, None)) is not None:
        yield block


def zip_of(folder: Path, top: str) -> Iterator[bytes]:
    """Yield a zip of the folder's files, uncompressed: weights do not shrink."""
    out = _Pipe()
    with zipfile.ZipFile(cast(IO[bytes], out), "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
            when = time.localtime(path.stat().st_mtime)[:6]
            entry = zipfile.ZipInfo(
                f"{top}/{path.relative_to(folder).as_posix()}", date_time=max(when, (1980, 1, 1, 0, 0, 0))
            )
            with open(path, "rb") as source, archive.open(entry, "w", force_zip64=True) as target:
                while block := source.read(CHUNK_BYTES):
                    target.write(block)
                    yield out.take()
    yield out.take()


class _Pipe:
    """A file that can only be written, whose bytes are taken away again at once."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits anywhere."""

    def take(self) -> bytes:
        found = b"".join(self._parts)
        self._parts.clear()
        return found
