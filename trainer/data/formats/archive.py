"""zip archives: checked as a whole before a byte is unpacked, then read member by member. Nothing is ever extracted."""

from __future__ import annotations

import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from trainer.data.formats.compression import RATIO_FREE_BYTES, buffered, guarded
from trainer.data.formats.reading import BrokenFileError
from trainer.data.sources import ReadLimits
from trainer.errors import InputError

MAGIC = (b"PK\x03\x04", b"PK\x05\x06")
IGNORED_NAMES = {".DS_Store", "Thumbs.db", "desktop.ini"}
_END_OF_DIRECTORY = b"PK\x05\x06"
_ENCRYPTED = 0x1
_NAME_IS_UTF8 = 0x800
_PIECE_BYTES = 1 << 16


def open_archive(file: BinaryIO, where: str, size_bytes: int, limits: ReadLimits) -> zipfile.ZipFile:
    """Open a zip and check all of its directory; raise `InputError` for what no honest archive holds."""
    _check_directory(file, where, limits)
    try:
        archive = zipfile.ZipFile(file)
    except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
        raise InputError(f"{where} is not a whole zip ({error}); make or copy it again.") from error
    members = archive.infolist()
    for member in members:
        member.filename = readable_name(member)
    _check_sizes(members, where, size_bytes, limits)
    seen: set[str] = set()
    for member in members:
        _check_member(member, where, limits)
        plain = unicodedata.normalize("NFC", member.filename)
        if plain in seen:
            raise InputError(f"{where} holds {plain!r} twice, so it is unclear which is meant; make the zip again.")
        seen.add(plain)
    _check_overlap(members, where)
    return archive


def readable_name(member: zipfile.ZipInfo) -> str:
    """Return the name of a member as it was meant.

    Where a zip does not say that its names are UTF-8, Python reads code page 437. macOS writes UTF-8 all the same, and
    Windows in Chinese its own code page; what is neither stays as it is.
    """
    if member.flag_bits & _NAME_IS_UTF8 or member.filename.isascii():
        return member.filename
    raw = member.filename.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return member.filename


def text_members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Yield the files in it, in the archive's order, without folders and what desktops leave behind."""
    for member in archive.infolist():
        name = member.filename.rsplit("/", 1)[-1]
        if not member.is_dir() and name not in IGNORED_NAMES and not member.filename.startswith("__MACOSX/"):
            yield member


def open_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, where: str, limits: ReadLimits) -> BinaryIO:
    """Return the member as a stream that counts what it unpacks to."""
    chunks = _chunks(archive, member)
    return buffered(guarded(chunks, packed_bytes=lambda: member.compress_size, where=where, limits=limits))


def _chunks(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Iterator[bytes]:
    try:
        with archive.open(member) as file:
            while data := file.read(_PIECE_BYTES):
                yield data
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as error:
        raise BrokenFileError("damaged zip member", f"{error}; make the zip again") from error


def _check_directory(file: BinaryIO, where: str, limits: ReadLimits) -> None:
    """Read the number of members from the last bytes: opening a directory of millions would itself take long."""
    size = file.seek(0, 2)
    file.seek(max(0, size - (1 << 16) - 22))
    tail = file.read()
    at = tail.rfind(_END_OF_DIRECTORY)
    if at < 0 or len(tail) - at < 22:
        raise InputError(f"{where} is not a whole zip: its directory is missing, so it was cut short. Copy it again.")
    num_members, directory_bytes = struct.unpack("<HI", tail[at + 10 : at + 16])
    zip64 = tail.rfind(b"PK\x06\x06", 0, at)
    if zip64 >= 0 and len(tail) - zip64 >= 48:
        num_members, directory_bytes = struct.unpack("<QQ", tail[zip64 + 32 : zip64 + 48])
    most_directory_bytes = limits.max_members * (46 + limits.max_name_bytes)
    if num_members > limits.max_members or directory_bytes > most_directory_bytes or directory_bytes > 256 << 20:
        raise InputError(
            f"{where} holds {num_members:,} files, more than {limits.max_members:,}. Divide it into several, or pack texts as "
            "JSON Lines."
        )
    file.seek(0)


def _check_sizes(members: list[zipfile.ZipInfo], where: str, size_bytes: int, limits: ReadLimits) -> None:
    if len(members) > limits.max_members:
        raise InputError(f"{where} holds {len(members):,} files, more than {limits.max_members:,}.")
    total = sum(member.file_size for member in members)
    if total > limits.max_unpacked_bytes or total > max(RATIO_FREE_BYTES, size_bytes * limits.max_unpack_ratio):
        raise InputError(
            f"{where} would unpack to {total / 1e6:,.0f} MB from {size_bytes / 1e6:,.3f} MB, which no honest file does: "
            "it looks like a zip bomb. Unpack it yourself and upload what is in it."
        )


def _check_member(member: zipfile.ZipInfo, where: str, limits: ReadLimits) -> None:
    name = member.filename
    shown = ascii(name[:80])[1:-1]
    problem = ""
    if len(name.encode(errors="replace")) > limits.max_name_bytes:
        problem = f"a path of over {limits.max_name_bytes:,} bytes"
    elif name.count("/") > limits.max_path_depth:
        problem = f"a path of over {limits.max_path_depth} folders"
    elif _escapes(getattr(member, "orig_filename", name)) or _escapes(name):
        problem = "a path that leads out of the archive"
    elif stat.S_IFMT(member.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
        problem = "a link or device instead of a file"
    elif member.flag_bits & _ENCRYPTED:
        problem = "an encrypted file"
    if problem:
        raise InputError(f"{where} holds {problem} ({shown}); make the zip again from plain files.")


def _escapes(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return name.startswith(("/", "\\")) or ".." in parts or "\0" in name or (len(name) > 1 and name[1] == ":")


def _check_overlap(members: list[zipfile.ZipInfo], where: str) -> None:
    """Refuse members that share bytes: that is how small archives unpack to anything."""
    end = 0
    for member in sorted(members, key=lambda m: m.header_offset):
        if member.header_offset < end:
            raise InputError(f"{where} holds files that overlap, as only zip bombs do; make the zip again.")
        end = member.header_offset + 30 + member.compress_size
