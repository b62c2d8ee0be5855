"""Repairs text that was decoded with the wrong encoding, where undoing it gives the original exactly.

Three mistakes, told by what they leave behind: UTF-8 read as Latin-1 or Windows-1252 (`cafÃ©`; ftfy knows its many
shapes), GBK read as Latin-1 (`ÖÐÎÄ`), and UTF-8 read as GBK (`涓枃`).
"""

from __future__ import annotations

import re

import ftfy

_UTF8_AS_LATIN = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)
_ABOVE_LATIN = re.compile("[\u0100-\U0010ffff]")
_HAN = re.compile("[\u4e00-\u9fff]")
_COMMON_HAN_IN_GBK = re.compile(rb"[\xb0-\xd7][\xa1-\xfe]")
_FEWEST_HAN = 4
_PROBE_CHARACTERS = 200
_LONGEST_FOR_FTFY = 1 << 16


def repair(text: str) -> str:
    """Return the text as it was meant, or itself when nothing is wrong or the harm cannot be undone exactly."""
    if text.isascii():
        return text
    if _HAN.search(text):
        text = _utf8_read_as_gbk(text) or text
    elif not _ABOVE_LATIN.search(text):
        text = _gbk_read_as_latin(text) or text
    if _UTF8_AS_LATIN.search(text):
        text = _with_ftfy(text)
    return text


def _with_ftfy(text: str) -> str:
    """Mend line by line, so that one spoilt line is found in a long text and the time stays linear."""
    if len(text) <= _LONGEST_FOR_FTFY and (fixed := ftfy.fix_encoding(text)) != text:
        return fixed
    lines = text.split("\n")
    return "\n".join(ftfy.fix_encoding(line) if _UTF8_AS_LATIN.search(line) else line for line in lines)


def _gbk_read_as_latin(text: str) -> str:
    raw = text.encode("latin-1")
    num_high = len(raw) - len(raw.translate(None, bytes(range(0x80, 0x100))))
    if num_high < 2 * _FEWEST_HAN or num_high < 0.2 * len(raw):
        return ""
    if 2 * len(_COMMON_HAN_IN_GBK.findall(raw)) < 0.6 * num_high:
        return ""
    return "" if _decoded(raw, "utf-8") else _decoded(raw, "gb18030")  # bytes that are UTF-8 are meant as that


def _utf8_read_as_gbk(text: str) -> str:
    probe = text[:_PROBE_CHARACTERS]
    if not _reads_as_utf8(probe) or not (fixed := _decoded(_encoded(text), "utf-8")):
        return ""
    num_han = len(_HAN.findall(fixed))
    common = _COMMON_HAN_IN_GBK.findall(_encoded(fixed))
    return fixed if num_han >= _FEWEST_HAN and len(common) > 0.6 * num_han and len(fixed) < len(text) else ""


def _reads_as_utf8(probe: str) -> bool:
    """Return whether the beginning, written in GBK, is UTF-8 up to a character cut off at its end."""
    raw = _encoded(probe)
    if not raw:
        return False
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start >= len(raw) - 3
    return True


def _encoded(text: str) -> bytes:
    try:
        return text.encode("gb18030")
    except UnicodeEncodeError:
        return b""


def _decoded(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return ""
