"""A JSON file that is one array of objects, as chat data sets are often published: element by element, in little memory."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterator
from typing import BinaryIO

import msgspec

from trainer.data.formats.encoding import decoded_blocks
from trainer.data.formats.reading import BrokenFileError, Reading, Row

_scanner = json.JSONDecoder()
_decoder = msgspec.json.Decoder()  # stricter: what JSON Lines would not take is not taken here
_SPACES = re.compile(r"[ \t\r\n]*")


def is_json_array(head: bytes) -> bool:
    """Return whether a file begins like an array of objects."""
    return b"".join(head.removeprefix(codecs.BOM_UTF8).split())[:2] == b"[{"


def json_array_rows(file: BinaryIO, reading: Reading) -> Iterator[Row]:
    """Yield (number from 1, object); raise `BrokenFileError` with the element where the JSON breaks."""
    text = _Text(file, reading.limits.max_line_bytes)
    text.expect("[", "the array does not begin")
    for number in range(1, 1 << 62):
        element = text.element(number)
        try:
            value = _decoder.decode(element)
        except msgspec.DecodeError as error:
            reading.broken_row(number, "broken JSON", f"{error}; {element[:60]}")
        else:
            if isinstance(value, dict):
                yield number, value
            else:
                reading.broken_row(number, "not a JSON object", element[:60])
        if text.expect(",]", f"behind element {number:,} comes neither a comma nor the end") == "]":
            return


class _Text:
    """What has been read and not yet taken."""

    def __init__(self, file: BinaryIO, longest: int) -> None:
        self._blocks = decoded_blocks(file)
        self._held, self._at = "", 0
        self._longest = longest

    def expect(self, characters: str, otherwise: str) -> str:
        """Take the next character that is no space; it must be one of these."""
        self._skip_spaces()
        found = self._held[self._at : self._at + 1]
        if not found or found not in characters:
            raise BrokenFileError("broken JSON", otherwise)
        self._at += 1
        return found

    def element(self, number: int) -> str:
        """Take the next value as it is written; more of the file is read until it is whole."""
        self._skip_spaces()
        while True:
            try:
                end = _scanner.raw_decode(self._held, self._at)[1]
                element, self._at = self._held[self._at : end], end
                return element
            except json.JSONDecodeError as error:
                if len(self._held) - self._at > self._longest or not self._more(at_least=len(self._held) - self._at):
                    raise BrokenFileError("broken JSON", f"element {number:,}: {error.msg}") from error
            except RecursionError as error:
                raise BrokenFileError("JSON nested too deep", f"element {number:,}") from error

    def _skip_spaces(self) -> None:
        while True:
            spaces = _SPACES.match(self._held, self._at)
            self._at = spaces.end() if spaces else self._at
            if self._at < len(self._held) or not self._more():
                return

    def _more(self, *, at_least: int = 1) -> bool:
        """Read on, twice as far each time that a value was not whole; return whether there was anything."""
        pieces, count = [self._held[self._at :]], 0
        for block in self._blocks:
            pieces.append(block)
            count += len(block)
            if count >= at_least:
                break
        self._held, self._at = "".join(pieces), 0
        return count > 0
