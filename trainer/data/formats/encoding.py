"""Character encodings: what a file seems to be in, and any of them as a stream of UTF-8.

Nothing is converted on a guess. A byte order mark is proof; without one a file is UTF-8, and if it is not, the user gets
the place and a proposal (GB18030, Big5, Shift JIS, UTF-16, Latin-1) to choose from.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from typing import BinaryIO

from trainer.data.formats.compression import buffered
from trainer.data.formats.reading import BrokenFileError

BLOCK_BYTES = 1 << 18
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_XML_ENCODING = re.compile(rb"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
BINARY_MAGIC = {
    b"\x89PNG": "a PNG picture",
    b"\xff\xd8\xff": "a JPEG picture",
    b"GIF8": "a GIF picture",
    b"%PDF": "a PDF document",
    b"\x7fELF": "a program",
    b"MZ\x90": "a program",
    b"ARROW1": "an Arrow file",
    b"SQLite format 3": "an SQLite database",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"7z\xbc\xaf": "a 7z archive",
    b"Rar!": "a RAR archive",
    b"BZh": "a bz2 file",
    b"\xfd7zXZ": "an xz file",
    b"\x80\x04\x95": "a Python pickle",
}


def binary_kind(head: bytes) -> str:
    """Return what the file is when it is no text, or an empty string."""
    for magic, kind in BINARY_MAGIC.items():
        if head.startswith(magic):
            return kind
    if byte_order_mark(head)[0] or not head:
        return ""
    zeros = head.count(0)
    if zeros and not _looks_like_utf16(head):
        return "binary data (it has zero bytes)"
    controls = sum(head.count(byte) for byte in (1, 2, 3, 4, 5, 6, 14, 15, 16, 17, 18, 19, 20))
    return "binary data (it has many control bytes)" if controls > len(head) / 20 else ""


def byte_order_mark(head: bytes) -> tuple[str, bytes]:
    """Return the encoding that a byte order mark proves, and the mark; empty without one."""
    for mark, encoding in BYTE_ORDER_MARKS.items():  # UTF-32 stands before UTF-16, whose mark is a part of its own
        if head.startswith(mark):
            return encoding, mark
    return "", b""


def propose_encoding(sample: bytes) -> str:
    """Return the most likely encoding of bytes that are not UTF-8."""
    if _looks_like_utf16(sample):
        return "utf-16-le" if sample[1::2].count(0) > sample[0::2].count(0) else "utf-16-be"
    high = sum(byte >= 0x80 for byte in sample)
    shares = {
        "gb18030": _share(rb"[\xb0-\xd7][\xa1-\xfe]", sample, high),
        "big5": _share(rb"[\xa4-\xc6][\x40-\x7e\xa1-\xfe]", sample, high),
        "shift_jis": _share(rb"[\x82\x83][\x40-\x7e\x80-\xfc]", sample, high),
    }
    best = max(shares, key=lambda name: shares[name])
    return best if shares[best] > 0.6 and _decodes(sample, best) else "latin-1"


def utf8_stream(file: BinaryIO, encoding: str) -> tuple[BinaryIO, str]:
    """Return the file as a stream of UTF-8 without byte order mark, and the encoding it is read in.

    In UTF-8 the bytes pass unchecked: whoever splits them into lines can then say which line is wrong.
    """
    head = file.peek(BLOCK_BYTES)[:4_096]  # type: ignore[attr-defined]
    marked, mark = byte_order_mark(head)
    if encoding == "auto" and not marked and _looks_like_utf16(head):  # whose zero bytes are valid UTF-8
        raise BrokenFileError("not UTF-8", not_utf8_detail(head, line=1, byte=2))
    used = marked or ("utf-8" if encoding == "auto" else encoding)
    if used == "utf-8":
        file.read(len(mark) if marked == "utf-8" else 0)
        return file, used
    return buffered(_transcoded(file, used)), used


def declared_encoding(file: BinaryIO) -> str:
    """Return the encoding that an XML file declares in its first line, as Python names it; `auto` for none."""
    declared = _XML_ENCODING.match(file.peek(BLOCK_BYTES)[:256])  # type: ignore[attr-defined]
    name = declared.group(1).decode("ascii").lower() if declared else "auto"
    if name == "auto" or name.startswith("utf-16"):  # whose declaration could not be read as ASCII
        return "auto"
    try:
        found = codecs.lookup(name).name
    except LookupError as error:
        raise BrokenFileError("unknown encoding", f"it declares {name!r}; choose the encoding of the file") from error
    return "gb18030" if found in ("gb2312", "gbk") else found


def not_utf8_detail(sample: bytes, *, line: int, byte: int) -> str:
    """Return the sentence for bytes that are not UTF-8, with the encoding to choose instead."""
    return (
        f"line {line:,}, byte {byte:,} is no UTF-8; it looks like {propose_encoding(sample).upper()}. "
        "Choose that encoding for the file, or save it as UTF-8"
    )


def decoded_blocks(file: BinaryIO) -> Iterator[str]:
    """Yield the text of a UTF-8 stream; raise `BrokenFileError` naming line and byte where it is none."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    line, line_bytes = 1, 0  # number of the line at hand, and how many of its bytes lie in earlier blocks
    while True:
        data = file.read(BLOCK_BYTES)
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            before = error.object[: error.start]
            byte = error.start - before.rfind(b"\n") + (0 if b"\n" in before else line_bytes)
            detail = not_utf8_detail(_around(error), line=line + before.count(b"\n"), byte=byte)
            raise BrokenFileError("not UTF-8", detail) from error
        if text:
            line += text.count("\n")
            line_bytes = len(data) - data.rfind(b"\n") - 1 if b"\n" in data else line_bytes + len(data)
            yield text
        if not data:
            return


def _around(error: UnicodeDecodeError) -> bytes:
    return bytes(error.object[max(0, error.start - 2_000) : error.start + 8_000])


def _transcoded(file: BinaryIO, encoding: str) -> Iterator[bytes]:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    while True:
        data = file.read(BLOCK_BYTES)
        try:
            text = decoder.decode(data, final=not data)
        except UnicodeDecodeError as error:
            raise BrokenFileError(
                f"not {encoding.upper()}",
                f"after line {line:,} comes {error.object[error.start : error.start + 4]!r}, which is no {encoding.upper()}; "
                "choose another encoding",
            ) from error
        line += text.count("\n")
        if text:
            yield text.encode("utf-8", errors="replace")
        if not data:
            return


def _looks_like_utf16(head: bytes) -> bool:
    """Return whether nearly every second byte is zero, as in Latin text in UTF-16."""
    half = len(head) // 2
    even, odd = head[0::2].count(0), head[1::2].count(0)
    return half >= 8 and max(even, odd) > half * 0.6 and min(even, odd) < half * 0.1


def _share(pattern: bytes, sample: bytes, high: int) -> float:
    return sum(len(match) for match in re.findall(pattern, sample)) / max(1, high) if high else 0.0


def _decodes(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample)
    except UnicodeDecodeError as error:
        return error.start < 4  # the sample may begin in the middle of a character
    return True
