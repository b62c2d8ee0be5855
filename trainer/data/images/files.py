"""Files of an upload: alone, or in a zip, which is read member by member and never unpacked to disk."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from trainer.data.formats import archive
from trainer.data.formats.reading import BrokenFileError
from trainer.data.opening import check_source
from trainer.data.skipped import SkipCounter
from trainer.data.sources import ReadLimits, SourceSpec

IMAGE_ENDINGS = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff"}
TABLE_ENDINGS = {".csv", ".tsv", ".jsonl", ".ndjson"}
MAX_FILE_BYTES = 256 << 20
LIMITS = ReadLimits(max_members=2_000_000, max_unpack_ratio=1_000)


def picture_paths(sources: list[SourceSpec]) -> dict[str, str]:
    """Return where each picture of the sources lies, and its path inside its zip; only directories are read."""
    paths: dict[str, str] = {}
    for source in sources:
        check_source(source)
        name = source.display_name
        with _opened(source) as opened:
            if opened is None:
                found = {name: name}
            else:
                found = {f"{name}/{each.filename}": each.filename for each in archive.text_members(opened)}
        paths |= {where: path for where, path in found.items() if ending_of(path) in IMAGE_ENDINGS}
    return paths


def members(
    source: SourceSpec, skips: SkipCounter, endings: set[str], *, others: set[str] | None = None
) -> Iterator[tuple[str, str, bytes | None]]:
    """Yield (path inside, where it lies, bytes) of each file of the source with one of the endings; no bytes for broken ones.

    With `others`, files that are neither pictures nor of these endings, which are read for themselves, count as passed over.
    """
    name, path = source.display_name, Path(source.path)

    def pass_over(where: str) -> None:
        ending = ending_of(where)
        if others is not None and ending not in IMAGE_ENDINGS | others:
            skips.passed_over(f"no picture ({ending or 'no ending'})", where)

    with _opened(source) as opened:
        if opened is None:
            if ending_of(name) not in endings:
                pass_over(name)
            elif path.stat().st_size > MAX_FILE_BYTES:
                _too_large(name, skips)
            else:
                yield name, name, path.read_bytes()
            return
        for member in archive.text_members(opened):
            where = f"{name}/{member.filename}"
            if ending_of(where) in endings:
                yield member.filename, where, _member_bytes(opened, member, where, skips)
            else:
                pass_over(where)


def ending_of(name: str) -> str:
    return PurePosixPath(name).suffix.lower()


@contextmanager
def _opened(source: SourceSpec) -> Iterator[zipfile.ZipFile | None]:
    """Open a source as a zip; None where it is none."""
    with open(source.path, "rb") as file:
        if file.read(4) in archive.MAGIC:
            yield archive.open_archive(file, source.display_name, Path(source.path).stat().st_size, LIMITS)
        else:
            yield None


def _member_bytes(opened: zipfile.ZipFile, member: zipfile.ZipInfo, where: str, skips: SkipCounter) -> bytes | None:
    try:
        with archive.open_member(opened, member, where, LIMITS) as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except BrokenFileError as error:
        skips.broken(error.reason, where, error.detail)
        return None
    if len(data) > MAX_FILE_BYTES:
        _too_large(where, skips)
        return None
    return data


def _too_large(where: str, skips: SkipCounter) -> None:
    skips.broken("too large", where, f"over {MAX_FILE_BYTES >> 20} MiB")
