"""What is read and how: one `SourceSpec` a file. A document is a text and the place it comes from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from trainer.errors import SpecError
from trainer.limits import check_at_least

Format = Literal["auto", "text", "json", "jsonl", "csv", "tsv", "parquet", "tmx", "zip"]
Splitting = Literal["auto", "file", "blank_lines", "form_feeds", "lines"]
Encoding = Literal[
    "auto", "utf-8", "gb18030", "big5", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "shift_jis"
]
ENCODINGS = ("utf-8", "gb18030", "big5", "utf-16", "utf-16-le", "utf-16-be", "latin-1", "cp1252", "shift_jis")


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceSpec:
    """One file of a dataset and how its documents are found."""

    path: str
    """Where the file lies on this machine."""

    sha256: str = ""
    """Hash of the file; checked before it is read when given."""

    name: str = ""
    """Name the user gave it; its ending tells the format. Empty: the name of the file."""

    format: Format = "auto"
    """auto: by the ending of the name (`.jsonl.gz`, `.csv`, `.zip`) and the first bytes."""

    encoding: Encoding = "auto"
    """Character encoding of text. auto: UTF-8, or UTF-16 with a byte order mark; anything else is refused with a proposal."""

    text_column: str = ""
    """Column or field that holds the text. Empty: detected."""

    target_column: str = ""
    """Column or field with the other side: a translation, an answer. Empty: detected. Only for data made of parts."""

    label_column: str = ""
    """Column or field that holds a label. Empty: none."""

    entity_column: str = ""
    """Column or field with the entities of the text: spans of characters with a label, or BIO tags of a list of words."""

    group_column: str = ""
    """Column or field whose equal values never land in different splits: a patient, an author, a file. Empty: none."""

    label_from_folder: bool = False
    """Take the label from the top folder of the path inside a zip or a folder."""

    splitting: Splitting = "auto"
    """How text files become documents. auto: a source file is one document; prose above 64 KiB is cut into parts."""

    def __post_init__(self) -> None:
        if not self.path:
            raise SpecError("source.path is empty; it must name a file")
        if self.label_column and self.label_from_folder:
            raise SpecError(
                "source.label_column and source.label_from_folder are both set; choose one place for the label"
            )

    @property
    def display_name(self) -> str:
        return self.name or Path(self.path).name


@dataclass(frozen=True, slots=True)
class Document:
    """One text and where it comes from."""

    text: str
    source: str
    """File, and member of it for an archive: `books.zip/part1/a.txt`."""

    row: int = 0
    """Line, row or part from 1; 0 when the whole file is the document."""

    label: str = ""
    group: str = ""
    """What it must not be parted from by the split; empty: nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ReadLimits:
    """What reading refuses or skips. The defaults suit text; a bomb or a damaged file meets one of them early."""

    max_broken_lines: int = 100
    """Broken lines, rows or files that are skipped and counted; one more ends the preparation. 0: none allowed."""

    max_document_characters: int = 1 << 20
    """Longest document; a longer text is cut into parts at a line's end, none of it lost."""

    max_line_bytes: int = 32 << 20
    """Longest line of JSONL or field of CSV; a longer one counts as broken."""

    max_unpacked_bytes: int = 1 << 38
    """Most bytes that one compressed file or archive may unpack to."""

    max_unpack_ratio: int = 200
    """Most bytes that one compressed byte may unpack to, once over 8 MiB came out. Text has 3 to 20, some logs 100."""

    max_members: int = 100_000
    """Most files in one zip."""

    max_path_depth: int = 40
    """Most folders inside one another in a zip."""

    max_name_bytes: int = 1_024
    """Longest path of a file in a zip."""

    def __post_init__(self) -> None:
        check_at_least("read.max_broken_lines", self.max_broken_lines, 0)
        check_at_least("read.max_document_characters", self.max_document_characters, 1_024)
