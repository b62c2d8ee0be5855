"""Files of prices as they are uploaded: one CSV, or a zip of several (gpuhunt's catalogue.zip)."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Iterator
from datetime import date
from pathlib import PurePosixPath

from django.utils.translation import gettext as _

from webapp.catalogue.importing.formats import FORMATS, Format, format_of
from webapp.catalogue.importing.reading import MAX_REFUSED, NotReadable, Offer, Read, Setting, read_offers

MAX_BYTES = 64 * 2**20
"""Unpacked; the largest catalogue of one cloud has about 15 MB."""

MAX_FILES = 40


def read_file(name: str, content: bytes, *, provider: str, seen_on: date) -> tuple[Format, Read]:
    """Return the format and what was read; raise `NotReadable` with a sentence."""
    found: list[tuple[Format, Read]] = []
    for file, text in _texts(name, content):
        form = format_of(_header(text))
        if form is None:
            wanted = "; ".join(f"{each.title}: {', '.join(sorted(each.columns))}" for each in FORMATS.values())
            raise NotReadable(
                _("The columns of %(file)s are of no format that is read here. Needed are – %(wanted)s.")
                % {"file": file, "wanted": wanted}
            )
        by_name = provider_of(file) if form.name == "gpuhunt" else ""
        setting = Setting(provider=provider or by_name, seen_on=seen_on, source=f"{form.name}: {file}")
        found.append((form, read_offers(text, form.reader, columns=set(form.columns), setting=setting)))
    if not found:
        raise NotReadable(_("The archive holds no CSV."))
    return found[0][0], _merged([read for _form, read in found])


def provider_of(file: str) -> str:
    """lambdalabs.csv -> lambdalabs."""
    return PurePosixPath(file).stem


def _texts(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        yield name, _decoded(name, content)
        return
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        inside = [info for info in archive.infolist() if info.filename.endswith(".csv") and not info.is_dir()]
        if len(inside) > MAX_FILES or sum(info.file_size for info in inside) > MAX_BYTES:
            raise NotReadable(_("The archive is too large: at most %(n)d files and 64 MiB.") % {"n": MAX_FILES})
        for info in inside:
            with archive.open(info) as file:
                yield PurePosixPath(info.filename).name, _decoded(info.filename, file.read(MAX_BYTES + 1))


def _decoded(name: str, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise NotReadable(_("%s is larger than 64 MiB.") % name)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise NotReadable(_("%s is not UTF-8 text. Save it as CSV UTF-8.") % name) from None


def _header(text: str) -> set[str]:
    first = next(csv.reader(io.StringIO(text[:20_000], newline="")), [])
    return {cell.strip() for cell in first}


def _merged(reads: list[Read]) -> Read:
    offers: list[Offer] = [offer for read in reads for offer in read.offers]
    return Read(
        offers=offers,
        refused=[pair for read in reads for pair in read.refused][:MAX_REFUSED],
        num_refused=sum(read.num_refused for read in reads),
        num_without_accelerator=sum(read.num_without_accelerator for read in reads),
    )
