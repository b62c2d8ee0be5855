"""The one writer of an upload's file: an exclusive lock, appends, a hash that goes along, and syncs at known places.

The file's length is what has arrived. It is synced every 64 MiB and at the end of each request, before the database
says so; a server killed in between leaves more bytes in the file than in the row, never fewer.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections import OrderedDict
from pathlib import Path

SYNC_EVERY_BYTES = 64 * 2**20
READ_BYTES = 2**20
_MAX_KEPT_HASHES = 256

# upload's code -> (bytes hashed, hash). A hash cannot be stored, so it is kept between the requests of an upload;
# another process, or this one after a restart, reads the file once more.
_hashes: OrderedDict[str, tuple[int, hashlib._Hash]] = OrderedDict()


class UploadBusyError(Exception):
    """Another request is writing to this upload."""


class UploadWriter:
    """Appends to the file of one upload. Blocking; call it from a thread."""

    def __init__(self, *, code: str, path: Path, size_bytes: int) -> None:
        self.code = code
        self.path = path
        self.size_bytes = size_bytes
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise UploadBusyError from error
        self.offset = os.fstat(self._file).st_size
        self._start = self.offset
        self._synced = self.offset
        hashed, self._hash = _hashes.pop(code, (0, hashlib.sha256()))
        if hashed != self.offset:
            self._hash = hashlib.sha256()
            self._hash_from_file(self.offset)

    def append(self, data: bytes) -> None:
        """Write all of `data`. When the disk is full, what did fit stays and is counted."""
        view = memoryview(data)[: self.size_bytes - self.offset]
        while view:
            written = os.pwrite(self._file, view, self.offset)
            self._hash.update(view[:written])
            self.offset += written
            view = view[written:]
        if self.offset - self._synced >= SYNC_EVERY_BYTES:
            self.sync()

    def sync(self) -> None:
        os.fsync(self._file)
        self._synced = self.offset

    def take_back(self) -> None:
        """Drop what this writer added: its checksum was wrong, or could not be checked."""
        os.ftruncate(self._file, self._start)
        self.offset = self._start
        self._hash = hashlib.sha256()
        self._hash_from_file(self.offset)
        self.sync()

    def sha256(self) -> str:
        return self._hash.hexdigest()

    def close(self) -> None:
        _hashes[self.code] = (self.offset, self._hash)
        while len(_hashes) > _MAX_KEPT_HASHES:
            _hashes.popitem(last=False)
        os.close(self._file)  # frees the lock too

    def _hash_from_file(self, num_bytes: int) -> None:
        place = 0
        while place < num_bytes:
            piece = os.pread(self._file, min(READ_BYTES, num_bytes - place), place)
            if not piece:
                break
            self._hash.update(piece)
            place += len(piece)


def file_length(path: Path) -> int | None:
    """Return how much of an upload has arrived, None when its file is gone."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
